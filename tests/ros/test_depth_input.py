"""Depth images in the node: which one goes with an image, how long it is waited for, what is refused."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from sim2sg_ros import depth_input
from sim2sg_ros.depth_input import DepthInput

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]

PERIOD = 0.1


def header(seconds: float, frame: str = "eye") -> Header:
    result = Header(frame_id=frame)
    result.stamp.sec, result.stamp.nanosec = divmod(round(seconds * 1e9), 10**9)
    return result


def depth(seconds: float, metres: float, frame: str = "eye", size: tuple[int, int] = (12, 8)) -> Image:
    width, height = size
    values = np.full((height, width), metres * 1000, np.uint16)
    data = values.tobytes()
    return Image(header=header(seconds, frame), width=width, height=height, encoding="16UC1", step=2 * width, data=data)


@pytest.fixture
def source(peer: Any) -> Iterator[DepthInput]:
    source = DepthInput(peer.node, "/some/depth")
    for number in range(4):
        source._receive(depth(number * PERIOD, 1.0 + number))
    yield source
    source.close()


def metres(source: DepthInput, seconds: float) -> float | None:
    image = source.find(header(seconds), 96, 64)
    return None if image is None else float(image.sample(np.array(0.5), np.array(0.5)))


def test_it_is_found_by_its_stamp(source: DepthInput, monkeypatch: pytest.MonkeyPatch) -> None:
    assert metres(source, 2 * PERIOD) == pytest.approx(3.0)
    assert metres(source, 1.4 * PERIOD) == pytest.approx(2.0)
    assert source.problem == ""
    source.reset()
    assert metres(source, 2 * PERIOD) is None
    assert source.problem == "", "it may be slower than the images"
    monkeypatch.setattr(depth_input, "QUIET", 0.0)
    assert metres(source, 2 * PERIOD) is None
    assert "/some/depth: no depth image within half a period" in source.problem


def test_one_on_its_way_is_waited_for(source: DepthInput, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(depth_input, "WAIT", 60.0)
    timer = threading.Timer(0.05, lambda: source._receive(depth(4 * PERIOD, 9.0)))
    timer.start()
    assert metres(source, 4 * PERIOD) == pytest.approx(9.0)
    timer.join()


@pytest.fixture
def waits(source: DepthInput, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each wait may be, seconds."""
    found: list[float] = []
    wait = source._came.wait

    def noted(timeout: float) -> bool:
        found.append(timeout)
        return wait(timeout)

    monkeypatch.setattr(source._came, "wait", noted)
    return found


def test_after_a_wait_in_vain_images_do_not_wait_for_a_second(
    source: DepthInput, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(depth_input, "RETRY", 60.0)
    assert metres(source, 10.0) is None
    assert 0 < waits[0] <= depth_input.WAIT
    first = len(waits)
    assert metres(source, 11.0) is None and len(waits) == first
    source._wait_from = 0.0
    assert metres(source, 13.0) is None and len(waits) > first, "one that is lost is no stream that has ended"


def test_images_before_the_period_is_known_do_not_end_the_waiting(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Depth that always comes a little after its image, from the first one on."""
    monkeypatch.setattr(depth_input, "WAIT", 60.0)
    source = DepthInput(peer.node, "/late/depth")
    for number in range(2):
        assert metres(source, number * PERIOD) is None
        source._receive(depth(number * PERIOD, 1.0))
    timer = threading.Timer(0.05, lambda: source._receive(depth(2 * PERIOD, 9.0)))
    timer.start()
    assert metres(source, 2 * PERIOD) == pytest.approx(9.0)
    timer.join()
    source.close()


def test_without_any_nothing_is_waited_for(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source = DepthInput(peer.node, "/silent/depth")
    monkeypatch.setattr(depth_input, "WAIT", 60.0)
    monkeypatch.setattr(depth_input, "QUIET", 0.0)
    started = time.monotonic()
    assert metres(source, 1.0) is None
    assert time.monotonic() - started < 30
    assert "/silent/depth: no depth image came" in source.problem
    source.close()


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (depth(0.5, 2.0, frame="depth_optical"), "depth is in frame 'depth_optical', the image in 'eye'"),
        (depth(0.5, 2.0, size=(16, 9)), "depth is 16x9, the image 96x64"),
        (Image(header=header(0.5), width=2, height=2, encoding="rgb8", data=bytes(12)), "'rgb8' is no depth image"),
    ],
)
def test_what_is_not_aligned_is_not_used(source: DepthInput, message: Image, reason: str) -> None:
    source._receive(message)
    assert metres(source, 0.5) is None
    assert source.problem.startswith("/some/depth: ") and reason in source.problem


def test_a_negative_stamp_is_told_and_ends_nothing(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a subscription's callback raises would end the process."""
    monkeypatch.setattr(depth_input, "QUIET", 0.0)
    source = DepthInput(peer.node, "/negative/depth")
    publisher = peer.publisher(Image, "/negative/depth")
    peer.repeat_until(lambda: publisher.publish(depth(-1.0, 2.0)), lambda: source._refused)
    assert metres(source, 1.0) is None
    assert "a depth image is not used: its stamp is -1 s, before 1970" in source.problem
    peer.repeat_until(lambda: publisher.publish(depth(7.0, 2.0)), lambda: metres(source, 7.0))
    assert source.problem == ""
    source.close()
    peer.node.destroy_publisher(publisher)


def test_large_depth_images_are_kept_by_their_bytes(source: DepthInput, monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(depth(0.0, 1.0).data)
    for limit, oldest in ((3.5 * size, 2), (4 * size, 1), (1.0, 2)):  # of 5, of which at least 3 are kept
        monkeypatch.setattr(depth_input, "KEPT_BYTES", int(limit))
        source.reset()
        for number in range(5):
            source._receive(depth(number * PERIOD, 1.0 + number))
        assert metres(source, oldest * PERIOD) == pytest.approx(1.0 + oldest)
        assert metres(source, (oldest - 1) * PERIOD) is None


def test_compressed_depth_is_known_by_its_topic(peer: Any) -> None:
    source = DepthInput(peer.node, "/eye/depth/compressedDepth")
    publisher = peer.publisher(CompressedImage, "/eye/depth/compressedDepth")
    data = bytes(12) + cv2.imencode(".png", np.full((8, 12), 2500, np.uint16))[1].tobytes()
    message = CompressedImage(header=header(7.0), format="16UC1; compressedDepth png", data=data)
    peer.repeat_until(lambda: publisher.publish(message), lambda: source._near.settled(7 * 10**9))
    assert metres(source, 7.0) == pytest.approx(2.5)
    source.close()
    peer.node.destroy_publisher(publisher)
