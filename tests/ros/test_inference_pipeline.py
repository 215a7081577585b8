"""What the inference thread does with an image, without the thread."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image
from sim2sg.srv import GetSceneGraph
from std_msgs.msg import Header

from sim2sg_core.images import turned_image
from sim2sg_core.scene.turning import turn_matrix, turned_camera, turned_graph
from sim2sg_ros import inference_pipeline
from sim2sg_ros.camera_stream import CameraStream, LatestGraph
from sim2sg_ros.inference_pipeline import InferencePipeline
from sim2sg_ros.inference_thread import ReceivedImage
from sim2sg_ros.live_camera import camera_from_message
from sim2sg_ros.node import HAND_OVER, SceneGraphNode
from sim2sg_ros.tf_lookup import FrameTransform, rotation_matrix

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]


@pytest.fixture
def node(ros: None, models: tuple[Path, Path]) -> Iterator[SceneGraphNode]:
    values = {"model": str(models[0]), "autostart": False, "object_threshold": 0.0, "threads": 1, "provider": "cpu"}
    node = SceneGraphNode(
        parameter_overrides=[Parameter(name, value=value) for name, value in values.items()], namespace="inside"
    )
    node.trigger_configure()
    node.trigger_activate()
    yield node
    node.destroy_node()


def camera_of(node: SceneGraphNode) -> CameraStream:
    return node._cameras[""]


def pipeline_of(node: SceneGraphNode) -> InferencePipeline:
    assert node._pipeline is not None
    return node._pipeline


def latest_of(node: SceneGraphNode) -> LatestGraph:
    latest = camera_of(node).latest
    assert latest is not None
    return latest


def look(node: SceneGraphNode, seconds: float, **fields: Any) -> list[str]:
    """Has an image of that stamp looked at, always of the same scene, and returns the ids of its objects."""
    pixels = np.random.default_rng(3).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    message = Image(height=64, width=96, encoding="rgb8", step=3 * 96, data=pixels.tobytes(), **fields)
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(round(seconds * 1e9), 10**9)
    pipeline_of(node).process(ReceivedImage(message, time.perf_counter()))
    latest = latest_of(node)
    assert latest.header == message.header
    assert latest.message.header.stamp == message.header.stamp
    return [item.id for item in latest.message.objects]


def put(node: SceneGraphNode, name: str, value: Any) -> None:
    [result] = node.set_parameters([Parameter(name, value=value)])
    assert result.successful, result.reason


def test_objects_keep_their_ids_while_the_scene_stands_still(node: SceneGraphNode) -> None:
    first = look(node, 100.0)
    assert first and all(first)
    assert len(set(first)) == len(first)
    assert look(node, 100.03) == look(node, 100.06) == first


def test_images_out_of_order_keep_the_ids_and_their_own_stamps(node: SceneGraphNode) -> None:
    first = look(node, 100.0)
    for seconds in (100.1, 100.05, 100.2, 100.15, 100.15, 100.3):
        assert look(node, seconds) == first
        assert latest_of(node).graph.stamp == round(seconds * 1e9)


def test_when_time_jumps_back_graphs_go_on_and_ids_begin_anew(node: SceneGraphNode) -> None:
    first = look(node, 100.0)
    look(node, 100.1)
    after = look(node, 50.0)
    assert after and not set(after) & set(first)
    assert look(node, 50.1) == after
    assert camera_of(node).statistics.counted("published") == 4
    assert latest_of(node).message.sequence == 3


def test_an_image_of_a_negative_stamp_is_skipped_with_the_reason(node: SceneGraphNode) -> None:
    message = Image(header=Header(frame_id="left"), height=64, width=96, encoding="rgb8", data=bytes(3 * 64 * 96))
    message.header.stamp.sec = -1
    pipeline_of(node).process(ReceivedImage(message, time.perf_counter()))
    statistics = camera_of(node).statistics
    assert statistics.counted("failed") == 1
    assert statistics.last_error.startswith("its stamp is -1 s, before 1970")


def test_images_that_are_all_too_old_are_an_error_with_the_fix(
    node: SceneGraphNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(node, "max_age", 0.1)
    assert pipeline_of(node).patience == 5.0
    message = Image(header=Header(frame_id="left"), height=64, width=96, encoding="rgb8", data=bytes(3 * 64 * 96))
    node._on_image(pipeline_of(node), camera_of(node), message)
    arrays: list[Any] = []
    monkeypatch.setattr(node._diagnostics, "publish", arrays.append)
    monkeypatch.setattr(inference_pipeline, "PATIENCE", 0.0)
    deadline = time.monotonic() + 60
    while not camera_of(node).statistics.counted("stale"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    node._publish_diagnostics()
    status = arrays[-1].status[0]
    assert status.level == DiagnosticStatus.ERROR
    assert "no graph for 0 s: image skipped" in status.message and "set use_sim_time" in status.message
    put(node, "max_rate", 0.1)
    assert pipeline_of(node).patience == pytest.approx(30.0)


def test_rectified_is_a_word_or_a_boolean(node: SceneGraphNode) -> None:
    info = CameraInfo(
        width=96, height=64, k=[80.0, 0, 48, 0, 80, 32, 0, 0, 1], p=[70.0, 0, 48, 0, 0, 70, 32, 0, 0, 0, 1, 0]
    )
    camera_of(node)._calibration.update(info)
    for seconds, (value, focal) in enumerate((("auto", 80), (True, 70), (False, 80), ("auto", 80)), start=100):
        put(node, "rectified", value)
        look(node, seconds)
        camera = latest_of(node).graph.camera
        assert camera is not None and camera.K[0, 0] == focal
    [result] = node.set_parameters([Parameter("rectified", value="perhaps")])
    assert not result.successful


def test_relations_that_cannot_be_had_by_rule_are_told_for_the_camera(node: SceneGraphNode) -> None:
    camera = camera_of(node)
    camera._calibration.update(CameraInfo(width=96, height=64, k=[80.0, 0, 48, 0, 80, 32, 0, 0, 1]))
    look(node, 100.0)
    assert camera.facts()["relations problem"] == ""
    for number, asked in enumerate(("rule", "both"), start=101):
        put(node, "relations", asked)
        look(node, float(number))
        problem = camera.facts()["relations problem"]
        assert (
            problem.startswith(f"relations by {asked} were asked for, and are learned") and "camera_height" in problem
        )
    put(node, "camera_height", 1.0)
    put(node, "camera_pitch", 0.2)
    look(node, 110.0)
    assert camera.facts()["relations problem"] == ""


def test_the_executor_leaves_the_interpreter_to_the_inference_thread(
    node: SceneGraphNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[object] = []
    clock = SimpleNamespace(sleep=done.append, perf_counter=time.perf_counter)
    monkeypatch.setattr("sim2sg_ros.node.time", clock)
    monkeypatch.setattr(pipeline_of(node), "put", lambda image: done.append(image.camera))
    node._on_image(pipeline_of(node), camera_of(node), Image())
    assert done == ["", HAND_OVER], "when the image is there to be taken"


def test_without_tracking_ids_are_empty(node: SceneGraphNode) -> None:
    before = look(node, 100.0)
    put(node, "tracking", False)
    assert not any(look(node, 100.1))
    put(node, "tracking", True)
    assert not set(look(node, 100.2)) & set(before)


def test_activating_begins_anew(node: SceneGraphNode) -> None:
    look(node, 100.0)
    node.trigger_deactivate()
    node.trigger_activate()
    assert camera_of(node).latest is None
    look(node, 20.0)
    assert latest_of(node).message.sequence == 0


def test_a_failing_output_takes_nothing_from_the_graph(node: SceneGraphNode, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no\npaint")

    camera = camera_of(node)
    monkeypatch.setattr(camera._outputs, "wanted", lambda: True)
    monkeypatch.setattr(camera._outputs, "publish", fail)
    assert look(node, 100.0)
    assert look(node, 100.1)
    assert camera.statistics.counted("published") == 2
    assert camera.statistics.counted("failed") == 0
    assert camera.statistics.last_error == "RuntimeError: no paint"


def test_nobody_listens_so_nothing_is_drawn(node: SceneGraphNode) -> None:
    look(node, 100.0)
    assert not camera_of(node)._outputs.made
    assert "outputs" not in camera_of(node).statistics.percentiles()


def test_where_somebody_listens_the_overlay_is_published(node: SceneGraphNode, peer: Any) -> None:
    pictures = peer.listen(Image, "/inside/sim2sg/overlay")
    peer.spin_until(camera_of(node)._outputs.wanted)
    stamps = itertools.count(100)
    peer.repeat_until(lambda: look(node, next(stamps)), lambda: pictures)
    last = next(stamps)
    look(node, last)
    peer.spin_until(lambda: pictures[-1].header.stamp.sec == last)
    assert (pictures[-1].width, pictures[-1].height) == (96, 64)
    assert camera_of(node)._outputs.made == {"overlay": last - 99}
    assert "outputs" in camera_of(node).statistics.percentiles()


class Fixed:
    """In place of TransformLookup, since tf2_ros is no wheel: the camera stands still in the map, or is lost."""

    problem = ""

    def __init__(self, known: bool) -> None:
        self.transform = FrameTransform("map", known, (10.0, 0.0, 1.5), (-0.5, 0.5, -0.5, 0.5))
        self.resets = 0

    def find(self, header: object) -> tuple[FrameTransform, str]:
        return self.transform, "" if self.transform.known else "no transform from left to map: unheard of"

    def reset(self) -> None:
        self.resets += 1

    def close(self) -> None:
        pass


@pytest.mark.parametrize("known", [True, False])
def test_poses_in_a_target_frame(node: SceneGraphNode, monkeypatch: pytest.MonkeyPatch, known: bool) -> None:
    camera, fixed = camera_of(node), Fixed(known)
    info = CameraInfo(width=96, height=64, k=[80.0, 0, 48, 0, 80, 32, 0, 0, 1])
    camera._calibration.update(info)
    assert look(node, 99.0)
    before = latest_of(node)
    node.trigger_deactivate()
    monkeypatch.setattr(inference_pipeline, "TransformLookup", lambda node, target: fixed)
    node.trigger_activate()
    camera._calibration.update(info)
    look(node, 100.0, header=Header(frame_id="left"))
    after = latest_of(node)
    assert (after.message.header.frame_id, after.header.frame_id) == ("map", "left")
    assert bool(camera.facts()["target frame problem"]) != known
    for old, new in zip(before.message.objects, after.message.objects, strict=True):
        assert old.has_pose and new.has_pose == known
        if known:
            o, n = old.pose.pose.position, new.pose.pose.position
            assert [n.x, n.y, n.z] == pytest.approx([10 + o.z, -o.x, 1.5 - o.y], abs=1e-9)
    answer = node._on_get_scene_graph(camera, GetSceneGraph.Request(), GetSceneGraph.Response())
    assert answer.success and answer.graph == after.message
    look(node, 10.0, header=Header(frame_id="left"))
    assert fixed.resets == 1


INFO = CameraInfo(width=96, height=64, k=[80.0, 0, 40, 0, 82, 30, 0, 0, 1], distortion_model="plumb_bob")
INFO.d = [-0.1, 0.02, 3e-3, -2e-3, 0.0]


@pytest.mark.parametrize("degrees", [90, 180, 270])
@pytest.mark.parametrize("mount", [{}, {"camera_height": 1.5, "camera_pitch": 0.5}])
def test_the_network_sees_the_turned_image_and_the_graph_is_of_the_original(
    node: SceneGraphNode, degrees: int, mount: dict[str, float]
) -> None:
    """A camera on its side, and one that stands upright and sees the same, give one graph."""
    for name, value in mount.items():
        put(node, name, value)
    upright = turned_camera(camera_from_message(INFO), degrees)
    info = CameraInfo(width=upright.width, height=upright.height, k=upright.K.ravel().tolist(), d=upright.distortion)
    info.distortion_model = "plumb_bob"
    pixels = np.random.default_rng(3).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    camera_of(node)._calibration.update(info)
    expected = turned_graph(seen(node, turned_image(pixels, degrees), 100.0).graph, -degrees)
    node.trigger_deactivate()
    put(node, "rotate", degrees)
    node.trigger_activate()
    camera_of(node)._calibration.update(INFO)
    found = seen(node, pixels, 101.0)
    assert found.graph.objects and found.graph.camera is not None
    assert (found.message.image_width, found.message.image_height) == (96, 64)
    for one, other, sent in zip(found.graph.objects, expected.objects, found.message.objects, strict=True):
        np.testing.assert_allclose(one.box, other.box, atol=1e-6)
        assert one.pose is not None and other.pose is not None
        np.testing.assert_allclose(one.pose.position, other.pose.position, rtol=1e-5, atol=1e-6)
        at = sent.pose.pose.position
        np.testing.assert_allclose([at.x, at.y, at.z], other.pose.position, rtol=1e-5, atol=1e-6)
        # The object's z axis, against gravity, is up in the turned image.
        q = sent.pose.pose.orientation
        axis = rotation_matrix(np.array([q.x, q.y, q.z, q.w]))[:, 2]
        tilt = mount.get("camera_pitch", 0.0)
        up = np.array([0.0, -np.cos(tilt), -np.sin(tilt)])
        up[:2] = turn_matrix(-degrees) @ up[:2]
        np.testing.assert_allclose(axis, up, atol=1e-9)
    np.testing.assert_allclose(found.graph.camera.K, camera_from_message(INFO).K, atol=1e-9)


def seen(node: SceneGraphNode, pixels: np.ndarray, seconds: float) -> LatestGraph:
    height, width = pixels.shape[:2]
    message = Image(height=height, width=width, encoding="rgb8", step=3 * width, data=pixels.tobytes())
    message.header.stamp.sec = int(seconds)
    pipeline_of(node).process(ReceivedImage(message, time.perf_counter()))
    assert camera_of(node).statistics.last_error == ""
    return latest_of(node)
