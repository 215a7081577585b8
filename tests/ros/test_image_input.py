"""The image subscription, in a node of the test's own."""

from __future__ import annotations

import time
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from sim2sg_ros.image_input import ImageInput
from tests.ros.conftest import profile

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
    assert "set the parameter transport" not in advice, "compressed is what is read"
    peer.node.destroy_publisher(publisher)
    source.close()


def test_the_timeout_may_change_while_no_image_comes(peer: Any) -> None:
    source = ImageInput(peer.node, "raw", ignore, ignore, "off")
    for timeout in (5.0, 30.0, 7.0):
        source._last_image = source._subscribed = time.monotonic() - 60.0
        source.watch(timeout)
        assert source.silence.startswith("no image for 60 s: nobody publishes images on /off/image")
    source.close()


def test_camera_info_that_is_published_once_is_received_and_so_is_the_usual_kind(peer: Any) -> None:
    """A latched one was published before the node came; a driver publishes another with each image."""
    latched = peer.node.create_publisher(CameraInfo, "/once/camera_info", profile(1, latched=True))
    latched.publish(CameraInfo(width=7))
    came: list[CameraInfo] = []
    source = ImageInput(peer.node, "raw", ignore, came.append, "once")

    def widths() -> set[int]:
        source.watch(0.0)
        return {info.width for info in came}

    peer.spin_until(lambda: widths() == {7})
    usual = peer.publisher(CameraInfo, "/once/camera_info", best_effort=True)
    peer.repeat_until(lambda: usual.publish(CameraInfo(width=8)), lambda: 8 in widths())
    assert source.qos_problem == ""
    source.close()
    for publisher in (latched, usual):
        peer.node.destroy_publisher(publisher)


def test_the_durability_of_camera_info_may_be_overridden(peer: Any) -> None:
    node = own_node(**{"qos_overrides./kept/camera_info.subscription.durability": "transient_local"})
    publisher = peer.publisher(CameraInfo, "/kept/camera_info")
    source = ImageInput(node, "raw", ignore, ignore, "kept")

    def problem() -> str:
        source.watch(0.0)
        return source.qos_problem

    advice = "start this node with qos_overrides./kept/camera_info.subscription.durability:=volatile"
    assert peer.spin_until(problem).endswith(advice)
    source.close()
    peer.node.destroy_publisher(publisher)
    node.destroy_node()


def own_node(*words: str, **overrides: str) -> Any:
    import rclpy
    from rclpy.parameter import Parameter

    given = [Parameter(name, value=value) for name, value in overrides.items()]
    return rclpy.create_node("own", cli_args=["--ros-args", *words], parameter_overrides=given)


def test_a_qos_override_that_is_none_is_told_when_its_topic_appears(peer: Any) -> None:
    node = own_node(**{"qos_overrides./late/image.subscription.reliability": "best-effort"})
    source = ImageInput(node, "auto", ignore, ignore, "late")
    assert source.listening_to == ""
    publisher = peer.publisher(Image, "/late/image")

    def problem() -> str:
        source.watch(0.0)
        return source.qos_problem

    assert peer.spin_until(problem).startswith("images cannot be subscribed to: ")
    assert source.listening_to == ""
    source.close()
    peer.node.destroy_publisher(publisher)
    node.destroy_node()


def test_topics_may_be_remapped_crosswise(peer: Any) -> None:
    """Exchanged cables of a stereo camera."""
    node = own_node("-r", "left/image:=/right/image", "-r", "right/image:=/left/image")
    for name, topic in (("left", "/right"), ("right", "/left")):
        source = ImageInput(node, "raw", ignore, ignore, name)
        assert source.listening_to == source.topic == f"{topic}/image"
        assert source.camera_info_topic == f"{topic}/camera_info"
        source.close()
    node.destroy_node()
    node = own_node("-r", "image:=/camera/image", "-r", "/camera/image/compressed:=/elsewhere")
    with pytest.raises(RuntimeError, match="/camera/image/compressed is remapped to /elsewhere"):
        ImageInput(node, "compressed", ignore, ignore)
    node.destroy_node()
