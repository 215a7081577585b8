"""Two measurements of an object's depth made one: the network's and the ground's, or any others."""

from __future__ import annotations

import numpy as np

from sim2sg_core.scene.camera import Camera, plane_depth

# How well the flat-ground assumption holds. The angle covers suspension, slopes and an imperfect mount.
GROUND_ANGLE_STD = np.radians(0.4)
PIXEL_STD = 1.5
HEIGHT_RELATIVE_STD = 0.10


def ground_depth(centres: np.ndarray, heights: np.ndarray, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Depth of objects that stand on the ground, from where their 3D centres appear.

    The centre of an object of height h lies in the plane h/2 above the ground; its ray meets that plane
    at one depth. With s the ray's slope against the plane, z = (H − h/2)/−s, so that errors of the angle
    enter as σ_s/|s| and errors of the object's height as σ_h/2 / (H − h/2), both relative to z.

    Args:
        centres: (N, 2) pixels of the projected 3D centres.
        heights: (N,) object heights, metres.
        camera: With a known ground.

    Returns:
        (N,) depths in metres (inf where the ray misses the plane) and their (N,) relative deviations.
    """
    heights = np.asarray(heights, float)
    assert camera.ground is not None
    slope = camera.rays(centres) @ camera.ground[:3]
    gap = camera.ground[3] - heights / 2
    angle_std = np.hypot(GROUND_ANGLE_STD, PIXEL_STD / camera.focal)
    relative = np.hypot(
        angle_std / np.maximum(np.abs(slope), 1e-6), HEIGHT_RELATIVE_STD * heights / 2 / np.maximum(np.abs(gap), 1e-6)
    )
    return plane_depth(slope, gap), relative


def fuse_depth(
    depths: np.ndarray,
    relative_stds: np.ndarray,
    centres: np.ndarray,
    heights: np.ndarray,
    camera: Camera,
    grounded: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Fuses the network's depths with the ground's by inverse variance, in log depth.

    Log depth, because both errors are relative. A ground depth that contradicts the network (beyond three
    joint deviations) is left out: the object does not stand on the ground.

    Args:
        depths: (N,) depths z by the network, metres.
        relative_stds: (N,) their relative standard deviations.
        centres: (N, 2) pixels of the projected 3D centres.
        heights: (N,) object heights, metres.
        camera: Without a known ground the network's depth is returned as it is.
        grounded: (N,) bool: which objects stand on the ground for certain; the others keep the network's depth. None
            means all.

    Returns:
        (N,) fused depths and their (N,) relative deviations.
    """
    depths, relative_stds = np.asarray(depths, float), np.asarray(relative_stds, float)
    if camera.ground is None or not len(depths):
        return depths, relative_stds
    ground, ground_std = ground_depth(centres, heights, camera)
    usable = np.isfinite(ground) & (ground > 0)
    if grounded is not None:
        usable &= grounded
    return combine_depth(depths, relative_stds, ground, ground_std, usable)


def combine_depth(
    depths: np.ndarray,
    stds: np.ndarray,
    others: np.ndarray,
    other_stds: np.ndarray,
    usable: np.ndarray,
    least_std: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Makes two measurements of each depth one, by inverse variance of the logarithms.

    The second is left out where it is beyond three joint deviations from the first: it is of something else.

    Args:
        depths: (N,) metres.
        stds: (N,) their relative standard deviations.
        others: (N,) of the second measurement, metres.
        other_stds: (N,) likewise.
        usable: (N,) bool: where there is a second measurement.
        least_std: The first is not held surer than this when the second is judged.

    Returns:
        (N,) depths and their (N,) relative deviations.
    """
    other_variance = np.where(usable, other_stds, 1.0) ** 2
    log_first, log_second = np.log(np.maximum(depths, 1e-3)), np.log(np.where(usable, others, 1.0))
    variance = stds**2
    joint = np.maximum(variance, least_std**2) + other_variance
    usable = usable & (np.abs(log_second - log_first) < 3 * np.sqrt(joint))
    weight = np.where(usable, variance / np.maximum(variance + other_variance, 1e-12), 0.0)
    fused = np.where(usable, np.exp((1 - weight) * log_first + weight * log_second), depths)
    return fused, np.sqrt((1 - weight) * variance)
