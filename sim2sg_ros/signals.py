"""Ends a process cleanly on Ctrl-C and SIGTERM, whatever it is doing."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import rclpy
from rclpy.executors import Executor, ExternalShutdownException

SIGNALS = (signal.SIGINT, signal.SIGTERM)
LOOK_EVERY_S = 0.2  # at most so late an idle process ends


def end_between_callbacks() -> Callable[[], bool]:
    """Makes the first Ctrl-C or SIGTERM end the spinning (`spin_until`) after the callback that runs.

    Python would raise KeyboardInterrupt in the middle of it, perhaps while it makes or destroys a subscription, which
    native code then finds half made. rclpy's own handlers, which are to be off, make its context invalid at once, so
    that the callback's publishers fail. A second signal does interrupt.

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


def spin_until(ended: Callable[[], bool], executor: Executor) -> None:
    """Runs callbacks until `ended`. Raises what they raise, and ExternalShutdownException as `Executor.spin`."""
    while not ended():
        executor.spin_once(timeout_sec=LOOK_EVERY_S)


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
