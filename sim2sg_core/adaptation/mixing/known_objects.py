"""What is known of a real frame: which inferred objects are labels, and which regions nobody can tell."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.scene import Camera, Placement, SceneGraph, SceneObject

IGNORED_SCORE = 0.15  # what scores less is background
HIDDEN = 0.6  # share of an object's box that pasted ones cover, from which it is no label
SURE_DEPTH = 40.0  # metres: farther off, a pixel of the foot is metres of depth
SURE_BASE = 0.15  # metres between an object's base and the ground, plus a hundredth of its depth
BORDER = 2.0  # pixels: a box that ends there is cut off by the image


def likely_objects(graph: SceneGraph) -> SceneGraph:
    """Returns the objects that may be there, without relations; the others are background."""
    likely = graph.select([k for k, item in enumerate(graph.objects) if item.score >= IGNORED_SCORE])
    return dataclasses.replace(likely, relations=())


def known_objects(graph: SceneGraph, domain: Domain, thresholds: Mapping[str, float]) -> SceneGraph:
    """Sorts inferred objects into labels and regions to be ignored.

    Args:
        graph: Those that may be there, with calibrated scores and a camera that knows its ground.
        domain: Its classes.
        thresholds: By class, the score from which an object is a label.

    Returns:
        The objects. A score below 1 says that a label was inferred: it is taught as far as it is likely, and its
        relations are not known. Its pose is kept where network and ground agree on the depth.
    """
    kept = []
    for item in graph.objects:
        ignored = item.score < thresholds[item.label]
        pose = item.pose if not ignored and has_sure_depth(item, graph, domain) else None
        kept.append(dataclasses.replace(item, score=min(item.score, 0.999), pose=pose, id="", ignored=ignored))
    return dataclasses.replace(graph, objects=tuple(kept))


def has_sure_depth(item: SceneObject, graph: SceneGraph, domain: Domain) -> bool:
    """Whether an object stands where its whole box shows it: its base is on the ground, and near enough to tell."""
    assert graph.camera is not None
    if item.pose is None or not domain.class_spec(item.label).on_ground or item.pose.position[2] > SURE_DEPTH:
        return False
    whole = (item.box > BORDER).all() and (item.box[2:] < np.array([graph.width, graph.height]) - BORDER).all()
    base = abs(Placement.from_pose(item.label, item.pose, graph.camera).position[2])
    return bool(whole and base < SURE_BASE + 0.01 * item.pose.position[2])


def under_pasted(graph: SceneGraph, ids: np.ndarray, domain: Domain) -> list[SceneObject]:
    """Returns what is left of known objects when others are before them.

    Args:
        graph: The objects.
        ids: (H, W) not 0 where something was pasted.
        domain: Says which box is the box.

    Returns:
        The objects with their visibility as far as pasted things say; labels that are mostly covered are ignored from
        now on, and what is wholly covered is gone.
    """
    left = []
    for item in graph.objects:
        x1, y1 = np.floor(item.box[:2]).astype(int).clip(0)
        x2, y2 = np.ceil(item.box[2:]).astype(int)
        free = ids[y1:y2, x1:x2] == 0
        if not free.any():
            continue
        share = float(free.mean())
        box = item.box
        if domain.box == "visible" and share < 1:
            box = _extent(free) + [x1, y1, x1, y1]
            box = np.concatenate([np.maximum(box[:2], item.box[:2]), np.minimum(box[2:], item.box[2:])])
        ignored = item.ignored or share < 1 - HIDDEN
        pose = None if ignored else item.pose
        left.append(dataclasses.replace(item, box=box, pose=pose, visibility=share, ignored=ignored))
    return left


def _extent(mask: np.ndarray) -> np.ndarray:
    """(4,) xyxy of what is true."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return np.array([columns[0], rows[0], columns[-1] + 1, rows[-1] + 1], float)


def without_distortion(graph: SceneGraph) -> SceneGraph:
    """Returns the graph as a camera without the lens's distortion sees it; boxes are those round the bent ones."""
    camera = graph.camera
    assert camera is not None
    straight = camera.without_lens()
    objects = tuple(dataclasses.replace(o, box=_straightened(o.box, camera)) for o in graph.objects)
    return dataclasses.replace(graph, objects=objects, camera=straight)


def _straightened(box: np.ndarray, camera: Camera) -> np.ndarray:
    x1, y1, x2, y2 = box
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    rim = np.array([[x1, y1], [x, y1], [x2, y1], [x2, y], [x2, y2], [x, y2], [x1, y2], [x1, y]])
    pixels = camera.bounded_rays(rim)[0][:, :2] @ camera.K[:2, :2].T + camera.K[:2, 2]
    limit = [camera.width, camera.height]
    return np.concatenate([np.clip(pixels.min(axis=0), 0, limit), np.clip(pixels.max(axis=0), 0, limit)])
