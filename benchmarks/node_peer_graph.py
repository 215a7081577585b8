"""The graph of the peer in the node's benchmark: a one-stage detector of the size of the smallest YOLOs, untrained.

A backbone of cross-stage partial blocks, a path-aggregation neck and heads at strides 8, 16 and 32 for 80 classes; a
side of a box is the mean of a distribution over 16 distances. The weights are random: time and memory do not depend on
them. What follows the network does: an untrained one finds nothing, so the peer has no boxes to suppress.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

CLASSES = 80
DISTANCES = 16
STRIDES = (8, 16, 32)
WIDTHS = (16, 32, 64, 128, 256)
DEPTHS = (1, 2, 2, 1)
PRIOR = -5.0
"""Logit of a class at the start of training."""


class Unit(nn.Sequential):
    """Convolution, normalisation, SiLU."""

    def __init__(self, inputs: int, outputs: int, size: int = 3, stride: int = 1) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, size, stride, size // 2, bias=False), nn.BatchNorm2d(outputs), nn.SiLU()
        )


class Stage(nn.Module):
    """A cross-stage partial block: half of the channels pass `depth` residual pairs, the results of all are joined."""

    def __init__(self, inputs: int, outputs: int, depth: int, residual: bool = True) -> None:
        super().__init__()
        half = outputs // 2
        self.residual = residual
        self.enter = Unit(inputs, outputs, 1)
        self.pairs = nn.ModuleList(nn.Sequential(Unit(half, half), Unit(half, half)) for _ in range(depth))
        self.leave = Unit(half * (2 + depth), outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) -> (B, outputs, H, W)."""
        parts = list(self.enter(x).chunk(2, 1))
        for pair in self.pairs:
            changed = pair(parts[-1])
            parts.append(parts[-1] + changed if self.residual else changed)
        return self.leave(torch.cat(parts, 1))


class PooledPyramid(nn.Module):
    """Three maxima over 5x5 pixels in a row, joined with their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.enter = Unit(channels, channels // 2, 1)
        self.pool = nn.MaxPool2d(5, 1, 2)
        self.leave = Unit(2 * channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Keeps the shape (B, channels, H, W)."""
        parts = [self.enter(x)]
        for _ in range(3):
            parts.append(self.pool(parts[-1]))
        return self.leave(torch.cat(parts, 1))


def head(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Returns two convolutions and a linear layer per place."""
    return nn.Sequential(Unit(inputs, width), Unit(width, width), nn.Conv2d(width, outputs, 1))


class PeerDetector(nn.Module):
    """Image -> boxes and scores by class at every place."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__()
        a, b, c, d, e = WIDTHS
        self.small = nn.Sequential(Unit(3, a, 3, 2), Unit(a, b, 3, 2), Stage(b, b, DEPTHS[0]))
        self.third = nn.Sequential(Unit(b, c, 3, 2), Stage(c, c, DEPTHS[1]))
        self.fourth = nn.Sequential(Unit(c, d, 3, 2), Stage(d, d, DEPTHS[2]))
        self.fifth = nn.Sequential(Unit(d, e, 3, 2), Stage(e, e, DEPTHS[3]), PooledPyramid(e))
        self.up = nn.Upsample(scale_factor=2)
        self.down_4, self.down_3 = Stage(e + d, d, 1, False), Stage(d + c, c, 1, False)
        self.stride_4, self.up_4 = Unit(c, c, 3, 2), Stage(c + d, d, 1, False)
        self.stride_5, self.up_5 = Unit(d, d, 3, 2), Stage(d + e, e, 1, False)
        self.boxes = nn.ModuleList(head(n, 64, 4 * DISTANCES) for n in (c, d, e))
        self.classes = nn.ModuleList(head(n, CLASSES, CLASSES) for n in (c, d, e))
        for last in self.classes:
            nn.init.constant_(last[-1].bias, PRIOR)
        self.register_buffer("distances", torch.arange(DISTANCES, dtype=torch.float32))
        self.register_buffer("places", _places(width, height))

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Detects.

        Args:
            image: (B, 3, H, W) RGB from 0 to 1, of the size that the detector was made for.

        Returns:
            Boxes (B, N, 4), xyxy in input pixels, and scores (B, N, CLASSES).
        """
        third = self.third(self.small(image))
        fourth = self.fourth(third)
        fifth = self.fifth(fourth)
        down_4 = self.down_4(torch.cat([self.up(fifth), fourth], 1))
        level_3 = self.down_3(torch.cat([self.up(down_4), third], 1))
        level_4 = self.up_4(torch.cat([self.stride_4(level_3), down_4], 1))
        level_5 = self.up_5(torch.cat([self.stride_5(level_4), fifth], 1))
        levels = (level_3, level_4, level_5)
        sides = _flat([layer(x) for layer, x in zip(self.boxes, levels, strict=True)])
        scores = _flat([layer(x) for layer, x in zip(self.classes, levels, strict=True)]).sigmoid()
        spread = sides.unflatten(-1, (4, DISTANCES)).softmax(-1)
        reach = (spread * self.distances).sum(-1) * self.places[:, 2:]
        centres = self.places[:, :2]
        return torch.cat([centres - reach[..., :2], centres + reach[..., 2:]], -1), scores


def export(path: Path, width: int, height: int) -> float:
    """Writes the graph as ONNX. Returns its multiply-accumulates for one image, in billions."""
    torch.manual_seed(0)
    network = PeerDetector(width, height).eval()
    image = torch.zeros(1, 3, height, width)
    total = multiply_accumulates(network, image)
    names = {"input_names": ["image"], "output_names": ["boxes", "scores"]}
    torch.onnx.export(network, (image,), str(path), **names, external_data=False, verbose=False)
    return total / 1e9


def multiply_accumulates(network: nn.Module, image: Tensor) -> int:
    """Counts those of all convolutions for one input."""
    counts: list[int] = []

    def count(layer: nn.Module, _: object, out: Tensor) -> None:
        counts.append(layer.weight[0].numel() * out[0].numel())

    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, nn.Conv2d)]
    with torch.no_grad():
        network(image)
    for hook in hooks:
        hook.remove()
    return sum(counts)


def _flat(maps: Sequence[Tensor]) -> Tensor:
    """Maps (B, C, H, W) of all levels -> (B, N, C)."""
    return torch.cat([x.flatten(2) for x in maps], 2).transpose(1, 2)


def _places(width: int, height: int) -> Tensor:
    """Returns x, y of every place's centre and its stride: (N, 3)."""
    rows = []
    for stride in STRIDES:
        y, x = torch.meshgrid(torch.arange(height // stride), torch.arange(width // stride), indexing="ij")
        centres = (torch.stack([x, y], -1).reshape(-1, 2) + 0.5) * stride
        rows.append(torch.cat([centres, torch.full_like(centres[:, :1], stride)], 1))
    return torch.cat(rows)
