"""tf frames of tracked objects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import Header

from sim2sg_core.scene import Camera, Placement, SceneGraph, SceneObject
from sim2sg_ros.graph_conversions import graph_to_message
from sim2sg_ros.tf_frames import frame_prefix, object_transforms
from sim2sg_ros.tf_lookup import rotation_matrix
from tests.ros.live_node import CALIBRATED, running_node

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]


def test_names_of_frames_tell_node_and_camera() -> None:
    assert frame_prefix("/sim2sg") == "sim2sg/"
    assert frame_prefix("/robot_1/sim2sg", "left") == "robot_1/sim2sg/left/"


def test_a_frame_lies_in_the_centre_of_the_box_with_its_axes() -> None:
    view = Camera.from_extrinsics(640, 480, np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), 1.2, 0.3)
    placed = Placement("crate", np.array([4.0, 0.3, 0.0]), 0.4, np.array([0.8, 0.6, 0.7]))
    objects = (
        SceneObject("crate", 0.9, np.array([10.0, 10, 50, 50]), placed.to_pose(view), id="crate_3"),
        SceneObject("crate", 0.8, np.array([10.0, 10, 50, 50]), placed.to_pose(view)),
        SceneObject("crate", 0.7, np.array([10.0, 10, 50, 50]), id="crate_4"),
    )
    header = Header(frame_id="eye_optical")
    header.stamp.sec = 42
    message = graph_to_message(SceneGraph(640, 480, objects, camera=view), header, "m", 0)
    [found] = object_transforms(message, "sim2sg/")  # The second is not tracked, the third has no pose.
    assert found.header == header and found.child_frame_id == "sim2sg/crate_3"
    t, q = found.transform.translation, found.transform.rotation
    turn = rotation_matrix(np.array([q.x, q.y, q.z, q.w]))
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2 * placed.size
    in_world = view.to_world(corners @ turn.T + [t.x, t.y, t.z])
    expected = placed.corners()
    distances = np.linalg.norm(in_world[:, None] - expected[None], axis=-1)
    np.testing.assert_allclose(distances.min(axis=1), 0, atol=1e-9)


def test_the_node_publishes_them_or_says_why_not(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path]
) -> None:
    try:
        from tf2_msgs.msg import TFMessage
    except ImportError:
        TFMessage = None
    with running_node(start, peer, "framed", models[0], "/framed/image", publish_tf="true") as live:
        if TFMessage is None:
            status, values = live.status()
            assert status.level == DiagnosticStatus.WARN
            assert "tf2_msgs is not here" in values["tf problem"] and "ros-$ROS_DISTRO-tf2-msgs" in live.process.log()
            return
        heard = peer.listen(TFMessage, "/tf")
        live.calibrate(CALIBRATED, poses=True)
        graph = live.shoot()
        wanted = {f"framed/{item.id}" for item in graph.objects}
        peer.spin_until(lambda: heard and {t.child_frame_id for t in heard[-1].transforms} == wanted)
        assert all(transform.header == graph.header for transform in heard[-1].transforms)
