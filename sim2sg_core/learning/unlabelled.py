"""What real images without labels add to a training step: domain classifiers and a teacher."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from sim2sg_core.learning.alignment import FeatureAlignment, PredictionAlignment, reversal_scale
from sim2sg_core.learning.ema import WeightAverage
from sim2sg_core.learning.real import RealBatch
from sim2sg_core.learning.teacher import Teacher
from sim2sg_core.learning.train_config import TrainConfig
from sim2sg_core.model.heads import Dense
from sim2sg_core.model.losses import WEIGHTS
from sim2sg_core.model.network import SceneGraphNetwork
from sim2sg_core.model.ranks import ALONE, Ranks


class Unlabelled:
    """The parts that learn from real images; each is there only if its switch is on.

    Attributes:
        discriminators: The domain classifiers, trained with the network.
        teacher: The averaged network, or a frozen labeller.
    """

    def __init__(
        self,
        network: SceneGraphNetwork,
        average: WeightAverage,
        config: TrainConfig,
        labeller: SceneGraphNetwork | None = None,
    ) -> None:
        """Builds what `config.align` asks for, on the network's device; see `Teacher` for the labeller."""
        self.config = config
        self.discriminators = nn.ModuleDict()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            if config.align.feature > 0:
                self.discriminators["feature"] = FeatureAlignment(network.config)
            if config.align.prediction > 0:
                self.discriminators["prediction"] = PredictionAlignment(network.config)
        self.discriminators.to(network.score_temperature.device)
        self.teacher = Teacher(network, average, config.align, labeller) if config.align.teacher > 0 else None

    def losses(
        self,
        network: SceneGraphNetwork,
        dense: Dense,
        intrinsics: Tensor,
        real: RealBatch,
        step: int,
        amp: bool = False,
        ranks: Ranks = ALONE,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Returns what is added to the loss of a step, and its parts, unweighted, for the log.

        Args:
            network: The live network.
            dense: Its maps of the labelled images and, after them, of the strong views.
            intrinsics: (B, 3) of the labelled images.
            real: The real images.
            step: Decides the scale of reversed gradients.
            amp: Mixed precision.
            ranks: Who has the rest of the step's images.
        """
        align = self.config.align
        total = dense.heat.new_zeros(())
        values: dict[str, Tensor] = {}
        if align.adversarial:
            values |= self._alignment(network, dense, intrinsics, real.intrinsics, step, ranks)
            total = total + torch.stack([v for k, v in values.items() if not k.endswith("accuracy")]).sum()
        if self.teacher is not None:
            rest = Dense(*(field[len(intrinsics) :] for field in dense))
            losses = self.teacher.losses(network, rest, real.weak, real.intrinsics, amp, ranks)
            total = total + align.teacher * torch.stack([WEIGHTS[k] * v for k, v in losses.items()]).sum()
            values |= {f"teacher_{name}": value for name, value in losses.items()}
        return total, values

    def _alignment(
        self, network: SceneGraphNetwork, dense: Dense, labelled: Tensor, unlabelled: Tensor, step: int, ranks: Ranks
    ) -> dict[str, Tensor]:
        """Losses and accuracies of the domain classifiers.

        A switch's strength scales the reversed gradient alone: the classifiers learn at full rate.
        """
        align = self.config.align
        scale = reversal_scale(step, self.config)
        intrinsics = torch.cat([labelled, unlabelled])
        real = torch.arange(len(intrinsics), device=intrinsics.device) >= len(labelled)
        found = network.detect(dense)
        values: dict[str, Tensor] = {}
        if "feature" in self.discriminators:
            values |= self.discriminators["feature"](dense, found, real, align.feature * scale, ranks)
        if "prediction" in self.discriminators:
            relations = network.relate(found, intrinsics=intrinsics)
            values |= self.discriminators["prediction"](dense, found, relations, real, align.prediction * scale, ranks)
        return values
