"""CLEVR scenes: `images` and one JSON file each in `scenes`, with visible boxes.

The scene files are those of the published generator (Johnson et al. 2017) plus `bbox`, the extent
of the object's visible pixels.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.evaluation.labelled_images import Protocol, TargetImage, TargetObject, image_size
from sim2sg_core.files import path_within
from sim2sg_core.json_reader import JsonObject, read_json
from sim2sg_core.limits import OBJECTS_PER_IMAGE
from sim2sg_core.scene.graph import Relation
from sim2sg_core.scene.predicates import PredicateRule

if TYPE_CHECKING:
    from sim2sg_core.domains import Domain

SHAPES = ("cube", "sphere", "cylinder")
DIRECTIONS = {"left_of": "left", "in_front_of": "front"}
"""Our rule: the scene's unit vector, on the ground in CLEVR's world, along which it is decided."""

CLEVR_PROTOCOL = Protocol(name="clevr", classes=SHAPES, related=SHAPES, rules=tuple(DIRECTIONS))


def load_clevr(folder: Path, domain: Domain, *, allow_outside: bool = False) -> list[TargetImage]:
    """Reads a folder with `images` and `scenes`.

    `a left_of b` holds when a's centre lies further along the scene's `left` than b's by more than
    the domain's margin; `in_front_of` along `front`, which points to the camera.

    Args:
        folder: The folder.
        domain: Gives the rules.
        allow_outside: Whether the images may lie outside the folder.

    Raises:
        Sim2SGError: A part is missing or damaged.
    """
    files = sorted((folder / "scenes").glob("*.json"))
    if not files:
        raise Sim2SGError(f"{folder}: no scenes/*.json: CLEVR data has images and scenes")
    return [_target(folder, path, domain.rules(), allow_outside) for path in files]


def _target(folder: Path, path: Path, rules: tuple[PredicateRule, ...], allow_outside: bool) -> TargetImage:
    scene = read_json(path, "a CLEVR scene with boxes")
    name = scene.text("image_filename")
    objects = tuple(_object(entry) for entry in scene.objects("objects", OBJECTS_PER_IMAGE))
    relations = scene_relations(scene, rules)
    image = path_within(folder / "images", name, allow_outside=allow_outside)
    if not image.is_file():
        raise Sim2SGError(f"{image}: named by {path.name}, but there is no such image")
    width, height = image_size(image)
    related = tuple(range(len(objects)))
    return TargetImage(image.name, image, width, height, objects, relations, related)


def _object(entry: JsonObject) -> TargetObject:
    if entry.text("shape") not in SHAPES:
        raise entry.error("shape", f"{entry.text('shape')!r} is none of {', '.join(SHAPES)}")
    box = entry.numbers("bbox", 4)  # not in the published files: the extent of its visible pixels
    return TargetObject(entry.text("shape"), box, frozenset(CLEVR_PROTOCOL.levels))


def scene_relations(scene: JsonObject, rules: tuple[PredicateRule, ...]) -> tuple[Relation, ...]:
    """Derives the facts of a scene by the rules that CLEVR's `directions` can decide."""
    centres = np.array([o.numbers("3d_coords", 3) for o in scene.objects("objects", OBJECTS_PER_IMAGE)]).reshape(-1, 3)
    relations = []
    for rule in rules:
        if rule.rule not in DIRECTIONS:
            continue
        along = centres @ scene.object("directions").numbers(DIRECTIONS[rule.rule], 3)
        for a, b in np.argwhere(along[:, None] - along[None, :] > rule.margin):
            relations.append(Relation(int(a), rule.name, int(b), 1.0, rule.frame))
    return tuple(relations)
