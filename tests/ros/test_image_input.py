"""The image subscription, in a node of the test's own."""

from __future__ import annotations

import time
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from sensor_msgs.msg import CompressedImage, Image

from sim2sg_ros.image_input import ImageInput

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]


def ignore(_message: Any) -> None:
    pass


def test_two_publishers_on_one_topic_are_told_once_they_stay(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim2sg_ros.lasting.LINGER", 0.5)
    source = ImageInput(peer.node, "raw", ignore, ignore, "mixed")
    publishers = [peer.publisher(Image, "/mixed/image")]

    def watched() -> str:
        source.watch(0.0)
        return source.mixture

    peer.spin_until(lambda: peer.node.count_publishers("/mixed/image") == 1)
    assert not watched()
    publishers.append(peer.publisher(Image, "/mixed/image"))
    peer.spin_until(lambda: peer.node.count_publishers("/mixed/image") == 2)
    assert not watched(), "one of them may be gone already"
    assert peer.spin_until(watched).startswith("2 publishers on /mixed/image (/test_peer, /test_peer)")
    peer.node.destroy_publisher(publishers.pop())
    peer.spin_until(lambda: not watched())
    peer.node.destroy_publisher(publishers.pop())
    source.close()


def test_silence_is_explained_once_what_is_read_has_had_its_chance(peer: Any) -> None:
    source = ImageInput(peer.node, "auto", ignore, ignore, "shy")

    def silence() -> str:
        source.watch(1.0)
        return source.silence

    peer.spin_until(lambda: "nobody publishes images on /shy/image/compressed" in silence())
    publisher = peer.publisher(CompressedImage, "/shy/image/compressed")
    said = peer.spin_until(lambda: "reading" in silence() and source.silence)
    assert said.endswith("reading /shy/image/compressed for 0 s"), "no diagnosis before a second has passed"
    started = time.monotonic()
    advice = peer.spin_until(lambda: "nothing arrives" in silence() and source.silence)
    assert time.monotonic() - started > 0.5
    assert "transport:=compressed" not in advice, "that is what is read"
    peer.node.destroy_publisher(publisher)
    source.close()
