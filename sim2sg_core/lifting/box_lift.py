"""A box in an image, of which nothing but the class is known, becomes a 3D box over the ground."""

from __future__ import annotations

import numpy as np

from sim2sg_core.lifting.fusion import PIXEL_STD, fuse_depth
from sim2sg_core.lifting.refine import BORDER
from sim2sg_core.scene.camera import Camera
from sim2sg_core.scene.graph import Pose3D
from sim2sg_core.scene.layout import camera_yaw

SIZE_STD = 0.12  # relative: how much the heights of one class differ
CUT_STD = 0.5  # relative: of a depth from a height of which the image shows a part
HEADINGS = np.arange(16) * np.pi / 16
ACROSS, OBLIQUE = 0.1, 0.2
"""Costs of headings across and aslant the optical axis, in units of the logarithm of the width: one width fits several
headings, and most things stand along or across the way that the camera goes."""


def lift_box(box: np.ndarray, size: np.ndarray, camera: Camera, grounded: bool = True) -> tuple[Pose3D, float]:
    """Lifts one box by its class's size and the ground.

    How high it appears gives one depth of its front, where the front's middle meets the level of half its height
    another; both are fused by inverse variance. Its width says how far it is turned against the viewing ray.

    Args:
        box: (4,) xyxy pixels.
        size: (3,) length, width, height that are usual for the class, metres.
        camera: With a known ground.
        grounded: Whether it stands on the ground for certain.

    Returns:
        The 3D box in the camera's frame, of that size, and the relative standard deviation of its depth.
    """
    extent = np.maximum(_straight_extent(box, camera), 1.0)
    cut_high = box[1] <= BORDER or box[3] >= camera.height - BORDER
    cut_wide = box[0] <= BORDER or box[2] >= camera.width - BORDER
    centre = (box[:2] + box[2:]) / 2
    by_height = camera.focal * size[2] / extent[1]
    std = CUT_STD if cut_high else float(np.hypot(SIZE_STD, PIXEL_STD / extent[1]))
    fronts, stds = fuse_depth(
        np.array([by_height]), np.array([std]), centre[None], size[2:], camera, np.array([grounded and not cut_high])
    )
    through, _ = camera.bounded_rays(centre)
    ray = camera.to_world(through) - camera.to_world(np.zeros(3))
    away = HEADINGS - np.arctan2(ray[1], ray[0])
    across, along = np.abs(np.sin(away)), np.abs(np.cos(away))
    cost = ACROSS * np.abs(np.sin(HEADINGS)) + OBLIQUE * np.abs(np.sin(2 * HEADINGS))
    if not cut_wide:
        seen = (size[0] * across + size[1] * along) * camera.focal / fronts[0]
        cost = cost + np.abs(np.log(seen / extent[0]))
    best = int(cost.argmin())
    depth = fronts[0] + (size[0] * along + size[1] * across)[best] / 2
    pose = Pose3D(through * depth, camera_yaw(float(HEADINGS[best])), np.asarray(size, float))
    return pose, float(stds[0])


def _straight_extent(box: np.ndarray, camera: Camera) -> np.ndarray:
    """Returns width and height of a box through its middle, (2,) pixels, as a camera without a lens sees them."""
    if camera.is_pinhole:
        return np.asarray(box[2:] - box[:2])
    x, y = (box[:2] + box[2:]) / 2
    rays, _ = camera.bounded_rays(np.array([[box[0], y], [x, box[1]], [box[2], y], [x, box[3]]]))
    return np.array([rays[2, 0] - rays[0, 0], rays[3, 1] - rays[1, 1]]) * np.diag(camera.K)[:2]
