"""Where a run's work is done: on this machine, or on a Ray cluster as well."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Protocol

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.fleet.pool import Pool

Tell = Callable[..., object]


class Place(NamedTuple):
    """The place of one process among those that train together."""

    rank: int
    world: int
    """how many there are"""
    host: str
    """where the first one listens"""
    port: int


class Gang(Protocol):
    """Work that several processes do together. It is sent to each of them.

    Begun anew after one of them died, it goes on where it was.
    """

    def run(self, place: Place | None, tell: Tell | None) -> object:
        """Does one process's part.

        Args:
            place: Which part; None for all of it.
            tell: Called by the first one with how many steps more are done, and `resumed=True` for those of an
                earlier start.
        """


class Fleet(ABC):
    """Gives a pool for work that is cut into items, and processes that train together.

    Attributes:
        threads: CPU threads that one worker should take; 0 for all cores.
    """

    threads: int = 0

    @abstractmethod
    def pool(self, plain: Pool, gpus: bool = False) -> Pool:
        """Returns who does work that `plain` does on one machine; elsewhere with a GPU for each worker, if asked for.

        Raises:
            Sim2SGError: There are no GPUs.
        """

    @abstractmethod
    def gang(self, work: Gang, count: int, gpus: bool, tell: Tell | None) -> None:
        """Has `count` processes do a work together, each on a GPU of its own or on CPUs.

        Raises:
            Sim2SGError: Of the work; or there are not so many, or they died again and again.
        """

    @abstractmethod
    def check(self, folder: Path | None) -> None:
        """Looks whether everybody can take part.

        Args:
            folder: The run's, which all must see; None where there is none to share.

        Raises:
            Sim2SGError: A machine does not see it, or too late; or it has another version of this program.
        """


class OneMachine(Fleet):
    """This machine without Ray."""

    def pool(self, plain: Pool, gpus: bool = False) -> Pool:
        """See `Fleet`: what `plain` does, it does with what this machine has."""
        return plain

    def gang(self, work: Gang, count: int, gpus: bool, tell: Tell | None) -> None:
        """See `Fleet`: here is one process."""
        if count != 1:
            raise Sim2SGError(
                f"--ranks {count}: goes with --ray; on one machine give --ray local, or start with torchrun"
            )
        work.run(None, tell)

    def check(self, folder: Path | None) -> None:
        """See `Fleet`: there is nobody else."""


ONE_MACHINE = OneMachine()
