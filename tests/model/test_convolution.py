"""The dense convolution: the same function and gradients as PyTorch's own, on any CPU."""

import pytest
import torch
import torch.nn.functional as F

from sim2sg_core.model.convolution import conv
from sim2sg_core.model.fpn import ConvNorm


def gradients(function, tensors, back):
    tensors = [t.detach().clone(memory_format=torch.preserve_format).requires_grad_() for t in tensors]
    result = function(*tensors)
    result.backward(back)
    return [result.detach(), *(t.grad for t in tensors)]


@pytest.fixture(params=["AVX2", "AVX512"])
def capability(request, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: request.param)
    return request.param


@pytest.mark.parametrize("size", [1, 3, 5])
@pytest.mark.parametrize("shape", [(2, 8, 12, 39), (1, 4, 5, 2), (1, 1, 1, 1)])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_result_and_gradients_are_those_of_conv2d(size, shape, memory_format, capability):
    generator = torch.Generator().manual_seed(size)
    x = torch.randn(shape, generator=generator, dtype=torch.float64).contiguous(memory_format=memory_format)
    weight = torch.randn(6, shape[1], size, size, generator=generator, dtype=torch.float64)
    weight = weight.contiguous(memory_format=memory_format)
    back = torch.randn(shape[0], 6, *shape[2:], generator=generator, dtype=torch.float64)
    found = gradients(conv, (x, weight), back)
    right = gradients(lambda x, weight: F.conv2d(x, weight, padding=size // 2), (x, weight), back)
    for a, b in zip(found, right, strict=True):
        torch.testing.assert_close(a, b)


def test_the_gradient_of_the_weight_is_computed_with_channels_first_where_that_is_faster(capability):
    x = torch.randn(1, 4, 6, 6).contiguous(memory_format=torch.channels_last)
    name = type(conv(x, torch.randn(4, 4, 3, 3, requires_grad=True)).grad_fn).__name__
    assert (name == "_ConvBackward") == (capability == "AVX2")


def test_gradients_that_are_not_wanted_are_not_computed(capability):
    x, weight = torch.randn(1, 4, 6, 6, requires_grad=True), torch.randn(4, 4, 3, 3, requires_grad=True)
    conv(x.detach(), weight).sum().backward()
    assert x.grad is None and weight.grad is not None
    conv(x, weight.detach()).sum().backward()
    assert x.grad is not None


def test_a_layer_in_bfloat16_keeps_its_parameters_type(capability):
    layer = ConvNorm(8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        result = layer(torch.randn(1, 8, 6, 6))
    result.sum().backward()
    assert layer[0].weight.grad.dtype is torch.float32
