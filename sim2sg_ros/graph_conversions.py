"""Scene graphs and cameras: from plain data to messages and back."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from sim2sg.msg import SceneGraph as GraphMessage
from sim2sg.msg import SceneObject as ObjectMessage
from sim2sg.msg import SceneRelation as RelationMessage

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs.camera_calibration import camera_from_info
from sim2sg_core.scene import Camera, Pose3D, Relation, SceneGraph, SceneObject
from sim2sg_core.scene.layout import camera_yaw, world_yaw

if TYPE_CHECKING:
    from sensor_msgs.msg import CameraInfo
    from std_msgs.msg import Header

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
        stamp=message.header.stamp.sec * 1_000_000_000 + message.header.stamp.nanosec,
        camera=camera,
    )


def graph_to_json(graph: SceneGraph) -> str:
    """Returns the graph as one line of sim2sg's JSON form (a record of `images`)."""
    return json.dumps(graph.to_json(), separators=(",", ":"))


def graph_to_text(graph: SceneGraph) -> str:
    """Returns the graph in plain words: a line per object, then one per relation; each line can be read by itself.

    Such as `cup_3: cup, score 0.91, 0.82 m ahead of the camera, …`, and
    `cup_3 left of book_5, as the camera sees it (0.80)`.
    """
    if not graph.objects:
        return "nothing was found"
    names = object_names(graph.objects)
    lines = [f"{name}: {_describe(item, graph)}" for name, item in zip(names, graph.objects, strict=True)]
    lines += [_sentence(names[r.subject], r, names[r.object]) for r in graph.relations]
    return "\n".join(lines)


def object_names(objects: Sequence[SceneObject]) -> list[str]:
    """Names objects by track id, such as `cup_3`, or by class and index where not all are tracked."""
    if not all(item.id for item in objects):
        return [f"{item.label}_{i}" for i, item in enumerate(objects)]
    return [f"{item.label}_{item.id}" if item.id.isdigit() else item.id for item in objects]


def camera_from_message(info: CameraInfo, ground: np.ndarray | None = None, *, rectified: bool = False) -> Camera:
    """Builds the camera of the images that a CameraInfo belongs to.

    Args:
        info: The calibration.
        ground: (4,) ground plane in the camera frame, None when unknown.
        rectified: The images are rectified: take P and no distortion instead of K and D.

    Raises:
        Sim2SGError: Not calibrated, not finite, or a lens model that is not known.
    """
    camera = camera_from_info(info, rectified, "camera_info")
    if camera is None or not camera.width or not camera.height:
        raise Sim2SGError("camera_info is not calibrated (its focal length or size is zero): it is not used")
    if not (np.isfinite(camera.K).all() and np.isfinite(camera.distortion).all()):
        raise Sim2SGError("camera_info holds numbers that are not finite: calibrate the camera again")
    return dataclasses.replace(camera, ground=ground)


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
    """(3, 3) rotation from world axes to the camera's; a level camera where the ground is unknown."""
    if camera is None or camera.ground is None:
        return _LEVEL_CAMERA_WORLD
    return camera.T_world_camera[:3, :3].T


def _rotation_quaternion(camera: Camera | None) -> list[float]:
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
    return (q if q[3] >= 0 else -q).tolist()


def _describe(item: SceneObject, graph: SceneGraph) -> str:
    x1, y1, x2, y2 = (round(float(v)) for v in item.box)
    words = [item.label, f"score {item.score:.2f}"]
    if item.pose is None:
        words.append(_place_in_image((x1 + x2) / 2 / graph.width, (y1 + y2) / 2 / graph.height))
    else:
        size = " x ".join(_metres(v) for v in item.pose.size)
        words += [*_place(item.pose, graph.camera), f"{size} m long, wide and high"]
    return ", ".join([*words, f"box {x1} {y1} {x2} {y2}"])


def _place(pose: Pose3D, camera: Camera | None) -> list[str]:
    """Says where a box is: along the ground where that is known, else along the camera's own axes."""
    if camera is None or camera.ground is None:
        right, down, ahead = (float(v) for v in pose.position)
        height = f"{_metres(abs(down))} m {'below' if down > 0 else 'above'} it"
    else:
        ahead, left, centre = (float(v) for v in camera.to_world(pose.position))
        right, base = -left, centre - float(pose.size[2]) / 2
        height = f"base {_metres(abs(base))} m {'above' if base > -0.005 else 'below'} the ground"
    side = "right" if right > 0 else "left"
    return [f"{_metres(ahead)} m ahead of the camera", f"{_metres(abs(right))} m to its {side}", height]


def _place_in_image(x: float, y: float) -> str:
    """Says in which ninth of the image a point lies; x and y from 0 to 1."""
    column, row = (min(int(3 * max(v, 0.0)), 2) for v in (x, y))
    words = ("upper", "", "lower")[row], ("left", "middle", "right")[column]
    return f"in the {' '.join(filter(None, words))} of the image"


def _metres(value: float) -> str:
    """Writes centimetres where they matter."""
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"


def _sentence(subject: str, relation: Relation, target: str) -> str:
    frames = {
        "viewer": ", as the camera sees it",
        "object": f", in the directions of {target} itself",
        "world": ", in the directions of the world",
    }
    words = relation.predicate.replace("_", " ")
    return f"{subject} {words} {target}{frames.get(relation.frame, '')} ({relation.score:.2f})"
