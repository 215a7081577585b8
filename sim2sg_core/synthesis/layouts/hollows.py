"""Where a mesh is hollow: what water would fill, were it poured in from above."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from sim2sg_core.render.meshes import Asset
from sim2sg_core.scene.polygons import signed_area
from sim2sg_core.synthesis.layouts.collision import CELLS, occupancy

SHALLOWEST = 2  # Cells: rims and dents of less hold nothing.


@lru_cache(maxsize=1024)
def hollow_region(asset: Asset, floor: float) -> np.ndarray:
    """Finds where things can stand in the hollow of a mesh.

    Args:
        asset: The mesh.
        floor: Height of the hollow's floor as a share of the mesh's own, as in `ClassSpec.inside`.

    Returns:
        (M, 2) corners of the convex hull of the hollow at that height, counter-clockwise, in the unit frame of the mesh
        (x, y in [-0.5, 0.5]); (0, 2) where there is none.
    """
    relief, water = _filled(asset)
    rows, columns = np.nonzero((water - relief >= SHALLOWEST) & (relief <= floor * CELLS + 1))
    if not len(rows):
        return np.zeros((0, 2))
    corners = [(rows + i, columns + j) for i in (0, 1) for j in (0, 1)]
    points = np.concatenate([np.stack(corner, axis=1) for corner in corners]) / CELLS - 0.5
    hull = cv2.convexHull(points.astype(np.float32))[:, 0].astype(float)
    return hull[::-1] if signed_area(hull) < 0 else hull


def hollow_floor(asset: Asset) -> float | None:
    """Returns the lowest height in the hollow of a mesh, as a share of its own, as exactly as cells are; else None."""
    relief, water = _filled(asset)
    deep = water - relief >= SHALLOWEST
    return float(max(relief[deep].min() - 0.5, 0)) / CELLS if deep.any() else None


@lru_cache(maxsize=1024)
def _filled(asset: Asset) -> tuple[np.ndarray, np.ndarray]:
    """Returns (CELLS, CELLS) heights of the mesh as seen from above, and of the water that would stand on it, cells."""
    solid = occupancy(asset)
    relief = np.where(solid.any(axis=2), CELLS - solid[..., ::-1].argmax(axis=2), 0)
    water = np.full((CELLS + 2, CELLS + 2), CELLS)
    water[[0, -1]] = water[:, [0, -1]] = 0  # It runs off at the edges.
    while True:
        lowest = np.minimum.reduce([water[:-2, 1:-1], water[2:, 1:-1], water[1:-1, :-2], water[1:-1, 2:]])
        level = np.maximum(relief, np.minimum(water[1:-1, 1:-1], lowest))
        if (level == water[1:-1, 1:-1]).all():
            return relief, level
        water[1:-1, 1:-1] = level
