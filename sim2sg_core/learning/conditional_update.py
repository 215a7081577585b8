"""When the averaged teacher may follow its student: only after the student has grown steadier.

After DRU: Khanh et al., "Dynamic Retraining-Updating Mean Teacher for Source-Free Object Detection", ECCV 2024. A
student that learns from its own errors gets unsteady before it gets wrong. So batches are recalled with how much its
detections varied on them. Where it varies less now on half of them at least, the teacher follows; where it does not for
`PATIENCE` steps, the student's heads go back to where they were, and backbone and neck go on. The original measures the
variance over decoder layers; a one-stage network has none, so here it is taken over a mirrored and a shrunk view.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from sim2sg_core.model.network import SceneGraphNetwork
from sim2sg_core.model.ranks import ALONE, Ranks
from sim2sg_core.runtime.preprocessing import PADDING

PATIENCE = 5  # steps that are recalled before the heads go back
RECALLED = 2  # images of a batch
SHRINK = 0.75


class ConditionalUpdate:
    """Recalls batches, and decides step by step whether the teacher follows."""

    def __init__(self, network: SceneGraphNetwork, saved: dict[str, Any] | None = None) -> None:
        """Begins with the network as it is, or goes on from `state`."""
        saved = saved or {}
        device = network.score_temperature.device
        self._images: list[Tensor] = [x.to(device) for x in saved.get("images", [])]
        self._variances: list[float] = list(saved.get("variances", []))
        self._heads = {k: v.to(device) for k, v in saved.get("heads", _heads(network)).items()}

    def follows(self, network: SceneGraphNetwork, weak: Tensor, ranks: Ranks = ALONE) -> bool:
        """Says whether the teacher follows the student after a step; if it has long not, sends its heads back.

        Args:
            network: The student after the step.
            weak: (B, H, W, 3) uint8 RGB, the weak view of the step's real images.
            ranks: Who has the rest of them.
        """
        # What the first process sees decides for all: their weights stay equal.
        fell = ranks.from_first(
            lambda: [view_variance(network, x) < v for x, v in zip(self._images, self._variances, strict=True)]
        )
        if fell and 2 * sum(fell) >= len(fell):
            self._begin(network)
            return True
        if len(fell) >= PATIENCE:
            with torch.no_grad():
                for name, value in network.named_parameters():
                    if name in self._heads:
                        value.copy_(self._heads[name])
            self._begin(network)
            return False
        recalled = ranks.first_rows(weak, RECALLED).clone()
        self._images.append(recalled)
        self._variances.append(view_variance(network, recalled))
        return False

    def state(self) -> dict[str, Any]:
        """Returns what goes into a checkpoint."""
        return {"images": self._images, "variances": self._variances, "heads": self._heads}

    def _begin(self, network: SceneGraphNetwork) -> None:
        self._images, self._variances, self._heads = [], [], _heads(network)


@torch.no_grad()
def view_variance(network: SceneGraphNetwork, images: Tensor) -> float:
    """Returns how much the heat maps of (B, H, W, 3) images vary with the view, summed over cells, per image."""
    height, width = images.shape[1:3]
    size = int(SHRINK * height), int(SHRINK * width)
    small = F.interpolate(images.permute(0, 3, 1, 2).float(), size, mode="bilinear", antialias=True)
    shrunk = torch.full_like(images, PADDING)
    shrunk[:, : size[0], : size[1]] = small.permute(0, 2, 3, 1).round().clamp(0, 255).to(torch.uint8)
    heat = torch.sigmoid(network.dense(torch.cat([images, images.flip(2), shrunk])).heat.float())
    plain, mirrored, far = heat.chunk(3)
    cells = size[0] * heat.shape[2] // height, size[1] * heat.shape[3] // width
    away = F.interpolate(plain, cells, mode="bilinear", antialias=True) - far[:, :, : cells[0], : cells[1]]
    return float(((plain - mirrored.flip(3)) ** 2).sum() + (away**2).sum()) / len(images)


def _heads(network: SceneGraphNetwork) -> dict[str, Tensor]:
    """Copies of all parameters but those of backbone and neck."""
    return {
        name: value.detach().clone()
        for name, value in network.named_parameters()
        if not name.startswith(("backbone.", "neck."))
    }
