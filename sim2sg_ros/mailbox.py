"""A box for one item between two threads: a new item replaces the one that waits."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Hands the newest item over and counts those that were replaced unread.

    A queue would deliver every image in order and so ever older ones once the reader falls behind.
    """

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._item: T | None = None
        self._closed = False
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Items replaced before anyone took them."""
        return self._dropped

    def put(self, item: T) -> None:
        """Puts an item in, in place of the one that may wait. Never blocks."""
        with self._condition:
            self._dropped += self._item is not None
            self._item = item
            self._condition.notify()

    def take(self, timeout: float | None = None) -> T | None:
        """Waits for an item and takes it out.

        Args:
            timeout: Seconds; None waits for ever.

        Returns:
            The item; None after the timeout or when the box was closed.
        """
        with self._condition:
            self._condition.wait_for(lambda: self._closed or self._item is not None, timeout)
            item, self._item = self._item, None
            return None if self._closed else item

    def close(self) -> None:
        """Wakes the reader for good: every later `take` returns None at once."""
        with self._condition:
            self._closed = True
            self._item = None
            self._condition.notify_all()
