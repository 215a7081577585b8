"""What the network is taught. Targets come from `learning.target_maps`; all losses are per object or per pair."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sim2sg_core.model.detection_decoding import Objects, take
from sim2sg_core.model.heads import Channels, Dense
from sim2sg_core.model.model_config import STRIDE
from sim2sg_core.model.ranks import ALONE, Ranks
from sim2sg_core.model.relation_head import PairLogits

WEIGHTS = {
    "heat": 1.0,
    "box": 2.0,
    "centre": 0.5,
    "depth": 2.0,
    "size": 0.5,
    "angle": 0.5,
    "related": 0.5,
    "relations": 2.0,
    "relations_found": 1.0,
}


class Targets(NamedTuple):
    """A batch of labelled images. N objects per image, padded; pixels are those of the network's input.

    An *ignored* object (hardly seen, tiny, cut by the crop) is neither taught nor a negative.
    """

    image: Tensor
    """(B, H, W, 3) uint8 RGB"""
    intrinsics: Tensor
    """(B, 3) focal length, principal point"""
    heat: Tensor
    """(B, C, h, w) probability that a cell is the centre of an object; below 1 where it was inferred"""
    background: Tensor
    """(B, C, h, w) in [0, 1], weight of what is found there in error; 0 where an ignored object is"""
    labels: Tensor
    """(B, N) class, -1 for padding and ignored objects"""
    stated: Tensor
    """(B, N) bool, whether the object's relations are known"""
    boxes: Tensor
    """(B, N, 4) xyxy"""
    centres: Tensor
    """(B, N, 2) projected 3D centre"""
    depths: Tensor
    """(B, N) focal-normalised metres; 0 where unknown"""
    sizes: Tensor
    """(B, N, 3) metres"""
    alphas: Tensor
    """(B, N) observation angle"""
    relations: Tensor
    """(B, N, N, P) bool, subjects along dimension 1"""
    samples: Tensor
    """(S, 3) int64: image, cell, object. Cells that are taught to regress an object"""
    sample_weight: Tensor
    """(S,) sums to about the object's score"""

    def to(self, device: torch.device) -> Targets:
        """Copies the batch to a device."""
        return Targets(*(field.to(device, non_blocking=True) for field in self))

    def pin_memory(self) -> Targets:
        """Copies the batch to page-locked memory."""
        return Targets(*(field.pin_memory() for field in self))


def heat_loss(logits: Tensor, heat: Tensor, background: Tensor, ranks: Ranks = ALONE) -> Tensor:
    """Penalty-reduced focal loss (CornerNet, Law and Deng 2018; CenterNet), per expected object of all `ranks`.

    Where objects are there with a probability it is the expected loss.

    Args:
        logits: (B, C, h, w).
        heat: Of the targets.
        background: Of the targets.
        ranks: The processes that share the batch.
    """
    p = torch.sigmoid(logits)
    gain = heat * (1 - p) ** 2 * F.logsigmoid(logits)
    loss = background * p**2 * F.logsigmoid(-logits)
    return -(gain + loss).sum() / ranks.total(heat.sum()).clamp(min=1.0)


def regression_losses(
    dense: Dense,
    targets: Targets,
    class_sizes: Tensor,
    yaw_symmetry: Tensor,
    typical_depth: float,
    ranks: Ranks = ALONE,
) -> dict[str, Tensor]:
    """Losses of box, 3D centre, depth, size and angle at the sampled cells, averaged over the objects of all `ranks`.

    Box: generalised IoU (Rezatofighi et al. 2019). Depth: negative log-likelihood of a Laplace distribution
    of the logarithm, whose scale the network predicts (Kendall and Gal 2017). Others: L1.
    """
    image, cell, index = targets.samples.unbind(1)
    weight = targets.sample_weight
    total = ranks.total(weight.sum())
    if not len(weight):
        zero = dense.regression.sum() * 0.0
        return dict.fromkeys(("box", "centre", "depth", "size", "angle"), zero)
    columns = dense.heat.shape[3]
    values = dense.regression.flatten(2)[image, :, cell].float()
    centre = torch.stack([cell % columns, cell // columns], dim=1).to(values.dtype) + 0.5
    labels = targets.labels[image, index]

    def mean(loss: Tensor, w: Tensor) -> Tensor:
        return (loss * w).sum() / total

    edges = torch.exp(values[:, Channels.BOX].clamp(-6.0, 6.0))
    boxes = torch.cat([centre - edges[:, :2], centre + edges[:, 2:]], dim=1)
    depths = targets.depths[image, index]
    posed = weight * (depths > 0)
    log_depth = torch.log(depths.clamp(min=1e-3) / typical_depth)
    spread = values[:, Channels.SPREAD].squeeze(1).clamp(-5.0, 2.0)
    error = (values[:, Channels.DEPTH].squeeze(1) - log_depth).abs()
    log_size = torch.log(targets.sizes[image, index].clamp(min=1e-3) / class_sizes[labels])
    offset = targets.centres[image, index] / STRIDE - centre
    order = yaw_symmetry[labels]
    angle = targets.alphas[image, index] * order
    direction = torch.stack([torch.sin(angle), torch.cos(angle)], dim=1)
    return {
        "box": mean(1 - generalised_iou(boxes, targets.boxes[image, index] / STRIDE), weight),
        # Scale-free: what counts is the error relative to the object.
        "centre": mean(
            (F.smooth_l1_loss(values[:, Channels.CENTRE], offset, reduction="none", beta=0.5)).sum(1)
            / (edges.detach().sum(1) / 4).clamp(min=1.0),
            posed,
        ),
        # sqrt(2) makes exp(spread) the standard deviation. The detached factor (Seitzer et al. 2022, "On the
        # pitfalls of heteroscedastic uncertainty estimation", beta = 1) keeps confident depths from having
        # gradients that drown all others.
        "depth": mean((2**0.5 * error * torch.exp(-spread) + spread + 4.0) * torch.exp(spread).detach(), posed),
        "size": mean((values[:, Channels.SIZE] - log_size).abs().sum(1), posed),
        "angle": mean((values[:, Channels.ANGLE] - direction).abs().sum(1), posed * (order > 0)),
    }


def generalised_iou(a: Tensor, b: Tensor) -> Tensor:
    """(S,) generalised IoU of two lists of (S, 4) xyxy boxes, in (-1, 1]."""
    shared = _area(torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:]))
    union = _area(a[:, :2], a[:, 2:]) + _area(b[:, :2], b[:, 2:]) - shared
    hull = _area(torch.minimum(a[:, :2], b[:, :2]), torch.maximum(a[:, 2:], b[:, 2:]))
    return shared / union.clamp(min=1e-6) - (hull - union) / hull.clamp(min=1e-6)


def _area(low: Tensor, high: Tensor) -> Tensor:
    return (high - low).clamp(min=0.0).prod(dim=1)


def relation_losses(logits: PairLogits, truth: Tensor, valid: Tensor, ranks: Ranks = ALONE) -> tuple[Tensor, Tensor]:
    """Binary cross-entropy of relatedness and of the predicates.

    Args:
        logits: Scores of all pairs of N objects.
        truth: (B, N, N, P) bool.
        valid: (B, N, N) bool: pairs that are taught.
        ranks: Who has the rest of the batch.

    Returns:
        Both losses, averaged over the valid pairs.
    """
    weight = valid.to(logits.related.dtype)
    count = ranks.total(weight.sum()).clamp(min=1.0)
    related = F.binary_cross_entropy_with_logits(
        logits.related, truth.any(-1).to(weight.dtype), weight, reduction="sum"
    )
    predicates = F.binary_cross_entropy_with_logits(
        logits.predicates, truth.to(weight.dtype), weight[..., None].expand(truth.shape), reduction="sum"
    )
    return related / count, predicates / count / truth.shape[-1]


def match_objects(objects: Objects, targets: Targets, threshold: float = 0.5) -> tuple[Tensor, Tensor]:
    """Finds the true object that each predicted one overlaps most, whatever its class.

    Returns:
        (B, K) index of the true object, and (B, K) whether they overlap enough.
    """
    a, b = objects.boxes[:, :, None], targets.boxes[:, None]
    shared = (torch.minimum(a[..., 2:], b[..., 2:]) - torch.maximum(a[..., :2], b[..., :2])).clamp(min=0).prod(-1)
    size = (a[..., 2:] - a[..., :2]).clamp(min=0).prod(-1) + (b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1)
    iou = shared / (size - shared).clamp(min=1e-6) * (targets.labels >= 0)[:, None]
    best, index = iou.max(dim=2)
    return index, best >= threshold


def pair_truth(truth: Tensor, index: Tensor) -> Tensor:
    """Re-indexes (B, N, N, P) facts to (B, K, K, P) for objects that stand for true object `index`."""
    batch, count = index.shape
    facts = take(truth.flatten(2), index).reshape(batch, count, truth.shape[2], truth.shape[3])
    return facts.gather(2, index[:, None, :, None].expand(-1, count, -1, facts.shape[3]))
