"""Stamps of received messages."""

from __future__ import annotations

from std_msgs.msg import Header

from sim2sg_core.errors import Sim2SGError


def stamp_of(header: Header) -> int:
    """Returns the stamp of a received message, nanoseconds.

    Raises:
        Sim2SGError: It is negative, of which rclpy's Time raises a ValueError: in a callback that ends the process.
    """
    stamp: int = header.stamp.sec * 10**9 + header.stamp.nanosec
    if stamp < 0:
        raise Sim2SGError(f"its stamp is {stamp / 1e9:g} s, before 1970: see that its driver's clock is set")
    return stamp
