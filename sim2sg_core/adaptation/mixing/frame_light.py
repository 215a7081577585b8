"""The light, ground and noise of a real frame, measured where its ground is clear of objects."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from sim2sg_core.adaptation.appearance.image_measures import LUMA, fine_noise, floor_mask, linear_light
from sim2sg_core.adaptation.mixing.free_ground import near_ground
from sim2sg_core.scene import SceneGraph

REACH = 25.0  # metres: ground that is measured
AHEAD = 0.35  # of the depth, to either side
LEAST = 200  # pixels
SHRINK = 4
SPREAD = 1 / 100  # of the image's width: over which brightness is smoothed


@dataclass(frozen=True, eq=False)
class FrameLight:
    """What a real frame shows of its light.

    Attributes:
        ground: (3,) median linear colour of the near ground.
        level: (H, W) float32: brightness of the ground about each pixel over that of the near ground, smooth.
        noise: Standard deviation of its noise, grey levels.
    """

    ground: np.ndarray
    level: np.ndarray
    noise: float


def measure_light(image: np.ndarray, graph: SceneGraph, ground: np.ndarray) -> FrameLight:
    """Measures a frame.

    Args:
        image: (H, W, 3) uint8 RGB.
        graph: What may be in it; its camera knows the ground.
        ground: (H, W) bool: pixels that may be ground.
    """
    assert graph.camera is not None
    clear = floor_mask(graph)
    clear = clear & ground if (clear & ground).sum() > LEAST else clear
    near = clear & near_ground(graph.camera, REACH, AHEAD)
    near = near if near.sum() > LEAST else clear if clear.sum() > LEAST else np.ones(clear.shape, bool)
    color = np.median(linear_light(image[near]), axis=0)
    size = (max(graph.width // SHRINK, 1), max(graph.height // SHRINK, 1))
    luma = linear_light(cv2.resize(image, size, interpolation=cv2.INTER_AREA)) @ LUMA
    weight = cv2.resize(clear.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    usual = max(float(color @ LUMA), 1e-3)
    # Far from any clear ground the usual brightness is the best guess.
    spread = graph.width / SHRINK * SPREAD
    level = (_smooth(luma * weight, spread) / usual + 1e-2) / (_smooth(weight, spread) + 1e-2)
    level = cv2.resize(level, (graph.width, graph.height)).astype(np.float32)
    # The mean size of a normal deviate is 0.8 standard deviations.
    return FrameLight(color, level, fine_noise(image) / 0.8)


def _smooth(image: np.ndarray, spread: float) -> np.ndarray:
    return np.asarray(cv2.GaussianBlur(image.astype(np.float32), (0, 0), max(spread, 0.5)))
