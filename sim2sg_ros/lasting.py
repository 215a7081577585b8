"""What is true of the ROS graph for a while, and not only until discovery has caught up."""

from __future__ import annotations

import time

LINGER = 30.0
"""Seconds: the middleware goes on listing a process that was killed for some 20."""


class Lasting:
    """A condition that counts once it has been true without a break for some time."""

    def __init__(self, seconds: float | None = None) -> None:
        """Begins as false; `seconds` is how long it must hold (None: `LINGER`)."""
        self._seconds = LINGER if seconds is None else seconds
        self._since: float | None = None

    def update(self, true: bool) -> bool:
        """Takes whether it is true now. Returns whether it counts."""
        now = time.monotonic()
        if not true:
            self._since = None
            return False
        if self._since is None:
            self._since = now
        return now - self._since >= self._seconds
