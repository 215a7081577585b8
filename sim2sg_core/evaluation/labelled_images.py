"""Labelled images in one form: what a prediction is compared with, and by which rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import read_image
from sim2sg_core.scene.camera import Camera
from sim2sg_core.scene.graph import Pose3D, Relation, SceneGraph, SceneObject


@dataclass(frozen=True, eq=False)
class TargetObject:
    """One labelled object.

    Attributes:
        label: Class name, in our words (lower-case, singular).
        box: (4,) xyxy pixels.
        levels: Difficulties at which it counts; at the others it is neither hit nor false alarm.
        pose: 3D box in the camera's frame, or None.
    """

    label: str
    box: np.ndarray
    levels: frozenset[str]
    pose: Pose3D | None = None


@dataclass(frozen=True, eq=False)
class TargetImage:
    """One labelled image.

    Attributes:
        file: Name of the image, by which predictions are found.
        path: The image.
        width: Pixels.
        height: Pixels.
        objects: Everything labelled, ignored objects too.
        relations: The facts, by index into `objects`; only between objects of `related`.
        related: Indices of the objects whose relations are labelled.
        regions: (R, 4) xyxy areas where single objects are not labelled.
        region_labels: (R,) the class of which they are not labelled in each, None for all; empty: all, everywhere.
        camera: Intrinsics, or None when unknown.
        labelled_facts: All that is labelled, between any objects: where the data's words are not the domain's, it tells
            what is left out.
    """

    file: str
    path: Path
    width: int
    height: int
    objects: tuple[TargetObject, ...]
    relations: tuple[Relation, ...]
    related: tuple[int, ...]
    regions: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))
    camera: Camera | None = None
    labelled_facts: tuple[Relation, ...] = ()
    region_labels: tuple[str | None, ...] = ()

    def regions_of(self, label: str) -> np.ndarray:
        """Returns the (Q, 4) areas where objects of a class are not labelled."""
        if not self.region_labels:
            return self.regions
        return self.regions[[of in (None, label) for of in self.region_labels]]

    def image(self) -> np.ndarray:
        """Returns (H, W, 3) uint8 RGB. Raises Sim2SGError when it cannot be read, or is not of the labelled size."""
        image = read_image(self.path)
        if image.shape[:2] != (self.height, self.width):
            raise Sim2SGError(
                f"{self.path}: is {image.shape[1]}x{image.shape[0]} (turned as its EXIF says) and its labels are for"
                f" {self.width}x{self.height}: take the image that was labelled, or label this one"
            )
        return image

    def boxes(self) -> np.ndarray:
        """Returns (N, 4) xyxy boxes in pixels."""
        return boxes_of(self.objects)

    def labelled_graph(self) -> SceneGraph:
        """Returns everything labelled as a graph with scores of 1."""
        objects = tuple(SceneObject(o.label, 1.0, o.box, o.pose) for o in self.objects)
        return SceneGraph(self.width, self.height, objects, self.relations, file=self.file, camera=self.camera)

    def truth_graph(self) -> SceneGraph:
        """Returns the related objects and their facts as a graph with scores of 1."""
        return self.labelled_graph().select(self.related)


def boxes_of(objects: Iterable[TargetObject | SceneObject]) -> np.ndarray:
    """Returns (N, 4) xyxy boxes in pixels of labelled or predicted objects."""
    return np.array([item.box for item in objects], float).reshape(-1, 4)


@dataclass(frozen=True)
class Protocol:
    """How a kind of data set is scored.

    Attributes:
        name: Format name.
        classes: Classes whose AP is taken.
        related: Classes between which relations are scored.
        rules: Names of the relation rules that its labels can decide.
        levels: Difficulties, easiest first; the last one gives mAP50 and decides which objects
            have relations.
        min_height: Pixels; at this difficulty, lower predictions that match nothing are forgiven.
        neighbours: Class to labels so like it that predicting it there is neither hit nor false alarm.
        counts_as: Predicted label to the class it is taken for.
    """

    name: str
    classes: tuple[str, ...]
    related: tuple[str, ...]
    rules: tuple[str, ...]
    levels: tuple[str, ...] = ("all",)
    min_height: Mapping[str, float] = field(default_factory=dict)
    neighbours: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    counts_as: Mapping[str, str] = field(default_factory=dict)


def find_image(folder: Path, stem: str) -> Path:
    """Returns the picture `stem` in a folder, whatever its ending."""
    for suffix in (".png", ".jpg", ".jpeg"):
        path = folder / (stem + suffix)
        if path.is_file():
            return path
    raise Sim2SGError(f"{folder / stem}.png: labelled, but there is no such image (.png, .jpg or .jpeg)")


def image_size(path: Path) -> tuple[int, int]:
    """Returns width and height from the header of a PNG or JPEG file, without decoding it.

    Sources: the PNG specification (IHDR comes first), ITU-T T.81 (JPEG; frame headers SOF0–15).
    """
    data = path.read_bytes()[: 1 << 20]
    if data[:8] == b"\x89PNG\r\n\x1a\n" and len(data) >= 24:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    at = 2 if data[:2] == b"\xff\xd8" else len(data)
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # not tables
            return int.from_bytes(data[at + 7 : at + 9], "big"), int.from_bytes(data[at + 5 : at + 7], "big")
        at += 2 + length
    raise Sim2SGError(f"{path}: not a whole PNG or JPEG image")


def keep_relations(relations: Iterable[Relation], related: Sequence[int]) -> tuple[Relation, ...]:
    """Returns the relations between `related` objects."""
    kept = set(related)
    return tuple(r for r in relations if r.subject in kept and r.object in kept)
