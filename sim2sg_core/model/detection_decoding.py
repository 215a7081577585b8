"""From dense maps to objects, in static operations that export: peaks, top-K, Matrix-NMS."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from sim2sg_core.model.heads import Channels, Dense
from sim2sg_core.model.model_config import STRIDE

NMS_SIGMA = 0.5
"""Matrix-NMS with a Gaussian: an equal box of IoU u decays by exp(-u²/sigma)."""
LEAST_SCORE, MOST_SCORE = 1e-30, 1 - 1e-6
"""Between which logits are finite in single precision."""
NESTED = 0.6
"""A box inside a better one counts as if their IoU were this share of the part inside."""


class Objects(NamedTuple):
    """K objects per image, padded. Pixels are those of the network's input."""

    boxes: Tensor
    """(B, K, 4) xyxy pixels"""
    scores: Tensor
    """(B, K)"""
    classes: Tensor
    """(B, K) int64"""
    centres: Tensor
    """(B, K, 2) projected 3D centre, pixels"""
    depths: Tensor
    """(B, K) focal-normalised metres"""
    depth_stds: Tensor
    """(B, K) relative"""
    sizes: Tensor
    """(B, K, 3) length, width, height, metres"""
    alphas: Tensor
    """(B, K) observation angle, radians"""
    features: Tensor
    """(B, K, F) of the neck, at the object's cell"""
    cells: Tensor
    """(B, K) int64: the flat cell of the maps that says all this"""


def decode(
    dense: Dense,
    count: int,
    class_sizes: Tensor,
    yaw_symmetry: Tensor,
    typical_depth: float,
    temperature: Tensor,
    bias: Tensor,
) -> Objects:
    """Finds the best `count` objects of each image.

    Peaks of the heat map (3x3 maxima) are ranked, twice `count` of them decoded, duplicates and boxes nested
    in better ones decayed, the scores calibrated by class, and the best `count` kept, best first.

    Args:
        dense: The maps.
        count: Objects K to return.
        class_sizes: (C, 3) metres.
        yaw_symmetry: (C,) orders; 0 yields angle 0.
        typical_depth: Metres.
        temperature: (C,) divides the logits of a class's scores, after
        bias: (C,) was subtracted from them.
    """
    heat = dense.heat
    batch, classes, rows, columns = heat.shape
    peaks = torch.where(F.max_pool2d(heat, 3, 1, 1) == heat, heat, heat - 30.0)
    candidates = min(2 * count, classes * rows * columns)
    logits, flat = peaks.reshape(batch, classes * rows * columns).topk(candidates, dim=1)
    labels, cells = flat // (rows * columns), flat % (rows * columns)
    found = read_cells(dense, cells, labels, class_sizes, yaw_symmetry, typical_depth)
    limit = torch.tensor([columns, rows, columns, rows], device=heat.device) * float(STRIDE)
    boxes = torch.minimum(found.boxes.clamp(min=0.0), limit)
    # Calibration is of what is emitted, so it comes after the decay.
    decayed = (torch.sigmoid(logits) * matrix_nms(boxes, labels)).clamp(LEAST_SCORE, MOST_SCORE)
    scores, order = torch.sigmoid((torch.logit(decayed) - bias[labels]) / temperature[labels]).topk(count, dim=1)
    found = found._replace(boxes=boxes)
    return Objects(*(take(field, order) for field in found))._replace(scores=scores)


def read_cells(
    dense: Dense,
    cells: Tensor,
    labels: Tensor,
    class_sizes: Tensor,
    yaw_symmetry: Tensor,
    typical_depth: float,
) -> Objects:
    """Reads what the maps say at given cells about objects of given classes.

    Args:
        dense: The maps.
        cells: (B, N) flat cell indices.
        labels: (B, N) class indices.
        class_sizes: (C, 3) metres.
        yaw_symmetry: (C,) orders; 0 yields angle 0.
        typical_depth: Metres.

    Returns:
        N objects per image, scores 1, boxes not clipped.
    """
    columns = dense.heat.shape[3]
    values = gather_map(dense.regression, cells)
    centre = torch.stack([cells % columns, cells // columns], dim=-1).to(values.dtype) + 0.5
    edges = torch.exp(values[..., Channels.BOX].clamp(-6.0, 6.0))
    boxes = torch.cat([centre - edges[..., :2], centre + edges[..., 2:]], dim=-1) * STRIDE
    sine, cosine = values[..., Channels.ANGLE].unbind(-1)
    order = yaw_symmetry[labels]
    alphas = torch.atan2(sine, cosine) * torch.where(order > 0, 1.0 / order.clamp(min=1.0), 0.0)
    return Objects(
        boxes=boxes,
        scores=torch.ones_like(alphas),
        classes=labels,
        centres=(centre + values[..., Channels.CENTRE]) * STRIDE,
        depths=torch.exp(values[..., Channels.DEPTH].squeeze(-1).clamp(-6.0, 6.0)) * typical_depth,
        depth_stds=torch.exp(values[..., Channels.SPREAD].squeeze(-1).clamp(-5.0, 2.0)),
        sizes=torch.exp(values[..., Channels.SIZE].clamp(-2.0, 2.0)) * class_sizes[labels],
        alphas=alphas,
        features=gather_map(dense.features, cells),
        cells=cells,
    )


def cells_of(boxes: Tensor, rows: int, columns: int) -> Tensor:
    """Returns the (B, N) flat cell on which the centre of each (B, N, 4) box lies."""
    centre = (boxes[..., :2] + boxes[..., 2:]) / (2 * STRIDE)
    x = centre[..., 0].floor().clamp(0, columns - 1)
    y = centre[..., 1].floor().clamp(0, rows - 1)
    return (y * columns + x).long()


def matrix_nms(boxes: Tensor, labels: Tensor) -> Tensor:
    """Soft suppression of all boxes at once (Matrix-NMS, Wang et al., "SOLOv2", 2020).

    Unlike there, a box counts as a duplicate of another class's box too (an object has one class), and a
    box nested in a better one of its own class is treated as overlapping it.

    Args:
        boxes: (B, N, 4), best first.
        labels: (B, N).

    Returns:
        (B, N) factors in (0, 1].
    """
    iou, inside = overlaps(boxes)
    same = (labels[:, :, None] == labels[:, None, :]).to(iou.dtype)
    overlap = torch.maximum(iou, NESTED * inside * same)
    # Only better boxes suppress: keep [i, j] with i before j.
    overlap = torch.triu(overlap, diagonal=1)
    # What i has suffered itself lessens what it does to others.
    suffered = overlap.amax(dim=1)
    decay = torch.exp((suffered[:, :, None] ** 2 - overlap**2) / NMS_SIGMA)
    return decay.amin(dim=1).clamp(max=1.0)


def overlaps(boxes: Tensor) -> tuple[Tensor, Tensor]:
    """Returns (B, N, N) IoU, and the share of box j's area that lies inside box i."""
    low = torch.maximum(boxes[:, :, None, :2], boxes[:, None, :, :2])
    high = torch.minimum(boxes[:, :, None, 2:], boxes[:, None, :, 2:])
    shared = (high - low).clamp(min=0.0).prod(dim=-1)
    area = (boxes[..., 2:] - boxes[..., :2]).clamp(min=0.0).prod(dim=-1)
    union = area[:, :, None] + area[:, None, :] - shared
    return shared / union.clamp(min=1e-6), shared / area[:, None, :].clamp(min=1e-6)


def take(values: Tensor, index: Tensor) -> Tensor:
    """Picks (B, M) entries `index` of (B, N, ...) values along dimension 1."""
    if values.dim() == 2:
        return values.gather(1, index)
    return values.gather(1, index[..., None].expand(-1, -1, values.shape[2]))


def gather_map(dense: Tensor, cells: Tensor) -> Tensor:
    """Reads (B, F, h, w) at (B, N) flat cells: (B, N, F)."""
    flat = dense.flatten(2)
    index = cells[:, None, :].expand(-1, flat.shape[1], -1)
    return flat.gather(2, index).transpose(1, 2)
