"""Images turned by quarter turns: of cameras that are mounted on their side or upside down.

A turn by d degrees is clockwise. It maps pixels of the image, its camera's frame (about the optical axis) and what is
given in either; the world frame stays, and with it the yaw of objects.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from sim2sg_core.scene.camera import TURNS, Camera
from sim2sg_core.scene.graph import SceneGraph, SceneObject

_QUARTER = np.array([[0.0, -1.0], [1.0, 0.0]])  # x right and y down: what was right is down


def turn_matrix(degrees: int) -> np.ndarray:
    """Returns the (2, 2) matrix of a clockwise turn, exact: directions in the image, x and y of the camera's frame."""
    assert degrees % 360 in TURNS
    return np.linalg.matrix_power(_QUARTER, degrees % 360 // 90) + 0.0  # never -0.0


def turned_size(width: int, height: int, degrees: int) -> tuple[int, int]:
    """Returns width and height of an image after the turn."""
    return (height, width) if degrees % 180 else (width, height)


def turn_boxes(boxes: np.ndarray, width: int, height: int, degrees: int) -> np.ndarray:
    """Returns where (..., 4) xyxy boxes of an image of width x height lie once it is turned."""
    boxes = np.asarray(boxes, float)
    corners = boxes.reshape(*boxes.shape[:-1], 2, 2) @ turn_matrix(degrees).T + _origin(width, height, degrees)
    return np.concatenate([corners.min(axis=-2), corners.max(axis=-2)], axis=-1)


def turned_camera(camera: Camera, degrees: int) -> Camera:
    """Returns the camera of the images once they are turned: lens, ground and intrinsics with them."""
    if degrees % 360 == 0:
        return camera
    pixels, frame = np.eye(3), np.eye(3)
    pixels[:2, :2] = frame[:2, :2] = turn_matrix(degrees)
    pixels[:2, 2] = _origin(camera.width, camera.height, degrees)
    width, height = turned_size(camera.width, camera.height, degrees)
    ground = camera.ground
    if ground is not None:
        ground = np.append(frame @ ground[:3], ground[3])
    distortion = np.array(camera.distortion, float)
    if camera.distortion_model != "equidistant" and len(distortion) >= 4:
        # The tangential part, 2 p1 xy + p2 (r2 + 2 x2) and its like, is q r2 + 2 v (q v) with q = (p2, p1): a vector.
        distortion[[3, 2]] = turn_matrix(degrees) @ distortion[[3, 2]]
    K = pixels @ camera.K @ frame.T
    return Camera(width, height, K, ground, distortion, camera.distortion_model, rotate=(camera.rotate - degrees) % 360)


def turned_graph(graph: SceneGraph, degrees: int) -> SceneGraph:
    """Returns the graph of the image once it is turned: boxes, positions and camera. Relations stay as they are."""
    if degrees % 360 == 0:
        return graph
    boxes = turn_boxes(graph.boxes(), graph.width, graph.height, degrees)
    frame = np.eye(3)
    frame[:2, :2] = turn_matrix(degrees)
    width, height = turned_size(graph.width, graph.height, degrees)
    return dataclasses.replace(
        graph,
        width=width,
        height=height,
        objects=tuple(_turned_object(o, box, frame) for o, box in zip(graph.objects, boxes, strict=True)),
        camera=None if graph.camera is None else turned_camera(graph.camera, degrees),
    )


def _turned_object(item: SceneObject, box: np.ndarray, frame: np.ndarray) -> SceneObject:
    pose = item.pose
    if pose is not None:
        pose = dataclasses.replace(pose, position=frame @ pose.position)
    return dataclasses.replace(item, box=box, pose=pose)


def _origin(width: int, height: int, degrees: int) -> np.ndarray:
    """(2,) pixels of where the corner 0, 0 of an image comes to lie; pixel i covers [i, i + 1)."""
    return np.array({0: (0, 0), 90: (height, 0), 180: (width, height), 270: (0, width)}[degrees % 360], float)
