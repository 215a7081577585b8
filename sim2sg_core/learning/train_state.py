"""What a training run carries from step to step, and how it is kept in a checkpoint."""

from __future__ import annotations

import json
import struct
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.learning.conditional_update import ConditionalUpdate
from sim2sg_core.learning.ema import WeightAverage
from sim2sg_core.learning.optimiser import frozen_blocks, learning_rate, make_optimiser
from sim2sg_core.learning.real import RealBatch
from sim2sg_core.learning.step import train_step
from sim2sg_core.learning.train_config import TrainConfig, difference
from sim2sg_core.learning.unlabelled import Unlabelled
from sim2sg_core.model.checkpoint import load_checkpoint, save_checkpoint
from sim2sg_core.model.losses import Targets
from sim2sg_core.model.network import SceneGraphNetwork
from sim2sg_core.model.ranks import ALONE, Ranks

ZIP = b"PK\x03\x04"
STATE = {"network", "ema", "ema_updates", "optimiser", "step"}  # entries that a run continues from


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


def load_run(checkpoint: Path, identity: dict[str, Any], *, owned: bool) -> dict[str, Any] | None:
    """Returns the checkpoint of an earlier call; None where there was none, or it is damaged, which is told.

    Args:
        checkpoint: Its file.
        identity: The run that is to go on.
        owned: Whether what is of another run, or another program, is passed over too; else it is refused.

    Raises:
        Sim2SGError: It is of another run, or another program's.
    """
    if not checkpoint.exists():
        return None
    if is_damaged(checkpoint):
        why = "damaged"
    else:
        try:
            return _load(checkpoint, identity)
        except Sim2SGError:
            if not owned:
                raise
            why = "of another run, or another program's"
    print(f"note: {checkpoint}: {why}; this training begins anew", file=sys.stderr, flush=True)
    return None


def _load(checkpoint: Path, identity: dict[str, Any]) -> dict[str, Any]:
    """Reads the checkpoint of one run. Raises Sim2SGError when it is of another, or another program's."""
    saved = load_checkpoint(checkpoint)
    found = saved.get("identity") or {}
    if found != identity or not saved.keys() >= STATE:
        raise Sim2SGError(
            f"{checkpoint.parent}: holds a run with other settings ({difference(found, identity)}): "
            "give the same settings to continue it, or another folder"
        )
    return saved


def is_damaged(checkpoint: Path) -> bool:
    """Whether a checkpoint was written by torch but is cut or changed; a power cut leaves zeros, or nothing.

    It is a zip archive with a checksum of every part, which torch itself does not check.
    """
    if checkpoint.is_dir():
        return False
    with checkpoint.open("rb") as file:
        head = file.read(4)
    if head.strip(b"\0") and head != ZIP:
        return False  # Another program's, perhaps.
    try:
        with zipfile.ZipFile(checkpoint) as archive:
            return archive.testzip() is not None
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, struct.error):
        return True


class TrainState:
    """A run between two steps.

    Attributes:
        network: Is taught.
        step: Steps taken so far.
        ranks: The processes that share the steps.
    """

    def __init__(
        self,
        network: SceneGraphNetwork,
        config: TrainConfig,
        saved: dict[str, Any] | None = None,
        labeller: SceneGraphNetwork | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        """Builds the parts on the device, as new or as they were when `saved` was written; see `Teacher`."""
        self.network, self.config, self.ranks = network, config, ranks
        self._frozen_blocks = frozen_blocks(network, config)
        network.freeze(self._frozen_blocks)
        self._device = torch.device(config.device)
        if self._device.type == "cuda":
            torch.backends.cudnn.benchmark = True  # All batches are of one shape: the search for fast kernels pays.
        network.to(self._device).train()
        if saved:  # Before the parts that copy the network.
            network.load_state_dict(saved["network"])
        ranks.same(network)
        self._average = WeightAverage(network, config.ema)
        self._unlabelled = Unlabelled(network, self._average, config, labeller)
        conditional = config.align.teacher > 0 and config.align.teacher_update == "conditional"
        self._condition = ConditionalUpdate(network, (saved or {}).get("condition")) if conditional else None
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
        values = train_step(
            self.network, self._optimiser, labelled, self.config, real, self._unlabelled, self.step, self.ranks
        )
        if self._condition is None or real is None or self._condition.follows(self.network, real.weak, self.ranks):
            self._average.update(self.network)
        self.step += 1
        return values

    def save(
        self, checkpoint: Path, domain: Domain, identity: dict[str, Any], metrics: Sequence[dict[str, float]]
    ) -> None:
        """Writes the checkpoint that `load_run` reads; `metrics` are the rows of metrics.jsonl so far."""
        save_checkpoint(
            checkpoint,
            self.network,
            domain,
            identity=identity,
            metrics=list(metrics),
            ema=self._average.state(),
            ema_updates=self._average.updates,
            optimiser=self._optimiser.state_dict(),
            step=self.step,
            discriminators=self._unlabelled.discriminators.state_dict(),
            frozen_blocks=self._frozen_blocks,
            **({"condition": self._condition.state()} if self._condition else {}),
        )
