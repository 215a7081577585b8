"""KITTI's object labels (`image_2`, `label_2`, `calib`), with its official difficulties.

Formats and thresholds: the readme and the evaluation code of KITTI's object development kit
(Geiger et al. 2012); the label files of the tracking set are read too.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.evaluation.labelled_images import Protocol, TargetImage, TargetObject, find_image, image_size
from sim2sg_core.limits import OBJECTS_PER_IMAGE, TEXT_BYTES, check_file_size
from sim2sg_core.scene.camera import Camera
from sim2sg_core.scene.graph import Pose3D
from sim2sg_core.scene.predicates import RULES, PredicateRule, derive_relations

if TYPE_CHECKING:
    from sim2sg_core.domains import Domain

LABELS = {
    "Car": "car",
    "Van": "van",
    "Truck": "truck",
    "Pedestrian": "pedestrian",
    "Person_sitting": "person_sitting",
    "Person": "person_sitting",  # the tracking set's word
    "Cyclist": "cyclist",
    "Tram": "tram",
    "Misc": "misc",
}
REGION = "DontCare"
LARGEST = 1e9  # of a number in these files: metres and pixels are far below


@dataclass(frozen=True)
class Difficulty:
    """What an object must be like to count.

    Attributes:
        name: easy, moderate or hard.
        min_height: Least height of the box, pixels.
        max_occlusion: Largest occlusion level (0 fully visible … 3 unknown).
        max_truncation: Largest share outside the image, for the object set's labels.
        max_truncation_level: Largest level, for the tracking set's labels (0, 1, 2).
    """

    name: str
    min_height: float
    max_occlusion: int
    max_truncation: float
    max_truncation_level: int


DIFFICULTIES = (
    Difficulty("easy", 40, 0, 0.15, 0),
    Difficulty("moderate", 25, 1, 0.30, 1),
    Difficulty("hard", 25, 2, 0.50, 1),
)
HARDEST = DIFFICULTIES[-1].name

KITTI_PROTOCOL = Protocol(
    name="kitti",
    classes=("car", "pedestrian", "cyclist"),
    related=("car", "truck", "pedestrian", "cyclist"),
    rules=tuple(rule for rule in RULES if rule != "inside"),  # nothing there has a hollow
    levels=tuple(d.name for d in DIFFICULTIES),
    min_height={d.name: d.min_height for d in DIFFICULTIES},
    neighbours={"car": ("van",), "pedestrian": ("person_sitting",)},
    counts_as={"van": "car"},
)


@dataclass(frozen=True, eq=False)
class LabelLine:
    """One line of a label file.

    Attributes:
        kind: KITTI's class.
        truncation: Share or level, see `Difficulty`.
        occlusion: Level.
        box: (4,) xyxy pixels.
        size: (3,) height, width, length, metres.
        location: (3,) centre of the base, rectified frame of camera 0, metres.
        yaw: rotation_y, radians.
    """

    kind: str
    truncation: float
    occlusion: int
    box: np.ndarray
    size: np.ndarray
    location: np.ndarray
    yaw: float

    def levels(self, as_levels: bool) -> frozenset[str]:
        """Returns the difficulties at which the object counts."""
        height = self.box[3] - self.box[1]
        return frozenset(
            d.name
            for d in DIFFICULTIES
            if height >= d.min_height
            and 0 <= self.occlusion <= d.max_occlusion
            and self.truncation <= (d.max_truncation_level if as_levels else d.max_truncation)
        )

    def pose(self, offset: np.ndarray) -> Pose3D:
        """Returns the 3D box in a camera that lies `offset` from camera 0."""
        height, width, length = self.size
        centre = self.location + offset - [0, height / 2, 0]
        return Pose3D(centre, self.yaw, np.array([length, width, height]))


def load_kitti(folder: Path, domain: Domain, *, allow_outside: bool = False) -> list[TargetImage]:
    """Reads a folder with `image_2`, `label_2` and `calib` (or its parent with `training`).

    Relations are derived from the labelled 3D boxes, by the domain's rules and margins, between the
    objects that pass the hardest difficulty; the camera is taken to be level. Nothing in these files names another,
    so that `allow_outside` means nothing here.

    Raises:
        Sim2SGError: A part is missing or damaged.
    """
    if not (folder / "label_2").is_dir() and (folder / "training").is_dir():
        folder = folder / "training"
    for part in ("image_2", "label_2", "calib"):
        if not (folder / part).is_dir():
            raise Sim2SGError(f"{folder}: no folder {part}: KITTI data has image_2, label_2 and calib")
    files = sorted((folder / "label_2").glob("*.txt"))
    if not files:
        raise Sim2SGError(
            f"{folder / 'label_2'}: no label files (*.txt); give the folder that holds image_2, label_2 and calib"
        )
    lines = {path.stem: read_labels(path) for path in files}
    as_levels = has_truncation_levels([line for found in lines.values() for line in found])
    return [_target(folder, stem, found, as_levels, domain.rules()) for stem, found in lines.items()]


def has_truncation_levels(lines: list[LabelLine]) -> bool:
    """Whether truncation is the tracking set's level (0, 1, 2), not the object set's share.

    Told by the whole set: shares are hardly ever all whole numbers. Where all are 0, both agree.
    """
    return all(line.truncation in (0, 1, 2) for line in lines if line.kind != REGION)


def _target(
    folder: Path, stem: str, lines: list[LabelLine], as_levels: bool, rules: tuple[PredicateRule, ...]
) -> TargetImage:
    path = find_image(folder / "image_2", stem)
    width, height = image_size(path)
    camera, offset = read_calibration(folder / "calib" / f"{stem}.txt", width, height)
    objects = tuple(
        TargetObject(LABELS[line.kind], line.box, line.levels(as_levels), line.pose(offset))
        for line in lines
        if line.kind != REGION
    )
    related = tuple(i for i, o in enumerate(objects) if o.label in KITTI_PROTOCOL.related and HARDEST in o.levels)
    poses = [pose for i in related if (pose := objects[i].pose) is not None]
    relations = tuple(
        dataclasses.replace(r, subject=related[r.subject], object=related[r.object])
        for r in derive_relations(poses, camera, rules)
    )
    regions = np.array([line.box for line in lines if line.kind == REGION]).reshape(-1, 4)
    return TargetImage(path.name, path, width, height, objects, relations, related, regions, camera)


def read_labels(path: Path) -> list[LabelLine]:
    """Reads a label file. Raises Sim2SGError naming file and line when one is damaged."""
    lines: list[LabelLine] = []
    for number, text in enumerate(_read_text(path).splitlines(), start=1):
        words = text.split()
        if not words:
            continue
        try:
            values = [float(word) for word in words[1:15]]
            if len(values) < 14:
                raise ValueError(f"{len(words)} columns, not 15")
            if not np.abs(values).max() < LARGEST:
                raise ValueError("a number is not finite, or too large")
            if not values[1].is_integer():
                raise ValueError(f"the occlusion, {words[2]}, is no whole number")
            if len(lines) >= OBJECTS_PER_IMAGE:
                raise ValueError(f"more than {OBJECTS_PER_IMAGE:,} objects in one image")
        except ValueError as error:
            raise Sim2SGError(f"{path}:{number}: not a line of a KITTI label file: {error}") from None
        if words[0] != REGION and words[0] not in LABELS:
            known = ", ".join([*LABELS, REGION])
            raise Sim2SGError(f"{path}:{number}: class {words[0]!r} is not KITTI's: known are {known}")
        numbers = np.array(values)
        lines.append(
            LabelLine(
                kind=words[0],
                truncation=values[0],
                occlusion=int(values[1]),
                box=numbers[3:7],
                size=numbers[7:10],
                location=numbers[10:13],
                yaw=values[13],
            )
        )
    return lines


def read_calibration(path: Path, width: int, height: int) -> tuple[Camera, np.ndarray]:
    """Reads P2 of a calibration file.

    Returns:
        The left colour camera, without a ground; and the (3,) metres to add to a point in camera
        0's rectified frame, where labels are given, to have it in this camera's: K⁻¹ times P2's
        last column.

    Raises:
        Sim2SGError: No such file, or no P2 in it.
    """
    if not path.is_file():
        raise Sim2SGError(f"{path}: no such file: every KITTI image has a calibration")
    for line in _read_text(path).splitlines():
        if line.startswith("P2:"):
            try:
                P = np.array([float(word) for word in line.split()[1:]]).reshape(3, 4)
                offset = np.linalg.solve(P[:, :3], P[:, 3])
                camera = Camera.from_json({"K": P[:, :3].tolist()}, width, height)
            except (ValueError, np.linalg.LinAlgError, Sim2SGError):
                break
            if np.abs(offset).max() < LARGEST:
                return camera, offset
    raise Sim2SGError(f"{path}: no usable line P2: (twelve numbers) in this calibration")


def _read_text(path: Path) -> str:
    check_file_size(path, TEXT_BYTES, "KITTI has a small text file for each image")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Sim2SGError(f"{path}:{line}: not a text file in UTF-8; put the set's own file there") from None
