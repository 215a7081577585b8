"""What a training run carries from step to step, and how it is kept in a checkpoint."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.learning.ema import WeightAverage
from sim2sg_core.learning.optimiser import frozen_blocks, learning_rate, make_optimiser
from sim2sg_core.learning.real import RealBatch
from sim2sg_core.learning.step import train_step
from sim2sg_core.learning.train_config import TrainConfig, difference
from sim2sg_core.learning.unlabelled import Unlabelled
from sim2sg_core.model.checkpoint import load_checkpoint, save_checkpoint
from sim2sg_core.model.losses import Targets
from sim2sg_core.model.network import SceneGraphNetwork


def run_identity(
    network: SceneGraphNetwork, domain: Domain, shares: Sequence[float], config: TrainConfig, real_images: int
) -> dict[str, Any]:
    """Returns all that decides a run's result, JSON-ready: a run is continued only where this is equal.

    Args:
        network: Where it starts from.
        domain: The network's.
        shares: Of the data sets among the images of a step.
        config: Settings.
        real_images: How many images without labels there are.
    """
    return {
        "train": config.identity(),
        "model": json.loads(json.dumps(network.config.to_json())),
        "domain": domain.hash(),
        "shares": [float(share) for share in shares],
        **({"real": real_images} if config.needs_real else {}),
    }


def load_run(checkpoint: Path, identity: dict[str, Any]) -> dict[str, Any] | None:
    """Returns the checkpoint of an earlier call, None where there was none.

    Raises:
        Sim2SGError: It is of another run.
    """
    if not checkpoint.exists():
        return None
    saved = load_checkpoint(checkpoint)
    if saved["identity"] != identity:
        raise Sim2SGError(
            f"{checkpoint.parent}: holds a run with other settings ({difference(saved['identity'], identity)}): "
            "give the same settings to continue it, or another folder"
        )
    return saved


class TrainState:
    """A run between two steps.

    Attributes:
        network: Is taught.
        step: Steps taken so far.
    """

    def __init__(self, network: SceneGraphNetwork, config: TrainConfig, saved: dict[str, Any] | None = None) -> None:
        """Builds the parts on the device, as new or as they were when `saved` was written."""
        self.network, self.config = network, config
        self._frozen_blocks = frozen_blocks(network, config)
        network.freeze(self._frozen_blocks)
        self._device = torch.device(config.device)
        if self._device.type == "cuda":
            torch.backends.cudnn.benchmark = True  # All batches are of one shape: the search for fast kernels pays.
        network.to(self._device).train()
        if saved:  # Before the parts that copy the network.
            network.load_state_dict(saved["network"])
        self._average = WeightAverage(network, config.ema)
        self._unlabelled = Unlabelled(network, self._average, config)
        self._optimiser = make_optimiser(network, config, self._unlabelled.discriminators)
        self.step = 0
        if saved:
            self._optimiser.load_state_dict(saved["optimiser"])
            self._average.load(saved["ema"], saved["ema_updates"])
            self._unlabelled.discriminators.load_state_dict(saved.get("discriminators", {}))
            self.step = int(saved["step"])

    @property
    def rate(self) -> float:
        """The learning rate of the next step."""
        return self.config.learning_rate * learning_rate(self.step, self.config)

    def advance(self, labelled: Targets, real: RealBatch | None) -> dict[str, Tensor]:
        """Takes one step. Returns its losses and the gradient's norm, see `train_step`.

        Args:
            labelled: Labelled images.
            real: Images without labels, if the step has any.
        """
        for group in self._optimiser.param_groups:
            group["lr"] = self.rate * group["scale"]
        labelled, real = labelled.to(self._device), real.to(self._device) if real else None
        values = train_step(self.network, self._optimiser, labelled, self.config, real, self._unlabelled, self.step)
        self._average.update(self.network)
        self.step += 1
        return values

    def save(self, checkpoint: Path, domain: Domain, identity: dict[str, Any]) -> None:
        """Writes the checkpoint that `load_run` reads."""
        save_checkpoint(
            checkpoint,
            self.network,
            domain,
            identity=identity,
            ema=self._average.state(),
            ema_updates=self._average.updates,
            optimiser=self._optimiser.state_dict(),
            step=self.step,
            discriminators=self._unlabelled.discriminators.state_dict(),
            frozen_blocks=self._frozen_blocks,
        )
