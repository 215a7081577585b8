"""Work on processes of this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import wait as wait_for
from typing import Any

from sim2sg_core.cores import usable_cores
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.fleet.pool import Item, Pool, Result, Work, windowed

AHEAD = 3  # items for each process

# Each worker does its work on one thread.
ENVIRONMENT = {
    "LP_NUM_THREADS": "0",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
_worker: Any = None  # The worker process's own; set once by `_start`.


class Processes(Pool):
    """Processes of this machine, started for each call of `map` and ended with it.

    They are spawned: a script that comes here needs the usual `if __name__ == "__main__"`.
    """

    def __init__(self, workers: int = 0, what: str = "working") -> None:
        """Notes how many.

        Args:
            workers: Processes; 0 takes one per core.
            what: They do, for messages.
        """
        self.workers = workers or usable_cores()
        self.what = what

    def map(self, work: Work[Item, Result], items: Iterable[Item], *, ordered: bool = True) -> Iterator[Result]:
        """See `Pool`."""
        with _environment(ENVIRONMENT):
            pool = ProcessPoolExecutor(self.workers, multiprocessing.get_context("spawn"), _start, (work,))
            try:
                yield from windowed(lambda item: pool.submit(_do, item), items, AHEAD * self.workers, ordered)
            except BrokenProcessPool:
                raise Sim2SGError(
                    f"a {self.what} process died (out of memory, or killed): run the same command again, it goes on"
                    f" where it was; fewer --workers than {self.workers} need less memory"
                ) from None
            except KeyboardInterrupt:
                print(f"stopping: each {self.what} process finishes what it has in hand", file=sys.stderr, flush=True)
                raise
            finally:
                # On an error or Ctrl-C what is in hand is finished, the rest dropped.
                pool.shutdown(wait=True, cancel_futures=True)


def _start(work: Work[Any, Any]) -> None:
    """Prepares a worker process."""
    # They come to the whole group: to handle them is the parent's.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    global _worker
    # Opened here, an error would only break the pool and lose its message: the first item opens it.
    _worker = _Lazy(work.open)


def _end_with_parent() -> None:
    """Ends this process when its parent has ended.

    A parent that is killed tells nobody, and the pool's queue stays open as long as one worker waits on it.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for([parent.sentinel])
    os._exit(1)  # Files are written atomically: one cut short is made again by the next run.


class _Lazy:
    """What the worker calls, opened by its first item so that an error in opening it reaches the caller."""

    def __init__(self, make: Callable[[], Callable[[Any], Any]]) -> None:
        self._make = make
        self._made: Callable[[Any], Any] | None = None

    def __call__(self, item: Any) -> Any:
        if self._made is None:
            self._made = self._make()
        return self._made(item)


def _do(item: Any) -> Any:
    return _worker(item)


@contextlib.contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Sets environment variables for the processes that are started meanwhile."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
