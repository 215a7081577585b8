"""One training step: losses, gradient, update."""

from __future__ import annotations

import torch
from torch import Tensor

from sim2sg_core.learning.config import TrainConfig
from sim2sg_core.learning.task import task_losses
from sim2sg_core.model.losses import WEIGHTS, Targets
from sim2sg_core.model.network import SceneGraphNetwork


def train_step(
    network: SceneGraphNetwork, optimiser: torch.optim.Optimizer, synthetic: Targets, config: TrainConfig
) -> dict[str, Tensor]:
    """Takes one optimiser step. Returns the unweighted losses, their weighted sum and the gradient's norm."""
    amp = config.amp and synthetic.image.device.type == "cuda"
    losses = task_losses(network, synthetic, amp)
    total = torch.stack([WEIGHTS[name] * value for name, value in losses.items()]).sum()
    optimiser.zero_grad(set_to_none=True)
    total.backward()
    norm = torch.nn.utils.clip_grad_norm_(network.parameters(), config.clip)
    optimiser.step()
    return {"loss": total.detach(), **{k: v.detach() for k, v in losses.items()}, "gradient": norm}
