"""Normalisation statistics adapted to the log, for backbones whose normalisation is folded into convolutions.

Adaptive batch normalisation (AdaBN, Li et al., "Revisiting Batch Normalization for Practical Domain Adaptation",
2016) normalises target images by the target's statistics, which undoes every shift and change of contrast per
channel. Here no statistics are left to exchange: they are constants inside the convolutions. But normalisation by
constants is an affine map per channel, so exchanging them is another one, and it folds in just the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.model import SceneGraphNetwork
from sim2sg_core.model.backbone import Folded

MAX_RATIO = 2.0
"""Contrast of a channel is changed by at most this factor either way: a channel that is nearly silent on one of the
two sets would otherwise be blown up into noise."""
CHUNK = 8
EPSILON = 1e-6  # keeps the ratio of two silent channels at 1


class Moments(NamedTuple):
    """Per output channel of a convolution, over images and places; (C,) float64."""

    mean: Tensor
    std: Tensor


@torch.no_grad()
def adapt_statistics(
    network: SceneGraphNetwork,
    source_images: np.ndarray,
    real_images: np.ndarray,
    strength: float = 1.0,
    blocks: Sequence[int] | None = None,
) -> None:
    """Makes the folded convolutions see the log as they saw the source, in place.

    With m, s the mean and deviation of a channel before its activation, W' = W·s_source/s and
    b' = (b − m)·s_source/s + m_source: on the log the channel then has the moments that the layers behind it were
    trained on. Layer by layer: each is measured on what the layers before it, already adapted, make of the log.

    `strength` mixes the statistics, m = (1 − strength)·m_source + strength·m_log and variances likewise, as Schneider
    et al. ("Improving robustness against common corruptions by covariate shift adaptation", NeurIPS 2020) do for
    samples too small to be trusted alone.

    Group normalisation looks at one image at a time and has nothing to adapt: it stays as it is, and so does a
    whole backbone without folded convolutions.

    Args:
        network: Trained on images like `source_images`. The layers behind the last chosen block are not adapted.
        source_images: (N, H, W, 3) uint8 RGB synthetic images, letterboxed to the network's input as in training,
            not augmented.
        real_images: (M, H, W, 3) uint8 RGB frames of the log, letterboxed likewise: with another share of padding
            the statistics would differ by the padding alone. 32 to 64 of each do; a frame of the log keeps about
            2 MB at an input of 320x224.
        strength: 0 changes nothing, 1 is AdaBN.
        blocks: Indices of the backbone's blocks to adapt; default all. Appearance is mostly in the early ones.

    Raises:
        Sim2SGError: Images of another shape or none, a strength outside [0, 1], or a block that is not there.
    """
    stages = network.backbone.blocks
    chosen = set(range(len(stages)) if blocks is None else blocks)
    _check(network, {"source": source_images, "real": real_images}, strength, chosen)
    if strength == 0:
        return
    source, real = _features(network, source_images), _features(network, real_images)
    for index, block in enumerate(stages):
        layers = list(_folded(block)) if index in chosen else []
        # All of the source's first: the block that made them is gone after the first change.
        wanted = [_moments(block, layer, source) for layer in layers]
        source = [block(chunk) for chunk in source]
        for layer, moments in zip(layers, wanted, strict=True):
            _adapt(layer, moments, _moments(block, layer, real), strength)
        real = [block(chunk) for chunk in real]


def _adapt(layer: nn.Conv2d, source: Moments, log: Moments, strength: float) -> None:
    """Exchanges the statistics of one convolution."""
    mean = (1 - strength) * source.mean + strength * log.mean
    std = ((1 - strength) * source.std**2 + strength * log.std**2).sqrt()
    ratio = ((source.std + EPSILON) / (std + EPSILON)).clamp(1 / MAX_RATIO, MAX_RATIO)
    assert layer.bias is not None
    layer.weight.copy_(layer.weight * ratio[:, None, None, None])
    layer.bias.copy_((layer.bias - mean) * ratio + source.mean)


def _moments(block: nn.Module, layer: nn.Conv2d, chunks: Sequence[Tensor]) -> Moments:
    """Measures what a convolution inside a block puts out when the block runs on `chunks`."""
    parts: list[tuple[Tensor, Tensor]] = []

    def measure(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
        variance, mean = torch.var_mean(output, dim=(0, 2, 3), correction=0)
        parts.append((variance.double(), mean.double()))

    handle = layer.register_forward_hook(measure)
    try:
        for chunk in chunks:
            block(chunk)
    finally:
        handle.remove()
    sizes = torch.tensor([len(chunk) for chunk in chunks], dtype=torch.float64, device=chunks[0].device)
    weight = (sizes / sizes.sum())[:, None]
    variances, means = (torch.stack(part) for part in zip(*parts, strict=True))
    mean = (weight * means).sum(0)
    # Variance within the chunks and between them.
    return Moments(mean, (weight * (variances + (means - mean) ** 2)).sum(0).sqrt())


def _folded(block: nn.Module) -> Iterator[nn.Conv2d]:
    """Yields the folded convolutions of a block in the order in which they run, which is that of their definition."""
    for module in block.modules():
        if isinstance(module, Folded):
            layer = module[0]
            assert isinstance(layer, nn.Conv2d)
            yield layer


def _features(network: SceneGraphNetwork, images: np.ndarray) -> list[Tensor]:
    """The backbone's input, in chunks that fit in memory."""
    device = next(network.backbone.parameters()).device
    chunks = torch.from_numpy(np.ascontiguousarray(images)).split(CHUNK)
    return [network.centred(chunk.to(device)) for chunk in chunks]


def _check(network: SceneGraphNetwork, sets: dict[str, np.ndarray], strength: float, blocks: set[int]) -> None:
    """Raises Sim2SGError for arguments that cannot be meant."""
    config = network.config
    for name, images in sets.items():
        if images.dtype != np.uint8 or not len(images) or images.shape[1:] != (config.height, config.width, 3):
            raise Sim2SGError(
                f"the {name} images are {images.shape} {images.dtype}: "
                f"letterbox at least one to (N, {config.height}, {config.width}, 3) uint8"
            )
    if not 0 <= strength <= 1:
        raise Sim2SGError(f"the statistics' strength is {strength}: take one from 0 to 1")
    count = len(network.backbone.blocks)
    if blocks - set(range(count)):
        raise Sim2SGError(f"blocks {sorted(blocks)} of the backbone: it has 0 to {count - 1}")
