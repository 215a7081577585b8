"""Ctrl-C, SIGTERM and SIGHUP end a long job alike, and none is lost."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType

AGAIN_S = 0.2  # until it is looked whether an interrupt has been lost


class Interrupts:
    """Turns SIGINT, SIGTERM and SIGHUP into KeyboardInterrupt in the main thread while `on` is entered.

    Python raises it wherever the main thread is just then. In a `__del__`, in a callback of a C library or in a broad
    `except` it is swallowed, and the job would go on. So it is raised again until it is seen to be on its way up.

    Attributes:
        received: The first signal that came; None before.
    """

    def __init__(self) -> None:
        self.received: int | None = None

    @property
    def exit_code(self) -> int:
        """What a shell says of a process that the signal ended: 130, 143 or 129."""
        return 128 + (self.received or signal.SIGINT)

    @contextlib.contextmanager
    def on(self) -> Iterator[None]:
        """Handles the signals while the block runs; only the main thread of a process can."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup ignores it
            numbers.append(signal.SIGHUP)
        before = {number: signal.signal(number, self._stop) for number in numbers}
        hook, sys.unraisablehook = sys.unraisablehook, self._swallowed
        try:
            yield
        finally:
            if self.received:
                signal.setitimer(signal.ITIMER_REAL, 0)
                before[signal.SIGALRM] = signal.SIG_DFL
            for number, handler in before.items():
                signal.signal(number, handler)
            sys.unraisablehook = hook

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.received = self.received or number
        signal.signal(signal.SIGALRM, self._stop_again)
        # A second signal must not break off what tidies up after the first: a pool would never end.
        self._stop_again(number, frame)

    def _stop_again(self, number: int, frame: FrameType | None) -> None:
        if _interrupted(sys.exc_info()[1]):  # It is being handled: what tidies up is left in peace.
            signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
        else:
            self._raise()

    def _swallowed(self, error: sys.UnraisableHookArgs) -> None:
        """Keeps quiet of an interrupt that a `__del__` could not pass on: it comes again."""
        if error.exc_type is not KeyboardInterrupt:
            sys.__unraisablehook__(error)

    def _raise(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
        raise KeyboardInterrupt


def _interrupted(error: BaseException | None) -> bool:
    """Whether an error that is being handled is an interrupt, or came of one."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__context__
    return False
