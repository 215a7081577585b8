"""Footprints on the ground that must not overlap."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

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
    """Whether two convex quadrilaterals (4, 2), opposite sides parallel, overlap (separating axes)."""
    for quad in (a, b):
        edges = (quad[1:3] - quad[0:2]).T
        pa, pb = a @ edges, b @ edges
        if ((pa.max(0) <= pb.min(0)) | (pb.max(0) <= pa.min(0))).any():
            return False
    return True


@dataclass
class Occupancy:
    """Footprints that are taken."""

    quads: list[np.ndarray] = field(default_factory=list)
    circles: np.ndarray = field(default_factory=lambda: np.zeros((64, 3)))

    def add(self, quad: np.ndarray) -> None:
        """Takes a (4, 2) footprint."""
        if len(self.quads) == len(self.circles):
            self.circles = np.concatenate([self.circles, np.zeros_like(self.circles)])
        self.circles[len(self.quads)] = _circle(quad)
        self.quads.append(quad)

    def free(self, quad: np.ndarray) -> bool:
        """Whether nothing taken overlaps the footprint."""
        x, y, radius = _circle(quad)
        circles = self.circles[: len(self.quads)]
        near = (circles[:, 0] - x) ** 2 + (circles[:, 1] - y) ** 2 < (circles[:, 2] + radius) ** 2
        return not any(overlap(quad, self.quads[i]) for i in np.flatnonzero(near))

    def claim(self, x: float, y: float, yaw: float, size: Sequence[float] | np.ndarray, margin: float = 0.1) -> bool:
        """Takes a rectangle unless it overlaps another; `margin` metres are kept free round it."""
        quad = box_footprint(x, y, yaw, float(size[0]) + 2 * margin, float(size[1]) + 2 * margin)
        if not self.free(quad):
            return False
        self.add(box_footprint(x, y, yaw, float(size[0]), float(size[1])))
        return True

    @classmethod
    def of(cls, placements: Sequence[Placement]) -> Occupancy:
        """Takes what the placements stand on."""
        taken = cls()
        for placement in placements:
            taken.add(placement.footprint())
        return taken


def _circle(quad: np.ndarray) -> tuple[float, float, float]:
    """Centre and radius of the circle round a rectangle."""
    (ax, ay), _, (cx, cy), _ = quad.tolist()
    return (ax + cx) / 2, (ay + cy) / 2, math.hypot(ax - cx, ay - cy) / 2
