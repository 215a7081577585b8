"""Depth images: how far away a sensor measured what each pixel of a camera's image shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2sg_core.scene.camera import ASPECT_TOLERANCE


@dataclass(frozen=True, eq=False)
class DepthImage:
    """A depth image that is aligned: of the view of the image it goes with, of whatever resolution.

    Attributes:
        values: (h, w) depths along the optical axis; 0, NaN and infinity are not measured.
        scale: Metres of a unit of the values, such as 0.001 for millimetres.
    """

    values: np.ndarray
    scale: float = 1.0

    @property
    def width(self) -> int:
        """Pixels."""
        return int(self.values.shape[1])

    @property
    def height(self) -> int:
        """Pixels."""
        return int(self.values.shape[0])

    def fits(self, width: int, height: int) -> bool:
        """Whether it may be aligned with an image of this size: it has its aspect ratio."""
        return abs((width / height) / (self.width / self.height) - 1) <= ASPECT_TOLERANCE

    def turned(self, degrees: int) -> DepthImage:
        """Returns a view of it, turned clockwise by one of `camera.TURNS`."""
        return DepthImage(np.rot90(self.values, -degrees // 90), self.scale) if degrees else self

    def sample(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Returns depths in metres at positions from 0 to 1 across and down; NaN where nothing was measured."""
        columns = np.clip((np.asarray(x) * self.width).astype(int), 0, self.width - 1)
        rows = np.clip((np.asarray(y) * self.height).astype(int), 0, self.height - 1)
        found = self.values[rows, columns] * np.float64(self.scale)
        return np.where(np.isfinite(found) & (found > 0), found, np.nan)
