"""Stamps of recorded messages that are played as if they were live."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("rclpy", reason="rclpy is not installed")
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.typesys import Stores, get_typestore
from sensor_msgs.msg import CompressedImage
from std_msgs.msg import String
from visualization_msgs.msg import Marker, MarkerArray

from sim2sg_ros.restamping import MovingClock, find_message_type, restamp_header, restamp_of

pytestmark = pytest.mark.ros

SECOND = 10**9


def stamps(messages: list[Any]) -> list[int]:
    return [m.header.stamp.sec * 10**9 + m.header.stamp.nanosec for m in messages]


@given(st.integers(0, 2**31 * 10**9 - 1), st.text(max_size=20).filter(lambda t: "\0" not in t), st.binary())
def test_stamps_are_rewritten_and_nothing_else(stamp: int, frame: str, data: bytes) -> None:
    message = CompressedImage(format="jpeg", data=data)
    message.header.frame_id = frame
    result = deserialize_message(restamp_header(serialize_message(message), lambda _: stamp), CompressedImage)
    assert stamps([result]) == [stamp]
    result.header.stamp = message.header.stamp
    assert result == message


def test_big_endian_messages_keep_their_order() -> None:
    store = get_typestore(Stores.ROS2_JAZZY)
    header, time_ = store.types["std_msgs/msg/Header"], store.types["builtin_interfaces/msg/Time"]
    data = bytes(store.serialize_cdr(header(time_(1, 2), "x"), "std_msgs/msg/Header", little_endian=False))
    result = store.deserialize_cdr(restamp_header(data, lambda _: 3_000_000_004), "std_msgs/msg/Header")
    assert (result.stamp.sec, result.stamp.nanosec, result.frame_id) == (3, 4, "x")


def test_message_types_by_name() -> None:
    assert find_message_type("sensor_msgs/msg/CompressedImage") is CompressedImage
    assert find_message_type("nowhere_msgs/msg/Strange") is None
    assert find_message_type("sensor_msgs/msg/Strange") is None


def test_messages_that_list_others_with_headers_have_a_stamp_each() -> None:
    """As tf2_msgs/TFMessage, which is no wheel, has its transforms."""
    array = MarkerArray(markers=[Marker(ns="a"), Marker(ns="b")])
    for number, marker in enumerate(array.markers):
        marker.header.stamp.sec = number - 1  # a negative one too
    restamp = restamp_of(MarkerArray)
    assert restamp is not None and restamp_of(String) is None
    result = deserialize_message(restamp(serialize_message(array), lambda stamp: stamp + 5 * SECOND), MarkerArray)
    assert stamps(result.markers) == [4 * SECOND, 5 * SECOND]
    assert [marker.ns for marker in result.markers] == ["a", "b"]


def test_what_belongs_together_stays_together_and_is_as_late_as_it_was() -> None:
    clock = MovingClock(rate=2.0)

    def move(stamp: int, recorded: int, due: int, late: int = 0) -> int:
        return clock.move(stamp, recorded, due, due + late)

    image = move(100 * SECOND, 100 * SECOND + 30_000_000, 500 * SECOND)
    assert image == 500 * SECOND - 15_000_000, "recorded 30 ms after its exposure, played at double speed"
    depth = move(100 * SECOND, 100 * SECOND + 50_000_001, 500 * SECOND + 40_000_000)
    assert depth == image, "the same stamp stays the same, also where --hz plays it with the next image"
    other = move(3 * SECOND, 100 * SECOND, 700 * SECOND)
    assert other == 700 * SECOND, "of a clock that counts from its start"
    assert move(3 * SECOND, 100 * SECOND, 700 * SECOND + 5) == other
    assert move(101 * SECOND, 101 * SECOND, 800 * SECOND, late=2 * SECOND) == 802 * SECOND, "it cannot keep up"
    clock.begin()
    assert move(100 * SECOND, 100 * SECOND, 900 * SECOND) == 900 * SECOND, "the next loop"
