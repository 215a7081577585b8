"""Footprints on the ground that must not overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sim2sg_core.scene.layout import Placement


def box_footprint(x: float, y: float, yaw: float, length: float, width: float) -> np.ndarray:
    """(4, 2) corners of an oriented rectangle."""
    c, s = math.cos(yaw), math.sin(yaw)
    ax, ay, bx, by = c * length / 2, s * length / 2, -s * width / 2, c * width / 2
    return np.array(
        [[x + ax + bx, y + ay + by], [x - ax + bx, y - ay + by], [x - ax - bx, y - ay - by], [x + ax - bx, y + ay - by]]
    )


def overlap(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two rectangles (4, 2) overlap; touching is not enough."""
    return _overlap(_Box.of(a), _Box.of(b))


class _Box(NamedTuple):
    """A rectangle in plain numbers: a street asks thousands of times, and numpy's set-up would cost more than the sums.

    Attributes:
        x, y: Its centre.
        ax, ay: Half its length, a vector.
        bx, by: Half its width.
        radius: Of the circle round it.
    """

    x: float
    y: float
    ax: float
    ay: float
    bx: float
    by: float
    radius: float

    @classmethod
    def of(cls, quad: np.ndarray) -> _Box:
        """Takes (4, 2) corners, as `box_footprint` gives them."""
        (x0, y0), (x1, y1), (x2, y2), _ = quad.tolist()
        radius = math.hypot(x0 - x2, y0 - y2) / 2
        return cls((x0 + x2) / 2, (y0 + y2) / 2, (x0 - x1) / 2, (y0 - y1) / 2, (x1 - x2) / 2, (y1 - y2) / 2, radius)

    @classmethod
    def placed(cls, x: float, y: float, yaw: float, length: float, width: float) -> _Box:
        """The same box as `box_footprint`'s."""
        c, s, half, side = math.cos(yaw), math.sin(yaw), length / 2, width / 2
        return cls(x, y, c * half, s * half, -s * side, c * side, math.hypot(half, side))


def _overlap(a: _Box, b: _Box) -> bool:
    """Looks for a separating axis among the sides' directions."""
    dx, dy = b.x - a.x, b.y - a.y
    for x, y in ((a.ax, a.ay), (a.bx, a.by), (b.ax, b.ay), (b.bx, b.by)):
        reach_a = abs(x * a.ax + y * a.ay) + abs(x * a.bx + y * a.by)
        reach_b = abs(x * b.ax + y * b.ay) + abs(x * b.bx + y * b.by)
        if abs(x * dx + y * dy) >= reach_a + reach_b:
            return False
    return True


class Occupancy:
    """Footprints that are taken."""

    def __init__(self) -> None:
        """Starts empty."""
        self._boxes: list[_Box] = []
        self._circles = np.zeros((3, 64))  # x, y and radius, for a first look at all of them at once

    def add(self, quad: np.ndarray) -> None:
        """Takes a (4, 2) footprint."""
        self._add(_Box.of(quad))

    def _add(self, box: _Box) -> None:
        count = len(self._boxes)
        if count == self._circles.shape[1]:
            self._circles = np.concatenate([self._circles, np.zeros_like(self._circles)], axis=1)
        self._circles[:, count] = box.x, box.y, box.radius
        self._boxes.append(box)

    def free(self, quad: np.ndarray) -> bool:
        """Whether nothing taken overlaps the footprint."""
        return self._free(_Box.of(quad))

    def _free(self, box: _Box) -> bool:
        x, y, radius = self._circles[:, : len(self._boxes)]
        near = (x - box.x) ** 2 + (y - box.y) ** 2 < (radius + box.radius) ** 2
        return not any(_overlap(box, self._boxes[i]) for i in near.nonzero()[0].tolist())

    def claim(self, x: float, y: float, yaw: float, size: Sequence[float] | np.ndarray, margin: float = 0.1) -> bool:
        """Takes a rectangle unless it overlaps another; `margin` metres are kept free round it."""
        x, y, yaw, length, width = float(x), float(y), float(yaw), float(size[0]), float(size[1])
        if not self._free(_Box.placed(x, y, yaw, length + 2 * margin, width + 2 * margin)):
            return False
        self._add(_Box.placed(x, y, yaw, length, width))
        return True

    @classmethod
    def of(cls, placements: Sequence[Placement]) -> Occupancy:
        """Takes what the placements stand on."""
        taken = cls()
        for placement in placements:
            taken.add(placement.footprint())
        return taken
