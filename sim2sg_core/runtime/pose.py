"""From the network's outputs per object to 3D boxes in the camera's frame."""

from __future__ import annotations

import numpy as np

from sim2sg_core.lifting.fusion import fuse_depth
from sim2sg_core.scene import Camera


def azimuth(rays: np.ndarray, camera: Camera) -> np.ndarray:
    """Horizontal angle of camera-frame rays, the bridge from observation angle to yaw.

    The angle is measured about gravity-down in the camera's *level* frame (right and forward, both
    horizontal): zero straight ahead, positive to the right, so that yaw = alpha + azimuth. For a level
    camera that is KITTI's atan2(x, z). Without a known ground the camera counts as level.

    Args:
        rays: (..., 3) directions in the camera frame.
        camera: Gives gravity.

    Returns:
        (...,) radians.
    """
    if camera.ground is None:
        return np.arctan2(rays[..., 0], rays[..., 2])
    world = rays @ camera.T_world_camera[:3, :3].T  # x forward, y left, z up
    return np.arctan2(-world[..., 1], world[..., 0])


def lift(
    centres: np.ndarray,
    depths: np.ndarray,
    depth_stds: np.ndarray,
    sizes: np.ndarray,
    alphas: np.ndarray,
    camera: Camera,
) -> tuple[np.ndarray, np.ndarray]:
    """Lifts N objects to 3D.

    Args:
        centres: (N, 2) projected 3D centres, pixels of the image.
        depths: (N,) depths z of the centres as the network sees them, metres.
        depth_stds: (N,) their standard deviations, relative to the depth.
        sizes: (N, 3) length, width, height, metres.
        alphas: (N,) observation angles, radians.
        camera: The image's camera; a known ground is fused with the network's depth.

    Returns:
        (N, 3) positions of the box centres in the camera frame, metres; (N,) yaws in [-pi, pi).
    """
    rays = camera.rays(centres)
    depths, _ = fuse_depth(depths, depth_stds, centres, sizes[:, 2], camera)
    yaws = alphas + azimuth(rays, camera)
    return rays * depths[:, None], (yaws + np.pi) % (2 * np.pi) - np.pi
