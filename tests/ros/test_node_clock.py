"""A live node under simulated time."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import DiagnosticArray
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from sim2sg.msg import SceneGraph
from sim2sg.srv import GetSceneGraph

from tests.ros.live_node import next_statuses, noise_image, values_of, with_parameters

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]


@pytest.mark.slow
def test_a_recording_that_loops_under_simulated_time(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path]
) -> None:
    process = start(
        "node", "--name", "looped", "--model", models[0], "--image", "/looped/image", "--object-threshold", 0,
        "--threads", 1,
        *with_parameters(use_sim_time="true", max_age=1.0, silence_timeout=0.0, diagnostics_period=0.3),
    )  # fmt: skip
    graphs = peer.listen(SceneGraph, "/looped/scene_graph")
    clock, images = peer.publisher(Clock, "/clock"), peer.publisher(Image, "/looped/image")
    message = noise_image(0)
    peer.spin_until(lambda: images.get_subscription_count() and clock.get_subscription_count())

    def show(tick: int) -> SceneGraph:
        """Sets the clock, publishes an image of that time and returns its graph."""
        now, before = Clock(), len(graphs)
        now.clock.sec, now.clock.nanosec = 1000 + tick // 20, tick % 20 * 50_000_000
        message.header.stamp = now.clock

        def publish() -> None:
            clock.publish(now)
            peer.spin_for(0.005)  # The clock first.
            images.publish(message)

        return peer.repeat_until(
            publish, lambda: next((g for g in graphs[before:] if g.header.stamp == now.clock), None)
        )

    ids: list[list[set[str]]] = []
    for _ in range(2):
        ids.append([{item.id for item in show(tick).objects} for tick in range(40)])
        answer = peer.call(GetSceneGraph, "/looped/get_scene_graph", max_age=Duration(sec=1))
        assert answer.success, answer.message
    for lap in ids:
        assert lap[-1] == lap[-2]
    assert not set.union(*ids[0]) & set.union(*ids[1]), "after the jump ids begin anew"
    # An image from before the jump is old by the clock of now.
    arrays = peer.listen(DiagnosticArray, "/diagnostics")

    def stale() -> int:
        return int(values_of(next_statuses(peer, arrays, "/looped")["scene graph"])["stale"])

    stale_before = stale()
    message.header.stamp.sec = 900
    before = len(graphs)
    images.publish(message)
    peer.spin_until(lambda: stale() == stale_before + 1)
    assert "max_age" in process.log()
    assert len(graphs) == before
    for publisher in (clock, images):
        peer.node.destroy_publisher(publisher)
    assert process.stop(signal.SIGTERM) == 0
