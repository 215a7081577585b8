"""Scene graphs: from plain data to messages and back, and to JSON."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Sequence

import numpy as np
from sim2sg.msg import SceneGraph as GraphMessage
from sim2sg.msg import SceneObject as ObjectMessage
from sim2sg.msg import SceneRelation as RelationMessage
from std_msgs.msg import Header

from sim2sg_core.runtime.pose import position_covariances
from sim2sg_core.scene import Camera, Pose3D, Relation, SceneGraph, SceneObject
from sim2sg_core.scene.layout import camera_yaw, world_yaw
from sim2sg_core.scene.turning import turn_matrix
from sim2sg_ros.stamps import nanoseconds_of

# Axes of a level camera in the world: right is -y, down is -z, forward is x.
_LEVEL_CAMERA_WORLD = np.array([[0.0, -1.0, 0.0], [0.0, 0.0, -1.0], [1.0, 0.0, 0.0]])


def graph_to_message(graph: SceneGraph, header: Header, model_id: str, sequence: int) -> GraphMessage:
    """Builds the message; objects and relations keep their order.

    Args:
        graph: What was found.
        header: The image's header, passed on untouched.
        model_id: The model's name.
        sequence: Number of this graph.
    """
    message = GraphMessage(
        header=header,
        sequence=sequence,
        model_id=model_id,
        image_width=graph.width,
        image_height=graph.height,
    )
    rotation = _rotation_quaternion(graph.camera)
    message.objects = [_object_message(item, rotation) for item in graph.objects]
    _add_covariances(message, graph)
    message.relations = [
        RelationMessage(subject=r.subject, predicate=r.predicate, object=r.object, score=float(r.score), frame=r.frame)
        for r in graph.relations
    ]
    return message


def graph_from_message(message: GraphMessage, camera: Camera | None = None) -> SceneGraph:
    """Reads a message back.

    Args:
        message: A graph as the node published it.
        camera: The camera whose ground the yaws turn on; None counts as level.
    """
    to_world = _camera_rotation(camera).T
    return SceneGraph(
        width=message.image_width,
        height=message.image_height,
        objects=tuple(_read_object(item, to_world) for item in message.objects),
        relations=tuple(Relation(r.subject, r.predicate, r.object, r.score, r.frame) for r in message.relations),
        stamp=nanoseconds_of(message.header.stamp),
        camera=camera,
    )


def graph_to_json(graph: SceneGraph) -> str:
    """Returns the graph as one line of sim2sg's JSON form (a record of `images`)."""
    return json.dumps(graph.to_json(), separators=(",", ":"))


def _add_covariances(message: GraphMessage, graph: SceneGraph) -> None:
    """Fills in the covariances of positions whose depth has a known deviation; those of rotations stay unknown."""
    camera = graph.camera
    known = [
        (item, o.pose) for item, o in zip(message.objects, graph.objects) if o.pose and o.pose.depth_std is not None
    ]
    if camera is None or not known:
        return
    blocks = np.zeros((len(known), 6, 6))
    positions = np.array([pose.position for _, pose in known])
    blocks[:, :3, :3] = position_covariances(positions, np.array([pose.depth_std for _, pose in known]), camera)
    for (item, _), block in zip(known, blocks.reshape(-1, 36)):
        item.pose.covariance = block


def _object_message(item: SceneObject, rotation: Sequence[float]) -> ObjectMessage:
    x1, y1, x2, y2 = np.asarray(item.box, float).tolist()
    message = ObjectMessage(id=item.id, class_name=item.label, score=float(item.score), x1=x1, y1=y1, x2=x2, y2=y2)
    if item.pose is None:
        return message
    message.has_pose = True
    pose = message.pose.pose
    pose.position.x, pose.position.y, pose.position.z = np.asarray(item.pose.position, float).tolist()
    # The turn about the world's z axis first, then from world to camera: a Hamilton product, written out
    # since numpy takes twenty times as long for four numbers.
    x, y, z, w = rotation
    half = world_yaw(item.pose.yaw) / 2
    c, s = math.cos(half), math.sin(half)
    turn = pose.orientation
    turn.x, turn.y, turn.z, turn.w = x * c + y * s, y * c - x * s, z * c + w * s, w * c - z * s
    message.size.x, message.size.y, message.size.z = np.asarray(item.pose.size, float).tolist()
    return message


def _read_object(message: ObjectMessage, to_world: np.ndarray) -> SceneObject:
    pose = None
    if message.has_pose:
        position, q = message.pose.pose.position, message.pose.pose.orientation
        # The object's x axis, first column of the rotation that the quaternion stands for.
        heading = to_world @ [
            1 - 2 * (q.y * q.y + q.z * q.z),
            2 * (q.x * q.y + q.z * q.w),
            2 * (q.x * q.z - q.y * q.w),
        ]
        yaw = camera_yaw(float(np.arctan2(heading[1], heading[0])))
        size = np.array([message.size.x, message.size.y, message.size.z])
        pose = Pose3D(np.array([position.x, position.y, position.z]), yaw, size)
    box = np.array([message.x1, message.y1, message.x2, message.y2])
    return SceneObject(message.class_name, message.score, box, pose, id=message.id)


def _camera_rotation(camera: Camera | None) -> np.ndarray:
    """(3, 3) rotation from world axes to the camera's; where the ground is unknown it stands level once turned."""
    if camera is None:
        return _LEVEL_CAMERA_WORLD
    if camera.ground is None:
        back = np.eye(3)
        back[:2, :2] = turn_matrix(-camera.rotate)
        return back @ _LEVEL_CAMERA_WORLD
    return camera.T_world_camera[:3, :3].T


@functools.lru_cache(maxsize=16)  # A camera is one object as long as nothing about it changes.
def _rotation_quaternion(camera: Camera | None) -> tuple[float, ...]:
    """x, y, z, w of `_camera_rotation`.

    Formula: the eigenvector of the largest eigenvalue of Bar-Itzhack's symmetric matrix (2000), which
    has no special cases.
    """
    r = _camera_rotation(camera)
    matrix = np.array(
        [
            [r[0, 0] - r[1, 1] - r[2, 2], r[0, 1] + r[1, 0], r[0, 2] + r[2, 0], r[2, 1] - r[1, 2]],
            [0.0, r[1, 1] - r[0, 0] - r[2, 2], r[1, 2] + r[2, 1], r[0, 2] - r[2, 0]],
            [0.0, 0.0, r[2, 2] - r[0, 0] - r[1, 1], r[1, 0] - r[0, 1]],
            [0.0, 0.0, 0.0, r[0, 0] + r[1, 1] + r[2, 2]],
        ]
    )
    q = np.linalg.eigh(matrix, UPLO="U")[1][:, -1]
    return tuple((q if q[3] >= 0 else -q).tolist())
