"""The relation head: context by attention among objects, proposals of pairs, predicates per pair.

The ideas are Graph R-CNN's (Yang et al. 2018): a learned relatedness proposes which pairs to look at, and
attention lets every object see the others; here batched and of static shape, so that it exports.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sim2sg_core.model.detection_decoding import Objects, overlaps
from sim2sg_core.model.model_config import ModelConfig

LEAST_PRESENCE = 1e-4
"""Attention to an object that is not there at all, such as padding: a logarithm needs some."""


class PairLogits(NamedTuple):
    """Scores of all ordered pairs of N objects."""

    related: Tensor
    """(B, N, N) logit: some predicate holds from subject (dim 1) to object (dim 2)"""
    predicates: Tensor
    """(B, N, N, P) logits"""


class RelationHead(nn.Module):
    """Predicates between the objects of an image."""

    OBJECT_GEOMETRY = 12
    PAIR_GEOMETRY = 12
    symmetric: Tensor
    stated: Tensor

    def __init__(self, config: ModelConfig, width: int = 96, heads: int = 4) -> None:
        """Builds the head; `width` is the size of an object's embedding."""
        super().__init__()
        self.heads = heads
        self.label = nn.Embedding(config.classes, width)
        self.feature = nn.Linear(config.channels, width)
        self.geometry = nn.Sequential(nn.Linear(self.OBJECT_GEOMETRY, width), nn.ReLU(), nn.Linear(width, width))
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.mix = nn.Linear(width, width)
        self.feed_norm = nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))
        self.out_norm = nn.LayerNorm(width)
        self.subject = nn.Linear(width, width)
        self.object = nn.Linear(width, width)
        self.pair = nn.Linear(self.PAIR_GEOMETRY, width)
        self.pair_mix = nn.Linear(width, width)
        self.predicate = nn.Linear(width, config.predicates)
        self.relate = nn.Linear(width, 1)
        nn.init.constant_(self.predicate.bias, -2.0)
        self.register_buffer("symmetric", torch.tensor(config.symmetric, dtype=torch.bool), persistent=False)
        self.register_buffer("stated", torch.tensor(config.relation_classes, dtype=torch.bool), persistent=False)
        self.scale = (float(config.width), float(config.height), config.focal_ref, config.typical_depth)

    def forward(self, objects: Objects, intrinsics: Tensor, present: Tensor) -> PairLogits:
        """Scores all pairs.

        Args:
            objects: N objects per image.
            intrinsics: (B, 3) focal length and principal point of each image, input pixels.
            present: (B, N) attention weight of each object in (0, 1]: its score; 0 for padding.
        """
        single, space = self._object_geometry(objects, intrinsics)
        x = self.label(objects.classes) + self.feature(objects.features) + self.geometry(single)
        x = x + self._attend(self.attention_norm(x), present)
        x = x + self.feed(self.feed_norm(x))
        x = self.out_norm(x)
        pair = self.subject(x)[:, :, None] + self.object(x)[:, None]
        pair = pair + self.pair(self._pair_geometry(objects, space))
        pair = F.relu(pair)
        pair = F.relu(self.pair_mix(pair)) + pair
        predicates = self.predicate(pair)
        both = (predicates + predicates.transpose(1, 2)) / 2
        predicates = torch.where(self.symmetric, both, predicates)
        return PairLogits(self.relate(pair).squeeze(-1), predicates)

    def _attend(self, x: Tensor, present: Tensor) -> Tensor:
        """Multi-head attention in which an object weighs as much as it is likely to be there."""
        batch, count, width = x.shape
        parts = self.query_key_value(x).reshape(batch, count, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4).unbind(0)
        logits = query @ key.transpose(-1, -2) * (width // self.heads) ** -0.5
        logits = logits + torch.log(present.clamp(min=LEAST_PRESENCE))[:, None, None, :]
        mixed = torch.softmax(logits, dim=-1) @ value
        return self.mix(mixed.transpose(1, 2).reshape(batch, count, width))

    def _object_geometry(self, objects: Objects, intrinsics: Tensor) -> tuple[Tensor, Tensor]:
        """Returns (B, N, 12) geometry of each object and (B, N, 3) its place in space.

        The gradient stops here: relations must not bend boxes and depths.
        """
        width, height, focal_ref, typical = self.scale
        boxes, centres = objects.boxes.detach(), objects.centres.detach()
        depths, sizes = objects.depths.detach(), objects.sizes.detach()
        middle = (boxes[..., :2] + boxes[..., 2:]) / 2
        extent = (boxes[..., 2:] - boxes[..., :2]).clamp(min=1.0)
        frame = torch.tensor([width, height], device=boxes.device)
        # With u - cx = f x / z and depth = z f_ref / f, metres follow without the focal length:
        # x = (u - cx) depth / f_ref; only z needs it.
        plane = (centres - intrinsics[:, None, 1:]) * depths[..., None] / focal_ref
        forward = depths * intrinsics[:, None, 0] / focal_ref
        space = torch.cat([plane, forward[..., None]], dim=-1)
        single = torch.cat(
            [
                middle / frame - 0.5,
                torch.log(extent / frame) / 2,
                space / typical,
                torch.log(depths / typical)[..., None],
                torch.log(objects.depth_stds.detach())[..., None],
                torch.log(sizes),
            ],
            dim=-1,
        )
        return single, space

    def _pair_geometry(self, objects: Objects, space: Tensor) -> Tensor:
        """Returns (B, N, N, 12): what a pair's boxes and places say of how they stand to each other."""
        boxes = objects.boxes.detach()
        sizes = objects.sizes.detach()
        delta = space[:, None, :, :] - space[:, :, None, :]
        base = space[..., 1] + sizes[..., 2] / 2  # y is down: the underside
        top = space[..., 1] - sizes[..., 2] / 2
        middle = (boxes[..., :2] + boxes[..., 2:]) / 2
        extent = (boxes[..., 2:] - boxes[..., :2]).clamp(min=1.0)
        mean = (extent[:, :, None] + extent[:, None, :]) / 2
        iou, inside = overlaps(boxes)
        distance = torch.linalg.vector_norm(delta + 1e-6, dim=-1, keepdim=True)
        reach = (sizes[..., 0] + sizes[..., 1]) / 2
        return torch.cat(
            [
                # Fine near zero, where margins are decided, and slow far away.
                torch.asinh(delta * 5.0) / 2,
                distance / (reach[:, :, None] + reach[:, None, :] + 1e-3)[..., None] / 4,
                (middle[:, None, :] - middle[:, :, None]) / mean / 4,
                torch.log(extent[:, None, :] / extent[:, :, None]) / 2,
                torch.asinh((base[:, :, None] - top[:, None, :])[..., None] * 5.0) / 2,
                torch.asinh((top[:, :, None] - base[:, None, :])[..., None] * 5.0) / 2,
                iou[..., None],
                inside[..., None],
            ],
            dim=-1,
        )


def select_pairs(
    logits: PairLogits, objects: Objects, stated: Tensor, count: int, temperature: Tensor
) -> tuple[Tensor, Tensor]:
    """Proposes the pairs to emit: those most likely related between objects most likely there.

    Args:
        logits: Scores of all pairs.
        objects: The K objects.
        stated: (C,) whether relations are stated for the class.
        count: Pairs R to return.
        temperature: () calibration of the predicates.

    Returns:
        (B, R, 2) int64 indices into the objects, and (B, R, P) P(predicate | both objects).
    """
    number = objects.scores.shape[1]
    allowed = stated[objects.classes]
    allowed = allowed[:, :, None] & allowed[:, None, :]
    allowed = allowed & ~torch.eye(number, dtype=torch.bool, device=allowed.device)
    both = objects.scores[:, :, None] * objects.scores[:, None, :]
    proposal = torch.sigmoid(logits.related) * both * allowed.to(both.dtype)
    chosen = proposal.flatten(1).topk(count, dim=1).indices
    pairs = torch.stack([chosen // number, chosen % number], dim=-1)
    probabilities = torch.sigmoid(logits.predicates / temperature)
    probabilities = probabilities * allowed[..., None].to(probabilities.dtype)
    flat = probabilities.flatten(1, 2)
    picked = flat.gather(1, chosen[..., None].expand(-1, -1, flat.shape[2]))
    return pairs, picked
