from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from std_msgs.msg import Header

from sim2sg_core.lifting.fusion import PIXEL_STD
from sim2sg_core.scene import Camera, Placement, SceneGraph
from sim2sg_ros.graph_conversions import (
    graph_from_message,
    graph_to_json,
    graph_to_message,
)
from tests.ros.example_graph import example_graph

pytestmark = pytest.mark.ros

K = np.array([[300.0, 0, 160], [0, 310, 120], [0, 0, 1]])
angles = st.floats(-math.pi, math.pi - 1e-6)


def camera(pitch: float = 0.3, roll: float = 0.1) -> Camera:
    return Camera.from_extrinsics(320, 240, K, 1.5, pitch, roll)


def graph(yaw: float = 0.4, view: Camera | None = None) -> SceneGraph:
    return dataclasses.replace(example_graph(yaw), stamp=1_500_000_000_123_456_789, camera=view)


def header() -> Header:
    result = Header(frame_id="left_optical")
    result.stamp.sec, result.stamp.nanosec = 1_500_000_000, 123_456_789
    return result


def test_the_rotation_of_a_camera_is_computed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every graph of a camera has the same one."""
    view = camera()
    before = graph_to_message(graph(view=view), header(), "m", 7)
    monkeypatch.setattr(np.linalg, "eigh", None)
    assert graph_to_message(graph(view=view), header(), "m", 7) == before


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


def test_json_is_one_line_of_the_shared_form() -> None:
    line = graph_to_json(graph(view=camera()))
    assert "\n" not in line
    assert SceneGraph.from_json(json.loads(line)).to_json() == graph(view=camera()).to_json()


def test_the_covariance_of_a_position_is_that_of_its_depth_and_its_pixel() -> None:
    original = graph(view=camera())
    [posed, _] = original.objects
    assert posed.pose is not None
    certain = dataclasses.replace(posed, pose=dataclasses.replace(posed.pose, depth_std=0.05))
    message = graph_to_message(dataclasses.replace(original, objects=(certain, posed)), header(), "m", 0)
    block = np.array(message.objects[0].pose.covariance).reshape(6, 6)
    assert not block[3:].any() and not block[:, 3:].any(), "of the rotation it is not known"
    # Depths by their deviation, pixels by theirs, through the camera to points.
    rng = np.random.default_rng(0)
    depths = posed.pose.position[2] * rng.normal(1, 0.05, 200_000)
    pixels = camera().project(posed.pose.position) + rng.normal(0, PIXEL_STD, (200_000, 2))
    points = camera().rays(pixels) * depths[:, None]
    np.testing.assert_allclose(block[:3, :3], np.cov(points.T), rtol=0.05, atol=2e-3)
    assert not np.any(message.objects[1].pose.covariance), "unknown"
