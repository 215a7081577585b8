"""How the camera is mounted over the ground, estimated from what stands on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sim2sg_core.scene.camera import Camera
from sim2sg_core.scene.graph import SceneGraph

BASE_STD = 0.05  # metres: how far the base of a standing object strays from the ground
DEPTH_RELATIVE_STD = 0.08  # of the network's depth, where a graph does not carry its own
MIN_SCORE = 0.3


@dataclass(frozen=True)
class MountPrior:
    """What is believed of the mount before the log is seen: (height m, pitch rad, roll rad).

    Attributes:
        mean: (3,) expected values.
        std: (3,) standard deviations.
    """

    mean: np.ndarray
    std: np.ndarray


def ground_of_mount(mount: np.ndarray) -> np.ndarray:
    """Returns the (4,) ground plane in the camera frame of a mount (height, pitch, roll)."""
    camera = Camera.from_mount(1, 1, np.eye(3), *(float(v) for v in mount))
    assert camera.ground is not None
    return camera.ground


def mount_of_ground(ground: np.ndarray) -> np.ndarray:
    """Inverse of `ground_of_mount`."""
    n = ground[:3] / np.linalg.norm(ground[:3])
    return np.array([ground[3], np.arcsin(np.clip(-n[2], -1, 1)), np.arctan2(-n[0], -n[1])])


def estimate_mount(graphs: Iterable[SceneGraph], prior: MountPrior, iterations: int = 20) -> tuple[np.ndarray, int]:
    """Finds the mount under which the inferred objects stand on the ground.

    Maximum a posteriori by Gauss–Newton with Huber weights: the residual of an object is the height of its
    base over the plane, its deviation grows with its depth's; each object counts by its score.
    The poses must come from the network's depth alone (a camera without a ground), or the assumed ground
    would confirm itself.

    Args:
        graphs: Of one camera on one mount.
        prior: Binds what the objects leave open.
        iterations: Gauss–Newton steps.

    Returns:
        (3,) height in metres, pitch and roll in radians; and the number of objects used.
    """
    objects = [
        o for g in graphs for o in g.objects if o.pose is not None and o.score >= MIN_SCORE and o.pose.position[2] > 0
    ]
    mount = np.array(prior.mean, float)
    if not objects:
        return mount, 0
    centres = np.array([o.pose.position for o in objects if o.pose])
    heights = np.array([o.pose.size[2] for o in objects if o.pose])
    scores = np.array([o.score for o in objects])
    for _ in range(iterations):
        residual = _base_heights(mount, centres, heights)
        # An error of the depth moves the centre along its ray, and so its height by that share of the drop.
        drop = np.abs(centres @ ground_of_mount(mount)[:3])
        std = np.hypot(BASE_STD, DEPTH_RELATIVE_STD * drop)
        jacobian = np.stack(
            [(_base_heights(mount + step, centres, heights) - residual) / 1e-4 for step in np.eye(3) * 1e-4],
            axis=1,
        )
        scaled = residual / std
        huber = np.where(np.abs(scaled) < 1.5, 1.0, 1.5 / np.maximum(np.abs(scaled), 1e-9))
        weight = scores * huber / std**2
        hessian = jacobian.T @ (jacobian * weight[:, None]) + np.diag(1 / prior.std**2)
        gradient = jacobian.T @ (weight * residual) + (mount - prior.mean) / prior.std**2
        step = np.linalg.solve(hessian, gradient)
        mount = mount - step
        if np.abs(step).max() < 1e-7:
            break
    return mount, len(objects)


def _base_heights(mount: np.ndarray, centres: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """(N,) heights of the objects' bases over the ground of `mount`."""
    ground = ground_of_mount(mount)
    return centres @ ground[:3] + ground[3] - heights / 2


def with_mount(camera: Camera, mount: np.ndarray | None) -> Camera:
    """Returns the camera on that mount; None forgets the ground."""
    return dataclasses.replace(camera, ground=None if mount is None else ground_of_mount(mount))
