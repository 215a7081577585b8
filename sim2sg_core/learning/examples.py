"""A labelled image as plain arrays, in the pixels of whatever image it currently is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.runtime.pose import azimuth
from sim2sg_core.scene import Camera, SceneGraph
from sim2sg_core.synthesis.dataset import is_label

MIN_SHARE_LEFT = 0.3
"""An object of whose box less than this share is left in a crop is ignored."""
TAUGHT_SIDE = 4.0
"""So is one whose box has become smaller than this, pixels: one cell of the network's map."""


@dataclass(eq=False)
class Example:
    """One image and what is in it; N objects.

    Attributes:
        image: (H, W, 3) uint8 RGB.
        intrinsics: (3,) focal length and principal point, pixels.
        boxes: (N, 4) xyxy pixels.
        labels: (N,) class indices; -1 for a class that the domain does not have, which is always ignored.
        ignored: (N,) bool: neither taught nor a negative.
        scores: (N,) probability that the object is there; below 1 it was inferred.
        centres: (N, 2) projected 3D centre, pixels.
        depths: (N,) z, metres; 0 where the pose is unknown.
        sizes: (N, 3) length, width, height, metres.
        alphas: (N,) observation angle, radians: yaw minus the bearing of the centre.
        relations: (M, 3) subject, predicate, object, indices.
    """

    image: np.ndarray
    intrinsics: np.ndarray
    boxes: np.ndarray
    labels: np.ndarray
    ignored: np.ndarray
    scores: np.ndarray
    centres: np.ndarray
    depths: np.ndarray
    sizes: np.ndarray
    alphas: np.ndarray
    relations: np.ndarray

    @property
    def stated(self) -> np.ndarray:
        """(N,) bool: not inferred, so that its relations that are not in `relations` are known not to hold."""
        return np.asarray(self.scores >= 1)


def to_example(image: np.ndarray, graph: SceneGraph, domain: Domain) -> Example:
    """Turns a ground-truth graph into arrays.

    Args:
        image: (H, W, 3) uint8 RGB of the graph's size.
        graph: Ground truth; objects of classes that the domain does not have are ignored ones.
        domain: Gives the order of classes and predicates, and what counts as a label.
    """
    class_index = {name: i for i, name in enumerate(domain.class_names)}
    predicate_index = {name: i for i, name in enumerate(domain.predicate_names)}
    count = len(graph.objects)
    boxes = graph.boxes().astype(np.float32)
    labels = np.array([class_index.get(o.label, -1) for o in graph.objects], np.int64).reshape(count)
    ignored = (labels < 0) | ~np.array([is_label(domain, o) for o in graph.objects], bool).reshape(count)
    camera = graph.camera or _unknown_camera(graph.width, graph.height)
    centres = ((boxes[:, :2] + boxes[:, 2:]) / 2).astype(np.float32)
    depths, alphas = np.zeros(count, np.float32), np.zeros(count, np.float32)
    sizes = np.ones((count, 3), np.float32)
    for i, item in enumerate(graph.objects):
        if item.pose is None or graph.camera is None or item.pose.position[2] <= 0.1:
            continue
        position = item.pose.position
        centres[i] = camera.project(position)
        depths[i], sizes[i] = position[2], item.pose.size
        alphas[i] = item.pose.yaw - azimuth(position, graph.camera)
    facts = [
        (r.subject, predicate_index[r.predicate], r.object) for r in graph.relations if r.predicate in predicate_index
    ]
    return Example(
        image=image,
        intrinsics=np.array([camera.focal, camera.K[0, 2], camera.K[1, 2]], np.float32),
        boxes=boxes,
        labels=labels,
        ignored=ignored,
        scores=graph.scores().astype(np.float32),
        centres=centres,
        depths=depths,
        sizes=sizes,
        alphas=alphas,
        relations=np.array(facts, np.int64).reshape(-1, 3),
    )


def place(example: Example, canvas: np.ndarray, scale: tuple[float, float], shift: tuple[float, float]) -> Example:
    """Moves the labels to where the image went: u' = scale * u + shift.

    Boxes are clipped to the canvas; objects of which little is left, or which have become tiny, are ignored, those
    outside it dropped.

    Args:
        example: Labels in the pixels of the old image.
        canvas: (h, w, 3) uint8: the new image.
        scale: In x and y.
        shift: In x and y, pixels of the canvas.
    """
    s, t = np.array(scale, np.float32), np.array(shift, np.float32)
    height, width = canvas.shape[:2]
    moved = example.boxes * np.tile(s, 2) + np.tile(t, 2)
    boxes = np.clip(moved, 0, np.array([width, height, width, height], np.float32))
    left = _area(boxes) / np.maximum(_area(moved), 1e-6)
    kept = np.flatnonzero((boxes[:, 2] - boxes[:, 0] > 1) & (boxes[:, 3] - boxes[:, 1] > 1))
    index = np.full(len(moved), -1)
    index[kept] = np.arange(len(kept))
    relations = example.relations.copy()
    relations[:, [0, 2]] = index[relations[:, [0, 2]]]
    return Example(
        image=canvas,
        intrinsics=np.concatenate([example.intrinsics[:1] * s.mean(), example.intrinsics[1:] * s + t]).astype(
            np.float32
        ),
        boxes=boxes[kept],
        labels=example.labels[kept],
        ignored=(example.ignored | (left < MIN_SHARE_LEFT) | ((boxes[:, 2:] - boxes[:, :2]).min(axis=1) < TAUGHT_SIDE))[
            kept
        ],
        scores=example.scores[kept],
        centres=(example.centres * s + t)[kept],
        depths=example.depths[kept],
        sizes=example.sizes[kept],
        alphas=example.alphas[kept],
        relations=relations[(relations[:, [0, 2]] >= 0).all(axis=1)],
    )


def _unknown_camera(width: int, height: int) -> Camera:
    """Stands in where a data set has no camera; with it goes no pose."""
    return Camera(width, height, np.array([[width, 0, width / 2], [0, width, height / 2], [0, 0, 1.0]]))


def _area(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
