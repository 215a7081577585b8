"""A training that one process does, or several together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sim2sg_core.domains import Domain
from sim2sg_core.fleet import Fleet, Place, Tell
from sim2sg_core.learning.loop import train
from sim2sg_core.learning.real import RealImage
from sim2sg_core.learning.train_config import TrainConfig
from sim2sg_core.model.network import SceneGraphNetwork
from sim2sg_core.model.ranks import ALONE, Ranks, joined


@dataclass(frozen=True, eq=False)
class TrainJob:
    """What `train` is called with, ready to be sent to the processes of a fleet; see `fleet.Gang`."""

    network: SceneGraphNetwork
    domain: Domain
    datasets: Sequence[tuple[Path | str, float]]
    config: TrainConfig
    out: Path
    real: Sequence[RealImage] = ()
    origin: str | None = None
    labeller: SceneGraphNetwork | None = None
    negatives: Sequence[tuple[Path | str, float]] = ()

    def train_on(self, fleet: Fleet, ranks: int, tell: Tell | None) -> Path:
        """Trains with `ranks` processes of a fleet. Returns the path of the checkpoint.

        Raises:
            Sim2SGError: As `train`, or as `Fleet.gang`.
        """
        Ranks(0, ranks).check(self.config.labelled, self.config.unlabelled)
        fleet.gang(self, ranks, self.config.device.startswith("cuda"), tell)
        return self.out / "checkpoint.pt"

    def run(self, place: Place | None, tell: Tell | None) -> Path:
        """Does one process's part; see `fleet.Gang`."""
        if place is None:
            return self._train(tell, ALONE)
        where = {"init_method": f"tcp://{place.host}:{place.port}", "rank": place.rank, "world_size": place.world}
        with joined(self.config.device, **where) as ranks:
            return self._train(tell, ranks)

    def _train(self, tell: Tell | None, ranks: Ranks) -> Path:
        return train(
            self.network,
            self.domain,
            self.datasets,
            self.config,
            self.out,
            tell,
            self.real,
            self.origin,
            self.labeller,
            ranks,
            self.negatives,
        )
