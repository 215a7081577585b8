"""What a training run is asked to do, checked before any work starts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

from sim2sg_core.domains.domain_spec import TrainingSpec
from sim2sg_core.errors import Sim2SGError

TEACHER_UPDATES = ("average", "frozen", "conditional")


@dataclass(frozen=True)
class AugmentConfig:
    """How strongly images are changed. Each part is absent when its number is 0.

    Attributes:
        flip: Probability of a mirrored image.
        zoom: Probability of a random crop or zoom; otherwise the image is letterboxed as at inference.
        zoom_range: Scale relative to the letterbox, drawn log-uniformly.
        aim: Probability that an enlarged window is laid on an object, and not just anywhere.
        color: Strength of brightness, contrast, gamma, saturation, hue and channel gains.
        blur: Probability of blur.
        noise: Probability of noise.
        jpeg: Probability of JPEG artefacts.
        cutout: Probability of blanked rectangles.
        random_convolution: Probability of a random convolution: other textures, same shapes.
        style_transfer: Probability that a labelled image takes over colours or low frequencies of a real one.
    """

    flip: float = 0.5
    zoom: float = 0.5
    zoom_range: tuple[float, float] = (0.8, 1.5)
    aim: float = 0.0
    color: float = 1.0
    blur: float = 0.2
    noise: float = 0.3
    jpeg: float = 0.2
    cutout: float = 0.2
    random_convolution: float = 0.0
    style_transfer: float = 0.0

    @classmethod
    def of_domain(cls, training: TrainingSpec) -> AugmentConfig:
        """Strong augmentation with the zoom and the random convolutions that a domain asks for."""
        return cls(zoom_range=training.zoom_range, aim=training.aim, random_convolution=training.random_convolution)

    @classmethod
    def none(cls) -> AugmentConfig:
        """Leaves the images as they are."""
        return cls(flip=0, zoom=0, color=0, blur=0, noise=0, jpeg=0, cutout=0)

    @classmethod
    def weak(cls) -> AugmentConfig:
        """Mirrors and mild zooms alone: colours and quality stay as they were rendered."""
        return cls(zoom_range=(0.9, 1.15), color=0, blur=0, noise=0, jpeg=0, cutout=0)

    def validate(self) -> None:
        """Raises Sim2SGError where a number is out of its range."""
        for name in ("flip", "zoom", "aim", "blur", "noise", "jpeg", "cutout", "random_convolution", "style_transfer"):
            if not 0 <= getattr(self, name) <= 1:
                raise Sim2SGError(f"augment.{name} is {getattr(self, name)}: a probability lies in [0, 1]")


@dataclass(frozen=True)
class AlignConfig:
    """What real images without labels add to training. Each part is absent when its number is 0.

    Attributes:
        feature: Strength of the alignment of features: factor of the reversed gradient.
        prediction: Strength of the alignment of predictions, likewise.
        teacher: Weight of what the averaged network teaches on real images.
        teacher_update: What teaches: "average", the averaged network; "conditional", the same, following only where the
            student has grown steadier (see `conditional_update`); "frozen", a network that stays as it is.
        real_share: With a teacher, the share of a step's images that are real ones; the rest are labelled.
            So a step costs as many taught images with a teacher as without. Alignment uses the same real
            images; without a teacher half a batch of them, beside the labelled ones.
        class_thresholds: (C,) scores above which the teacher's objects teach boxes and 3D; () takes
            `thresholds.CLASS_THRESHOLD` for all.
        predicate_thresholds: (P,) probabilities at which the teacher is least sure of a predicate; () takes
            `thresholds.PREDICATE_THRESHOLD` for all.
    """

    feature: float = 0.0
    prediction: float = 0.0
    teacher: float = 0.0
    teacher_update: str = TEACHER_UPDATES[0]
    real_share: float = 0.5
    class_thresholds: tuple[float, ...] = ()
    predicate_thresholds: tuple[float, ...] = ()

    @property
    def adversarial(self) -> bool:
        """Whether a domain classifier is on."""
        return self.feature > 0 or self.prediction > 0

    @property
    def on(self) -> bool:
        """Whether training needs real images for it."""
        return self.adversarial or self.teacher > 0

    def validate(self) -> None:
        """Raises Sim2SGError where a number is out of its range."""
        for name in ("feature", "prediction", "teacher"):
            if getattr(self, name) < 0:
                raise Sim2SGError(f"align.{name} is {getattr(self, name)}: it must not be negative")
        if self.teacher_update not in TEACHER_UPDATES:
            raise Sim2SGError(f"align.teacher_update {self.teacher_update!r}: use one of {', '.join(TEACHER_UPDATES)}")
        if not 0 < self.real_share < 1:
            raise Sim2SGError(f"align.real_share is {self.real_share}: it must lie between 0 and 1")
        for name in ("class_thresholds", "predicate_thresholds"):
            if not all(0 <= value <= 1 for value in getattr(self, name)):
                raise Sim2SGError(f"align.{name} is {getattr(self, name)}: each must lie in [0, 1]")


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
        align: What real images without labels add; nothing unless asked for.
        seed: The order of the images and their augmentation are a function of it and the step alone.
        device: torch device.
        amp: Mixed precision (bfloat16) where it is faster: on CUDA devices and on CPUs with AMX or AVX-512 BF16.
        workers: Who prepares batches: 0 nobody, they are made in between; 1 a thread; more are processes.
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
    align: AlignConfig = field(default_factory=AlignConfig)
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
        if not 0 <= self.seed < 2**63:
            raise Sim2SGError(f"seed is {self.seed}: give a whole number from 0 to {2**63 - 1}")
        if self.freeze is not None and self.freeze < 0:
            raise Sim2SGError(f"freeze is {self.freeze}: blocks of the backbone, 0 or more")
        for name in ("backbone_rate", "final_rate"):
            if not 0 <= getattr(self, name) <= 1:
                raise Sim2SGError(f"{name} is {getattr(self, name)}: it must lie in [0, 1]")
        if not 0 <= self.ema < 1:
            raise Sim2SGError(f"ema is {self.ema}: it must lie in [0, 1)")
        self.augment.validate()
        self.align.validate()
        if self.align.teacher > 0 and self.ema == 0:
            raise Sim2SGError("align.teacher needs the averaged weights: set ema above 0, e.g. 0.998")
        if self.align.teacher > 0 and self.batch < 2:
            raise Sim2SGError("batch is 1: with align.teacher a step needs a labelled and a real image; make it 2")
        import torch

        try:
            device = torch.device(self.device)
        except RuntimeError:
            device = None
        if device is None or device.type not in ("cpu", "cuda"):
            raise Sim2SGError(f"device {self.device!r} cannot train: use cpu or cuda")
        if device.type == "cuda" and not torch.cuda.is_available():
            raise Sim2SGError("device cuda: torch sees no NVIDIA GPU here; use --device cpu")

    @property
    def labelled(self) -> int:
        """Labelled images per step."""
        if self.align.teacher == 0:
            return self.batch
        return min(max(self.batch - round(self.batch * self.align.real_share), 1), self.batch - 1)

    @property
    def unlabelled(self) -> int:
        """Real images per step."""
        if self.align.teacher > 0:
            return self.batch - self.labelled
        return max(1, self.batch // 2) if self.align.adversarial else 0

    @property
    def needs_real(self) -> bool:
        """Whether any switch asks for real images."""
        return self.align.on or self.augment.style_transfer > 0

    def to_json(self) -> dict[str, Any]:
        """Returns JSON-ready data."""
        return dataclasses.asdict(self)

    def identity(self) -> dict[str, Any]:
        """Returns the settings that all parts of one run must share.

        What is off leaves no trace, so that runs from before there was such a switch can go on.
        """
        settings = {k: _plain(v) for k, v in self.to_json().items() if k not in self.FREE}
        if not self.align.on:
            del settings["align"]
        elif self.align.teacher_update == TEACHER_UPDATES[0]:
            del settings["align"]["teacher_update"]
        for name in ("style_transfer", "random_convolution", "aim"):
            if getattr(self.augment, name) == 0:
                del settings["augment"][name]
        return settings


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
