"""How a process of ours ends: Ctrl-C and SIGTERM are no errors, wherever they find it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException


def end_between_callbacks() -> None:
    """Makes the first Ctrl-C as gentle as SIGTERM: spinning ends after the callback that runs.

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
    """Runs a block that a signal ends quietly, also when a message was on its way out; other errors pass through."""
    try:
        yield
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RuntimeError:  # All of rclpy's own errors are, and a signal makes its calls fail.
        if rclpy.ok():
            raise
