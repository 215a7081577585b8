"""Polygons on the ground: area and intersection.

OpenCV's `intersectConvexConvex` and `rotatedRectangleIntersection` are no substitute: where sides of the two lie on one
line, as those of things set down in rows do, they are wrong by up to the whole area.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def signed_area(polygon: np.ndarray) -> float:
    """Area of a simple (N, 2) polygon: above 0 when its corners go round counter-clockwise."""
    x, y = polygon.T
    return float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2


def polygon_area(polygon: np.ndarray) -> float:
    """Area of a simple (N, 2) polygon, in its own units squared; 0 for less than three corners."""
    return abs(signed_area(polygon))


def clip_polygon(subject: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Clips a polygon by a convex, counter-clockwise one (Sutherland–Hodgman, 1974).

    Args:
        subject: (N, 2).
        window: (M, 2).

    Returns:
        (K, 2) their intersection, possibly empty.
    """
    result: Sequence[np.ndarray] = list(subject)
    for start, end in zip(window, np.roll(window, -1, axis=0), strict=True):
        if not len(result):
            break
        edge = end - start
        side = [edge[0] * (p[1] - start[1]) - edge[1] * (p[0] - start[0]) for p in result]
        clipped: list[np.ndarray] = []
        for i, point in enumerate(result):
            before, d0, d1 = result[i - 1], side[i - 1], side[i]
            if (d0 < 0) != (d1 < 0):
                clipped.append(before + (point - before) * (d0 / (d0 - d1)))
            if d1 >= 0:
                clipped.append(point)
        result = clipped
    return np.array(result).reshape(-1, 2)
