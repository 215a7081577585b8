"""Decodes the frames of a log ahead of their use, and leaves out those that are damaged."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeGuard, TypeVar

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs.camera_log import LogFrame

logger = logging.getLogger(__name__)
T = TypeVar("T")

LISTED = 10
"""Damaged frames that are named; the others are counted."""
WORKERS = 2
AHEAD = 4
"""Images that are decoded ahead."""


def decoded(
    frames: Iterable[LogFrame], *, strict: bool = False, workers: int = WORKERS
) -> Iterator[tuple[LogFrame, np.ndarray]]:
    """Yields each whole frame and its image, in order. At the end damaged ones are counted and named in a warning.

    Args:
        frames: Of one log or several.
        strict: The first damaged frame is an error.
        workers: Threads that decode; OpenCV lets them run beside each other.

    Yields:
        The frame and its (h, w, 3) uint8 RGB image.

    Raises:
        Sim2SGError: More frames are damaged than whole; with `strict`, one is.
    """
    damage = Damage(strict)
    for frame, image in ahead(frames, LogFrame.decode, workers):
        if damage.whole(image):
            yield frame, image
    damage.tell()


class Damage:
    """Counts damaged frames, and names some of them."""

    def __init__(self, strict: bool = False) -> None:
        """With `strict` the first one is an error."""
        self._strict = strict
        self._good, self._bad = 0, 0
        self._problems: list[str] = []

    def whole(self, found: T | Sim2SGError) -> TypeGuard[T]:
        """Whether a frame is whole: what was made of it is no error. Raises it where one is too many."""
        if not isinstance(found, Sim2SGError):
            self._good += 1
            return True
        if self._strict:
            raise found
        self._bad += 1
        self._problems += [str(found)] if self._bad <= LISTED else []
        return False

    def tell(self) -> None:
        """Warns of those that were left out. Raises Sim2SGError when they are more than the whole ones."""
        if not self._bad:
            return
        more = f"; and {self._bad - LISTED} more" if self._bad > LISTED else ""
        text = f"{self._bad} of {self._good + self._bad} frames are damaged: {'; '.join(self._problems)}{more}"
        if self._bad > self._good:
            raise Sim2SGError(text)
        logger.warning("%s; they are left out", text)


def ahead(
    frames: Iterable[LogFrame], work: Callable[[LogFrame], np.ndarray], workers: int = WORKERS
) -> Iterator[tuple[LogFrame, np.ndarray | Sim2SGError]]:
    """Yields each frame and what `work` makes of it, or its error, in order; threads work ahead."""
    waiting: deque[tuple[LogFrame, Future[np.ndarray | Sim2SGError]]] = deque()

    def attempt(frame: LogFrame) -> np.ndarray | Sim2SGError:
        try:
            return work(frame)
        except Sim2SGError as error:
            return error

    with ThreadPoolExecutor(workers) as pool:
        try:
            for frame in frames:
                waiting.append((frame, pool.submit(attempt, frame)))
                if len(waiting) >= AHEAD:
                    first, future = waiting.popleft()
                    yield first, future.result()
            while waiting:
                first, future = waiting.popleft()
                yield first, future.result()
        finally:
            for _, future in waiting:
                future.cancel()
