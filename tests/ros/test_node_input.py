"""How a live node finds its images, and what it says when none come."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.srv import GetState
from sensor_msgs.msg import CompressedImage, Image
from sim2sg.msg import SceneGraph

from tests.ros.live_node import (
    ACTIVATE,
    CONFIGURE,
    change_state,
    next_statuses,
    values_of,
    with_parameters,
)

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]

SCRIPT = Path(__file__).with_name("publish_images.py")


@pytest.fixture
def launch_camera() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts cameras that publish after a line on their standard input."""
    running: list[subprocess.Popen[bytes]] = []

    def run(*words: object) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(SCRIPT), *map(str, words)]
        running.append(subprocess.Popen(command, stdin=subprocess.PIPE))
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.wait()


def camera_values(peer: Any, arrays: list[DiagnosticArray], node: str) -> dict[str, str]:
    """Returns the values of the next status of a node's only camera."""
    return values_of(next_statuses(peer, arrays, node)["scene graph"])


def test_compressed_images_are_found_by_themselves(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path]
) -> None:
    graphs = peer.listen(SceneGraph, "/robot/eye/scene_graph")
    process = start("node", "--name", "eye", "--namespace", "robot", "--model", models[0], "--object-threshold", 0)
    # The relative topic `image` in the node's namespace; nothing says that it is compressed.
    publisher = peer.publisher(CompressedImage, "/robot/image/compressed")
    message = CompressedImage(format="jpeg", data=bytes(cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1]))
    message.header.frame_id = "eye_optical"
    message.header.stamp.sec = 42
    peer.repeat_until(lambda: publisher.publish(message), lambda: graphs)
    assert graphs[0].header == message.header
    assert (graphs[0].image_width, graphs[0].image_height) == (64, 48)
    # Lost in part, as by best effort: reported, survived.
    cut = CompressedImage(header=message.header, format="jpeg", data=message.data[:-100])
    publisher.publish(cut)
    peer.spin_until(lambda: "cut short" in process.log())
    message.header.stamp.sec = 43
    publisher.publish(message)
    peer.spin_until(lambda: graphs[-1].header == message.header)
    peer.node.destroy_publisher(publisher)
    assert process.stop(signal.SIGINT) == 0


def test_without_autostart_it_waits_and_then_says_why_it_hears_nothing(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path]
) -> None:
    reliable = {"qos_overrides./strict/image.subscription.reliability": "reliable"}
    process = start(
        "node", "--name", "quiet", "--model", models[0], "--image", "/strict/image", "--transport", "raw",
        *with_parameters(
            silence_timeout=1.0, autostart="false", use_sim_time="true", diagnostics_period=0.3, **reliable
        ),
    )  # fmt: skip
    arrays = peer.listen(DiagnosticArray, "/diagnostics")
    assert peer.call(GetState, "/quiet/get_state").current_state.label == "unconfigured"
    other = peer.publisher(CompressedImage, "/elsewhere/image/compressed")
    change_state(peer, CONFIGURE, ACTIVATE, node="quiet")

    def silence() -> str:
        return camera_values(peer, arrays, "/quiet")["silence"]

    peer.spin_until(lambda: "nobody publishes images on /strict/image" in silence())
    assert "nobody publishes images on /strict/image" in process.log()
    # The first of these may come before the node knows of the other publisher.
    peer.spin_until(lambda: "/elsewhere/image/compressed; remap with image:=/" in silence())
    # A publisher that offers less than the override asks for: named, with the fix.
    best_effort = peer.publisher(Image, "/strict/image", best_effort=True)
    peer.spin_until(lambda: "does not fit ours" in process.log())
    assert "qos_overrides./strict/image.subscription.reliability:=best_effort" in process.log()
    for publisher in (best_effort, other):
        peer.node.destroy_publisher(publisher)
    assert process.stop(signal.SIGTERM) == 0


def test_a_qos_that_does_not_fit_is_told_at_once(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path]
) -> None:
    override = "qos_overrides./shy/image.subscription.reliability"
    process = start(
        "node", "--name", "shy", "--model", models[0], "--image", "/shy/image",
        *with_parameters(silence_timeout=600.0, diagnostics_period=0.3, **{override: "reliable"}),
    )  # fmt: skip
    peer.spin_until(lambda: peer.call(GetState, "/shy/get_state").current_state.label == "active")
    publisher = peer.publisher(Image, "/shy/image", best_effort=True)
    peer.spin_until(lambda: "does not fit ours" in process.log())
    assert f"{override}:=best_effort" in process.log()
    arrays = peer.listen(DiagnosticArray, "/diagnostics")

    def status() -> DiagnosticStatus:
        return next_statuses(peer, arrays, "/shy")["scene graph"]

    peer.spin_until(lambda: status().level == DiagnosticStatus.ERROR)
    assert "does not fit ours" in status().message
    peer.node.destroy_publisher(publisher)
    peer.spin_until(lambda: status().level == DiagnosticStatus.OK)
    assert process.stop(signal.SIGTERM) == 0


@pytest.mark.slow
def test_a_camera_that_was_killed_comes_back_also_by_another_transport(
    start: Callable[..., Any],
    peer: Any,
    models: tuple[Path, Path],
    launch_camera: Callable[..., subprocess.Popen[bytes]],
) -> None:
    process = start(
        "node", "--name", "back", "--model", models[0], "--image", "/lost/image", "--threads", 1,
        *with_parameters(silence_timeout=1.0, diagnostics_period=0.3),
    )  # fmt: skip
    graphs = peer.listen(SceneGraph, "/back/scene_graph")
    arrays = peer.listen(DiagnosticArray, "/diagnostics")
    cameras = [
        (frame, transport, launch_camera("/lost/image", transport, 20, frame))
        for frame, transport in (("first", "raw"), ("second", "raw"), ("third", "compressed"), ("fourth", "raw"))
    ]
    # The middleware goes on listing a dead one, for 20 s; these stay listed for as long as a slow machine takes.
    kinds = {"raw": (Image, "/lost/image"), "compressed": (CompressedImage, "/lost/image/compressed")}
    silent = []
    for frame, transport, camera in cameras:
        assert camera.stdin is not None
        camera.stdin.write(b"go\n")
        camera.stdin.flush()
        peer.spin_until(lambda f=frame: any(graph.header.frame_id == f for graph in graphs[-5:]))
        silent.append(peer.publisher(*kinds[transport]))
        os.kill(camera.pid, signal.SIGKILL)
        camera.wait()
        peer.spin_until(lambda: "no image for" in camera_values(peer, arrays, "/back")["silence"])
    assert "no image for" in process.log()
    for publisher in silent:
        peer.node.destroy_publisher(publisher)
    assert process.stop(signal.SIGTERM) == 0
    assert "Traceback" not in process.log()
