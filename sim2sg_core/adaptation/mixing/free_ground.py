"""Which pixels of a real frame may be ground that things stand on: those that look like the ground ahead."""

from __future__ import annotations

import cv2
import numpy as np

from sim2sg_core.adaptation.appearance.image_measures import floor_mask
from sim2sg_core.scene import Camera, SceneGraph

SHRINK = 4
REACH = 15.0  # metres: ground that is looked at
AHEAD = 0.3  # of the depth, to either side
LOOKS = 5  # ground in the sun and in the shade, with marks on it, of two kinds …
SPREADS = np.array([9.0, 5.0, 5.0, 0.45], np.float32)  # in which pixels of one look differ: L, a, b, log of the detail
ALIKE = 2.5  # spreads from the nearest look
LEAST = 40  # shrunken pixels to look at


def free_ground(image: np.ndarray, graph: SceneGraph) -> np.ndarray:
    """Returns (H, W) bool: pixels below the horizon that look like the near ground and hang together with it.

    Where nothing clear is near enough to look at, all that lies below the horizon may be ground.

    Args:
        image: (H, W, 3) uint8 RGB.
        graph: What may be in it; its camera knows the ground.
    """
    camera = graph.camera
    assert camera is not None
    size = (max(camera.width // SHRINK, 1), max(camera.height // SHRINK, 1))
    depth = camera.scaled(*size).ground_depth(pixel_centres(*size))
    below = np.isfinite(depth)
    clear = cv2.resize(floor_mask(graph).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    near = clear & near_ground(camera.scaled(*size), REACH, AHEAD)
    if near.sum() >= LEAST:
        alike = below & _looks_alike(_features(image, size), near)
        below = _together(alike, near)
    return cv2.resize(below.astype(np.uint8), (camera.width, camera.height), interpolation=cv2.INTER_NEAREST) > 0


def near_ground(camera: Camera, reach: float, aside: float) -> np.ndarray:
    """(H, W) bool: ground less than `reach` metres away, to either side no farther than `aside` times its depth."""
    pixels = pixel_centres(camera.width, camera.height)
    sideways = np.abs(pixels[..., 0] - camera.K[0, 2]) < aside * camera.K[0, 0]
    return np.asarray((camera.ground_depth(pixels) < reach) & sideways)


def pixel_centres(width: int, height: int) -> np.ndarray:
    """(H, W, 2) centres of the pixels."""
    return np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), axis=-1)


def _features(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(h, w, 4) float32: colour (L, a, b) and the logarithm of the detail."""
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).astype(np.float32)
    grey = lab[..., 0]
    detail = np.sqrt(np.maximum(cv2.blur(grey * grey, (5, 5)) - cv2.blur(grey, (5, 5)) ** 2, 0))
    return np.dstack([cv2.GaussianBlur(lab, (0, 0), 1.0), np.log(detail + 2)])


def _looks_alike(features: np.ndarray, near: np.ndarray) -> np.ndarray:
    """(h, w) bool: pixels like any of the looks of the near ground."""
    scaled = features / SPREADS
    samples = scaled[near]
    cv2.setRNGSeed(0)
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 15, 0.1)
    member = np.zeros((len(samples), 1), np.int32)
    _, found, looks = cv2.kmeans(samples, LOOKS, member, stop, 1, cv2.KMEANS_PP_CENTERS)
    common = np.bincount(np.asarray(found, int).ravel(), minlength=LOOKS) > 0.05 * len(samples)
    apart = [np.linalg.norm(scaled - look, axis=-1) for look in np.asarray(looks)[common]]
    return np.asarray(np.min(apart, axis=0) < ALIKE)


def _together(alike: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Keeps what hangs together with the near ground, small gaps closed."""
    closed = cv2.morphologyEx(alike.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    closed = cv2.morphologyEx(closed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    _, parts = cv2.connectedComponents(closed)
    counts = np.bincount(parts[near & (closed > 0)], minlength=parts.max() + 1)
    counts[0] = 0
    return np.isin(parts, np.flatnonzero(counts > 0.05 * max(counts.sum(), 1)))
