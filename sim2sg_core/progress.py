"""How far a long job is: a bar on a terminal, plain lines now and then in a file."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import TextIO

from tqdm import tqdm


class Progress:
    """Counts finished items and shows rate and remaining time.

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
        unit: str = "",
        interval_s: float = 10.0,
    ) -> None:
        """Shows that the job begins.

        Args:
            total: Items in all; None when unknown.
            label: What is being done.
            file: Where to write; None means stderr.
            unit: Name of the items, for the rate.
            interval_s: Least seconds between lines where the output is not a terminal.
        """
        file = file if file is not None else sys.stderr
        terminal = _has_size(file)
        self._bar = _Bar(
            total=total,
            desc=label,
            unit=unit,
            file=file if terminal else _Lines(file),
            dynamic_ncols=terminal,
            ascii=None if terminal else True,  # A log may be in any encoding.
            mininterval=0.2 if terminal else interval_s,
            miniters=1,
            smoothing=0.1,
        )

    @property
    def done(self) -> int:
        """Finished items, those of an earlier run included."""
        return int(self._bar.n)

    def update(self, n: int = 1, *, resumed: bool = False, **info: object) -> None:
        """Counts finished items.

        Args:
            n: How many more there are.
            resumed: An earlier run finished them: they do not count for the rate.
            info: Numbers or text to show at the end of the line.
        """
        if info:
            self._bar.set_postfix(info, refresh=False)
        if resumed:
            self._bar.initial += n
            self._bar.last_print_n += n
            self._bar.n += n
        else:
            self._bar.update(n)

    def close(self) -> None:
        """Shows where the job ended, with the time that it took. Harmless when called again."""
        self._bar.close()

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


@contextlib.contextmanager
def heartbeat(label: str, file: TextIO | None = None, interval_s: float = 5.0) -> Iterator[None]:
    """Says every few seconds that a job goes on, while no `Progress` of this process shows it.

    Args:
        label: Name of the job.
        file: Where to write; None means stderr.
        interval_s: Seconds between two words; twice as long where the output is not a terminal.
    """
    file = file if file is not None else sys.stderr
    terminal, ended, started = _has_size(file), threading.Event(), time.monotonic()

    def beat() -> None:
        shown = 0
        while not ended.wait(interval_s if terminal else 2 * interval_s):
            if len(_Bar._instances):  # of those that are shown
                continue
            text = f"{label}: at work for {time.monotonic() - started:.0f} s"
            file.write(f"\r{text:{shown}}" if terminal else f"{text}\n")
            file.flush()
            shown = len(text)
        if terminal and shown:
            file.write("\r" + " " * shown + "\r")
            file.flush()

    thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _has_size(file: TextIO) -> bool:
    """Whether this is a terminal that tells its size; within 0 columns, as some containers have, no bar is seen."""
    try:
        return file.isatty() and min(os.get_terminal_size(file.fileno())) > 0
    except OSError:
        return False


class _Bar(tqdm):
    monitor_interval = 0  # Nothing here needs tqdm's thread, which mends its guesses of `miniters`.


class _Lines:
    """Writes each state of the bar as a line of its own, in place of one line that rewrites itself."""

    def __init__(self, file: TextIO) -> None:
        self._file = file

    def write(self, text: str) -> None:
        if line := text.strip():
            self._file.write(f"{line}\n")

    def flush(self) -> None:
        self._file.flush()
