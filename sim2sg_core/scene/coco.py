"""COCO detection with relations, as data: every entry checked, every id looked up.

Beside COCO's own keys an annotation may have `pose`, `visibility`, `ignore` and `score`, and the file `rel_categories`
and `rel_annotations`, whose subject and object are ids of annotations. Plain COCO has no relations.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from sim2sg_core.json_reader import JsonObject, read_json
from sim2sg_core.limits import CLASSES, IMAGE_SIDE, OBJECTS_PER_IMAGE, PREDICATES, RELATIONS_PER_IMAGE
from sim2sg_core.scene.camera import Camera
from sim2sg_core.scene.graph import Pose3D, Relation

Id = int | str
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class CocoImage:
    """One entry of `images`.

    Attributes:
        id: Its id.
        file_name: As it stands there; folders in it are possible.
        width: Pixels.
        height: Pixels.
        stamp: Nanoseconds; 0 when unknown.
        camera: The camera that took it, or None.
        entry: What it was read from, for errors.
    """

    id: Id
    file_name: str
    width: int
    height: int
    stamp: int
    camera: Camera | None
    entry: JsonObject


@dataclass(frozen=True, eq=False)
class CocoAnnotation:
    """One entry of `annotations`.

    Attributes:
        label: Name of its category.
        box: (4,) xyxy pixels.
        is_region: Whether it is a region of which nobody knows what is in it (`iscrowd`).
        is_ignored: Whether it is neither hit nor miss.
        score: 1 unless the label was inferred.
        visibility: Share that is seen, or None.
        pose: 3D box, or None.
        entry: What it was read from, for errors.
    """

    label: str
    box: np.ndarray
    is_region: bool
    is_ignored: bool
    score: float
    visibility: float | None
    pose: Pose3D | None
    entry: JsonObject


@dataclass(frozen=True, eq=False)
class CocoData:
    """A whole file.

    Attributes:
        images: In the order of the file.
        annotations: By the id of the image, in the order of the file.
        relations: By the id of the image; indices are those of its annotations.
        labels: Names of the categories.
        predicates: Names of the predicates.
    """

    images: list[CocoImage]
    annotations: dict[Id, list[CocoAnnotation]]
    relations: dict[Id, list[Relation]]
    labels: tuple[str, ...]
    predicates: tuple[str, ...] = ()


def read_coco(path: Path) -> CocoData:
    """Reads COCO detection, with relations or without.

    Raises:
        Sim2SGError: No such file, or a mistake in it, with the entry that has it.
    """
    data = read_json(path, "COCO as it should be")
    labels = _named(data.objects("categories", CLASSES))
    predicates = _named(data.objects("rel_categories", PREDICATES, default=()))
    frames = {c_id: entry.text("frame", "viewer") for c_id, (_, entry) in predicates.items()}
    images = [_image(entry) for entry in data.objects("images")]
    known = _by_id((image.id, image.entry, image) for image in images)
    annotations: dict[Id, list[CocoAnnotation]] = {image_id: [] for image_id in known}
    place: dict[Id, tuple[Id, int]] = {}
    for entry in data.objects("annotations"):
        image_id, annotation_id = _reference(entry, "image_id", known), _id(entry, "id")
        if annotation_id in place:
            raise entry.error("id", f"{annotation_id!r} is the id of an annotation before it too; ids must differ")
        place[annotation_id] = image_id, len(annotations[image_id])
        if len(annotations[image_id]) >= OBJECTS_PER_IMAGE:
            raise entry.error("image_id", f"more than {OBJECTS_PER_IMAGE:,} annotations of one image are not read")
        annotations[image_id].append(_annotation(entry, labels[_reference(entry, "category_id", labels)][0]))
    relations: dict[Id, list[Relation]] = defaultdict(list)
    for entry in data.objects("rel_annotations", default=()):
        image_id, relation = _relation(entry, place, predicates, frames)
        if len(relations[image_id]) >= RELATIONS_PER_IMAGE:
            raise entry.error("subject_id", f"more than {RELATIONS_PER_IMAGE:,} relations of one image are not read")
        relations[image_id].append(relation)
    names = (tuple(name for name, _ in entries.values()) for entries in (labels, predicates))
    return CocoData(images, annotations, relations, *names)


def _image(entry: JsonObject) -> CocoImage:
    width, height = entry.whole("width", 1, IMAGE_SIDE), entry.whole("height", 1, IMAGE_SIDE)
    view = entry.object("camera", None)
    camera = Camera.from_json(view, width, height) if view else None
    name = entry.text("file_name")
    if not name:
        raise entry.error("file_name", "is empty; name the image's file")
    return CocoImage(_id(entry, "id"), name, width, height, entry.whole("stamp", default=0), camera, entry)


def _annotation(entry: JsonObject, label: str) -> CocoAnnotation:
    x, y, width, height = entry.numbers("bbox", 4)
    if min(width, height) < 0:
        raise entry.error("bbox", f"is {width:g} wide and {height:g} high; COCO's boxes are [x, y, width, height]")
    pose = entry.object("pose", None)
    return CocoAnnotation(
        label=label,
        box=np.array([x, y, x + width, y + height]),
        is_region=entry.flag("iscrowd", False),
        is_ignored=entry.flag("ignore", False),
        score=entry.number("score", 0, 1, default=1.0),
        visibility=entry.number("visibility", 0, 1, default=None),
        pose=Pose3D.from_json(pose) if pose else None,
        entry=entry,
    )


def _relation(
    entry: JsonObject,
    place: dict[Id, tuple[Id, int]],
    predicates: dict[Id, tuple[str, JsonObject]],
    frames: dict[Id, str],
) -> tuple[Id, Relation]:
    """Returns the id of a relation's image, and the relation by index into its annotations."""
    predicate = _reference(entry, "predicate_id", predicates)
    image_id, subject = place[_reference(entry, "subject_id", place)]
    other_image, object_ = place[_reference(entry, "object_id", place)]
    if other_image != image_id or ("image_id" in entry and _id(entry, "image_id") != image_id):
        raise entry.error("object_id", "subject, object and image_id of a relation must be of one image")
    if subject == object_:
        raise entry.error("object_id", "is the subject itself; a relation is between two annotations")
    return image_id, Relation(subject, predicates[predicate][0], object_, 1.0, frames[predicate])


def _named(entries: Iterable[JsonObject]) -> dict[Id, tuple[str, JsonObject]]:
    """Returns name and entry of categories by id."""
    return _by_id((_id(entry, "id"), entry, (entry.text("name"), entry)) for entry in entries)


def _by_id(rows: Iterable[tuple[Id, JsonObject, T]]) -> dict[Id, T]:
    found: dict[Id, T] = {}
    for key, entry, value in rows:
        if key in found:
            raise entry.error("id", f"{key!r} is the id of an entry before it too; ids must differ")
        found[key] = value
    return found


def _id(entry: JsonObject, key: str) -> Id:
    return entry.text(key) if isinstance(entry.raw(key), str) else entry.whole(key)


def _reference(entry: JsonObject, key: str, known: dict[Id, T]) -> Id:
    """Returns the id of another entry, which must be there."""
    found = _id(entry, key)
    if found not in known:
        some = ", ".join(repr(other) for other in list(known)[:3]) or "none"
        raise entry.error(key, f"{found!r} is no id of {_MEANT[key]} (there are e.g. {some}); correct it")
    return found


_MEANT = {
    "image_id": "an image",
    "category_id": "a category",
    "predicate_id": "a predicate in rel_categories",
    "subject_id": "an annotation",
    "object_id": "an annotation",
}
