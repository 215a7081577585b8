"""What a detector is, and what it finds."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import cv2
import numpy as np

LEAST_SCORE = 0.05
"""What scores less is left out: detectors list many such boxes, and hardly any is an object."""
SAME_IOU = 0.5
"""Of two boxes of one class that overlap more, the surer one stays."""


@dataclass(frozen=True, eq=False)
class Detections:
    """What a detector finds in one image, best first.

    Attributes:
        boxes: (N, 4) xyxy pixels of the image, clipped to it.
        scores: (N,) in [0, 1].
        names: (N,) class names, an array of objects.
    """

    boxes: np.ndarray
    scores: np.ndarray
    names: np.ndarray

    def __len__(self) -> int:
        return len(self.scores)

    def select(self, keep: np.ndarray | Sequence[int]) -> Detections:
        """Returns those of `keep`: indices, or a mask."""
        kept = np.asarray(keep)
        kept = kept if kept.dtype == bool else kept.astype(int)
        return Detections(self.boxes[kept], self.scores[kept], self.names[kept])

    def shifted(self, x: float, y: float) -> Detections:
        """Returns them moved by x and y pixels."""
        return dataclasses.replace(self, boxes=self.boxes + np.array([x, y, x, y]))


class Detector(Protocol):
    """Finds objects in images. An implementation may come from anywhere."""

    @property
    def names(self) -> tuple[str, ...]:
        """The classes that it knows."""

    @property
    def input_size(self) -> tuple[int, int] | None:
        """Width and height to which it scales every image, pixels; None where it takes images as they are."""

    def __call__(self, image: np.ndarray) -> Detections:
        """Returns what is in an (H, W, 3) uint8 RGB image."""


def concatenate(parts: Sequence[Detections]) -> Detections:
    """Joins several lists into one, best first. There must be at least one."""
    joined = Detections(
        np.concatenate([p.boxes for p in parts]),
        np.concatenate([p.scores for p in parts]),
        np.concatenate([p.names for p in parts]),
    )
    return joined.select(np.argsort(-joined.scores, kind="stable"))


def suppress(found: Detections, iou: float = SAME_IOU) -> Detections:
    """Keeps the surest of boxes of one class that overlap by more than `iou` (non-maximum suppression)."""
    kept: list[int] = []
    for name in dict.fromkeys(found.names.tolist()):
        of_class = np.flatnonzero(found.names == name)
        boxes = found.boxes[of_class]
        xywh = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
        chosen = cv2.dnn.NMSBoxes(xywh.tolist(), found.scores[of_class].tolist(), 0.0, iou)
        kept += of_class[np.asarray(chosen, int).ravel()].tolist()
    return found.select(sorted(kept, key=lambda k: (-found.scores[k], k)))
