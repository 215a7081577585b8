"""Parameters of a live node: changed while it runs, described, and refused at start."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from rcl_interfaces.srv import DescribeParameters
from sim2sg.msg import GraphInfo

from sim2sg_ros.parameter_specs import PARAMETER_SPECS
from tests.ros.live_node import LiveNode, noise_image, running_node, with_parameters

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]


@pytest.fixture(scope="module")
def live(start: Callable[..., Any], peer: Any, models: tuple[Path, Path]) -> Iterator[LiveNode]:
    misspelt = {"diagnostics_period": 0.3, "object_treshold": 0.9, "spam": 1}
    with running_node(start, peer, "tuned", models[0], "/tuned/image", **misspelt) as live:
        yield live


def test_a_misspelt_parameter_is_told(live: LiveNode) -> None:
    lines = [line.partition(": ")[2] for line in live.process.log().splitlines() if "is not known" in line]
    assert lines == [
        "parameter object_treshold is not known: did you mean object_threshold?",
        "parameter spam is not known: `ros2 param list` names those that are",
    ]


def test_thresholds_change_at_run_time_and_empty_graphs_are_published(live: LiveNode) -> None:
    infos = live.peer.listen(GraphInfo, "/tuned/graph_info", latched=True)
    assert live.shoot().objects
    assert live.set_parameter("object_threshold", 1.0).successful
    graph = live.shoot()
    assert not graph.objects
    assert not graph.relations
    live.peer.spin_until(lambda: infos and infos[-1].object_threshold == 1.0)
    refused = live.set_parameter("object_threshold", 1.5)
    assert not refused.successful
    assert not live.shoot().objects
    assert live.set_parameter("object_threshold", 0.0).successful
    assert live.shoot().objects


def test_every_parameter_is_described(live: LiveNode) -> None:
    names = list(PARAMETER_SPECS)
    answer = live.peer.call(DescribeParameters, "/tuned/describe_parameters", names=names)
    for name, descriptor in zip(names, answer.descriptors, strict=True):
        spec = PARAMETER_SPECS[name]
        assert descriptor.description == spec.description
        ranges = [*descriptor.floating_point_range, *descriptor.integer_range]
        if spec.limits and not spec.may_be_nan:
            assert (ranges[0].from_value, ranges[0].to_value) == spec.limits


def test_max_age_and_max_rate(live: LiveNode) -> None:
    live.set_parameter("max_rate", 5.0)
    before, started, number = len(live.graphs), time.monotonic(), 0
    while len(live.graphs) < before + 6:
        number += 1
        live.publisher.publish(noise_image(number))
        live.peer.spin_for(0.02)
        assert time.monotonic() < started + 180
    # Six starts at five a second have a second between them, however slow the machine.
    assert time.monotonic() - started >= 1.0
    assert number > 6, "the others were left out"
    live.peer.spin_until(lambda: live.graphs[-1].header == noise_image(number).header)
    live.set_parameter("max_rate", 0.0)
    live.set_parameter("max_age", 100.0)
    before, stale = len(live.graphs), live.counted("stale")
    live.publisher.publish(noise_image(1))
    live.peer.spin_until(lambda: live.counted("stale") == stale + 1)
    fresh = noise_image(2)
    fresh.header.stamp = live.peer.node.get_clock().now().to_msg()
    live.publisher.publish(fresh)
    live.peer.spin_until(lambda: live.graphs[-1].header == fresh.header)
    assert len(live.graphs) == before + 1
    live.set_parameter("max_age", 0.0)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--object-threshold", "1.5"), "object_threshold"),
        (("--params", "/no/such/file.yaml"), "no such file"),
        (("--ros-args", "-p", "transport:=theora"), "auto, raw, compressed"),
        (("--ros-args", "-r", "not a remap"), "not a remap"),
        (with_parameters(cameras="[left,left]"), "'left' twice"),
        (with_parameters(cameras="[front/left]"), "letters, digits"),
        (with_parameters(cameras="left"), "cameras"),
    ],
)
def test_a_mistake_at_start_is_one_line_and_status_two(
    start: Callable[..., Any], words: tuple[str, ...], reason: str
) -> None:
    process = start("node", *words)
    assert process.wait() == 2
    [line] = [line for line in process.log().splitlines() if line.startswith("error:")]
    assert reason in line
    assert "Traceback" not in process.log()
