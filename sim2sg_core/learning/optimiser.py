"""What is trained, and how fast: frozen blocks, parameter groups, the learning rate's course."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import nn

from sim2sg_core.learning.train_config import TrainConfig
from sim2sg_core.model.network import SceneGraphNetwork


def frozen_blocks(network: SceneGraphNetwork, config: TrainConfig) -> int:
    """Resolves `freeze`: by default a quarter of a pretrained backbone."""
    if config.freeze is not None:
        return config.freeze
    return len(network.backbone.blocks) // 4 if network.backbone.pretrained else 0


def make_optimiser(
    network: SceneGraphNetwork, config: TrainConfig, discriminators: nn.Module | None = None
) -> torch.optim.Optimizer:
    """AdamW in four groups: pretrained or not, matrices (decayed) or not. `scale` multiplies the rate.

    Domain classifiers, if any, are one more group.
    """
    slow = config.backbone_rate if network.backbone.pretrained else 1.0
    groups: dict[tuple[float, float], list[Any]] = {}
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            key = (
                slow if name.startswith("backbone.") else 1.0,
                config.weight_decay if parameter.dim() > 1 else 0.0,
            )
            groups.setdefault(key, []).append(parameter)
    listed: list[dict[str, Any]] = [
        {"params": p, "scale": scale, "weight_decay": decay} for (scale, decay), p in groups.items()
    ]
    classifiers = [] if discriminators is None else list(discriminators.parameters())
    if classifiers:
        listed.append({"params": classifiers, "scale": 1.0, "weight_decay": config.weight_decay})
    return torch.optim.AdamW(listed, lr=config.learning_rate)


def learning_rate(step: int, config: TrainConfig) -> float:
    """Share of the peak learning rate at a step: linear warm-up, then cosine."""
    warm_up = min(config.warm_up, config.steps // 5)
    if step < warm_up:
        return (step + 1) / (warm_up + 1)
    done = (step - warm_up) / max(1, config.steps - warm_up)
    return config.final_rate + (1 - config.final_rate) * (1 + math.cos(math.pi * done)) / 2
