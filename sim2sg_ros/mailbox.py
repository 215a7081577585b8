"""A mailbox between two threads with one slot per camera: a new item replaces the one that waits."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Hands over the newest item of a slot, slot by slot.

    A queue would deliver every image in order and so ever older ones once the reader falls behind. Of the
    slots in which something waits the one is read that was read longest ago, so none starves however fast
    the others fill.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._items: dict[Hashable, T] = {}
        self._last_turn: dict[Hashable, int] = {}
        self._turn = 0
        self._closed = False

    def put(self, item: T, slot: Hashable = "") -> bool:
        """Puts an item in, in place of the one that may wait in its slot. Never blocks.

        Returns:
            Whether it replaced one.
        """
        with self._condition:
            replaced = slot in self._items
            self._items[slot] = item
            self._condition.notify()
        return replaced

    def take(self, timeout: float | None = None) -> T | None:
        """Waits for an item and takes it out.

        Args:
            timeout: Seconds; None waits for ever.

        Returns:
            The item; None after the timeout or when the box was closed.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._items, timeout)
            if self._closed or not self._items:
                return None
            # Among slots never read the order of their first item decides: dicts keep it.
            slot = min(self._items, key=lambda name: self._last_turn.get(name, -1))
            self._last_turn[slot] = self._turn
            self._turn += 1
            return self._items.pop(slot)

    def close(self) -> None:
        """Wakes the reader for good: every later `take` returns None at once."""
        with self._condition:
            self._closed = True
            self._items.clear()
            self._condition.notify_all()
