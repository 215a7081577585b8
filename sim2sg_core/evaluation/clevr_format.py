"""CLEVR scenes: `images` and one JSON file each in `scenes`, with visible boxes.

The scene files are those of the published generator (Johnson et al. 2017) plus `bbox`, the extent
of the object's visible pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim2sg_core.errors import Sim2SGError, expecting
from sim2sg_core.evaluation.labelled_images import Protocol, TargetImage, TargetObject, image_size, read_json
from sim2sg_core.scene.graph import Relation
from sim2sg_core.scene.predicates import PredicateRule

if TYPE_CHECKING:
    from sim2sg_core.domains import Domain

SHAPES = ("cube", "sphere", "cylinder")
DIRECTIONS = {"left_of": "left", "in_front_of": "front"}
"""Our rule: the scene's unit vector, on the ground in CLEVR's world, along which it is decided."""

CLEVR_PROTOCOL = Protocol(name="clevr", classes=SHAPES, related=SHAPES, rules=tuple(DIRECTIONS))


def load_clevr(folder: Path, domain: Domain) -> list[TargetImage]:
    """Reads a folder with `images` and `scenes`.

    `a left_of b` holds when a's centre lies further along the scene's `left` than b's by more than
    the domain's margin; `in_front_of` along `front`, which points to the camera.

    Raises:
        Sim2SGError: A part is missing or damaged.
    """
    files = sorted((folder / "scenes").glob("*.json"))
    if not files:
        raise Sim2SGError(f"{folder}: no scenes/*.json: CLEVR data has images and scenes")
    return [_target(folder, path, domain.rules()) for path in files]


def _target(folder: Path, path: Path, rules: tuple[PredicateRule, ...]) -> TargetImage:
    scene = read_json(path)
    parts = "each object needs shape, 3d_coords and bbox [x1, y1, x2, y2], the scene image_filename and directions"
    with expecting(f"{path}: not a CLEVR scene with boxes", parts):
        image = folder / "images" / scene["image_filename"]
        objects = tuple(_object(o) for o in scene["objects"])
        relations = scene_relations(scene, rules)
    if not image.is_file():
        raise Sim2SGError(f"{image}: named by {path.name}, but there is no such image")
    width, height = image_size(image)
    related = tuple(range(len(objects)))
    return TargetImage(image.name, image, width, height, objects, relations, related)


def _object(data: dict[str, Any]) -> TargetObject:
    box = np.array(data["bbox"], float)
    if box.shape != (4,) or data["shape"] not in SHAPES:
        raise ValueError(f"shape {data['shape']!r} with bbox {data['bbox']!r}")
    return TargetObject(data["shape"], box, frozenset(CLEVR_PROTOCOL.levels))


def scene_relations(scene: dict[str, Any], rules: tuple[PredicateRule, ...]) -> tuple[Relation, ...]:
    """Derives the facts of a scene by the rules that CLEVR's `directions` can decide."""
    centres = np.array([o["3d_coords"] for o in scene["objects"]], float).reshape(-1, 3)
    relations = []
    for rule in rules:
        if rule.rule not in DIRECTIONS:
            continue
        along = centres @ np.array(scene["directions"][DIRECTIONS[rule.rule]], float)
        for a, b in np.argwhere(along[:, None] - along[None, :] > rule.margin):
            relations.append(Relation(int(a), rule.name, int(b), 1.0, rule.frame))
    return tuple(relations)
