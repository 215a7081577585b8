"""Adversarial alignment: features and predictions that do not tell rendered images from real ones.

A domain classifier learns to tell them apart; on its way back into the network its gradient is reversed (Ganin
and Lempitsky, "Unsupervised domain adaptation by backpropagation", 2015). Aligned are features (σ_a) and what
is predicted (σ_pred), as in Prakash et al., "Self-supervised real-to-sim scene generation", 2021.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sim2sg_core.learning.train_config import TrainConfig
from sim2sg_core.model.detection_decoding import Objects, gather_map
from sim2sg_core.model.heads import Dense
from sim2sg_core.model.model_config import ModelConfig
from sim2sg_core.model.ranks import ALONE, Ranks
from sim2sg_core.model.relation_head import PairLogits

WIDTH = 64
"""Hidden units of the domain classifiers."""
STEEPNESS = 10.0
"""Of the schedule (Ganin et al. 2016)."""


class GradientReversal(torch.autograd.Function):
    """The identity, whose gradient is turned round."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float) -> Tensor:
        """Returns x."""
        ctx.scale = scale
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        """Returns -scale times the gradient."""
        return -ctx.scale * gradient, None


def reverse(x: Tensor, scale: float) -> Tensor:
    """Returns x; gradients that come back through it are multiplied by -scale."""
    return GradientReversal.apply(x, scale)


def reversal_scale(step: int, config: TrainConfig) -> float:
    """Scale of the reversed gradients at a step, rising from 0 to 1.

    2 / (1 + exp(-10 p)) - 1 with p the share of steps that are done (Ganin et al., "Domain-adversarial training of
    neural networks", 2016): reversed gradients of a classifier that knows nothing yet are noise.
    """
    return 2 / (1 + math.exp(-STEEPNESS * step / config.steps)) - 1


class FeatureAlignment(nn.Module):
    """σ_a: tells the domains apart by the neck's features, at every location and at every object."""

    def __init__(self, config: ModelConfig) -> None:
        """Builds both classifiers."""
        super().__init__()
        self.location = nn.Sequential(nn.Conv2d(config.channels, WIDTH, 1), nn.ReLU(), nn.Conv2d(WIDTH, 1, 1))
        self.object = _classifier(config.channels)

    def forward(
        self, dense: Dense, objects: Objects, real: Tensor, scale: float, ranks: Ranks = ALONE
    ) -> dict[str, Tensor]:
        """Returns losses and accuracies of the classifiers.

        Args:
            dense: Maps of B images.
            objects: What was found in them.
            real: (B,) bool: the image is a real one.
            scale: Of the reversed gradient.
            ranks: Who has the rest of the step's images.
        """
        places = self.location(reverse(dense.features, scale)).flatten(1)
        things = self.object(reverse(objects.features, scale)).squeeze(-1)
        parts = {
            "feature_location": domain_loss(places, torch.ones_like(places), real, ranks),
            "feature_object": domain_loss(things, objects.scores, real, ranks),
        }
        return _named(parts)


class PredictionAlignment(nn.Module):
    """σ_pred: tells the domains apart by what is predicted of objects and of pairs."""

    def __init__(self, config: ModelConfig) -> None:
        """Builds both classifiers."""
        super().__init__()
        self.size = (float(config.width), float(config.height))
        self.typical_depth = config.typical_depth
        self.object = _classifier(config.classes + 5)
        self.pair = _classifier(config.predicates + 2 * config.classes + 4)

    def forward(
        self,
        dense: Dense,
        objects: Objects,
        relations: PairLogits,
        real: Tensor,
        scale: float,
        ranks: Ranks = ALONE,
    ) -> dict[str, Tensor]:
        """Returns losses and accuracies of the classifiers.

        Args:
            dense: Maps of B images.
            objects: The K objects found in each.
            relations: Scores of all pairs of them.
            real: (B,) bool: the image is a real one.
            scale: Of the reversed gradient.
            ranks: Who has the rest of the step's images.
        """
        classes = torch.sigmoid(gather_map(dense.heat, objects.cells))
        boxes = self._boxes(objects)
        depths = torch.log(objects.depths / self.typical_depth)
        single = torch.cat([classes, boxes, depths[..., None]], dim=-1)
        count = classes.shape[1]
        first, second = (x.expand(-1, count, count, -1) for x in (classes[:, :, None], classes[:, None]))
        shift = (boxes[:, None, :, :2] - boxes[:, :, None, :2], _log_ratio(boxes[..., 2:]))
        pair = torch.cat([torch.sigmoid(relations.predicates), first, second, *shift], dim=-1)
        both = objects.scores[:, :, None] * objects.scores[:, None, :]
        both = both * (1 - torch.eye(count, device=both.device))
        things = self.object(reverse(single, scale)).squeeze(-1)
        pairs = self.pair(reverse(pair, scale)).squeeze(-1)
        parts = {
            "prediction_object": domain_loss(things, objects.scores, real, ranks),
            "prediction_pair": domain_loss(pairs.flatten(1), both.flatten(1), real, ranks),
        }
        return _named(parts)

    def _boxes(self, objects: Objects) -> Tensor:
        """(B, K, 4) middle and extent relative to the image."""
        frame = torch.tensor(self.size, device=objects.boxes.device)
        low, high = objects.boxes[..., :2] / frame, objects.boxes[..., 2:] / frame
        return torch.cat([(low + high) / 2, high - low], dim=-1)


def domain_loss(logits: Tensor, weight: Tensor, real: Tensor, ranks: Ranks = ALONE) -> tuple[Tensor, Tensor]:
    """Binary cross-entropy of rendered (0) against real (1); each domain counts half, however many its images.

    Args:
        logits: (B, N).
        weight: (B, N) how much each counts; no gradient goes there.
        real: (B,) bool.
        ranks: Who has the rest of the step's images.

    Returns:
        () loss and () accuracy.
    """
    truth = real[:, None].to(logits.dtype).expand_as(logits)
    weight = weight.detach()
    # Mean per domain: the weights of each sum to a half.
    sums = [ranks.total((weight * (truth == side)).sum()).clamp(min=1e-6) for side in (0, 1)]
    weight = weight * torch.where(truth > 0, 0.5 / sums[1], 0.5 / sums[0])
    loss = F.binary_cross_entropy_with_logits(logits, truth, weight, reduction="sum")
    right = ((logits.detach() > 0) == (truth > 0)).to(logits.dtype)
    return loss, (right * weight).sum()


def _named(parts: dict[str, tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    losses = {name: loss for name, (loss, _) in parts.items()}
    return losses | {f"{name}_accuracy": accuracy for name, (_, accuracy) in parts.items()}


def _log_ratio(extent: Tensor) -> Tensor:
    """(B, K, K, 2) logarithm of how much wider and higher the second box is than the first."""
    logs = torch.log(extent.clamp(min=0.01))
    return logs[:, None, :] - logs[:, :, None]


def _classifier(inputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 1))
