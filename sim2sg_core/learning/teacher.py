"""The mean teacher: the averaged network teaches the live one on real images, softly.

Tarvainen and Valpola, "Mean teachers are better role models", 2017. The teacher sees the weak view, the student
the strong one (Liu et al., "Unbiased teacher for semi-supervised object detection", 2021). What it teaches is
soft, as in Zhou et al., "Dense teacher", 2022, and Kay et al., "Align and distill", 2025: a cell of half the
certainty is taught to be of half the certainty.
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.learning.ema import WeightAverage
from sim2sg_core.learning.task import dense_maps
from sim2sg_core.learning.thresholds import CLASS_THRESHOLD, PREDICATE_THRESHOLD
from sim2sg_core.learning.train_config import AlignConfig
from sim2sg_core.model.detection_decoding import Objects, gather_map
from sim2sg_core.model.heads import Channels, Dense
from sim2sg_core.model.losses import generalised_iou
from sim2sg_core.model.network import SceneGraphNetwork
from sim2sg_core.model.ranks import ALONE, Ranks


class TeacherOutput(NamedTuple):
    """What the teacher predicts for B real images. No gradients."""

    heat: Tensor
    """(B, C, h, w) calibrated probabilities"""
    regression: Tensor
    """(B, 13, h, w)"""
    objects: Objects
    """the K best"""
    related: Tensor
    """(B, K, K) probability that some predicate holds between two of them"""
    predicates: Tensor
    """(B, K, K, P) calibrated P(predicate | both objects)"""


class Teacher:
    """The averaged weights as a network of its own, or a frozen labeller that never learns from its own labels.

    Attributes:
        network: Of an averaged teacher the parameters *are* the averages: they share memory, so nothing is ever copied.
        class_thresholds: (C,) scores above which objects teach boxes and 3D.
        predicate_thresholds: (P,) probabilities at which it is least sure.
    """

    def __init__(
        self,
        network: SceneGraphNetwork,
        average: WeightAverage,
        config: AlignConfig,
        labeller: SceneGraphNetwork | None = None,
    ) -> None:
        """Builds the teacher of a network.

        Args:
            network: Is taught.
            average: Its averaged weights.
            config: Settings.
            labeller: Teaches in place of the average, where `config.teacher_update` is "frozen".

        Raises:
            Sim2SGError: Not one threshold for each class or predicate, or no labeller where there has to be one.
        """
        if config.teacher_update == "frozen":
            if labeller is None:
                raise Sim2SGError("align.teacher_update is frozen: give the network that labels, or let it be average")
            self.network = copy.deepcopy(labeller).to(network.score_temperature.device)
        else:
            self.network = copy.deepcopy(network)
            for name, parameter in self.network.named_parameters():
                parameter.data = average.weights[name]
        self.network.eval().requires_grad_(False)
        model, device = network.config, network.score_temperature.device
        self.class_thresholds = _thresholds("class", config.class_thresholds, model.classes, CLASS_THRESHOLD, device)
        self.predicate_thresholds = _thresholds(
            "predicate", config.predicate_thresholds, model.predicates, PREDICATE_THRESHOLD, device
        )

    @torch.no_grad()
    def predict(self, weak: Tensor, intrinsics: Tensor, amp: bool = False) -> TeacherOutput:
        """Predicts from the weak view.

        Args:
            weak: (B, H, W, 3) uint8 RGB.
            intrinsics: (B, 3) focal length and principal point, input pixels.
            amp: Mixed precision.
        """
        network = self.network
        dense = dense_maps(network, weak, amp)
        objects = network.detect(dense)
        logits = network.relate(objects, intrinsics=intrinsics)
        return TeacherOutput(
            torch.sigmoid(network.calibrated_heat(dense.heat)),
            dense.regression,
            objects,
            torch.sigmoid(logits.related),
            torch.sigmoid(logits.predicates / network.relation_temperature),
        )

    def losses(
        self,
        student: SceneGraphNetwork,
        dense: Dense,
        weak: Tensor,
        intrinsics: Tensor,
        amp: bool = False,
        ranks: Ranks = ALONE,
    ) -> dict[str, Tensor]:
        """Compares the student's maps of the strong view with the teacher's of the weak one.

        Args:
            student: The live network.
            dense: Its maps of the strong view.
            weak: (B, H, W, 3) uint8 RGB, of the same geometry.
            intrinsics: (B, 3) of both views.
            amp: Mixed precision.
            ranks: Who has the rest of the step's images.

        Returns:
            Unweighted losses by the names that `model.losses.WEIGHTS` has.
        """
        target = self.predict(weak, intrinsics, amp)
        objects = target.objects
        losses = {"heat": soft_heat_loss(student.calibrated_heat(dense.heat), target.heat, objects.scores, ranks)}
        sure = objects.scores * (objects.scores >= self.class_thresholds[objects.classes])
        symmetry = student.yaw_symmetry[objects.classes]
        losses |= distilled_regression(dense.regression, target.regression, objects.cells, sure, symmetry, ranks)
        # The teacher's objects as the student's features see them: only then do both speak of the same pairs.
        seen = objects._replace(features=gather_map(dense.features, objects.cells))
        logits = student.relate(seen, intrinsics=intrinsics)
        stated = student.relations.stated[objects.classes].to(sure.dtype) * objects.scores
        both = stated[:, :, None] * stated[:, None, :]
        both = both * (1 - torch.eye(both.shape[1], device=both.device))
        related = F.binary_cross_entropy_with_logits(logits.related, target.related, both, reduction="sum")
        losses["related"] = related / ranks.total(both.sum()).clamp(min=1.0)
        predicates = logits.predicates / student.relation_temperature
        losses["relations"] = soft_relation_loss(predicates, target.predicates, both, self.predicate_thresholds, ranks)
        return losses


def soft_heat_loss(logits: Tensor, target: Tensor, scores: Tensor, ranks: Ranks = ALONE) -> Tensor:
    """Quality focal loss (Li et al., "Generalized focal loss", 2020) against soft targets, per expected object.

    Args:
        logits: (B, C, h, w) of the student.
        target: (B, C, h, w) probabilities of the teacher.
        scores: (B, K) of the objects that the teacher found; their sum is their expected number.
        ranks: Who has the rest of the step's images.
    """
    away = (torch.sigmoid(logits) - target).abs()
    cross_entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (away**2 * cross_entropy).sum() / ranks.total(scores.sum()).clamp(min=1.0)


def distilled_regression(
    student: Tensor, teacher: Tensor, cells: Tensor, weight: Tensor, symmetry: Tensor, ranks: Ranks = ALONE
) -> dict[str, Tensor]:
    """Differences of two regression maps at the teacher's objects, averaged over their weight.

    Box: generalised IoU. Centre: smooth L1. Depth, with its spread, size and angle: L1.

    Args:
        student: (B, 13, h, w).
        teacher: (B, 13, h, w).
        cells: (B, K) flat cells of the objects.
        weight: (B, K) scores, 0 where an object is not sure enough to teach.
        symmetry: (B, K) orders of the objects' rotational symmetry; 0 has no angle.
        ranks: Who has the rest of the step's images.
    """
    ours, theirs = gather_map(student, cells), gather_map(teacher, cells)
    total = ranks.total(weight.sum()).clamp(min=1.0)

    def mean(loss: Tensor, w: Tensor = weight) -> Tensor:
        return (loss * w).sum() / total

    def absolute(channels: slice) -> Tensor:
        return (ours[..., channels] - theirs[..., channels]).abs().sum(-1)

    overlap = generalised_iou(_edges(ours), _edges(theirs)).reshape(weight.shape)
    # As large an error matters less on a larger object, as in the loss on labels.
    extent = torch.exp(theirs[..., Channels.BOX].clamp(-6.0, 6.0)).mean(-1).clamp(min=1.0)
    centre = F.smooth_l1_loss(ours[..., Channels.CENTRE], theirs[..., Channels.CENTRE], reduction="none", beta=0.5)
    return {
        "box": mean(1 - overlap),
        "centre": mean(centre.sum(-1) / extent),
        "depth": mean(absolute(Channels.DEPTH) + absolute(Channels.SPREAD)),
        "size": mean(absolute(Channels.SIZE)),
        "angle": mean(absolute(Channels.ANGLE), weight * (symmetry > 0)),
    }


def soft_relation_loss(
    logits: Tensor, target: Tensor, both: Tensor, thresholds: Tensor, ranks: Ranks = ALONE
) -> Tensor:
    """Binary cross-entropy against soft predicates, in which those count that the teacher is sure of.

    Args:
        logits: (B, K, K, P) of the student.
        target: (B, K, K, P) probabilities of the teacher.
        both: (B, K, K) probability that both objects are there; 0 for pairs that state nothing.
        thresholds: (P,) probabilities at which the teacher cannot tell.
        ranks: Who has the rest of the step's images.
    """
    sure = confidence(target, thresholds) * both[..., None]
    loss = F.binary_cross_entropy_with_logits(logits, target, sure, reduction="sum")
    return loss / ranks.total(both.sum()).clamp(min=1.0) / target.shape[-1]


def confidence(probability: Tensor, threshold: Tensor) -> Tensor:
    """How sure a probability is: 0 at the threshold, 1 at 0 and at 1, linear in between."""
    above = (probability - threshold) / (1 - threshold).clamp(min=1e-6)
    below = (threshold - probability) / threshold.clamp(min=1e-6)
    return torch.where(probability >= threshold, above, below).clamp(0.0, 1.0)


def _edges(values: Tensor) -> Tensor:
    """(N, 4) xyxy boxes in cells, relative to their cell, of (B, K, 13) regressions."""
    edges = torch.exp(values[..., Channels.BOX].clamp(-6.0, 6.0)).flatten(0, 1)
    return torch.cat([-edges[:, :2], edges[:, 2:]], dim=1)


def _thresholds(name: str, given: tuple[float, ...], count: int, default: float, device: torch.device) -> Tensor:
    if given and len(given) != count:
        raise Sim2SGError(f"align.{name}_thresholds has {len(given)} entries: it needs one for each of {count}")
    return torch.tensor(given or (default,) * count, device=device)
