"""Stamps of recorded messages, moved to the time at which they are played."""

from __future__ import annotations

import importlib
import struct
from collections.abc import Callable
from typing import Any

from rclpy.serialization import deserialize_message, serialize_message
from rclpy.time import Time

from sim2sg_ros.stamps import nanoseconds_of

HEADER = "std_msgs/Header"
LATENCY = 10 * 10**9
"""Nanoseconds between a header's stamp and its recording; where there are more, they are of different clocks."""
LATE = 50_000_000
"""Nanoseconds behind its time from which a message takes the time at which it goes out: the player cannot keep up."""
REMEMBERED = 1000
Restamp = Callable[[bytes, Callable[[int], int]], bytes]
"""Returns a serialised message whose stamps, nanoseconds, went through a function."""


class MovingClock:
    """Moves recorded stamps to the time of playing. What has the same stamp in a pass through the logs keeps that."""

    def __init__(self, rate: float = 1.0) -> None:
        """Starts; `rate` is the speed of playing, by which stamps come closer together."""
        self._rate = rate
        self._moved: dict[int, int] = {}

    def begin(self) -> None:
        """Begins another pass."""
        self._moved.clear()

    def move(self, stamp: int, recorded: int, due: int, now: int) -> int:
        """Returns the new stamp.

        Args:
            stamp: In the message, nanoseconds.
            recorded: When it was recorded.
            due: When it is to be played.
            now: When it is.
        """
        if stamp in self._moved:
            return self._moved[stamp]
        latency = recorded - stamp
        base = due if now - due < LATE else now
        if len(self._moved) >= REMEMBERED:
            del self._moved[next(iter(self._moved))]
        self._moved[stamp] = base - round(latency / self._rate) if abs(latency) < LATENCY else base
        return self._moved[stamp]


def restamp_of(kind: type[Any]) -> Restamp | None:
    """Returns what changes the stamps of messages of a type; None where they have none.

    That is the stamp of the header that they begin with, or those of the elements of a list, as of tf2_msgs/TFMessage.
    """
    if _begins_with_header(kind):
        return restamp_header
    lists = [name for name, of in kind.get_fields_and_field_types().items() if _lists_headers(of)]
    return (lambda data, move: restamp_lists(data, move, kind, lists)) if lists else None


def restamp_header(data: bytes, move: Callable[[int], int]) -> bytes:
    """Changes the stamp of a message that begins with a std_msgs/Header, in its CDR bytes.

    CDR (DDS-RTPS 10.2.1.2): four bytes of encapsulation, the second's lowest bit set for little-endian,
    then the fields; so sec (int32) and nanosec (uint32) lie at bytes 4 to 12.
    """
    form = f"{'<' if data[1] & 1 else '>'}iI"
    seconds, nanoseconds = struct.unpack_from(form, data, 4)
    return data[:4] + struct.pack(form, *divmod(move(seconds * 10**9 + nanoseconds), 10**9)) + data[12:]


def restamp_lists(data: bytes, move: Callable[[int], int], kind: type[Any], lists: list[str]) -> bytes:
    """Changes the stamps of the elements of some of a message's fields, which are lists."""
    message = deserialize_message(data, kind)
    for element in (element for name in lists for element in getattr(message, name)):
        element.header.stamp = Time(nanoseconds=move(nanoseconds_of(element.header.stamp))).to_msg()
    return serialize_message(message)


def find_message_type(name: str) -> type[Any] | None:
    """Returns the class of `package/msg/Name`, None where the package is not installed."""
    package, _, short = name.partition("/msg/")
    try:
        found: type[Any] | None = getattr(importlib.import_module(f"{package}.msg"), short, None)
    except ImportError:
        return None
    return found


def _begins_with_header(kind: type[Any]) -> bool:
    return next(iter(kind.get_fields_and_field_types().values()), "") == HEADER


def _lists_headers(field: str) -> bool:
    """Whether a field, such as sequence<geometry_msgs/TransformStamped>, is a list of messages with headers."""
    package, _, name = field.removeprefix("sequence<").partition(">")[0].partition("/")
    element = find_message_type(f"{package}/msg/{name}") if field.startswith("sequence<") and name else None
    return element is not None and _begins_with_header(element)
