"""COCO with relations, as `sim2sg synth` writes it: `annotations.json` beside `images`.

`rel_categories` name the predicates; `rel_annotations` hold subject and object as annotation ids.
Annotations with `ignore` are neither hits nor misses; those with `iscrowd` are regions.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim2sg_core.errors import Sim2SGError, expecting
from sim2sg_core.evaluation.labelled_images import (
    Protocol,
    TargetImage,
    TargetObject,
    keep_relations,
    read_json,
)
from sim2sg_core.scene.camera import Camera
from sim2sg_core.scene.graph import Pose3D, Relation
from sim2sg_core.scene.predicates import RULES

if TYPE_CHECKING:
    from sim2sg_core.domains import Domain


def coco_rel_protocol(domain: Domain) -> Protocol:
    """Returns how such data is scored: every class of the domain."""
    return Protocol("coco-rel", domain.class_names, domain.related_names, RULES)


def load_coco_rel(folder: Path, domain: Domain) -> list[TargetImage]:
    """Reads `annotations.json` of a folder.

    Raises:
        Sim2SGError: Missing, damaged, or with none of the domain's classes.
    """
    path = folder / "annotations.json"
    data = read_json(path)
    parts = "images, categories, annotations, rel_categories and rel_annotations"
    with expecting(f"{path}: not COCO with relations", f"wants {parts}, as `sim2sg synth` writes them"):
        return _targets(folder, data, domain)


def _targets(folder: Path, data: dict[str, Any], domain: Domain) -> list[TargetImage]:
    labels = {c["id"]: c["name"] for c in data["categories"]}
    if not set(labels.values()) & set(domain.class_names):
        raise Sim2SGError(
            f"{folder}: its classes ({', '.join(labels.values())}) are none of domain {domain.name}"
            f" ({', '.join(domain.class_names)}): evaluate a model of another domain, or other data"
        )
    predicates = {c["id"]: c["name"] for c in data["rel_categories"]}
    annotations = _by_image(data["annotations"])
    relations = _by_image(data["rel_annotations"])
    return [
        _target(folder, image, annotations[image["id"]], relations[image["id"]], labels, predicates, domain)
        for image in sorted(data["images"], key=lambda image: image["file_name"])
    ]


def _by_image(rows: list[dict[str, Any]]) -> dict[int, list[dict[str, Any]]]:
    grouped: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        grouped[row["image_id"]].append(row)
    return grouped


def _target(
    folder: Path,
    image: dict[str, Any],
    annotations: list[dict[str, Any]],
    relations: list[dict[str, Any]],
    labels: dict[int, str],
    predicates: dict[int, str],
    domain: Domain,
) -> TargetImage:
    name, width, height = image["file_name"], int(image["width"]), int(image["height"])
    found = [path for path in (folder / name, folder / "images" / name) if path.is_file()]
    if not found:
        raise Sim2SGError(f"{folder / 'images' / name}: named in annotations.json, but there is no such image")
    rows = [a for a in annotations if not a.get("iscrowd")]
    index = {a["id"]: i for i, a in enumerate(rows)}
    objects = tuple(_object(a, labels) for a in rows)
    related = tuple(i for i, o in enumerate(objects) if o.levels and o.label in domain.related_names)
    facts = [
        Relation(index[r["subject_id"]], predicates[r["predicate_id"]], index[r["object_id"]])
        for r in relations
        if r["subject_id"] in index and r["object_id"] in index
    ]
    regions = np.array([_xyxy(a["bbox"]) for a in annotations if a.get("iscrowd")]).reshape(-1, 4)
    camera = image.get("camera")
    return TargetImage(
        file=found[0].name,
        path=found[0],
        width=width,
        height=height,
        objects=objects,
        relations=keep_relations(facts, related),
        related=related,
        regions=regions,
        camera=Camera.from_json(camera, width, height) if camera else None,
    )


def _object(annotation: dict[str, Any], labels: dict[int, str]) -> TargetObject:
    pose = annotation.get("pose")
    return TargetObject(
        label=labels[annotation["category_id"]],
        box=_xyxy(annotation["bbox"]),
        levels=frozenset() if annotation.get("ignore") else frozenset(("all",)),
        pose=Pose3D.from_json(pose) if pose else None,
    )


def _xyxy(bbox: list[float]) -> np.ndarray:
    x, y, width, height = bbox
    return np.array([x, y, x + width, y + height], float)
