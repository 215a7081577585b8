"""Objects, moved on the level they stand on and scaled until they fill the boxes in which they were seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from sim2sg_core.scene.camera import Camera
from sim2sg_core.scene.layout import Placement

ProjectBox = Callable[[Placement, Camera], np.ndarray]
"""Returns the (4,) xyxy box of a placement, pixels, not clipped; NaN where it cannot be seen."""

EDGE_STD = 1.5  # pixels: how exactly a detector finds an edge,
EDGE_RELATIVE_STD = 0.04  # and as a share of the box
DEPTH_STD = 0.15  # relative: how far along its ray an object may move
BORDER = 2.0  # pixels from the image's border where an edge says nothing: the object may go on


def refine_placement(
    placement: Placement,
    box: np.ndarray,
    free: np.ndarray,
    camera: Camera,
    project: ProjectBox,
    size_std: float,
    iterations: int = 8,
) -> Placement:
    """Finds the place on its level and the scale under which an object fills its box.

    Maximum a posteriori by Gauss–Newton over the horizontal position and the logarithm of the scale. On a known
    level the lower edge says how far the object is and the height then how large: so sizes that the domain
    never told of can be learned from a log. The prior (the placement given) decides what the box leaves open.

    Args:
        placement: First estimate, its base on the ground or at the surface that supports it; that height stays.
        box: (4,) observed, pixels.
        free: (4,) bool: edges that are the object's own, neither hidden nor cut by the image.
        camera: With a known ground.
        project: Projects a placement.
        size_std: Standard deviation of the scale's logarithm; 0 keeps the size.
        iterations: Gauss–Newton steps.

    Returns:
        The refined placement; the one given where nothing can be learned of it.
    """
    extent = np.tile(box[2:] - box[:2], 2)
    edge_std = np.where(free, np.hypot(EDGE_STD, EDGE_RELATIVE_STD * extent), np.inf)
    away = float(np.linalg.norm(placement.position[:2]))
    if not np.isfinite(edge_std).any() or away <= 0:
        return placement
    # Unknowns in units of their deviations: along the ray on the ground, across it, the scale.
    along = placement.position[:2] / away
    across = np.array([-along[1], along[0]])
    step_std = np.array([DEPTH_STD * away, 0.05 * away, max(size_std, 1e-6)])

    def moved(state: np.ndarray) -> Placement:
        shift = state * step_std
        position = placement.position.copy()
        position[:2] += shift[0] * along + shift[1] * across
        return dataclasses.replace(placement, position=position, size=placement.size * np.exp(shift[2]))

    def residual(state: np.ndarray) -> np.ndarray:
        edges = (project(moved(state), camera) - box) / edge_std
        return np.concatenate([np.where(np.isfinite(edge_std), edges, 0.0), state])

    state = np.zeros(3)
    now = residual(state)
    if not np.isfinite(now).all():
        return placement
    for _ in range(iterations):
        jacobian = np.stack([(residual(state + d) - now) / 1e-3 for d in np.eye(3) * 1e-3], axis=1)
        if not np.isfinite(jacobian).all():
            break
        step = -np.linalg.solve(jacobian.T @ jacobian + 1e-9 * np.eye(3), jacobian.T @ now)
        step *= min(1.0, 1.5 / max(float(np.abs(step).max()), 1e-9))  # No leaps: projection is not linear.
        after = residual(state + step)
        if not np.isfinite(after).all() or after @ after > now @ now:
            break
        state, now = state + step, after
        if np.abs(step).max() < 1e-3:
            break
    return moved(state)


def free_edges(boxes: np.ndarray, bases: np.ndarray, width: int, height: int) -> np.ndarray:
    """Tells which edges of the boxes are the objects' own.

    Args:
        boxes: (N, 4) xyxy, pixels.
        bases: (N,) distance of each object from the camera, any unit.
        width: Of the image, pixels.
        height: Of the image, pixels.

    Returns:
        (N, 4) bool: the edge is neither at the image's border nor is its middle inside the box of a nearer object.
    """
    limit = np.array([BORDER, BORDER, width - BORDER, height - BORDER])
    free = np.concatenate([boxes[:, :2] > limit[:2], boxes[:, 2:] < limit[2:]], axis=1)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    points = np.stack(
        [
            np.stack([boxes[:, 0], middle[:, 1]], -1),
            np.stack([middle[:, 0], boxes[:, 1]], -1),
            np.stack([boxes[:, 2], middle[:, 1]], -1),
            np.stack([middle[:, 0], boxes[:, 3]], -1),
        ],
        axis=1,
    )
    inside = (points[:, :, None] > boxes[None, None, :, :2]).all(-1) & (
        points[:, :, None] < boxes[None, None, :, 2:]
    ).all(-1)
    nearer = bases[None, :] < bases[:, None]
    return free & ~(inside & nearer[:, None, :]).any(-1)
