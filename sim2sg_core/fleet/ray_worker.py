"""What runs in the workers of a Ray cluster: one item of work at a time, the work opened once."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import ray

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.fleet.processes import ENVIRONMENT

_worker: Any = None  # The worker process's own: the work that it has opened.


class Done(NamedTuple):
    """What comes back from a task. Raised there, an error would come wrapped in a stack trace."""

    value: Any
    error: Sim2SGError | OSError | None
    warnings: list[tuple[str, int, str]]


def do_item(key: str, shared: list[Any], item: Any) -> Done:
    """Does one item in a worker, with the work opened by an earlier task or now."""
    global _worker
    heard = _Warnings()
    logging.getLogger("sim2sg_core").addHandler(heard)
    try:
        if _worker is None or _worker.key != key:
            if _worker is not None:
                _worker.close()
            _worker = None
            os.environ.update(ENVIRONMENT)  # before anything draws
            _worker = _Opened(key, ray.get(shared[0]).open())
        return Done(_worker.do(item), None, heard.lines)
    except (Sim2SGError, OSError) as error:
        return Done(None, error, heard.lines)
    finally:
        logging.getLogger("sim2sg_core").removeHandler(heard)


class Worker:
    """A process of its own that does items; for `ray.remote`."""

    def do(self, key: str, shared: list[Any], item: Any) -> Done:
        """Does one, as `do_item`."""
        return do_item(key, shared, item)


class _Opened(NamedTuple):
    """The work that a worker has at hand."""

    key: str
    do: Callable[[Any], Any]

    def close(self) -> None:
        close = getattr(self.do, "close", None)
        if close is not None:
            close()


class _Warnings(logging.Handler):
    """Keeps warnings for the driver: nobody reads a worker's terminal."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[tuple[str, int, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.name, record.levelno, record.getMessage()))
