"""Convolution with a weight gradient that is fast on CPUs without AVX-512."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable


def conv(x: Tensor, weight: Tensor) -> Tensor:
    """Convolves at stride 1 without bias, padded by half the kernel.

    Args:
        x: (B, C, H, W).
        weight: (D, C, k, k), k odd.

    Returns:
        (B, D, H, W).
    """
    # Without AVX-512, oneDNN takes three times as long for this gradient where channels come last.
    slow = x.device.type == "cpu" and torch.backends.cpu.get_cpu_capability() != "AVX512"
    if not slow or torch.is_autocast_enabled("cpu") or not (torch.is_grad_enabled() and weight.requires_grad):
        return F.conv2d(x, weight, padding=weight.shape[-1] // 2)
    result: Tensor = _Conv.apply(x, weight)
    return result


class _Conv(torch.autograd.Function):
    """The gradient of the weight is computed with channels first, everything else with channels as they are."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return F.conv2d(x, weight, padding=weight.shape[-1] // 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Returns the gradients of x and weight, each None where it is not asked for."""
        x, weight = ctx.saved_tensors
        of_x, of_weight = ctx.needs_input_grad
        padding = weight.shape[-1] // 2
        x_grad = gradients(grad, x, weight, padding, (True, False))[0] if of_x else None
        if not of_weight:
            return x_grad, None
        first = grad.contiguous(), x.contiguous(), weight.contiguous()
        return x_grad, gradients(*first, padding, (False, True))[1]


def gradients(
    grad: Tensor, x: Tensor, weight: Tensor, padding: int, wanted: tuple[bool, bool]
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the gradients of the input and the kernel of a convolution at stride 1, as they are wanted.

    Args:
        grad: (B, D, H', W') of the result.
        x: (B, C, H, W).
        weight: (D, C / groups, k, l).
        padding: Of rows and columns.
        wanted: Whether the input's, and the kernel's.
    """
    groups = x.shape[1] // weight.shape[1]
    found: tuple[Tensor, Tensor, Tensor] = torch.ops.aten.convolution_backward(
        grad, x, weight, None, [1, 1], [padding] * 2, [1, 1], False, [0, 0], groups, [*wanted, False]
    )
    return found
