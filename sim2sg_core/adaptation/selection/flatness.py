"""Flatness, the first half of DAS: does a small step of the weights change what is detected?

DAS: "Detection Adaptation Score" (Yu et al., "Towards Unsupervised Model Selection for Domain Adaptive Object
Detection", NeurIPS 2024). A network that lies in a flat minimum of the loss detects the same after a step of its
weights in a random direction, and flat minima transfer.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np
import torch

from sim2sg_core.adaptation.selection.network_detections import Detections, detect
from sim2sg_core.model import SceneGraphNetwork
from sim2sg_core.scene.assignment import assign_all
from sim2sg_core.scene.boxes import box_iou

LEAST = 1e-6  # probability, so that logarithms are finite


def flatness(network: SceneGraphNetwork, images: np.ndarray, seed: int = 0, radius: float = 1.0) -> float:
    """Returns how much detections change by one random step of the weights; low is flat.

    Args:
        network: The model; it stays as it is.
        images: (N, H, W, 3) uint8 RGB, without labels.
        seed: Of the direction; the same for all models that are compared.
        radius: Length of the step, all weights together.
    """
    return detection_change(detect(network, images), detect(stepped(network, seed, radius), images))


def stepped(network: SceneGraphNetwork, seed: int, radius: float) -> SceneGraphNetwork:
    """Returns a copy whose weights have gone `radius` in a random direction."""
    moved, generator = copy.deepcopy(network), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        steps = [torch.randn(p.shape, generator=generator) for p in moved.parameters()]
        length = torch.sqrt(torch.stack([(step**2).sum() for step in steps]).sum())
        for parameter, step in zip(moved.parameters(), steps, strict=True):
            parameter.add_(step * (radius / length))
    return moved


def detection_change(before: Sequence[Detections], after: Sequence[Detections]) -> float:
    """Returns the mean over images of what the cheapest matching costs, per match.

    A pair costs KL(before || after) of its class probabilities less its IoU: -1 for equal ones. An image without a pair
    counts 0, as boxes that do not overlap.
    """
    costs = []
    for a, b in zip(before, after, strict=True):
        p, q = (np.clip(x.probabilities, LEAST, None) for x in (a, b))
        divergence = (p[:, None] * np.log(p[:, None] / q[None])).sum(-1)
        cost = divergence - box_iou(a.boxes, b.boxes)
        pairs = assign_all(cost)
        costs.append(float(cost[pairs].mean()) if len(pairs[0]) else 0.0)
    return float(np.mean(costs))
