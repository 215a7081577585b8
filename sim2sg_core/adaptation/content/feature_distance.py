"""How far two sets of images lie apart, by their features: squared MMD, and densities from kernels (torch)."""

from __future__ import annotations

import torch
from torch import Tensor

Features = tuple[Tensor, ...]
"""(N, F) of N images, at each of several depths of a network."""


def mean_squares(a: Tensor, b: Tensor) -> Tensor:
    """(N, M) mean squared differences of (N, F) and (M, F) features."""
    squares = (a**2).mean(1)[:, None] + (b**2).mean(1)[None] - 2 * a @ b.T / a.shape[1]
    return squares.clamp(min=0.0)


def squared_mmd(a: Tensor, b: Tensor) -> Tensor:
    """Squared maximum mean discrepancy (Gretton et al., JMLR 2012), kernel exp(-mean squared difference).

    The biased estimate: never negative, and 0 for equal sets.

    Args:
        a: (N, F).
        b: (M, F).
    """
    return kernel(a, a).mean() + kernel(b, b).mean() - 2 * kernel(a, b).mean()


def kernel(a: Tensor, b: Tensor) -> Tensor:
    """(N, M) similarities in (0, 1]."""
    return torch.exp(-mean_squares(a, b))


def log_density(points: Features, samples: Features, bandwidth: float, without_self: bool = False) -> Tensor:
    """Logarithm of the kernel density of samples at points, but for a constant.

    Args:
        points: Of N images.
        samples: Of M images, at the same depths.
        bandwidth: Mean squared difference at which a sample counts e times less.
        without_self: The points are the first N samples; each is left out of its own density.

    Returns:
        (N,)
    """
    apart = torch.stack([mean_squares(a, b) for a, b in zip(points, samples, strict=True)]).mean(0)
    exponents = -apart / bandwidth
    if without_self:
        exponents = exponents.masked_fill(torch.eye(*exponents.shape, dtype=torch.bool), -torch.inf)
    return torch.logsumexp(exponents, dim=1)
