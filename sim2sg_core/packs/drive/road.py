"""The geometry of a street: a gently curved line, and where things are against it.

All that stands along a street is placed by two coordinates, metres: s is the distance along the line, from the camera's
foot on; t is the offset from it, positive to the left. In the middle of the camera's lane t is about 0, and where the
road bends so do lines of equal t. Headings are "turned against the road": 0 drives on as the camera does, pi comes
towards it, pi/2 crosses to the left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Road:
    """A line of constant small curvature past the camera's foot; s runs along it, t to its left.

    Attributes:
        heading: Direction at the camera, radians about world +z.
        curve: Curvature, 1/m, positive to the left.
        offset: World y at s = 0 (the line need not pass below the camera).
    """

    heading: float = 0.0
    curve: float = 0.0
    offset: float = 0.0

    def yaw(self, s: float | np.ndarray) -> np.ndarray:
        """Direction of the road at s, radians."""
        return np.asarray(self.heading + self.curve * np.asarray(s, float))

    def point(self, s: float | np.ndarray, t: float | np.ndarray = 0.0) -> np.ndarray:
        """(..., 2) world points at s and offset t. Exact for an arc to second order, as streets here bend little."""
        s, t = np.broadcast_arrays(np.asarray(s, float), np.asarray(t, float))
        half = self.heading + self.curve * s / 2  # The chord of an arc points along its middle.
        yaw = self.yaw(s)
        x = s * np.cos(half) - t * np.sin(yaw)
        y = self.offset + s * np.sin(half) + t * np.cos(yaw)
        return np.stack([x, y], -1)

    def at(self, s: float, t: float = 0.0) -> tuple[float, float]:
        """World x and y of one point: `point` without arrays."""
        half, yaw = self.heading + self.curve * s / 2, self.heading + self.curve * s
        return (
            s * math.cos(half) - t * math.sin(yaw),
            self.offset + s * math.sin(half) + t * math.cos(yaw),
        )

    def locate(self, points: np.ndarray) -> np.ndarray:
        """(..., 2) s and t of world points: inverse of `point` by fixed-point steps."""
        x, y = np.moveaxis(np.asarray(points, float), -1, 0)
        s, t = x / np.cos(self.heading), np.zeros_like(x)
        for step in range(5):
            half, yaw = self.heading + self.curve * s / 2, self.heading + self.curve * s
            ahead, aside = x - s * np.cos(half), y - (self.offset + s * np.sin(half))  # of the foot at s
            if step < 4:
                s = s + ahead * np.cos(yaw) + aside * np.sin(yaw)
            else:
                t = -ahead * np.sin(yaw) + aside * np.cos(yaw)
        return np.stack([s, t], -1)
