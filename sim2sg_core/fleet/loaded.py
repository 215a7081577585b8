"""What takes long to load and cannot be sent: a model, a detector."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Loaded(Generic[T]):
    """Loads a thing when it is first asked for, once in each process. What is sent to another is how to load it."""

    def __init__(self, make: Callable[[], T]) -> None:
        """Notes how to load it: a function that can be sent, such as a `functools.partial`."""
        self._make = make
        self._thing: T | None = None

    def get(self) -> T:
        """Returns the thing."""
        if self._thing is None:
            self._thing = self._make()
        return self._thing

    def drop(self) -> None:
        """Lets go of it; it is loaded again where it is needed."""
        self._thing = None

    def __getstate__(self) -> dict[str, Any]:
        return {"_make": self._make, "_thing": None}


def chunked(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Yields the items, so many at a time: one by one they would cost more to send than to work on."""
    for start in range(0, len(items), size):
        yield items[start : start + size]
