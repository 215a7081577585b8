"""Runs one function over many items: in this process, on processes of this machine, or on a Ray cluster.

Whoever has many items of work writes a `Work` and maps it over a `Pool`. Which pool that is decides where and how fast
the work is done, never what comes out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Generic, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Item_contra = TypeVar("Item_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)


class Work(Protocol[Item_contra, Result_co]):
    """What is done with every item. It is sent to the workers, and opened once in each.

    What it does with an item must follow from the item alone: it may be done twice, where a worker dies.
    """

    def open(self) -> Callable[[Item_contra], Result_co]:
        """Loads what all items need (a model, a renderer), and returns what is called with each of them.

        Where that has a method `close`, it is called before the worker opens other work.
        """


class Pool(ABC):
    """Who does the work."""

    @abstractmethod
    def map(self, work: Work[Item, Result], items: Iterable[Item], *, ordered: bool = True) -> Iterator[Result]:
        """Yields what the work makes of each item.

        No more than a few items for each worker are taken ahead, so neither items nor results pile up.

        Args:
            work: What to do.
            items: Taken one by one, as there is room for them.
            ordered: Whether results come in the order of the items, or as they are done.

        Raises:
            Sim2SGError: Of the work, or a worker died.
            OSError: Of the work.
        """

    def flat_map(
        self, work: Work[Item, Iterator[Result]], items: Iterable[Item], *, ordered: bool = True
    ) -> Iterator[Result]:
        """Yields, one by one, all that the work makes of each item, which may be much of one: see `map`."""
        for results in self.map(_Listed(work), items, ordered=ordered):
            yield from results


class _Listed(Generic[Item, Result]):
    """Work whose results are sent together: they cannot be sent one by one."""

    def __init__(self, work: Work[Item, Iterator[Result]]) -> None:
        self._work = work

    def open(self) -> Callable[[Item], list[Result]]:
        do = self._work.open()
        return lambda item: list(do(item))


class Inline(Pool):
    """This process, one item after the other."""

    def map(self, work: Work[Item, Result], items: Iterable[Item], *, ordered: bool = True) -> Iterator[Result]:
        """See `Pool`."""
        do: Callable[[Item], Result] | None = None
        for item in items:
            do = do or work.open()
            yield do(item)

    def flat_map(
        self, work: Work[Item, Iterator[Result]], items: Iterable[Item], *, ordered: bool = True
    ) -> Iterator[Result]:
        """See `Pool`; here nothing is held."""
        for results in self.map(work, items):
            yield from results


def windowed(
    submit: Callable[[Item], Future[Result]], items: Iterable[Item], ahead: int, ordered: bool
) -> Iterator[Result]:
    """Yields the results of items that are submitted as earlier ones are done.

    Args:
        submit: Hands one item to a worker.
        items: What to submit.
        ahead: Most items that are handed out and whose results are not taken yet.
        ordered: As for `Pool.map`.
    """
    waiting: list[Future[Result]] = []
    for item in items:
        waiting.append(submit(item))
        while len(waiting) >= ahead:
            yield _next(waiting, ordered).result()
    while waiting:
        yield _next(waiting, ordered).result()


def _next(waiting: list[Future[Result]], ordered: bool) -> Future[Result]:
    """Takes the next result's future out of those that are waited for."""
    if ordered:
        return waiting.pop(0)
    done = next(iter(wait(waiting, return_when=FIRST_COMPLETED).done))
    waiting.remove(done)
    return done
