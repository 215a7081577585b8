"""Which instances a pass has to draw."""

from __future__ import annotations

import numpy as np

from sim2sg_core.render.projection import FAR
from sim2sg_core.render.render_scene import Instance, RenderScene
from sim2sg_core.scene.camera import Camera


def bounds(matrices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns (N, 3) centres and (N,) radii of spheres round instances, metres."""
    centre = matrices[:, :, 3] + 0.5 * matrices[:, :, 2]
    return centre, 0.5 * np.linalg.norm(np.linalg.norm(matrices[:, :, :3], axis=1), axis=1)


def cull(
    instances: list[Instance], matrices: np.ndarray, view: np.ndarray, clip: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (N,) distance to the nearest point of each instance, and whether the camera may see it."""
    if not instances:
        return np.zeros(0), np.zeros(0, bool)
    centre, radius = bounds(matrices)
    depth = centre @ view[2, :3] + view[2, 3]
    # Planes of the frustum from rows of the clip matrix: w ± x, w ± y, w + z.
    planes = np.stack([clip[3] + clip[0], clip[3] - clip[0], clip[3] + clip[1], clip[3] - clip[1], clip[3] + clip[2]])
    planes /= np.linalg.norm(planes[:, :3], axis=1, keepdims=True)
    inside = (centre @ planes[:, :3].T + planes[:, 3] > -radius[:, None]).all(axis=1)
    return depth - radius, inside


def sees_sky(camera: Camera) -> bool:
    """Whether anything of the image lies above, or nearly at, the end of the ground."""
    corners = np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * [camera.width, camera.height]
    rays = np.concatenate([(corners - camera.K[:2, 2]) @ np.linalg.inv(camera.K[:2, :2]).T, np.ones((4, 1))], axis=1)
    steepness = -(rays @ camera.T_world_camera[2, :3]) / np.linalg.norm(rays, axis=1)
    return bool(steepness.min() < 2 * camera.T_world_camera[2, 3] / (FAR * 0.7))


def casters_of(scene: RenderScene, instances: list[Instance], matrices: np.ndarray) -> np.ndarray:
    """Indices of the instances that cast shadows: near enough, ahead of the camera or not far behind it."""
    if not instances:
        return np.zeros(0, np.int64)
    centre, radius = bounds(matrices)
    near = np.linalg.norm(centre[:, :2], axis=1) - radius < scene.shadow_range
    wanted = np.array([i.shadow for i in instances])
    return np.flatnonzero(near & wanted & (centre[:, 0] + radius > -15.0))


def enclose(matrices: np.ndarray) -> tuple[np.ndarray, float]:
    """A sphere round all of these instances."""
    centre, radius = bounds(matrices)
    low, high = (centre - radius[:, None]).min(0), (centre + radius[:, None]).max(0)
    middle = (low + high) / 2
    return middle, float((np.linalg.norm(centre - middle, axis=1) + radius).max())
