"""A detector on an image and on enlarged tiles of it, for what is small."""

from __future__ import annotations

import math

import numpy as np

from sim2sg_core.runtime.detectors.detector import Detections, Detector, concatenate, suppress

MOST_SHRINK = 1.5
"""An image that a detector's input shows smaller than 1 / this is tiled."""
TILE_SHRINK = 2.0
"""Tiles are at most so many times as wide as the input."""
OVERLAP = 0.2  # of two tiles side by side, at least
EDGE = 2.0  # pixels from a tile's inner edge: an object that reaches it goes on beyond


class TiledDetector:
    """Runs a detector on the whole image and, where its input is small against it, on overlapping tiles too.

    Attributes:
        names: The classes that it knows.
        input_size: None: it takes images as they are.
    """

    input_size: tuple[int, int] | None = None

    def __init__(self, detector: Detector) -> None:
        """Wraps a detector."""
        self._detector = detector
        self.names = detector.names

    def __call__(self, image: np.ndarray) -> Detections:
        """Returns what is in an (H, W, 3) uint8 RGB image; of boxes that are one object's the surest."""
        height, width = image.shape[:2]
        parts = [self._detector(image)]
        for tile in tiles_of(width, height, self._detector.input_size):
            x1, y1, x2, y2 = tile
            found = self._detector(np.ascontiguousarray(image[y1:y2, x1:x2]))
            inner = np.array([x1 > 0, y1 > 0, x2 < width, y2 < height])
            limit = np.array([EDGE, EDGE, x2 - x1 - EDGE, y2 - y1 - EDGE])
            reaches = np.concatenate([found.boxes[:, :2] < limit[:2], found.boxes[:, 2:] > limit[2:]], axis=1)
            parts.append(found.select(~(reaches & inner).any(axis=1)).shifted(x1, y1))
        return suppress(concatenate(parts))


def tiles_of(width: int, height: int, input_size: tuple[int, int] | None) -> list[tuple[int, int, int, int]]:
    """Returns square tiles, xyxy whole pixels, that cover an image; none where the whole image is large enough.

    Args:
        width: Of the image, pixels.
        height: Of the image, pixels.
        input_size: Width and height of the detector's input, pixels; None takes images as they are.
    """
    if input_size is None or max(width / input_size[0], height / input_size[1]) <= MOST_SHRINK:
        return []
    side = min(width, height, round(TILE_SHRINK * min(input_size)))
    return [(x, y, x + side, y + side) for y in _starts(height, side) for x in _starts(width, side)]


def _starts(length: int, side: int) -> list[int]:
    """Where tiles begin that cover a length, evenly spread."""
    count = max(1, math.ceil((length - OVERLAP * side) / ((1 - OVERLAP) * side) - 1e-9))
    return np.linspace(0, length - side, count).round().astype(int).tolist()
