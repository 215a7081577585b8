"""The graphs of a live node."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensor_msgs.msg import Image
from sim2sg.msg import SceneGraph

from tests.ros.live_node import (
    CALIBRATED,
    HEIGHT,
    UNCALIBRATED,
    WIDTH,
    ImageStream,
    LiveNode,
    next_statuses,
    noise_image,
    running_node,
    with_parameters,
)

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]


@pytest.fixture(scope="module")
def live(start: Callable[..., Any], peer: Any, models: tuple[Path, Path]) -> Iterator[LiveNode]:
    topic = "/cam/image"
    process = start("node", "--model", models[0], "--image", topic, "--object-threshold", 0, "--threads", 1)
    live = LiveNode(peer, process, "sim2sg", topic)
    live.connect()
    yield live
    assert process.stop(signal.SIGTERM) == 0
    assert "Traceback" not in process.log()


def test_the_graph_has_the_images_header_and_size(live: LiveNode) -> None:
    graph = live.shoot()  # Compares whole headers.
    assert (graph.image_width, graph.image_height) == (96, 64)
    assert graph.model_id == "model-a"
    assert graph.objects
    for item in graph.objects:
        assert 0 <= item.x1 < item.x2 <= 96
        assert 0 <= item.y1 < item.y2 <= 64
        assert not item.has_pose  # No calibration is known.
    scores = [item.score for item in graph.objects]
    assert scores == sorted(scores, reverse=True)
    assert all(max(r.subject, r.object) < len(graph.objects) for r in graph.relations)
    spent = graph.processing_time.sec + graph.processing_time.nanosec / 1e9
    assert 0 < spent < 10


def test_sequence_counts_published_graphs(live: LiveNode) -> None:
    first = live.shoot().sequence
    assert [live.shoot().sequence for _ in range(3)] == [first + 1, first + 2, first + 3]


def test_camera_info_brings_poses(live: LiveNode) -> None:
    live.calibrate(CALIBRATED, poses=True)
    graph = live.shoot()
    assert graph.objects
    assert all(item.has_pose and item.size.x > 0 for item in graph.objects)
    # One that is unusable takes them away, and the node goes on.
    live.calibrate(UNCALIBRATED, poses=False)
    assert live.shoot().objects


def test_rules_decide_relations_when_told_to(live: LiveNode) -> None:
    def put(name: str, value: float | str) -> bool:
        return live.set_parameter(name, value).successful

    def scores() -> list[float]:
        return [relation.score for relation in live.shoot(noise_image(5)).relations]

    live.calibrate(CALIBRATED, poses=True)
    before = {"relation_threshold": 0.5, "camera_height": math.nan, "camera_pitch": math.nan, "relations": "auto"}
    assert all([put("relation_threshold", 0.0), put("camera_height", 5.0), put("camera_pitch", 0.4)])
    learned = scores()
    assert put("relations", "learned")
    assert scores() == learned, "what the model says"
    assert put("relations", "rule")
    by_rule = scores()
    assert by_rule and by_rule != learned
    assert put("camera_height", math.nan)
    assert scores() == learned, "no ground is known"
    assert not put("relations", "rules")
    assert all(put(name, value) for name, value in before.items())
    live.calibrate(UNCALIBRATED, poses=False)


def test_vga_images_get_through_raw(live: LiveNode) -> None:
    lost, message = 0, noise_image(5, 640, 480)
    for number in range(30):
        before, deadline = len(live.graphs), time.monotonic() + 20
        live.send(message)
        while not (arrived := live.find(message, before)) and time.monotonic() < deadline:
            live.peer.spin_for(0.01)
        lost += not arrived
        assert lost <= 3, f"of {number + 1}"


def test_a_target_frame_without_tf2_is_said_and_poses_stay_in_the_cameras_frame(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path]
) -> None:
    try:
        import tf2_ros  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("tf2_ros is installed here")
    process = start(
        "node", "--name", "placed", "--model", models[0], "--image", "/placed/image",
        *with_parameters(target_frame="map"),
    )  # fmt: skip
    graphs: list[SceneGraph] = peer.listen(SceneGraph, "/placed/scene_graph")
    stream = ImageStream(peer, "/placed/image", 10, "eye_optical")
    try:
        graph = peer.spin_until(lambda: graphs and graphs[-1])
        model = next_statuses(peer, peer.listen(DiagnosticArray, "/diagnostics"), "/placed")["model"]
    finally:
        stream.stop()
    assert graph.header.frame_id == "eye_optical"
    assert model.level == DiagnosticStatus.WARN
    assert "tf2_ros" in model.message and "map" in model.message
    assert process.log().count("target_frame map is not used") == 1
    assert process.stop(signal.SIGTERM) == 0


def test_a_camera_on_its_side_has_its_graphs_in_its_own_image(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path]
) -> None:
    with running_node(start, peer, "aside", models[0], "/aside/image", rotate=90) as live:
        # A portrait image: turned, it has the network's shape, and so the whole of the network's input.
        graph = live.shoot(noise_image(3, 64, 96))
        assert (graph.image_width, graph.image_height) == (64, 96)
        assert graph.objects
        assert all(0 <= o.x1 < o.x2 <= 64 and 0 <= o.y1 < o.y2 <= 96 for o in graph.objects)
        assert not live.set_parameter("rotate", 45.0).successful


def test_depth_images_move_objects_to_where_they_were_measured(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path]
) -> None:
    topic = "/deep/{camera}aligned/image"
    with running_node(start, peer, "deep", models[0], "/deep/image", depth_topic=topic) as live:
        publisher = peer.publisher(Image, "/deep/aligned/image")
        peer.spin_until(publisher.get_subscription_count)
        live.calibrate(CALIBRATED, poses=True)
        image = noise_image(3)
        before = live.shoot(image).objects
        nearer = min(item.pose.pose.position.z for item in before) * 0.5
        assert nearer > 0

        def shoot() -> SceneGraph:
            # Ahead of its image, as depth of one stamp may come.
            depth = Image(height=HEIGHT, width=WIDTH, encoding="32FC1", step=4 * WIDTH)
            depth.data = np.full((HEIGHT, WIDTH), nearer, np.float32).tobytes()
            depth.header.frame_id = image.header.frame_id
            depth.header.stamp = Time(sec=1_700_000_001 + live._sent, nanosec=image.header.stamp.nanosec)
            publisher.publish(depth)
            return live.shoot(image)

        def moved() -> bool:
            return any(a.pose.pose.position.z != b.pose.pose.position.z for a, b in zip(before, shoot().objects))

        peer.repeat_until(lambda: None, moved)
        for item, old in zip(shoot().objects, before, strict=True):
            assert (item.x1, item.y1, item.x2, item.y2) == (old.x1, old.y1, old.x2, old.y2)
            assert item.pose.pose.position.z <= old.pose.pose.position.z
            assert 0 < item.pose.covariance[14] <= old.pose.covariance[14]
        _, values = live.status()
        assert values["depth"] == "/deep/aligned/image" and values["depth problem"] == ""

        def told() -> bool:
            live.shoot(image)
            return "no depth image within half a period" in live.status()[1]["depth problem"]

        peer.spin_until(told)
        assert live.status()[0].level == DiagnosticStatus.WARN
