from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from rclpy.serialization import deserialize_message, serialize_message
from sim2sg.msg import SceneGraph as GraphMessage
from std_msgs.msg import Header

from sim2sg_core.scene import Pose3D, Relation, SceneGraph, SceneObject
from sim2sg_ros.graph_conversions import graph_to_message
from sim2sg_ros.vision_messages import graph_to_detections_2d, graph_to_detections_3d, read_detection

pytestmark = pytest.mark.ros

HEADER, IMAGE = Header(frame_id="base_link"), Header(frame_id="left_optical")


def graph() -> GraphMessage:
    pose = Pose3D(np.array([-1.0, 0.5, 8.0]), 0.4, np.array([4.0, 1.75, 1.5]))
    objects = (
        SceneObject("car", 0.75, np.array([10.5, 20.25, 100.5, 80.25]), pose, id="car_3"),
        SceneObject("pedestrian", 0.5, np.array([150.0, 30, 170, 90])),
    )
    return graph_to_message(SceneGraph(320, 240, objects, (Relation(0, "left_of", 1),)), HEADER, "m", 0)


def test_detections_have_middle_and_size_of_the_box() -> None:
    car, pedestrian = map(read_detection, graph().objects)
    assert (car.class_id, car.score, car.id) == ("car", 0.75, "car_3")
    assert (car.centre, car.size) == ((55.5, 50.25), (90.0, 60.0))
    assert car.pose.pose == graph().objects[0].pose.pose
    assert (car.extent.x, car.extent.y, car.extent.z) == (4.0, 1.75, 1.5)
    assert (pedestrian.centre, pedestrian.size) == ((160.0, 60.0), (20.0, 60.0))
    assert (pedestrian.id, pedestrian.pose, pedestrian.extent) == ("", None, None)


def test_the_messages_of_vision_msgs_say_the_same() -> None:
    msg = pytest.importorskip("vision_msgs.msg", reason="vision_msgs is not installed")
    message = graph()
    flat = deserialize_message(serialize_message(graph_to_detections_2d(msg, message, IMAGE)), msg.Detection2DArray)
    assert flat.header == IMAGE
    assert [item.id for item in flat.detections] == ["car_3", ""]
    for found, item in zip(flat.detections, map(read_detection, message.objects), strict=True):
        centre = found.bbox.center
        place = centre.position if hasattr(centre, "position") else centre
        assert ((place.x, place.y), centre.theta) == (item.centre, 0.0)
        assert (found.bbox.size_x, found.bbox.size_y) == item.size
        (result,) = found.results
        assert (result.hypothesis.class_id, result.hypothesis.score) == (item.class_id, item.score)
        assert found.header == IMAGE
    solid = deserialize_message(serialize_message(graph_to_detections_3d(msg, message)), msg.Detection3DArray)
    (car,) = solid.detections  # The pedestrian has no pose.
    assert (solid.header, car.header, car.id) == (HEADER, HEADER, "car_3")
    assert car.bbox.center == car.results[0].pose.pose == message.objects[0].pose.pose
    assert car.bbox.size == message.objects[0].size
    assert car.results[0].hypothesis.class_id == "car"
