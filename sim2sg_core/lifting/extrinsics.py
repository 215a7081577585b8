"""Extrinsics: height, pitch and roll of the camera over the ground, estimated from what stands on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2sg_core.scene.camera import Camera
from sim2sg_core.scene.graph import SceneGraph

BASE_STD = 0.05  # metres: how far the base of a standing object strays from the ground
DEPTH_RELATIVE_STD = 0.08  # of the network's depth, where a graph does not carry its own
STANDING_SCORE = 0.1  # at least: what is unsure says little, but of a near table there is often nothing else
LOG_SPREAD = 2.0  # of logs about the prior's mean, by that of frames about their log's
TOLERANCE = 1e-4  # metres and radians


@dataclass(frozen=True)
class ExtrinsicsPrior:
    """What is believed of extrinsics before the log is seen: (height m, pitch rad, roll rad).

    Attributes:
        mean: (3,) expected values.
        std: (3,) standard deviations.
    """

    mean: np.ndarray
    std: np.ndarray


def ground_of_extrinsics(extrinsics: np.ndarray) -> np.ndarray:
    """Returns the (4,) ground plane in the camera frame of extrinsics (height, pitch, roll)."""
    camera = Camera.from_extrinsics(1, 1, np.eye(3), *(float(v) for v in extrinsics))
    assert camera.ground is not None
    return camera.ground


def extrinsics_of_ground(ground: np.ndarray) -> np.ndarray:
    """Inverse of `ground_of_extrinsics`."""
    n = ground[:3] / np.linalg.norm(ground[:3])
    return np.array([ground[3], np.arcsin(np.clip(-n[2], -1, 1)), np.arctan2(-n[0], -n[1])])


def estimate_extrinsics(graphs: Sequence[SceneGraph], prior: ExtrinsicsPrior, iterations: int = 40) -> np.ndarray:
    """Finds the extrinsics under which the inferred objects of every frame stand on the ground.

    A random-effects model (Laird and Ware 1982): frames' extrinsics spread about the log's as the prior says, and the
    log's about the prior's mean, twice as far, for users mount cameras where they like. One estimate for all frames
    would be far too steep where the camera is aimed by hand: near tables and far ones lie in the middle of the picture
    alike, so that a frame's pitch goes with its distances. Gauss–Newton with Huber weights; the residual of an object
    is the height of its base over the plane, its deviation grows with its depth's; each object counts by its score.
    The poses must come from the network's depth alone (a camera without a ground), or the assumed ground would confirm
    itself.

    Args:
        graphs: Of N frames of one log.
        prior: Binds what the objects leave open.
        iterations: Gauss–Newton steps.

    Returns:
        (N, 3) height in metres, pitch and roll in radians.
    """
    frames = [_standing(graph) for graph in graphs]
    spread, broad = np.diag(prior.std**-2.0), np.diag((LOG_SPREAD * prior.std) ** -2.0)
    log_extrinsics = np.array(prior.mean, float)
    all_extrinsics = np.tile(log_extrinsics, (len(frames), 1))
    for _ in range(iterations):
        before = all_extrinsics.copy()
        # The log's extrinsics, its frames' integrated out: frame i says information @ log_extrinsics = told, each as
        # far as the spread leaves it a say.
        normal, right = broad.copy(), broad @ prior.mean
        for i, objects in enumerate(frames):
            information, told = _evidence(before[i], *objects)
            covariance = np.linalg.inv(information + spread)
            all_extrinsics[i] = covariance @ (told + spread @ log_extrinsics)
            normal += spread @ covariance @ information
            right += spread @ covariance @ told
        log_extrinsics = np.linalg.solve(normal, right)
        if len(frames) and np.abs(all_extrinsics - before).max() < TOLERANCE:
            break
    return all_extrinsics


def _standing(graph: SceneGraph) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns (K, 3) centres, (K,) heights and (K,) scores of the objects that tell something of the ground."""
    objects = [o for o in graph.objects if o.pose is not None and o.score >= STANDING_SCORE and o.pose.position[2] > 0]
    centres = np.array([o.pose.position for o in objects if o.pose]).reshape(-1, 3)
    return centres, np.array([o.pose.size[2] for o in objects if o.pose]), np.array([o.score for o in objects])


def _evidence(
    extrinsics: np.ndarray, centres: np.ndarray, heights: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the (3, 3) information of objects on extrinsics, linearised about some, and (3,) its product."""
    residual = _base_heights(extrinsics, centres, heights)
    # An error of the depth moves the centre along its ray, and so its height by that share of the drop.
    drop = np.abs(centres @ ground_of_extrinsics(extrinsics)[:3])
    std = np.hypot(BASE_STD, DEPTH_RELATIVE_STD * drop)
    jacobian = np.stack(
        [(_base_heights(extrinsics + step, centres, heights) - residual) / 1e-4 for step in np.eye(3) * 1e-4],
        axis=1,
    )
    scaled = np.abs(residual / std)
    huber = np.where(scaled < 1.5, 1.0, 1.5 / np.maximum(scaled, 1e-9))
    weight = scores * huber / std**2
    information = jacobian.T @ (jacobian * weight[:, None])
    return information, information @ extrinsics - jacobian.T @ (weight * residual)


def _base_heights(extrinsics: np.ndarray, centres: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """(N,) heights of the objects' bases over the ground of `extrinsics`."""
    ground = ground_of_extrinsics(extrinsics)
    return centres @ ground[:3] + ground[3] - heights / 2


def with_extrinsics(camera: Camera, extrinsics: np.ndarray | None) -> Camera:
    """Returns the camera with these extrinsics; None forgets the ground."""
    return dataclasses.replace(camera, ground=None if extrinsics is None else ground_of_extrinsics(extrinsics))
