"""From the network's outputs per object to 3D boxes in the camera's frame."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2sg_core.lifting.fusion import PIXEL_STD, fuse_depth
from sim2sg_core.lifting.surfaces import Surfaces, front_distances, fuse_surfaces
from sim2sg_core.scene import Camera
from sim2sg_core.scene.layout import wrap_angle


@dataclass(frozen=True, eq=False)
class Lifted:
    """N boxes in the camera's frame, as arrays.

    Attributes:
        positions: (N, 3) centres of the boxes, metres.
        yaws: (N,) radians in [-pi, pi), as of `Pose3D`.
        sizes: (N, 3) length, width, height, metres.
        stds: (N,) standard deviations of the depths, relative to them.
        seen: (N,) whether a ray of the camera leads to the centre; where none does the position is none.
    """

    positions: np.ndarray
    yaws: np.ndarray
    sizes: np.ndarray
    stds: np.ndarray
    seen: np.ndarray


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
    grounded: np.ndarray | None = None,
    surfaces: Surfaces | None = None,
) -> Lifted:
    """Lifts N objects to 3D.

    Args:
        centres: (N, 2) projected 3D centres, pixels of the image.
        depths: (N,) depths z of the centres as the network sees them, metres.
        depth_stds: (N,) their standard deviations, relative to the depth.
        sizes: (N, 3) length, width, height, metres.
        alphas: (N,) observation angles, radians.
        camera: The image's camera; a known ground is fused with the network's depth.
        grounded: (N,) bool: objects that stand on the ground for certain; None means all. Those that may stand on
            others keep the network's depth.
        surfaces: What a depth image shows of them; fused too.
    """
    rays, seen = camera.bounded_rays(centres)
    yaws = wrap_angle(alphas + azimuth(rays, camera))
    if not camera.is_pinhole:
        # Inverting a lens is most of the cost: once is enough. From here as if seen by a camera without one.
        centres = rays[:, :2] @ camera.K[:2, :2].T + camera.K[:2, 2]
        camera = camera.without_lens()
    depths, stds = fuse_depth(depths, depth_stds, centres, sizes[:, 2], camera, grounded)
    if surfaces is not None:
        depths, stds = fuse_surfaces(depths, stds, surfaces, front_distances(rays, alphas, sizes, camera))
    return Lifted(rays * depths[:, None], yaws, sizes, stds, seen)


def position_covariances(positions: np.ndarray, relative_stds: np.ndarray, camera: Camera) -> np.ndarray:
    """Covariances of lifted positions in the camera's frame.

    An error of the depth moves an object along its ray, an error of its projected centre (`PIXEL_STD`) across
    the optical axis. What errors of several objects share, as of wrong extrinsics, is not known apart.

    Args:
        positions: (N, 3) positions in the camera frame, metres.
        relative_stds: (N,) standard deviations of the depths, relative to them.
        camera: Of the image.

    Returns:
        (N, 3, 3) square metres.
    """
    along = positions * np.asarray(relative_stds)[:, None]
    across = positions[:, 2] * PIXEL_STD / camera.focal
    return along[:, :, None] * along[:, None, :] + across[:, None, None] ** 2 * np.diag([1.0, 1.0, 0.0])


def level_covariances(positions: np.ndarray, relative_stds: np.ndarray, camera: Camera) -> np.ndarray:
    """Returns `position_covariances` in the level frame of a camera with a known ground: x forward, y left, z up."""
    turn = camera.T_world_camera[:3, :3]
    return turn @ position_covariances(positions, relative_stds, camera) @ turn.T
