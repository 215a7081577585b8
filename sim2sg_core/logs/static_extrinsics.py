"""The extrinsics of a camera over the ground, from static transforms."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from sim2sg_core.lifting.extrinsics import extrinsics_of_ground

logger = logging.getLogger(__name__)

BASE_FRAMES = ("base_footprint", "base_link")
"""Frames that count as standing on the ground, best first (REP-105, REP-120)."""

_LEAST_NORM = 0.1
"""Of a quaternion; one that was never filled in has 0."""

_LEAST_UP = 0.3
"""Of a body frame's z axis: it is pitched by 72 degrees at most. Optical frames rolled by 90 degrees have less."""

# Columns: the optical axes (right, down, forward) in a body frame (forward, left, up).
_R_BODY_OPTICAL = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])


def extrinsics_from_transforms(transforms: Iterable[Any], camera_frame: str) -> tuple[float, float, float] | None:
    """Chains transforms from the camera's frame to the base.

    Args:
        transforms: geometry_msgs/TransformStamped; later ones replace earlier ones of the same child.
        camera_frame: The images' header.frame_id. It should be optical; where its z axis points up rather than its y
            axis down, it is taken for a body frame (x forward), a common mistake.

    Returns:
        Height in metres, pitch and roll in radians as `Camera.from_extrinsics` takes them; None when the camera
        is not connected to a base frame. The base frame counts as lying on the ground.
    """
    edges: dict[str, dict[str, np.ndarray]] = {}
    for item in transforms:
        parent, child = item.header.frame_id.lstrip("/"), item.child_frame_id.lstrip("/")
        T = matrix(item.transform)
        if T is None:
            logger.warning("/tf_static: %s -> %s has no valid rotation or position: not used", parent, child)
            continue
        edges.setdefault(parent, {})[child] = T
        edges.setdefault(child, {})[parent] = np.linalg.inv(T)
    reached = _chain(edges, camera_frame.lstrip("/"))
    base = next((frame for frame in BASE_FRAMES if frame in reached), None)
    if base is None:
        return None
    if base != BASE_FRAMES[0]:
        logger.warning("no base_footprint in /tf_static: %s counts as lying on the ground", base)
    T_base_camera = np.linalg.inv(reached[base])
    R = T_base_camera[:3, :3]
    if is_body_frame(R):
        R = R @ _R_BODY_OPTICAL
    height = float(T_base_camera[2, 3])
    if height <= 0:
        logger.warning("the camera lies %.2f m under %s: /tf_static is not used", -height, base)
        return None
    _, pitch, roll = extrinsics_of_ground(np.append(R[2], height))
    return height, float(pitch), float(roll)


def is_body_frame(R: np.ndarray) -> bool:
    """Whether the axes of a camera's frame, columns in the base's, are forward, left, up and not right, down, forward.

    By pitch p and roll r, up is (-sin p, sin r cos p, cos r cos p) in a body frame and (-sin r cos p, -cos r cos p,
    -sin p) in an optical one. So y and z tell them apart, up to 45 degrees of roll in the first and of looking up in
    the second.

    Args:
        R: (3, 3) rotation from the camera's frame to that of the base, whose z axis points up.
    """
    return bool(R[2, 2] > max(abs(R[2, 1]), _LEAST_UP))


def matrix(transform: Any) -> np.ndarray | None:
    """(4, 4) matrix parent <- child of a geometry_msgs/Transform; None of one that is not finite, or not filled in."""
    q, p = transform.rotation, transform.translation
    norm = float(np.linalg.norm([q.x, q.y, q.z, q.w]))
    if not (math.isfinite(norm) and np.isfinite([p.x, p.y, p.z]).all() and norm > _LEAST_NORM):
        return None
    x, y, z, w = np.array([q.x, q.y, q.z, q.w]) / norm
    T = np.eye(4)
    T[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    t = transform.translation
    T[:3, 3] = [t.x, t.y, t.z]
    return T


def _chain(edges: dict[str, dict[str, np.ndarray]], start: str) -> dict[str, np.ndarray]:
    """Returns T_start_frame for every frame that is connected to `start`."""
    if start not in edges:
        return {}
    reached, todo = {start: np.eye(4)}, [start]
    while todo:
        frame = todo.pop()
        for neighbour, T in edges[frame].items():
            if neighbour not in reached:
                reached[neighbour] = reached[frame] @ T
                todo.append(neighbour)
    return reached
