"""BoS: how still boxes stand when features are dropped (Yang et al., "Bounding box stability", ICLR 2024)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from sim2sg_core.adaptation.selection.network_detections import Levels, detect
from sim2sg_core.model import SceneGraphNetwork
from sim2sg_core.scene.assignment import assign_all
from sim2sg_core.scene.boxes import box_iou

DROPPED = 0.1  # of the backbone's features


def box_stability(network: SceneGraphNetwork, images: np.ndarray, seed: int = 0) -> float:
    """Returns the mean IoU of boxes with those of the same network whose features were dropped at random, in [0, 1].

    Args:
        network: The model.
        images: (N, H, W, 3) uint8 RGB, without labels.
        seed: Of what is dropped; the same for all models that are compared.
    """
    generator = torch.Generator().manual_seed(seed)

    def drop(levels: Levels) -> Levels:
        kept = [torch.rand(x.shape, generator=generator) >= DROPPED for x in levels]
        return [x * keep / (1 - DROPPED) for x, keep in zip(levels, kept, strict=True)]

    plain, dropped = detect(network, images), detect(network, images, change=drop)
    return stability([a.boxes for a in plain], [b.boxes for b in dropped])


def stability(boxes: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> float:
    """Returns the mean over images of the mean IoU of matched boxes; an image where nothing matches counts 0.

    Args:
        boxes: Of each image (N, 4) xyxy.
        others: Of the same images (M, 4).
    """
    scores = []
    for a, b in zip(boxes, others, strict=True):
        overlap = box_iou(a, b)
        pairs = assign_all(-overlap)
        scores.append(float(overlap[pairs].mean()) if len(pairs[0]) else 0.0)
    return float(np.mean(scores))
