"""The depthwise convolution: the same function and gradients as PyTorch's own."""

import pytest
import torch
import torch.nn.functional as F

from sim2sg_core.model.backbone import Folded
from sim2sg_core.model.depthwise import depthwise_conv


def gradients(function, tensors, back):
    tensors = [t.detach().clone().requires_grad_() for t in tensors]
    result = function(*tensors)
    result.backward(back)
    return [result.detach(), *(t.grad for t in tensors)]


@pytest.mark.parametrize("size", [1, 3, 5, 7])
@pytest.mark.parametrize("shape", [(2, 8, 12, 39), (1, 4, 11, 8), (1, 3, 6, 2), (1, 1, 1, 1)])
@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_result_and_gradients_are_those_of_conv2d(size, shape, memory_format, stride):
    generator = torch.Generator().manual_seed(size)
    x = torch.randn(shape, generator=generator, dtype=torch.float64).contiguous(memory_format=memory_format)
    weight = torch.randn(shape[1], 1, size, size, generator=generator, dtype=torch.float64)
    bias = torch.randn(shape[1], generator=generator, dtype=torch.float64)

    def plain(x, weight, bias):
        return F.conv2d(x, weight, bias, stride, size // 2, groups=len(weight))

    def ours(x, weight, bias):
        return depthwise_conv(x, weight, bias, stride)

    back = torch.randn(plain(x, weight, bias).shape, generator=generator, dtype=torch.float64)
    found, right = (gradients(f, (x, weight, bias), back) for f in (ours, plain))
    for a, b in zip(found, right, strict=True):
        torch.testing.assert_close(a, b)


def test_gradients_that_are_not_wanted_are_not_computed():
    x, weight = torch.randn(1, 4, 6, 6, requires_grad=True), torch.randn(4, 1, 5, 5)
    depthwise_conv(x, weight, torch.zeros(4)).sum().backward()
    assert x.grad is not None and weight.grad is None


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [3, 5])
def test_a_block_in_bfloat16_keeps_its_type_and_its_parameters_theirs(kernel, stride):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)  # Elsewhere rounding may send a value to the other side of ReLU's kink.
        block = Folded(16, 16, kernel, stride, 16, True)
        x = torch.randn(2, 16, 8, 10, requires_grad=True)
    exact = block(x)
    exact.sum().backward()
    right = block[0].weight.grad.clone()
    block.zero_grad()
    with torch.autocast("cpu", torch.bfloat16):
        half = block(x.bfloat16())
    half.sum().backward()
    assert half.dtype is torch.bfloat16 and block[0].weight.grad.dtype is torch.float32
    torch.testing.assert_close(half.float(), exact, atol=0.05, rtol=0.05)
    assert (block[0].weight.grad - right).norm() < 0.05 * right.norm()
