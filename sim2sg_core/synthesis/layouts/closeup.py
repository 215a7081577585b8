"""A scene seen from near one of its objects, as people photograph things and robots look at what they grasp."""

from __future__ import annotations

import dataclasses

import numpy as np

from sim2sg_core.scene import Camera, Layout, Placement
from sim2sg_core.scene.layout import wrap_angle

FILLS = (0.12, 1.0)  # Share of the image's height that the object fills: its longest edge seen from the side.
DISTANCE_M = (0.2, 3.0)
ELEVATION = (np.radians(3.0), np.radians(65.0))  # Of the camera, seen from the object.
OFF_CENTRE = 0.3  # Share of the field of view by which the object may lie off the image's centre.
CLEAR_M = 0.12  # Free air about the camera.
TRIES = 12


def closeup(layout: Layout, rng: np.random.Generator) -> Layout:
    """Moves the camera to near one of the placements, chosen at random, with its intrinsics and roll.

    Args:
        layout: With a camera over the ground.
        rng: Randomness.

    Returns:
        The same scene in the world frame of the new camera. The layout itself where it is empty, or where every place
        that was tried is inside of something.
    """
    for _ in range(TRIES if layout.placements else 0):
        target = layout.placements[int(rng.integers(len(layout.placements)))]
        centre = target.position + [0, 0, target.size[2] / 2]
        fills, elevation = np.exp(rng.uniform(*np.log(FILLS))), float(rng.uniform(*ELEVATION))
        distance = target.size.max() * layout.camera.K[1, 1] / (fills * layout.camera.height)
        distance = float(np.clip(distance, *DISTANCE_M))
        heading, (right, down) = float(rng.uniform(-np.pi, np.pi)), rng.uniform(-OFF_CENTRE, OFF_CENTRE, 2)
        ahead = np.array([np.cos(heading), np.sin(heading), 0.0])
        eye = centre - distance * (np.cos(elevation) * ahead - [0, 0, np.sin(elevation)])
        if _clearance(layout.placements, eye) > CLEAR_M:
            focal = layout.camera.K[[0, 1], [0, 1]]
            turn, tilt = np.arctan([right * layout.camera.width, down * layout.camera.height] / focal)
            camera = _pitched(layout.camera, float(eye[2]), elevation - float(tilt))
            return _moved(layout, camera, eye[:2], heading + float(turn))
    return layout


def _pitched(camera: Camera, height_m: float, pitch: float) -> Camera:
    """The camera at another height and pitch, radians, with the roll that it has."""
    assert camera.ground is not None
    roll = float(np.arctan2(-camera.ground[0], -camera.ground[1]))
    made = Camera.from_extrinsics(camera.width, camera.height, camera.K, height_m, pitch, roll)
    return dataclasses.replace(camera, ground=made.ground)


def _moved(layout: Layout, camera: Camera, foot: np.ndarray, heading: float) -> Layout:
    """The placements in the world frame of a camera over the (2,) point `foot`, looking along `heading`, radians."""
    c, s = np.cos(heading), np.sin(heading)
    turn = np.array([[c, -s], [s, c]])
    return Layout(
        camera,
        tuple(
            dataclasses.replace(
                p,
                position=np.append((p.position[:2] - foot) @ turn, p.position[2]),
                yaw=float(wrap_angle(p.yaw - heading)),
            )
            for p in layout.placements
        ),
    )


def _clearance(placements: tuple[Placement, ...], eye: np.ndarray) -> float:
    """Distance of a (3,) point from the nearest 3D box or from the ground, metres."""
    return min([float(eye[2]), *(p.distance_to(eye) for p in placements)])
