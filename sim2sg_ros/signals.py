"""Ends a process cleanly on Ctrl-C and SIGTERM, whatever it is doing."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException


def end_between_callbacks() -> None:
    """Makes the first Ctrl-C act like SIGTERM: spinning ends after the callback that runs.

    Python would raise KeyboardInterrupt in the middle of it, perhaps while it makes or destroys a subscription, which
    native code then finds half made. A second Ctrl-C does interrupt. To be called before `rclpy.init`, whose own
    handler ends the spinning and then calls the one that it found.
    """
    count = 0

    def handle(*_: Any) -> None:
        nonlocal count
        count += 1
        if count > 1:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, handle)


@contextmanager
def until_signal() -> Iterator[None]:
    """Runs a block that a signal ends without an error, also while a message is being published; other errors pass."""
    try:
        yield
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RuntimeError:  # All of rclpy's own errors are, and a signal makes its calls fail.
        if rclpy.ok():
            raise
