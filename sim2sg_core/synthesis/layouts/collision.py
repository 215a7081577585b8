"""Whether two things interpenetrate, by their meshes: a chair stands under a table, its legs not in the table's."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from sim2sg_core.render.meshes import Asset
from sim2sg_core.scene import Placement
from sim2sg_core.synthesis.layouts.supports import rotation

CELLS = 24  # To a side of the occupancy of a mesh.
POINTS = 600  # Tried against it.
FILL = 60_000  # Points that mark it: several for every cell that a surface can touch.
TOUCH = 0.002  # Metres above the higher of two bases: contact, no collision.


@lru_cache(maxsize=1024)
def occupancy(asset: Asset) -> np.ndarray:
    """Returns (CELLS, CELLS, CELLS) bool: cells of the mesh's unit box that its surface passes or encloses."""
    points = _surface(asset, FILL, np.ones(3))
    index = np.clip(np.floor((points + [0.5, 0.5, 0.0]) * CELLS), 0, CELLS - 1).astype(int)
    cells = np.zeros((CELLS,) * 3, bool)
    cells[tuple(index.T)] = True
    return ~_outside(cells)


def _outside(surface: np.ndarray) -> np.ndarray:
    """The free cells that can be reached from outside the box."""
    free = np.pad(~surface, 1, constant_values=True)
    reached = np.zeros_like(free)
    reached[0] = True
    count = 0
    while count < (count := int(reached.sum())):
        for axis in range(3):
            line = np.moveaxis(reached, axis, 0)
            line[1:] |= line[:-1]
            line[:-1] |= line[1:]
            reached &= free
    return reached[1:-1, 1:-1, 1:-1]


@lru_cache(maxsize=1024)
def surface_points(asset: Asset) -> np.ndarray:
    """Returns (POINTS, 3) points in the unit frame, evenly over the surface as the mesh was modelled."""
    return _surface(asset, POINTS, np.asarray(asset.size))


def _surface(asset: Asset, count: int, size: np.ndarray) -> np.ndarray:
    """Points of the unit mesh, each area drawn as often as it is large at `size`."""
    rng = np.random.default_rng(0)  # A mesh has one occupancy, whoever asks.
    corners = asset.mesh.vertices.astype(float)[asset.mesh.faces]
    real = corners * size
    area = np.linalg.norm(np.cross(real[:, 1] - real[:, 0], real[:, 2] - real[:, 0]), axis=1)
    reach = np.cumsum(area)
    face = np.searchsorted(reach, (np.arange(count) + rng.random()) / count * reach[-1]).clip(0, len(area) - 1)
    u, v = np.sqrt(rng.random(count)), rng.random(count)
    a, b, c = corners[face].transpose(1, 0, 2)
    return np.asarray((1 - u)[:, None] * a + (u * (1 - v))[:, None] * b + (u * v)[:, None] * c)


def footprint_gap(a: Placement, b: Placement) -> float:
    """Least distance between two footprints, metres; negative when they overlap (separating axes)."""
    pa, pb = a.footprint(), b.footprint()
    axes = np.array([[np.cos(y), np.sin(y)] for y in (a.yaw, a.yaw + np.pi / 2, b.yaw, b.yaw + np.pi / 2)])
    spans_a, spans_b = pa @ axes.T, pb @ axes.T
    gaps = np.maximum(spans_a.min(0) - spans_b.max(0), spans_b.min(0) - spans_a.max(0))
    return float(gaps.max())


def boxes_overlap(a: Placement, b: Placement) -> bool:
    """Whether two upright boxes share more than a touch of height and any of the ground."""
    low, high = max(a.position[2], b.position[2]), min(a.position[2] + a.size[2], b.position[2] + b.size[2])
    return bool(high - low > TOUCH / 2) and footprint_gap(a, b) < 0


def interpenetrate(a: Placement, asset_a: Asset, b: Placement, asset_b: Asset, rest: float = 0.0) -> bool:
    """Whether the surface of one passes through that of the other.

    Args:
        a: A placement.
        asset_a: Its mesh.
        b: Another placement.
        asset_b: Its mesh.
        rest: Metres above the higher base that count as contact, over and above `TOUCH`: what stands on another is
            in the cells of its surface.
    """
    if not boxes_overlap(a, b):
        return False
    thin = 0.1 * float(min(a.size[2], b.size[2]))
    floor = max(a.position[2], b.position[2]) + max(min(TOUCH, thin), rest)
    return _enters(a, asset_a, b, asset_b, floor) or _enters(b, asset_b, a, asset_a, floor)


def _enters(a: Placement, asset_a: Asset, b: Placement, asset_b: Asset, floor: float) -> bool:
    """Whether points of a's surface higher than `floor` are in cells of b."""
    world = surface_points(asset_a) * a.size
    world[:, :2] = world[:, :2] @ rotation(a.yaw)
    world += a.position
    world = world[world[:, 2] > floor] - b.position
    world[:, :2] = world[:, :2] @ rotation(b.yaw).T
    index = np.floor((world / b.size + [0.5, 0.5, 0.0]) * CELLS).astype(int)
    index = index[((index >= 0) & (index < CELLS)).all(axis=1)]
    return bool(occupancy(asset_b)[tuple(index.T)].any())


def rest_of(support: Placement) -> float:
    """Returns the height of a cell of the support, metres: as exactly as its surface is known."""
    return float(support.size[2]) / CELLS
