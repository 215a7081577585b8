"""Stamps of received messages."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from sim2sg_core.errors import Sim2SGError


def nanoseconds_of(stamp: Time) -> int:
    """Returns a stamp in nanoseconds, a negative one too, of which rclpy's Time raises a ValueError."""
    found: int = stamp.sec * 10**9 + stamp.nanosec
    return found


def stamp_of(header: Header) -> int:
    """Returns the stamp of a received message, nanoseconds.

    Raises:
        Sim2SGError: It is negative.
    """
    stamp = nanoseconds_of(header.stamp)
    if stamp < 0:
        raise Sim2SGError(f"its stamp is {stamp / 1e9:g} s, before 1970: see that its driver's clock is set")
    return stamp
