"""A third measurement of an object's depth: a depth image's, of the surface that is seen of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.lifting.fusion import combine_depth
from sim2sg_core.scene.camera import Camera
from sim2sg_core.scene.depth_image import DepthImage

CORE = 0.5
"""Of a box's width and height: the part in its middle that shows the object, and not what is around it."""
GRID = 16
"""Samples across and down the core."""
LEAST_SHARE = 0.25
"""Of the samples, that must have been measured."""
NOISE_M, NOISE_STEREO = 0.01, 0.0025
"""Deviation of a measurement: metres, and metres per square metre of depth, of a stereo camera with 640 pixels of
focal length and 5 cm between its eyes that matches to 0.08 pixels."""
SOLID, SOLID_STD = 0.9, 0.25
"""How far in front of its centre an object's surface is, as a share of what it would be if the object filled its 3D
box, and the deviation: a crate fills it, of a chair much of the middle is seen through."""
NETWORK_STD = 0.2
"""Relative; the network is not held surer of itself when a measurement is judged to be of another object."""


class Surfaces(NamedTuple):
    """What a depth image shows in N boxes.

    Attributes:
        depths: (N,) depths of the visible surfaces, metres; NaN where too little was measured.
        stds: (N,) their standard deviations, metres.
    """

    depths: np.ndarray
    stds: np.ndarray


def visible_surfaces(image: DepthImage, boxes: np.ndarray, width: int, height: int) -> Surfaces:
    """Measures the surfaces in boxes: the median of what was measured in the core of each.

    Args:
        image: Aligned with the image that the boxes are in.
        boxes: (N, 4) xyxy, pixels.
        width: Of that image, pixels.
        height: Of that image, pixels.

    Raises:
        Sim2SGError: It has another aspect ratio, so it is not aligned.
    """
    if not image.fits(width, height):
        raise Sim2SGError(
            f"the depth image is {image.width}x{image.height} and the image {width}x{height}: give the depth that is"
            " aligned with the image"
        )
    boxes = np.asarray(boxes, float).reshape(-1, 4) / [width, height, width, height]
    inside = (1 - CORE) / 2 + CORE * (np.arange(GRID) + 0.5) / GRID
    x = boxes[:, :1] + (boxes[:, 2:3] - boxes[:, :1]) * inside
    y = boxes[:, 1:2] + (boxes[:, 3:] - boxes[:, 1:2]) * inside
    samples = image.sample(x[:, None, :], y[:, :, None]).reshape(-1, GRID * GRID)
    depths = _median(samples)
    spreads = 1.4826 * _median(np.abs(samples - depths[:, None]))  # of a normal distribution, from the median
    noise = np.hypot(NOISE_M, NOISE_STEREO * depths**2)
    return Surfaces(depths, np.hypot(noise, spreads))


def front_distances(rays: np.ndarray, alphas: np.ndarray, sizes: np.ndarray, camera: Camera) -> np.ndarray:
    """Returns (N,) depths from the front of 3D boxes, where the ray to their centres enters them, to the centres.

    Args:
        rays: (N, 3) rays to the centres in the camera frame, z = 1.
        alphas: (N,) observation angles, radians.
        sizes: (N, 3) length, width, height, metres.
        camera: Gives the vertical; level without a known ground.
    """
    up = np.array([0.0, -1.0, 0.0]) if camera.ground is None else camera.ground[:3]
    vertical = rays @ up
    horizontal = np.sqrt(np.maximum((rays**2).sum(axis=1) - vertical**2, 0.0))
    # At an observation angle of zero the object is seen from its side: its width lies along the ray.
    along = np.stack([horizontal * np.sin(alphas), horizontal * np.cos(alphas), vertical], axis=1)
    return (sizes / 2 / np.maximum(np.abs(along), 1e-9)).min(axis=1)


def fuse_surfaces(
    depths: np.ndarray, stds: np.ndarray, surfaces: Surfaces, fronts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Fuses depths of objects' centres with those of their surfaces, as `combine_depth` does.

    A surface that contradicts the depth is that of something before or behind the object, and left out.

    Args:
        depths: (N,) metres.
        stds: (N,) their relative standard deviations.
        surfaces: Of the same objects.
        fronts: (N,) as of `front_distances`.

    Returns:
        (N,) depths and their (N,) relative deviations.
    """
    centres = surfaces.depths + SOLID * fronts
    deviations = np.hypot(surfaces.stds, SOLID_STD * fronts) / centres
    return combine_depth(depths, stds, centres, deviations, np.isfinite(centres), NETWORK_STD)


def _median(samples: np.ndarray) -> np.ndarray:
    """(N,) medians of the (N, M) samples that are not NaN; NaN where those are too few."""
    counts = np.isfinite(samples).sum(axis=1)
    ordered = np.sort(samples, axis=1)  # NaN last
    lower, upper = (np.maximum(counts - 1, 0) // 2, counts // 2)
    rows = np.arange(len(samples))
    middle = (ordered[rows, lower] + ordered[rows, np.minimum(upper, samples.shape[1] - 1)]) / 2
    return np.where(counts >= LEAST_SHARE * samples.shape[1], middle, np.nan)
