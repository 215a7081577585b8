"""Ends a process cleanly on Ctrl-C and SIGTERM, whatever it is doing."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def end_between_callbacks() -> Callable[[], bool]:
    """Makes the first Ctrl-C act like SIGTERM: spinning ends after the callback that runs.

    Python would raise KeyboardInterrupt in the middle of it, perhaps while it makes or destroys a subscription, which
    native code then finds half made. A second signal does interrupt. To be called before rclpy installs its own
    handlers, which end the spinning and then call those that they found.

    Returns:
        Whether a signal has come.
    """
    count = 0

    def handle(*_: Any) -> None:
        nonlocal count
        count += 1
        if count > 1:
            raise KeyboardInterrupt

    for number in SIGNALS:
        signal.signal(number, handle)
    return lambda: count > 0


def ignore_signals() -> None:
    """From now on no signal cuts the end of the process short."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


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
