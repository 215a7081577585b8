"""How far a long job is: one line that rewrites itself on a terminal, plain lines in a file."""

from __future__ import annotations

import shutil
import sys
import time
from collections import deque
from types import TracebackType
from typing import TextIO

WINDOW_S = 60.0  # The rate is that of the last minute: the start is slow, and other jobs come and go.


class Progress:
    """Counts finished items and tells rate and remaining time.

    `update` fits wherever a callable is asked for that is told of finished items:

        with Progress(500, "rendering", unit="frames") as progress:
            render_dataset(…, progress=progress.update)
    """

    def __init__(
        self,
        total: int | None,
        label: str,
        file: TextIO | None = None,
        *,
        start: int = 0,
        unit: str = "",
        interval_s: float = 10.0,
    ) -> None:
        """Starts the clock.

        Args:
            total: Items in all; None when unknown.
            label: What is being done.
            file: Where to write; None means stderr.
            start: Items that an earlier run finished; they do not count for the rate.
            unit: Name of the items, for the rate.
            interval_s: Seconds between lines where the output is not a terminal.
        """
        self.total, self.label, self.unit = total, label, unit
        self.file = file if file is not None else sys.stderr
        self.done = start
        self.tty = self.file.isatty()
        self.interval_s = 0.1 if self.tty else interval_s
        self._first = self._shown = time.monotonic()
        self._history: deque[tuple[float, int]] = deque([(self._first, start)])
        self._info: dict[str, object] = {}
        self._closed = False

    def update(self, n: int = 1, **info: object) -> None:
        """Counts `n` more items; `info` (numbers or text) is shown at the end of the line."""
        now = time.monotonic()
        self.done += n
        self._info.update(info)
        self._history.append((now, self.done))
        while len(self._history) > 2 and now - self._history[1][0] > WINDOW_S:
            self._history.popleft()
        if now - self._shown >= self.interval_s:
            self._shown = now
            self._write(self.line(now))

    def line(self, now: float | None = None) -> str:
        """Returns the line, e.g. `rendering 120/500 24 % · 12.3 frames/s · 0:31 left · loss 0.52`."""
        now = time.monotonic() if now is None else now
        counted = f"{self.done}" if self.total is None else f"{self.done}/{self.total}"
        if self.total:
            counted += f" {100 * self.done // self.total} %"
        parts = [f"{self.label} {counted}"]
        (then, before) = self._history[0]
        rate = (self.done - before) / (now - then) if now > then else 0.0
        if rate > 0:
            shown = f"{rate:.1f}" if rate >= 1 else f"{rate:.2f}"
            parts.append(f"{shown} {self.unit}/s" if self.unit else f"{shown}/s")
            if self.total is not None and self.done < self.total:
                parts.append(f"{clock((self.total - self.done) / rate)} left")
        parts += [f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in self._info.items()]
        return " · ".join(parts)

    def close(self) -> None:
        """Writes the last line, with the time that it took. Harmless when called again."""
        if self._closed:
            return
        self._closed = True
        now = time.monotonic()
        self._write(f"{self.line(now)} · took {clock(now - self._first)}")
        if self.tty:
            self.file.write("\n")
            self.file.flush()

    def _write(self, line: str) -> None:
        if self.tty:
            columns = shutil.get_terminal_size().columns
            self.file.write(f"\r{line[: columns - 1]}\x1b[K")
        else:
            self.file.write(f"{line}\n")
        self.file.flush()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def clock(seconds: float) -> str:
    """Formats a duration: 0:07, 12:31, 1:02:03."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
