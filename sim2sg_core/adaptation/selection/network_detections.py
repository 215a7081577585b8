"""What a network finds on images, with what the criteria ask of it: class probabilities and features of each box."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sim2sg_core.model import SceneGraphNetwork
from sim2sg_core.model.detection_decoding import gather_map

BATCH = 8
BOX_SCORE = 0.3
"""Of boxes that are compared, at least, calibrated: weaker ones are noise that no weights hold still."""

Levels = Sequence[Tensor]


@dataclass(frozen=True, eq=False)
class Detections:
    """The boxes of one image.

    Attributes:
        boxes: (N, 4) xyxy, pixels of the network's input.
        probabilities: (N, C + 1) of each class, and last of none; rows sum to 1.
        features: (N, F) of the neck, at the box's cell.
    """

    boxes: np.ndarray
    probabilities: np.ndarray
    features: np.ndarray


def detect(
    network: SceneGraphNetwork,
    images: np.ndarray,
    least_score: float = BOX_SCORE,
    change: Callable[[Levels], Levels] | None = None,
) -> list[Detections]:
    """Detects objects.

    Args:
        network: Its scores calibrated.
        images: (N, H, W, 3) uint8 RGB, as the network gets them.
        least_score: Boxes below it are left out.
        change: Applied to the four feature maps of the backbone.
    """
    return [item for batch in _batches(images) for item in _detect_batch(network, batch, least_score, change)]


def _batches(images: np.ndarray) -> Iterator[Tensor]:
    for start in range(0, len(images), BATCH):
        yield torch.from_numpy(images[start : start + BATCH])


@torch.no_grad()
def _detect_batch(
    network: SceneGraphNetwork, images: Tensor, least_score: float, change: Callable[[Levels], Levels] | None
) -> list[Detections]:
    levels = network.backbone(network.centred(images))
    dense = network.heads(network.neck(change(levels) if change else levels))
    objects = network.detect(dense)
    heat = torch.sigmoid(gather_map(network.calibrated_heat(dense.heat), objects.cells))
    # Each class is decided by itself; "none" takes what the likeliest leaves, so that the rows are distributions.
    chances = F.normalize(torch.cat([heat, 1 - heat.amax(dim=-1, keepdim=True)], dim=-1), p=1, dim=-1)
    found = []
    for k in range(len(images)):
        kept = objects.scores[k] >= least_score
        parts = (objects.boxes[k][kept], chances[k][kept], objects.features[k][kept])
        found.append(Detections(*(part.double().numpy() for part in parts)))
    return found
