"""COCO detection, plain as other tools write it or with relations as `sim2sg synth` writes them.

Annotations with `ignore` are neither hits nor misses; those with `iscrowd` are regions in which
objects of their class are not labelled.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.evaluation.labelled_images import Protocol, TargetImage, TargetObject, keep_relations
from sim2sg_core.files import is_within
from sim2sg_core.scene.class_mapping import ClassMapping
from sim2sg_core.scene.coco import CocoAnnotation, CocoData, CocoImage, read_coco
from sim2sg_core.scene.graph import Relation
from sim2sg_core.scene.predicates import RULES

if TYPE_CHECKING:
    from sim2sg_core.domains import Domain

logger = logging.getLogger(__name__)

USUAL_FILE = "annotations.json"
LABEL_FOLDERS = (".", "annotations")
IMAGE_FOLDERS = (".", "images", "data", "images/default")
"""Where tools put images, seen from the folder of the data set: ours, Roboflow, CVAT, FiftyOne."""


def coco_protocol(domain: Domain) -> Protocol:
    """Returns how such data is scored: every class of the domain."""
    return Protocol("coco", domain.class_names, domain.related_names, RULES)


def load_coco(
    data: Path, domain: Domain, *, allow_outside: bool = False, mapping: ClassMapping | None = None
) -> list[TargetImage]:
    """Reads a JSON file, or the one in a folder.

    Names of classes and predicates are the domain's where they differ by case, spaces and hyphens alone; a warning says
    which. `mapping` says what others stand for.

    Args:
        data: The file or the folder. Images are looked for beside the file, in `IMAGE_FOLDERS`, and in the folder that
            the file is called by (`val2017` of `annotations/instances_val2017.json`).
        domain: Names classes and predicates.
        allow_outside: Whether the images may lie outside the folder.
        mapping: Classes and predicates of the data, by the domain's names.

    Raises:
        Sim2SGError: Missing, damaged, or with none of the domain's classes.
    """
    path = find_labels(data) if data.is_dir() else data
    coco = read_coco(path)
    words = Words.of(coco, domain, mapping)
    if not {words.label(name) for name in coco.labels} & set(domain.class_names):
        raise Sim2SGError(
            f"{path}: its classes ({', '.join(coco.labels[:50])}) are none of domain {domain.name}"
            f" ({', '.join(domain.class_names)}): evaluate a model of another domain or other data, or say what they"
            " stand for with --map NAME=CLASS,…"
        )
    root = path.parent.parent if path.parent.name == "annotations" else path.parent
    split = path.stem.rpartition("_")[2]
    folders = [root / name for name in (*IMAGE_FOLDERS, split, f"images/{split}")]
    images = sorted(coco.images, key=lambda image: image.file_name)
    return [_target(folders, image, coco, domain, words, allow_outside) for image in images]


def find_labels(folder: Path) -> Path:
    """Returns the labels in a folder: `annotations.json`, or the only JSON file in it or in its `annotations`.

    Raises:
        Sim2SGError: None, or several.
    """
    if (folder / USUAL_FILE).is_file():
        return folder / USUAL_FILE
    found = sorted(path for name in LABEL_FOLDERS for path in (folder / name).glob("*.json"))
    if len(found) == 1:
        return found[0]
    if not found:
        raise Sim2SGError(f"{folder / USUAL_FILE}: no such file; give the JSON file of the labels as --data")
    raise Sim2SGError(f"{folder}: which of {', '.join(p.name for p in found[:5])}? Give one of these files as --data")


def identifier(name: str) -> str:
    """Returns a name as domains write it: `Wine Glass` is wine_glass."""
    return re.sub(r"[\s-]+", "_", name.strip().lower())


@dataclass(frozen=True)
class Words:
    """What the words of labels are in the domain's.

    Attributes:
        labels: Class by `identifier` of a category's name, for those that were mapped.
        predicates: Predicate likewise.
    """

    labels: Mapping[str, str]
    predicates: Mapping[str, str]

    @classmethod
    def of(cls, coco: CocoData, domain: Domain, mapping: ClassMapping | None) -> Words:
        """Applies a mapping to the words of a file.

        Raises:
            Sim2SGError: The file or the domain lacks a name of the mapping, or it joins names.
        """
        classes = domain.class_names
        predicates = (*domain.predicate_names, *domain.inverses().values())
        _tell_alike([*coco.labels, *coco.predicates], {*classes, *predicates})
        labels: dict[str, str] = {}
        others: dict[str, str] = {}
        known = {
            **dict.fromkeys(map(identifier, coco.predicates), False),
            **dict.fromkeys(map(identifier, coco.labels), True),
        }
        for name, target in mapping.singles if mapping else ():
            word = identifier(name)
            if word not in known:
                raise Sim2SGError(
                    f"--map: the labels have no {name!r}; they have {_some(coco.labels + coco.predicates)}"
                )
            if target not in (classes if known[word] else predicates):
                kind, names = ("class", classes) if known[word] else ("predicate", predicates)
                raise Sim2SGError(f"--map: domain {domain.name} has no {kind} {target!r}; it has {_some(names)}")
            (labels if known[word] else others)[word] = target
        for first, second, target in mapping.compounds if mapping else ():
            raise Sim2SGError(
                f"--map: {first}+{second}={target} joins boxes; labels are mapped one by one, as {first}={target}"
            )
        return cls(labels, others)

    def label(self, name: str) -> str:
        """Returns the class of a category; its own name where the domain may not have it."""
        return self.labels.get(identifier(name), identifier(name))

    def predicate(self, name: str) -> str:
        """Returns a predicate likewise."""
        return self.predicates.get(identifier(name), identifier(name))


def _tell_alike(names: Collection[str], known: Collection[str]) -> None:
    alike = [
        f"{printable(name)!r} is {identifier(name)}"
        for name in names
        if name not in known and identifier(name) in known
    ]
    if alike:
        logger.warning(
            "names differ from the domain's by case and spaces alone, and are taken for them: %s", ", ".join(alike)
        )


def _some(names: Collection[str], most: int = 20) -> str:
    return ", ".join(list(names)[:most]) + (" …" if len(names) > most else "")


def _target(
    folders: Collection[Path], image: CocoImage, data: CocoData, domain: Domain, words: Words, allow_outside: bool
) -> TargetImage:
    path = _image_file(folders, image, allow_outside)
    annotations = data.annotations[image.id]
    rows = [a for a in annotations if not a.is_region]
    index = {i: k for k, i in enumerate(i for i, a in enumerate(annotations) if not a.is_region)}
    objects = tuple(_object(a, words) for a in rows)
    facts = [
        Relation(index[r.subject], words.predicate(r.predicate), index[r.object])
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
        region_labels=tuple(words.label(a.label) for a in annotations if a.is_region),
        camera=image.camera,
        labelled_facts=tuple(facts),
    )


def _image_file(folders: Collection[Path], image: CocoImage, allow_outside: bool) -> Path:
    """Finds an image by its name in one of the folders, which may be links to others."""
    found = next((folder / image.file_name for folder in folders if (folder / image.file_name).is_file()), None)
    if found is None:
        looked = list(folders)[1] / image.file_name
        raise image.entry.error("file_name", f"there is no image {looked}; put it there")
    if not allow_outside and not any(is_within(found, root) for root in folders):
        raise image.entry.error(
            "file_name",
            f"{found} lies outside {next(iter(folders))}; move it there, or give --allow-outside if you trust it",
        )
    return found


def _object(annotation: CocoAnnotation, words: Words) -> TargetObject:
    box = annotation.box
    if not annotation.is_ignored and min(box[2] - box[0], box[3] - box[1]) <= 0:
        raise annotation.entry.error("bbox", "has no extent; correct it, or mark the annotation `ignore`: 1")
    levels = frozenset[str]() if annotation.is_ignored else frozenset(("all",))
    return TargetObject(words.label(annotation.label), box, levels, annotation.pose)
