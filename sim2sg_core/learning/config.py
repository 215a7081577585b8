"""What a training run is asked to do, checked before any work starts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from sim2sg_core.errors import Sim2SGError


@dataclass(frozen=True)
class AugmentConfig:
    """How strongly images are changed. Each part is absent when its number is 0.

    Attributes:
        flip: Probability of a mirrored image.
        zoom: Probability of a random crop or zoom; otherwise the image is letterboxed as at inference.
        zoom_range: Scale relative to the letterbox, drawn log-uniformly.
        colour: Strength of brightness, contrast, gamma, saturation, hue and channel gains.
        blur: Probability of blur.
        noise: Probability of noise.
        jpeg: Probability of JPEG artefacts.
        cutout: Probability of blanked rectangles.
    """

    flip: float = 0.5
    zoom: float = 0.5
    zoom_range: tuple[float, float] = (0.8, 1.5)
    colour: float = 1.0
    blur: float = 0.2
    noise: float = 0.3
    jpeg: float = 0.2
    cutout: float = 0.2

    @classmethod
    def none(cls) -> AugmentConfig:
        """Leaves the images as they are."""
        return cls(flip=0, zoom=0, colour=0, blur=0, noise=0, jpeg=0, cutout=0)


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training run.

    Attributes:
        steps: Optimiser steps in all.
        batch: Images per step.
        learning_rate: Peak learning rate of neck and heads.
        backbone_rate: Learning rate of a pretrained backbone relative to it.
        freeze: Backbone blocks, from the image on, that are kept as they are; None takes a quarter of a
            pretrained backbone and nothing of one from scratch.
        warm_up: Steps over which the learning rate rises.
        final_rate: Learning rate at the end, relative to the peak (cosine in between).
        weight_decay: Of AdamW, on matrices and kernels only.
        clip: Largest norm of the gradient.
        ema: Decay of the averaged weights; 0 turns averaging off.
        augment: Image augmentation.
        seed: The order of the images and their augmentation are a function of it and the step alone.
        device: torch device.
        amp: Mixed precision (bfloat16) on CUDA devices.
        workers: Threads that prepare batches; 0 prepares them in between.
        save_every: Steps between checkpoints.
        log_every: Steps between lines of metrics.jsonl.
    """

    steps: int
    batch: int = 8
    learning_rate: float = 1e-3
    backbone_rate: float = 0.5
    freeze: int | None = None
    warm_up: int = 50
    final_rate: float = 0.02
    weight_decay: float = 0.02
    clip: float = 10.0
    ema: float = 0.998
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    seed: int = 0
    device: str = "cpu"
    amp: bool = True
    workers: int = 1
    save_every: int = 200
    log_every: int = 10

    # What may differ between the runs that one training is made of.
    FREE = ("device", "amp", "workers", "save_every", "log_every")

    def validate(self) -> None:
        """Raises Sim2SGError where a number is out of its range or the device is missing."""
        for name in ("steps", "batch", "save_every", "log_every"):
            if getattr(self, name) < 1:
                raise Sim2SGError(f"{name} is {getattr(self, name)}: it must be at least 1")
        for name in ("learning_rate", "clip"):
            if not getattr(self, name) > 0:
                raise Sim2SGError(f"{name} is {getattr(self, name)}: it must be above 0")
        for name in ("warm_up", "weight_decay", "workers"):
            if getattr(self, name) < 0:
                raise Sim2SGError(f"{name} is {getattr(self, name)}: it must not be negative")
        for name in ("backbone_rate", "final_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise Sim2SGError(f"{name} is {getattr(self, name)}: it must lie in [0, 1]")
        if not 0 <= self.ema < 1:
            raise Sim2SGError(f"ema is {self.ema}: it must lie in [0, 1)")
        import torch

        try:
            device = torch.device(self.device)
        except RuntimeError:
            raise Sim2SGError(f"device {self.device!r} is not known: use cpu or cuda") from None
        if device.type == "cuda" and not torch.cuda.is_available():
            raise Sim2SGError("device cuda: torch sees no NVIDIA GPU here; use --device cpu")

    def to_json(self) -> dict[str, Any]:
        """Returns JSON-ready data."""
        return dataclasses.asdict(self)

    def identity(self) -> dict[str, Any]:
        """Returns the settings that all parts of one run must share."""
        return {k: _plain(v) for k, v in self.to_json().items() if k not in self.FREE}


def _plain(value: Any) -> Any:
    """Lists for tuples, as JSON has them."""
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return [_plain(v) for v in value] if isinstance(value, list | tuple) else value


def difference(old: dict[str, Any], new: dict[str, Any], path: str = "") -> str:
    """Names the first setting that differs."""
    for key in sorted(old.keys() | new.keys()):
        a, b = old.get(key), new.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            found = difference(a, b, f"{path}{key}.")
            if found:
                return found
        elif a != b:
            return f"{path}{key}: {a} there, {b} here"
    return ""
