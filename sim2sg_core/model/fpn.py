"""The neck: a feature pyramid that ends in one map at stride 4."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from sim2sg_core.model.convolution import conv


class FeaturePyramid(nn.Module):
    """Top-down feature pyramid (Lin et al. 2017), of which only the finest level is kept.

    Sums are smoothed by one 3x3 convolution per level and normalised per image (group normalisation).
    """

    def __init__(self, inputs: tuple[int, ...], channels: int) -> None:
        """Builds the neck for levels of `inputs` channels, finest first."""
        super().__init__()
        self.lateral = nn.ModuleList([nn.Conv2d(count, channels, 1) for count in inputs])
        self.smooth = nn.ModuleList([ConvNorm(channels, channels) for _ in inputs])

    def forward(self, levels: list[Tensor]) -> Tensor:
        """Maps levels at strides 4, 8, 16, 32 to (B, channels, H/4, W/4)."""
        x = self.smooth[-1](self.lateral[-1](levels[-1]))
        for index in range(len(levels) - 2, -1, -1):
            up = F.interpolate(x, scale_factor=2.0, mode="nearest")
            x = self.smooth[index](self.lateral[index](levels[index]) + up)
        return x


class ConvNorm(nn.Sequential):
    """3x3 convolution, group normalisation, ReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
            nn.GroupNorm(outputs // 8, outputs),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, inputs, H, W) to (B, outputs, H, W)."""
        first, norm, act = self
        assert isinstance(first, nn.Conv2d)
        result: Tensor = act(norm(conv(x, first.weight)))
        return result
