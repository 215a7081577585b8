from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.scene import Camera, Placement, Pose3D, Relation, SceneGraph, SceneObject
from sim2sg_ros.graph_conversions import (
    camera_from_message,
    graph_from_message,
    graph_to_json,
    graph_to_message,
    graph_to_text,
)

pytestmark = pytest.mark.ros

K = np.array([[300.0, 0, 160], [0, 310, 120], [0, 0, 1]])
angles = st.floats(-math.pi, math.pi - 1e-6)


def camera(pitch: float = 0.3, roll: float = 0.1) -> Camera:
    return Camera.from_extrinsics(320, 240, K, 1.5, pitch, roll)


def graph(yaw: float = 0.4, view: Camera | None = None) -> SceneGraph:
    pose = Pose3D(np.array([-1.0, 0.5, 8.0]), yaw, np.array([4.0, 1.8, 1.5]))
    return SceneGraph(
        320,
        240,
        (
            SceneObject("car", 0.9, np.array([10.5, 20.25, 100, 80]), pose),
            SceneObject("pedestrian", 0.6, np.array([150, 30, 170.5, 90]), id="p7"),
        ),
        (Relation(0, "left_of", 1, 0.8, "viewer"),),
        stamp=1_500_000_000_123_456_789,
        camera=view,
    )


def header() -> Header:
    result = Header(frame_id="left_optical")
    result.stamp.sec, result.stamp.nanosec = 1_500_000_000, 123_456_789
    return result


@given(angles, st.floats(-1.2, 1.2), st.floats(-1.0, 1.0))
def test_messages_read_back_as_they_were(yaw: float, pitch: float, roll: float) -> None:
    view = camera(pitch, roll)
    original = graph(yaw, view)
    message = graph_to_message(original, header(), "m", 7)
    assert message.header == header()
    assert (message.sequence, message.model_id) == (7, "m")
    result = graph_from_message(message, view)
    assert math.cos(result.objects[0].pose.yaw - yaw) == pytest.approx(1, abs=1e-9)
    ours, theirs = original.to_json(), result.to_json()
    for item in (ours, theirs):
        item.pop("file")
        item["objects"][0]["pose"].pop("yaw")
    for mine, other in zip(ours["objects"] + ours["relations"], theirs["objects"] + theirs["relations"]):
        assert other.pop("score") == pytest.approx(mine.pop("score"), abs=1e-6)  # float32 on the wire
    assert theirs == ours


@given(angles)
def test_orientation_of_a_level_camera_is_the_documented_one(yaw: float) -> None:
    q = graph_to_message(graph(yaw), header(), "m", 0).objects[0].pose.pose.orientation
    c, s = math.cos(yaw / 2), math.sin(yaw / 2)
    dot = (q.x * c + q.y * s - q.z * s + q.w * c) / math.sqrt(2)
    assert abs(dot) == pytest.approx(1, abs=1e-9)  # q and -q are the same rotation


@given(angles, st.floats(-1.2, 1.2), st.floats(-1.0, 1.0))
def test_orientation_turns_the_object_axes_into_the_camera(yaw: float, pitch: float, roll: float) -> None:
    view = camera(pitch, roll)
    q = graph_to_message(graph(yaw, view), header(), "m", 0).objects[0].pose.pose.orientation
    x, y, z, w = q.x, q.y, q.z, q.w
    rotation = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    np.testing.assert_allclose(rotation[:, 2], view.ground[:3], atol=1e-9)  # z is up
    # x points along the length of the box as the core places it.
    placed = Placement.from_pose("car", graph(yaw, view).objects[0].pose, view)
    world = np.array([math.cos(placed.yaw), math.sin(placed.yaw), 0.0])
    np.testing.assert_allclose(rotation[:, 0], view.T_world_camera[:3, :3].T @ world, atol=1e-9)


def test_an_object_without_pose_says_so() -> None:
    message = graph_to_message(graph(), header(), "m", 0).objects[1]
    assert not message.has_pose
    assert message.id == "p7"
    assert message.pose.pose.orientation.w == 1.0
    assert not np.any(message.pose.covariance)


def test_text_has_a_line_for_each_object_and_relation() -> None:
    text = graph_to_text(graph()).splitlines()
    assert text == [
        "car_0: car, score 0.90, 8.00 m ahead of the camera, 1.00 m to its left, 0.50 m below it,"
        " 4.00 x 1.80 x 1.50 m long, wide and high, box 10 20 100 80",
        "pedestrian_1: pedestrian, score 0.60, in the upper middle of the image, box 150 30 170 90",
        "car_0 left of pedestrian_1, as the camera sees it (0.80)",
    ]
    assert graph_to_text(SceneGraph(4, 4)) == "nothing was found"


def test_text_measures_along_the_ground_where_it_is_known() -> None:
    view = camera()
    placed = Placement("car", np.array([12.0, -2.5, 0.7]), 0.3, np.array([4.0, 1.8, 1.5]))
    found = SceneObject("car", 0.9, np.array([0.0, 0, 9, 9]), placed.to_pose(view))
    line = graph_to_text(SceneGraph(320, 240, (found,), camera=view))
    assert "12.0 m ahead of the camera, 2.50 m to its right, base 0.70 m above the ground" in line


def test_text_names_objects_by_track() -> None:
    both = tuple(dataclasses.replace(o, id=i) for o, i in zip(graph().objects, ("car_7", "12"), strict=True))
    text = graph_to_text(dataclasses.replace(graph(), objects=both)).splitlines()
    assert [line.split(":")[0] for line in text[:2]] == ["car_7", "pedestrian_12"]
    assert text[2].startswith("car_7 left of pedestrian_12")


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ("none", "car_0 is_near pedestrian_1 (0.80)"),
        ("viewer", "car_0 is_near pedestrian_1, as the camera sees it (0.80)"),
        ("object", "car_0 is_near pedestrian_1, in the directions of pedestrian_1 itself (0.80)"),
        ("world", "car_0 is_near pedestrian_1, in the directions of the world (0.80)"),
    ],
)
def test_text_says_in_whose_frame_a_relation_holds(frame: str, words: str) -> None:
    changed = dataclasses.replace(graph(), relations=(Relation(0, "is_near", 1, 0.8, frame),))
    assert graph_to_text(changed).splitlines()[-1] == words.replace("is_near", "is near")


@pytest.mark.parametrize(
    ("box", "place"),
    [
        ((0, 0, 40, 40), "upper left"),
        ((150, 110, 170, 130), "middle"),
        ((300, 110, 320, 130), "right"),
        ((150, 200, 170, 240), "lower middle"),
    ],
)
def test_text_places_objects_without_pose_in_the_image(box: tuple[float, ...], place: str) -> None:
    found = SceneObject("cup", 0.5, np.array(box, float))
    assert f", in the {place} of the image," in graph_to_text(SceneGraph(320, 240, (found,)))


def test_json_is_one_line_of_the_shared_form() -> None:
    line = graph_to_json(graph(view=camera()))
    assert "\n" not in line
    assert SceneGraph.from_json(json.loads(line)).to_json() == graph(view=camera()).to_json()


def info(**fields: object) -> CameraInfo:
    values: dict[str, object] = {"width": 640, "height": 480, "distortion_model": "plumb_bob"}
    values["k"] = [500.0, 0, 320, 0, 510, 240, 0, 0, 1]
    values["p"] = [400.0, 0, 300, 0, 0, 410, 200, 0, 0, 0, 1, 0]
    values["d"] = [0.1, 0, 0, 0, 0]
    return CameraInfo(**{**values, **fields})


def test_camera_info() -> None:
    ground = np.array([0, -1.0, 0, 1.2])
    result = camera_from_message(info(), ground)
    assert (result.width, result.height) == (640, 480)
    np.testing.assert_array_equal(result.K, [[500, 0, 320], [0, 510, 240], [0, 0, 1]])
    np.testing.assert_array_equal(result.distortion, [0.1, 0, 0, 0, 0])
    np.testing.assert_array_equal(result.ground, ground)
    assert camera_from_message(info()).ground is None


def test_rectified_images_take_the_projection_matrix() -> None:
    result = camera_from_message(info(), rectified=True)
    np.testing.assert_array_equal(result.K, [[400, 0, 300], [0, 410, 200], [0, 0, 1]])
    assert not result.distortion.any()


def test_region_and_binning_are_applied() -> None:
    message = info(binning_x=2, binning_y=2)
    message.roi.x_offset, message.roi.y_offset, message.roi.width, message.roi.height = 100, 40, 400, 300
    result = camera_from_message(message)
    assert (result.width, result.height) == (200, 150)
    np.testing.assert_allclose(result.K, [[250, 0, 110], [0, 255, 100], [0, 0, 1]])


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (info(k=[0.0] * 9), "not calibrated"),
        (info(width=0), "not calibrated"),
        (info(k=[math.nan, 0, 320, 0, 510, 240, 0, 0, 1]), "not finite"),
        (info(k=[500.0, 0, math.inf, 0, 510, 240, 0, 0, 1]), "not finite"),
        (info(d=[math.nan]), "not finite"),
        (info(distortion_model="magic"), "magic"),
    ],
)
def test_an_unusable_camera_info_says_why(message: CameraInfo, reason: str) -> None:
    with pytest.raises(Sim2SGError, match=reason):
        camera_from_message(message)
