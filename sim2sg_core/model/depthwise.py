"""Depthwise convolution with gradients that are fast on CPUs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from sim2sg_core.model.convolution import gradients

FAST_WIDTH = 3
"""Widest kernel, at stride 1, whose gradient oneDNN has a fast depthwise routine for: of 5x5 it takes 20 times as long
as of 5x3 in single precision, and 100 times in bfloat16."""


def depthwise_conv(x: Tensor, weight: Tensor, bias: Tensor, stride: int = 1) -> Tensor:
    """Convolves every channel by itself, padded by half the kernel.

    Args:
        x: (B, C, H, W).
        weight: (C, 1, k, k), k odd.
        bias: (C,).
        stride: Of rows and columns.

    Returns:
        (B, C, ceil(H / stride), ceil(W / stride)).
    """
    result: Tensor = _Depthwise.apply(x, weight, bias, stride)
    return result


class _Depthwise(torch.autograd.Function):
    """Its gradients are put together from those of narrow kernels at stride 1, of which the convolution is the sum."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return F.conv2d(x, weight, bias, stride, weight.shape[-1] // 2, groups=len(weight))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        """Returns the gradients of x, weight and bias, each None where it is not asked for; stride has none."""
        (x, weight), stride = ctx.saved_tensors, ctx.stride
        of_x, of_weight, of_bias = ctx.needs_input_grad[:3]
        bias_grad = grad.sum((0, 2, 3)) if of_bias else None
        weight_grad = torch.zeros_like(weight) if of_weight else None
        parts_of_x = of_x and stride > 1  # At stride 1 the gradient of the input is fast at any width.
        x_grad: Tensor | None = None
        if parts_of_x:
            x_grad = torch.zeros_like(x)
        elif of_x:
            x_grad = gradients(grad, x, weight, weight.shape[-1] // 2, (True, False))[0]
        if not (parts_of_x or of_weight):
            return x_grad, None, bias_grad, None
        for rows in _taps(weight.shape[-2], stride, x.shape[-2], grad.shape[-2], weight.shape[-2]):
            for columns in _taps(weight.shape[-1], stride, x.shape[-1], grad.shape[-1], FAST_WIDTH):
                part = (..., rows.kernel, columns.kernel)
                seen = (..., rows.input, columns.input)
                margin = (*columns.pad, *rows.pad)
                found = gradients(grad, F.pad(x[seen], margin), weight[part], 0, (parts_of_x, of_weight))
                if x_grad is not None and parts_of_x:
                    x_grad[seen] += F.pad(found[0], [-side for side in margin])
                if weight_grad is not None:
                    weight_grad[part] = found[1]
        return x_grad, weight_grad, bias_grad, None


class _Taps(NamedTuple):
    """Values of a kernel along one axis, `stride` apart: a kernel of its own at stride 1, on a part of the input.

    Attributes:
        kernel: Which they are.
        input: The positions that they see, before the padding.
        pad: What is added to these at both ends; negative: left out.
    """

    kernel: slice
    input: slice
    pad: tuple[int, int]


def _taps(size: int, stride: int, inputs: int, outputs: int, most: int) -> Iterator[_Taps]:
    """Divides a kernel of `size` along one axis into parts of at most `most` values.

    Output o is the sum over k of w[k] x[stride o + k - half]. With k - half = stride q + r, it is the sum over r of
    convolutions at stride 1, of every stride-th value of the kernel with every stride-th of the input from r on.
    """
    half = size // 2
    for phase in range(min(stride, inputs)):
        first = (phase + half) % stride
        for start in range(first, size, stride * most):
            count = min(most, -(-(size - start) // stride))
            left = -((start - half - phase) // stride)
            seen = -(-(inputs - phase) // stride)
            right = outputs + count - 1 - seen - left
            if min(left, right) > -seen:  # Else they meet nothing but padding.
                kernel = slice(start, start + stride * (count - 1) + 1, stride)
                yield _Taps(kernel, slice(phase, None, stride), (left, right))
