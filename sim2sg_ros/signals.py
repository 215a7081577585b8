"""How a process of ours ends: Ctrl-C and SIGTERM are no errors, wherever they find it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import rclpy
from rclpy.executors import ExternalShutdownException


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
