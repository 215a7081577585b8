"""Exponential moving average of the weights: the model that is used, and the teacher."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WeightAverage:
    """Keeps averages of a network's parameters.

    The decay rises with the number of updates, min(decay, (1 + n) / (10 + n)), so that the random start is
    forgotten quickly.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        """Starts from the network's present weights."""
        self.decay = decay
        self.updates = 0
        self.weights = {name: p.detach().clone() for name, p in network.named_parameters()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Moves the averages towards the network's weights."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        live = [(self.weights[n], p) for n, p in network.named_parameters() if p.requires_grad]
        torch._foreach_lerp_([a for a, _ in live], [p.detach() for _, p in live], 1 - decay)

    def state(self) -> dict[str, Tensor]:
        """Returns the averages by parameter name."""
        return self.weights

    def load(self, weights: dict[str, Tensor], updates: int) -> None:
        """Continues from saved averages."""
        for name, value in weights.items():
            self.weights[name].copy_(value)
        self.updates = updates
