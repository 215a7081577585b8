"""Where things stand on things: the flat parts of meshes, and places on them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import cv2
import numpy as np

from sim2sg_core.render.meshes import Asset
from sim2sg_core.scene import Placement
from sim2sg_core.scene.polygons import signed_area

LEVEL = 0.9  # Least upward part of the unit normal of what something can stand on.
BAND = 0.04  # Share of the height within which a surface is looked for about the height that the domain gives.
LEAST = 0.1  # Share of the largest level part from which another is named.
EPSILON = 1e-4  # Metres; corners on the very edge are inside.


@lru_cache(maxsize=1024)
def support_regions(asset: Asset, surfaces: tuple[float, ...]) -> tuple[np.ndarray, ...]:
    """Finds the parts of a mesh that things can stand on.

    Args:
        asset: The mesh.
        surfaces: Heights of the surfaces as shares of the mesh's own, as in `ClassSpec.surfaces`.

    Returns:
        For each surface the (M, 2) corners of the convex hull of the triangles near that height that face up,
        counter-clockwise, in the unit frame of the mesh (x, y in [-0.5, 0.5]); (0, 2) where there are none.
    """
    corners, _ = _level(asset)
    height = corners[:, :, 2].mean(axis=1)
    return tuple(_hull(corners[np.abs(height - share) < BAND][..., :2]) for share in surfaces)


def level_faces(asset: Asset) -> tuple[float, ...]:
    """Returns the heights at which faces of a mesh are level, as shares of its own, the four largest, lowest first."""
    corners, area = _level(asset)
    height, shares = corners[:, :, 2].mean(axis=1), np.arange(0, 1 + BAND / 2, BAND / 2)
    extent = np.array([area[np.abs(height - share) < BAND / 2].sum() for share in shares])
    found: list[float] = []
    for k in np.argsort(-extent, kind="stable"):
        if len(found) < 4 and extent[k] > LEAST * extent.max() and all(abs(shares[k] - f) >= BAND for f in found):
            near = np.abs(height - shares[k]) < BAND / 2
            found.append(float(np.average(height[near], weights=area[near])))
    return tuple(sorted(round(f, 2) for f in found))


def _level(asset: Asset) -> tuple[np.ndarray, np.ndarray]:
    """Returns (F, 3, 3) corners, in the unit frame, of the faces of a mesh that face up, and (F,) their areas."""
    corners = asset.mesh.vertices.astype(float)[asset.mesh.faces]
    cross = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    cross *= np.prod(asset.size) / np.asarray(asset.size)  # Steepness as the mesh was modelled.
    length = np.linalg.norm(cross, axis=1)
    level = (cross[:, 2] > LEVEL * length) & (length > 0)
    return corners[level], length[level] / 2


def _hull(corners: np.ndarray) -> np.ndarray:
    points = corners.reshape(-1, 2)
    if len(points) < 3:
        return np.zeros((0, 2))
    hull = cv2.convexHull(points.astype(np.float32))[:, 0].astype(float)
    return hull[::-1] if signed_area(hull) < 0 else hull


def rotation(yaw: float) -> np.ndarray:
    """Gives the (2, 2) matrix R of a counter-clockwise turn of row vectors: points @ R."""
    c, s = np.cos(yaw), np.sin(yaw)
    return np.array([[c, s], [-s, c]])


def within(points: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Says which (..., 2) points lie in a convex counter-clockwise (M, 2) region of the same frame."""
    points = np.asarray(points)
    if len(region) < 3:
        return np.zeros(points.shape[:-1], bool)
    edge = np.roll(region, -1, axis=0) - region
    length = np.maximum(np.linalg.norm(edge, axis=1), 1e-12)
    normal = np.stack([-edge[:, 1], edge[:, 0]], axis=1) / length[:, None]  # To the inside.
    return np.asarray((points @ normal.T - (region * normal).sum(1) >= -EPSILON).all(axis=-1))


def fits(region: np.ndarray, support: Placement, standing: Placement) -> bool:
    """Whether the whole footprint of `standing` lies over a region (M, 2) of the support's unit frame."""
    local = (standing.footprint() - support.position[:2]) @ rotation(support.yaw).T
    return bool(within(local, region * support.size[:2]).all())


def stand_on(
    support: Placement, region: np.ndarray, size: Sequence[float] | np.ndarray, yaw: float, rng: np.random.Generator
) -> np.ndarray | None:
    """Draws a place for an object on another, all of its footprint over the region.

    Args:
        support: What it stands on.
        region: (M, 2) in the unit frame of the support, see `support_regions`.
        size: Length and width of the object, metres (more is ignored).
        yaw: Its heading in the world, radians.
        rng: Randomness.

    Returns:
        (2,) the object's centre in the world, metres; None where it finds no place.
    """
    if len(region) < 3:
        return None
    own = region * support.size[:2]
    half = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * np.asarray(size)[:2] / 2
    corners = half @ rotation(yaw - support.yaw)
    low, high = own.min(0) - corners.min(0), own.max(0) - corners.max(0)
    if (low > high + EPSILON).any():
        return None
    centres = rng.uniform(low, np.maximum(high, low), (16, 2))
    inside = within(centres[:, None] + corners, own).all(axis=1)
    if not inside.any():
        return None
    return np.asarray(centres[inside.argmax()] @ rotation(support.yaw) + support.position[:2])
