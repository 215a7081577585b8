"""What a live node says on /diagnostics, of good images and of broken ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from sensor_msgs.msg import Image

from tests.ros.live_node import LiveNode, noise_image, running_node

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]

TOPIC = "/judged/image"


@pytest.fixture(scope="module")
def live(start: Callable[..., Any], peer: Any, models: tuple[Path, Path]) -> Iterator[LiveNode]:
    with running_node(start, peer, "judged", models[0], TOPIC, diagnostics_period=0.3) as live:
        yield live


def test_diagnostics_tell_rates_latencies_and_provider(live: LiveNode) -> None:
    for _ in range(5):
        live.shoot()
    status, values = live.status()
    assert status.hardware_id == "model-a"
    assert values["state"] == "active"
    assert values["provider"] == "cpu"
    assert values["input"] == TOPIC
    assert int(values["received"]) >= int(values["published"]) > 5
    for stage in (
        "wait",
        "decode",
        "preprocess",
        "inference",
        "postprocess",
        "publish",
        "total",
        "image_age",
    ):
        assert float(values[f"{stage} p50 ms"]) <= float(values[f"{stage} p99 ms"])
    assert float(values["inference p50 ms"]) > 0
    assert "replaced by newer images" in values


def test_garbage_is_reported_and_survived(live: LiveNode) -> None:
    broken = noise_image(0)
    broken.step = 7
    unknown = noise_image(0)
    unknown.encoding = "32FC9"
    empty = Image(encoding="rgb8")
    huge = noise_image(0)
    huge.width = 2**31
    for count, message in enumerate((broken, unknown, empty, huge), start=1):
        live.publisher.publish(message)
        live.peer.spin_until(lambda n=count: live.counted("failed") == n)
        assert live.shoot().objects
    assert "step 7" in live.process.log()
    values = live.status()[1]
    assert int(values["failed"]) == 4
    assert values["last error"]
