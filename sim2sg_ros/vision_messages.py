"""Graphs as vision_msgs: 2D and 3D detections, without the relations."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

from geometry_msgs.msg import PoseWithCovariance, Vector3
from sim2sg.msg import SceneGraph as GraphMessage
from sim2sg.msg import SceneObject as ObjectMessage
from std_msgs.msg import Header


class Detection(NamedTuple):
    """What vision_msgs says about an object.

    Attributes:
        class_id: The class, by name.
        score: 0 to 1.
        id: Track id; "" when tracking is off.
        centre: x, y of the box's middle, pixels.
        size: Width and height of the box, pixels.
        pose: Of the 3D box; None when unknown.
        extent: Length, width, height of the 3D box, metres; None when unknown.
    """

    class_id: str
    score: float
    id: str
    centre: tuple[float, float]
    size: tuple[float, float]
    pose: PoseWithCovariance | None
    extent: Vector3 | None


def read_detection(item: ObjectMessage) -> Detection:
    """Takes from an object what vision_msgs has a place for."""
    return Detection(
        class_id=item.class_name,
        score=item.score,
        id=item.id,
        centre=((item.x1 + item.x2) / 2, (item.y1 + item.y2) / 2),
        size=(item.x2 - item.x1, item.y2 - item.y1),
        pose=item.pose if item.has_pose else None,
        extent=item.size if item.has_pose else None,
    )


def graph_to_detections_2d(msg: ModuleType, message: GraphMessage, header: Header) -> Any:
    """Builds a Detection2DArray, in the graph's order.

    Args:
        msg: The installed `vision_msgs.msg`, version 3 or later.
        message: The graph.
        header: The image's header: boxes are in pixels, whatever frame the poses are in.
    """
    array = msg.Detection2DArray(header=header)
    for item in map(read_detection, message.objects):
        box = msg.BoundingBox2D(size_x=item.size[0], size_y=item.size[1])
        # Version 4 (Humble and later) has Pose2D with a position, version 3 (Galactic) had x and y at once.
        point = getattr(box.center, "position", box.center)
        point.x, point.y = item.centre
        detection = msg.Detection2D(header=header, results=[_hypothesis(msg, item)], bbox=box, id=item.id)
        array.detections.append(detection)
    return array


def graph_to_detections_3d(msg: ModuleType, message: GraphMessage) -> Any:
    """Builds a Detection3DArray in the graph's frame, of the objects that have a pose.

    Args:
        msg: The installed `vision_msgs.msg`, version 3 or later.
        message: The graph.
    """
    array = msg.Detection3DArray(header=message.header)
    for item in map(read_detection, message.objects):
        if item.pose is None:
            continue
        box = msg.BoundingBox3D(center=item.pose.pose, size=item.extent)
        result = _hypothesis(msg, item)
        result.pose = item.pose
        array.detections.append(msg.Detection3D(header=message.header, results=[result], bbox=box, id=item.id))
    return array


def _hypothesis(msg: ModuleType, item: Detection) -> Any:
    hypothesis = msg.ObjectHypothesis(class_id=item.class_id, score=item.score)
    return msg.ObjectHypothesisWithPose(hypothesis=hypothesis)
