"""Which frames are dark or blurred: worth a look before much is built on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import cv2
import numpy as np

DARK = 12.0
"""Grey level of 255 below which the brightest hundredth of a frame leaves it dark."""
BLURRED = 0.2
"""Share of the median sharpness of all frames below which one is blurred."""
WIDTH = 320  # pixels at which sharpness is measured: it must not depend on the camera's


class FrameFlags:
    """Looks at frames one after the other; only when all were seen can blur be told."""

    def __init__(self) -> None:
        self._dark: list[bool] = []
        self._sharpness: list[float] = []

    def look(self, image: np.ndarray) -> None:
        """Takes note of the next frame, (h, w, 3) uint8 RGB."""
        self.note(*dark_and_sharpness(image))

    def note(self, dark: bool, sharpness: float) -> None:
        """Takes note of the next frame, which somebody else has looked at."""
        self._dark.append(dark)
        self._sharpness.append(sharpness)

    def flags(self) -> list[list[str]]:
        """Returns for each frame "dark", "blurred" or neither: of a dark one sharpness says nothing."""
        least = BLURRED * float(np.median(self._sharpness)) if self._sharpness else 0.0
        return [
            ["dark"] if dark else ["blurred"] if sharpness < least else []
            for dark, sharpness in zip(self._dark, self._sharpness, strict=True)
        ]


def describe_flags(flags: Iterable[Iterable[str]]) -> str:
    """Returns how many frames are dark and blurred, in words; "" for none."""
    count = Counter(flag for of_frame in flags for flag in of_frame)
    return ", ".join(f"{count[name]} {name}" for name in ("dark", "blurred") if count[name])


def dark_and_sharpness(image: np.ndarray) -> tuple[bool, float]:
    """Returns whether a frame, (h, w, 3) uint8 RGB, is dark, and how sharp it is."""
    grey = cv2.cvtColor(image[::2, ::2], cv2.COLOR_RGB2GRAY)
    return float(np.percentile(grey, 99)) < DARK, _sharpness(grey)


def _sharpness(grey: np.ndarray) -> float:
    """Variance of the Laplacian."""
    scale = WIDTH / max(grey.shape)
    if scale < 1:
        size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    return float(cv2.Laplacian(grey, cv2.CV_32F).var())
