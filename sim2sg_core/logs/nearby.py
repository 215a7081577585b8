"""Finds what goes with an image, such as its depth image, by time of exposure."""

from __future__ import annotations

import itertools
import statistics
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Nearby(Generic[T]):
    """The latest items of a stream by their stamps.

    An item goes with a stamp if its own is equal; else the nearest one does, if it is no further away than half the
    stream's period. Of several that are as near, the one that came last does.
    """

    def __init__(self, count: int) -> None:
        """Starts empty; `count` is how many items are kept."""
        self._items: deque[tuple[int, T]] = deque(maxlen=count)

    def put(self, stamp: int, item: T) -> None:
        """Adds an item, with its stamp in nanoseconds, in place of the oldest where there are too many."""
        self._items.append((stamp, item))

    def keep(self, count: int) -> None:
        """Forgets the oldest where there are more items than `count`."""
        while len(self._items) > count:
            self._items.popleft()

    def clear(self) -> None:
        """Forgets all."""
        self._items.clear()

    @property
    def period(self) -> int:
        """Nanoseconds from one item to the next, the lower median; 0 while fewer than two are known."""
        stamps = sorted({stamp for stamp, _ in self._items})
        steps = [b - a for a, b in itertools.pairwise(stamps)]
        return statistics.median_low(steps) if steps else 0

    def settled(self, stamp: int) -> bool:
        """Whether none that comes later would be nearer, as long as they come in order and at their period."""
        newest = max((found for found, _ in self._items), default=None)
        return newest is not None and (stamp - newest) * 2 <= self.period

    def find(self, stamp: int) -> T | None:
        """Returns the item that goes with a stamp, None where none does."""
        if not self._items:
            return None
        found, item = min(reversed(self._items), key=lambda entry: abs(entry[0] - stamp))
        return item if abs(found - stamp) * 2 <= self.period else None
