"""The dense heads: where objects are, and what each cell says of the object on it."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from sim2sg_core.model.fpn import ConvNorm


class Channels:
    """Slices of the regression map. Lengths in cells (strides) where they are in the image."""

    BOX = slice(0, 4)
    """log distance from the cell's centre to the box's left, top, right, bottom edge, in cells"""
    CENTRE = slice(4, 6)
    """projected 3D centre relative to the cell's centre, in cells"""
    DEPTH = slice(6, 7)
    """log of the focal-normalised depth, relative to the typical depth"""
    SPREAD = slice(7, 8)
    """log of the relative standard deviation of the depth"""
    SIZE = slice(8, 11)
    """log of length, width, height relative to the class mean"""
    ANGLE = slice(11, 13)
    """sine and cosine of the observation angle times the class's symmetry"""
    COUNT = 13


class Dense(NamedTuple):
    """What the heads say in every cell; h = H/4, w = W/4."""

    heat: Tensor
    """(B, C, h, w) logits: an object of the class is centred here"""
    regression: Tensor
    """(B, 13, h, w): see `Channels`"""
    features: Tensor
    """(B, F, h, w) of the neck"""


class DenseHeads(nn.Module):
    """One tower for the heat map, one for all geometry, as in CenterNet (Zhou et al. 2019)."""

    def __init__(self, channels: int, classes: int, prior: float = 0.01) -> None:
        """Builds the heads; `prior` is the heat map's value before training."""
        super().__init__()
        heat, regression = nn.Conv2d(channels, classes, 1), nn.Conv2d(channels, Channels.COUNT, 1)
        self.heat = nn.Sequential(ConvNorm(channels, channels), heat)
        self.regression = nn.Sequential(ConvNorm(channels, channels), regression)
        nn.init.normal_(heat.weight, std=0.01)
        nn.init.normal_(regression.weight, std=0.01)
        start = torch.zeros(Channels.COUNT)
        start[Channels.BOX] = math.log(4.0)
        start[Channels.SPREAD] = math.log(0.2)
        assert heat.bias is not None and regression.bias is not None
        with torch.no_grad():
            heat.bias.fill_(-math.log((1 - prior) / prior))
            regression.bias.copy_(start)

    def forward(self, features: Tensor) -> Dense:
        """Runs both towers on (B, channels, h, w)."""
        return Dense(self.heat(features), self.regression(features), features)
