"""How the outputs of common detectors are read, and how their input is laid out.

A new form is a class with the members of `OutputForm`, appended to `FORMS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime.detectors.class_names import COCO_80, COCO_90

SURE_ROWS = 10
"""Of so many rows that could be final boxes none are candidates. Of fewer nothing is said, unless some are all zeros,
which candidates never are."""

Outputs = Mapping[str, np.ndarray]
"""What a network gives, by the names of its outputs."""


class RawBoxes(NamedTuple):
    """N boxes as a form reads them."""

    boxes: np.ndarray
    """(N, 4) xyxy, pixels of the network's input"""
    scores: np.ndarray
    """(N,)"""
    classes: np.ndarray
    """(N,) indices, whole numbers of any type"""


class OutputForm(Protocol):
    """One way in which networks give boxes.

    Attributes:
        description: Shapes and meaning, for error messages.
        default_names: Class names where neither the model nor the user gives any.
        letterboxed: Whether images are scaled evenly and padded; else they are stretched to the input.
        free_size: Side to which images are scaled where the network's input is free; None leaves them as they are.
    """

    description: str
    default_names: tuple[str, ...]
    letterboxed: bool
    free_size: int | None

    def fits(self, outputs: Outputs, classes: int) -> bool:
        """Whether outputs have this form; `classes` is the number of class names."""

    def read(self, outputs: Outputs, classes: int, width: int, height: int) -> RawBoxes:
        """Reads outputs that fit; width and height are those of the network's input, pixels."""


class SsdForm:
    """One list of rows, as of OpenCV's and OpenVINO's detection layer."""

    description = "one tensor (1, 1, N, 7) of rows (image, class, score, x1, y1, x2, y2), corners in shares"
    default_names = COCO_90
    letterboxed = False
    free_size: int | None = 300

    def fits(self, outputs: Outputs, classes: int) -> bool:
        """One output of four axes, the last of 7."""
        shapes = [value.shape for value in outputs.values()]
        return len(shapes) == 1 and len(shapes[0]) == 4 and shapes[0][:2] == (1, 1) and shapes[0][3] == 7

    def read(self, outputs: Outputs, classes: int, width: int, height: int) -> RawBoxes:
        """Rows of negative image numbers end the list."""
        [value] = outputs.values()
        rows = value.reshape(-1, 7)
        rows = rows[rows[:, 0] >= 0]
        return RawBoxes(rows[:, 3:] * np.array([width, height, width, height]), rows[:, 2], rows[:, 1].astype(int))


class EndToEndForm:
    """The final boxes of one image, as of networks that suppress doubles themselves (YOLOv10, or exported with NMS).

    With one or two classes this has the shape of YOLO's candidates: the values tell which it is.
    """

    description = (
        "one tensor (1, N, 6) of rows (x1, y1, x2, y2, score, class), corners in pixels of the input, classes whole"
    )
    default_names = COCO_80
    letterboxed = True
    free_size: int | None = 640

    def fits(self, outputs: Outputs, classes: int) -> bool:
        """One output of this shape, whose rows cannot be else."""
        rows = _rows_of_six(outputs)
        if rows is None or not _are_final(rows, classes):
            return False
        return not (0 < len(rows) < SURE_ROWS and rows.any(axis=1).all())

    def read(self, outputs: Outputs, classes: int, width: int, height: int) -> RawBoxes:
        """As they are; rows of zeros fill the list up."""
        rows = _rows_of_six(outputs)
        assert rows is not None
        return RawBoxes(rows[:, :4], rows[:, 4], rows[:, 5])


class YoloForm:
    """One column of candidates per place, as of the YOLO family: with or without a score of its own for the object."""

    description = (
        "one tensor (1, 4 + C, N) or (1, N, 5 + C), C the number of class names: centre x, centre y, width, height in"
        " pixels of the input, with 5 + C an objectness, then a score per class"
    )
    default_names = COCO_80
    letterboxed = True
    free_size: int | None = 640

    def fits(self, outputs: Outputs, classes: int) -> bool:
        """One output of three axes, one of which is 4 + C or 5 + C long, and which holds no final boxes."""
        rows = _rows_of_six(outputs)
        if rows is not None and (_are_final(rows, classes) or not _are_shares(rows[:, 4:])):
            return False
        return self._axis(outputs, classes) is not None

    def read(self, outputs: Outputs, classes: int, width: int, height: int) -> RawBoxes:
        """The best class of every candidate."""
        axis = self._axis(outputs, classes)
        [value] = outputs.values()
        rows = value[0].T if axis == 1 else value[0]
        scores = rows[:, 4:] if rows.shape[1] == 4 + classes else rows[:, 4:5] * rows[:, 5:]
        best = scores.argmax(axis=1)
        half = rows[:, 2:4] / 2
        boxes = np.concatenate([rows[:, :2] - half, rows[:, :2] + half], axis=1)
        return RawBoxes(boxes, scores[np.arange(len(rows)), best], best)

    @staticmethod
    def _axis(outputs: Outputs, classes: int) -> int | None:
        """The axis of a candidate's values; of two that fit the shorter, since candidates are many."""
        shapes = [value.shape for value in outputs.values()]
        if len(shapes) != 1 or len(shapes[0]) != 3 or shapes[0][0] != 1:
            return None
        fitting = [axis for axis in (1, 2) if shapes[0][axis] in (4 + classes, 5 + classes)]
        return min(fitting, key=lambda axis: shapes[0][axis], default=None)


class BoxesLabelsScoresForm:
    """Three lists, as of torchvision's detectors; further outputs, such as masks, are left alone."""

    description = "three tensors: boxes (N, 4) xyxy in pixels of the input, whole-numbered labels (N,), scores (N,)"
    default_names = COCO_90
    letterboxed = False
    free_size: int | None = None

    def fits(self, outputs: Outputs, classes: int) -> bool:
        """One each of the three, an axis of one image in front or not."""
        return self._parts(outputs) is not None

    def read(self, outputs: Outputs, classes: int, width: int, height: int) -> RawBoxes:
        """As they are."""
        parts = self._parts(outputs)
        assert parts is not None
        boxes, labels, scores = parts
        return RawBoxes(boxes, scores, labels)

    @staticmethod
    def _parts(outputs: Outputs) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        found: dict[str, list[np.ndarray]] = {"boxes": [], "labels": [], "scores": []}
        for value in outputs.values():
            array = value[0] if value.ndim > 1 and value.shape[0] == 1 and value.shape != (1, 4) else value
            whole = np.issubdtype(array.dtype, np.integer)
            if array.ndim == 2 and array.shape[1] == 4 and not whole:
                found["boxes"].append(array)
            elif array.ndim == 1:
                found["labels" if whole else "scores"].append(array)
        if any(len(arrays) != 1 for arrays in found.values()):
            return None
        boxes, labels, scores = (arrays[0] for arrays in found.values())
        return (boxes, labels, scores) if len(boxes) == len(labels) == len(scores) else None


def _rows_of_six(outputs: Outputs) -> np.ndarray | None:
    """Returns (N, 6) rows of the only output, None where it has another shape."""
    [value, *others] = outputs.values()
    return value[0] if not others and value.ndim == 3 and value.shape[0] == 1 and value.shape[2] == 6 else None


def _are_final(rows: np.ndarray, classes: int) -> bool:
    """Whether (N, 6) rows can be final boxes: corners in order, scores, whole numbers of classes.

    Of YOLO's candidates, which stand all over the input, only those near its upper left corner can: their width would
    have to be more than their centre's x.
    """
    ordered = (rows[:, 2:4] >= rows[:, :2]).all()
    return bool(ordered and _are_shares(rows[:, 4]) and np.isin(rows[:, 5], np.arange(classes)).all())


def _are_shares(values: np.ndarray) -> bool:
    return bool(((values >= 0) & (values <= 1)).all())


FORMS: list[OutputForm] = [SsdForm(), EndToEndForm(), YoloForm(), BoxesLabelsScoresForm()]
"""The forms that are understood; the first that fits is taken."""


def find_form(outputs: Outputs, names: Sequence[str], source: str) -> tuple[OutputForm, tuple[str, ...]]:
    """Finds the form of outputs.

    Args:
        outputs: Of any image.
        names: Class names of model or user; empty takes the form's default.
        source: The file, for the error.

    Returns:
        The form and the class names.

    Raises:
        Sim2SGError: No form fits; tells the shapes and what is understood.
    """
    for form in FORMS:
        known = tuple(names) or form.default_names
        if form.fits(outputs, len(known)):
            return form, known
    shapes = ", ".join(f"{name} {value.shape} {value.dtype}" for name, value in outputs.items())
    understood = "; ".join(f"({n}) {form.description}" for n, form in enumerate(FORMS, 1))
    counted = f"{len(names)} class names are given" if names else f"class names are COCO's {len(COCO_80)}"
    raise Sim2SGError(
        f"{source}: outputs of unknown form: {shapes} ({counted}); understood are {understood}."
        " Give the names of its classes, one a line, or export it in one of these forms"
    )
