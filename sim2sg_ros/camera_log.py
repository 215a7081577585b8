"""What the node's log says of a camera: each kind of trouble with its name, and not for every image."""

from __future__ import annotations

import time

from rclpy.node import Node

PERIOD = 5.0
"""Seconds between two lines about the same trouble of the same camera."""


class CameraLog:
    """Writes lines about one camera.

    rclpy's own throttle counts by the line of code, so that of several cameras with trouble only one would be told of.
    """

    def __init__(self, node: Node, camera: str = "") -> None:
        """Says nothing yet.

        Args:
            node: Whose log it is.
            camera: Name of the camera, which begins each line; "" for the only one.
        """
        self._node = node
        self._who = f"camera {camera}: " if camera else ""
        self._said: dict[str, float] = {}

    def warning(self, kind: str, line: str) -> None:
        """Writes a warning, unless one of this kind was written within `PERIOD`."""
        if self._due(kind):
            self._node.get_logger().warning(self._who + line)

    def error(self, kind: str, line: str) -> None:
        """Writes an error, likewise."""
        if self._due(kind):
            self._node.get_logger().error(self._who + line)

    def _due(self, kind: str) -> bool:
        now = time.monotonic()
        if now - self._said.get(kind, -PERIOD) < PERIOD:
            return False
        self._said[kind] = now
        return True
