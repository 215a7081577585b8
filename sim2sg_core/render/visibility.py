"""How much is seen of each object: counts in the id image, and tiles in which objects are drawn alone."""

from __future__ import annotations

import numpy as np

from sim2sg_core.render.projection import NEAR, image_extent
from sim2sg_core.scene.camera import Camera

TILE = 64
TILE_COLUMNS = 8


def extents(ids: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (count,) and xyxy boxes (count, 4) of ids 1…count in an id image."""
    height, width = ids.shape
    # Runs of equal ids within rows: there are a hundred times fewer of them than pixels.
    flat = ids.reshape(-1)
    border = np.ones(flat.size, bool)
    np.not_equal(flat[1:], flat[:-1], out=border[1:])
    border[::width] = True
    start = np.flatnonzero(border)
    end = np.append(start[1:], flat.size)
    named = flat[start] > 0
    start, end = start[named], end[named]
    values = flat[start] - 1
    rows = start // width
    pixels = np.bincount(values, end - start, count).astype(np.int64)
    low = np.full((count, 2), [width, height])
    high = np.zeros((count, 2), np.int64)
    np.minimum.at(low, values, np.stack([start - rows * width, rows], axis=1))
    np.maximum.at(high, values, np.stack([end - rows * width, rows + 1], axis=1))
    boxes = np.where(pixels[:, None] > 0, np.concatenate([low, high], axis=1), 0).astype(float)
    return pixels, boxes


def maybe_hidden(
    matrices: np.ndarray, drawn: np.ndarray, ids: np.ndarray, amodal: np.ndarray, camera: Camera, view: np.ndarray
) -> np.ndarray:
    """Indices of the labelled instances that something nearer may hide: of the others every pixel is seen.

    Everything is taken for the image box of its oriented 3D box; what reaches behind the near plane may hide all.
    """
    labelled = drawn[ids[drawn] > 0]
    if not len(labelled):
        return labelled
    unit = np.array([[x, y, z, 1.0] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (0.0, 1.0)])
    points = np.einsum("nij,kj->nki", matrices[drawn], unit) @ view[:3, :3].T + view[:3, 3]
    nearest, farthest = points[..., 2].min(1), points[..., 2].max(1)
    points[..., 2] = np.maximum(points[..., 2], NEAR)
    extent = image_extent(points, camera)
    low = np.where(nearest[:, None] < NEAR, -np.inf, extent[:, :2])
    high = np.where(nearest[:, None] < NEAR, np.inf, extent[:, 2:])
    chosen = ids[drawn] > 0
    boxes = np.nan_to_num(amodal[labelled])
    meets = (boxes[:, None, :2] < high[None]).all(-1) & (boxes[:, None, 2:] > low[None]).all(-1)
    meets &= nearest[None] < farthest[chosen][:, None]
    meets &= labelled[:, None] != drawn[None]
    return labelled[meets.any(1)]


def place_tiles(records: np.ndarray, alone: np.ndarray, amodal: np.ndarray, camera: Camera) -> np.ndarray:
    """Gives every object in `alone` a tile that its box, cut to the image, fills.

    Small boxes keep the image's own pixel grid, so that their counts are exact.

    Returns:
        (len(alone),) image pixels per tile pixel.
    """
    size = np.array([camera.width, camera.height], float)
    boxes = np.clip(np.nan_to_num(amodal[alone]), 0, [*size, *size])
    low, high = np.floor(boxes[:, :2]), np.ceil(boxes[:, 2:])
    span = np.minimum(np.maximum(high - low, TILE), size)
    # A tile of the full 64 pixels would reach over the edge of the image, where nothing counts.
    low = np.maximum(np.minimum(low, size - span), 0)
    # NDC of the image to NDC of the tile: pixel = (ndc + 1) / 2 * size.
    scale, shift = size / span, (size - 2 * low) / span - 1
    slots = np.arange(len(alone))
    records[alone, 18], records[alone, 19] = slots % TILE_COLUMNS, slots // TILE_COLUMNS
    records[alone, 20], records[alone, 21] = scale[:, 0], shift[:, 0]
    records[alone, 22], records[alone, 23] = scale[:, 1], shift[:, 1]
    return span[:, 0] * span[:, 1] / TILE**2
