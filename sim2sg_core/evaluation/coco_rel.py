"""COCO detection, with relations as `sim2sg synth` writes them or without: `annotations.json` beside `images`.

Annotations with `ignore` are neither hits nor misses; those with `iscrowd` are regions.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.evaluation.labelled_images import Protocol, TargetImage, TargetObject, keep_relations
from sim2sg_core.files import is_within
from sim2sg_core.scene.coco import CocoAnnotation, CocoData, CocoImage, read_coco
from sim2sg_core.scene.graph import Relation
from sim2sg_core.scene.predicates import RULES

if TYPE_CHECKING:
    from sim2sg_core.domains import Domain


def coco_rel_protocol(domain: Domain) -> Protocol:
    """Returns how such data is scored: every class of the domain."""
    return Protocol("coco-rel", domain.class_names, domain.related_names, RULES)


def load_coco_rel(folder: Path, domain: Domain, *, allow_outside: bool = False) -> list[TargetImage]:
    """Reads `annotations.json` of a folder.

    Names of classes and predicates are the domain's where they differ by case, spaces and hyphens alone.

    Args:
        folder: The folder.
        domain: Names classes and predicates.
        allow_outside: Whether the images may lie outside the folder.

    Raises:
        Sim2SGError: Missing, damaged, or with none of the domain's classes.
    """
    path = folder / "annotations.json"
    if not path.is_file() and (others := sorted(p.name for p in folder.glob("*.json"))):
        raise Sim2SGError(f"{path}: no such file; if it is {' or '.join(others[:5])}, rename that")
    data = read_coco(path)
    if not {identifier(name) for name in data.labels} & set(domain.class_names):
        raise Sim2SGError(
            f"{folder}: its classes ({', '.join(data.labels[:50])}) are none of domain {domain.name}"
            f" ({', '.join(domain.class_names)}): evaluate a model of another domain, or other data"
        )
    images = sorted(data.images, key=lambda image: image.file_name)
    return [_target(folder, image, data, domain, allow_outside) for image in images]


def identifier(name: str) -> str:
    """Returns a name as domains write it: `Wine Glass` is wine_glass."""
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def _target(folder: Path, image: CocoImage, data: CocoData, domain: Domain, allow_outside: bool) -> TargetImage:
    path = _image_file(folder, image, allow_outside)
    annotations = data.annotations[image.id]
    rows = [a for a in annotations if not a.is_region]
    index = {i: k for k, i in enumerate(i for i, a in enumerate(annotations) if not a.is_region)}
    objects = tuple(_object(a) for a in rows)
    facts = [
        Relation(index[r.subject], identifier(r.predicate), index[r.object])
        for r in data.relations.get(image.id, ())
        if r.subject in index and r.object in index
    ]
    related = tuple(i for i, o in enumerate(objects) if o.levels and o.label in domain.related_names)
    return TargetImage(
        file=path.name,
        path=path,
        width=image.width,
        height=image.height,
        objects=objects,
        relations=keep_relations(facts, related),
        related=related,
        regions=np.array([a.box for a in annotations if a.is_region]).reshape(-1, 4),
        camera=image.camera,
        labelled_facts=tuple(facts),
    )


def _image_file(folder: Path, image: CocoImage, allow_outside: bool) -> Path:
    """Finds an image by its name in the folder or in `images`, which may be a link to another one."""
    found = [path for path in (folder / image.file_name, folder / "images" / image.file_name) if path.is_file()]
    if not found:
        raise image.entry.error("file_name", f"there is no image {folder / 'images' / image.file_name}; put it there")
    if not allow_outside and not any(is_within(found[0], root) for root in (folder, folder / "images")):
        raise image.entry.error(
            "file_name", f"{found[0]} lies outside {folder}; move it there, or give --allow-outside if you trust it"
        )
    return found[0]


def _object(annotation: CocoAnnotation) -> TargetObject:
    box = annotation.box
    if not annotation.is_ignored and min(box[2] - box[0], box[3] - box[1]) <= 0:
        raise annotation.entry.error("bbox", "has no extent; correct it, or mark the annotation `ignore`: 1")
    levels = frozenset[str]() if annotation.is_ignored else frozenset(("all",))
    return TargetObject(identifier(annotation.label), box, levels, annotation.pose)
