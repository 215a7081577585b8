"""From labelled images to what the losses compare with. Numpy; one call per batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from sim2sg_core.learning.examples import Example
from sim2sg_core.model.losses import Targets
from sim2sg_core.model.model_config import STRIDE, ModelConfig

SPREAD = 0.54
"""Share of the box that the Gaussian of an object covers (TTFNet, Liu et al. 2020)."""
TAUGHT = 0.25
"""Cells where the Gaussian exceeds this are taught to regress the object, not the centre cell alone."""


def make_targets(examples: Sequence[Example], config: ModelConfig) -> Targets:
    """Builds the targets of a batch of examples at the network's size."""
    rows, columns = config.height // STRIDE, config.width // STRIDE
    batch = len(examples)
    most = max(1, *(len(e.boxes) for e in examples))
    heat = np.zeros((batch, config.classes, rows, columns), np.float32)
    background = np.ones_like(heat)
    labels = np.full((batch, most), -1, np.int64)
    stated = np.zeros((batch, most), bool)
    boxes, centres = np.zeros((batch, most, 4), np.float32), np.zeros((batch, most, 2), np.float32)
    depths, alphas = np.zeros((batch, most), np.float32), np.zeros((batch, most), np.float32)
    sizes = np.ones((batch, most, 3), np.float32)
    relations = np.zeros((batch, most, most, config.predicates), bool)
    samples, sample_weights = [], []
    for b, example in enumerate(examples):
        count = len(example.boxes)
        cells, cell_weights = draw(example, heat[b], background[b])
        samples.append(np.column_stack([np.full(len(cells), b), cells]))
        sample_weights.append(cell_weights)
        labels[b, :count] = np.where(example.ignored, -1, example.labels)
        stated[b, :count] = example.stated
        boxes[b, :count], centres[b, :count] = example.boxes, example.centres
        depths[b, :count] = example.depths * (config.focal_ref / example.intrinsics[0])
        sizes[b, :count], alphas[b, :count] = example.sizes, example.alphas
        subject, predicate, object_ = example.relations.T
        relations[b, subject, object_, predicate] = True
    relations |= relations.transpose(0, 2, 1, 3) & np.array(config.symmetric, bool)
    arrays = (
        np.stack([e.image for e in examples]),
        np.stack([e.intrinsics for e in examples]),
        heat,
        background,
        labels,
        stated,
        boxes,
        centres,
        depths,
        sizes,
        alphas,
        relations,
        np.concatenate(samples).astype(np.int64),
        np.concatenate(sample_weights).astype(np.float32),
    )
    return Targets(*(torch.from_numpy(a) for a in arrays))


def draw(example: Example, heat: np.ndarray, background: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Draws the objects of one image into its maps and finds the cells that regress them.

    Args:
        example: The image's labels.
        heat: (C, h, w) of 0, written to: the probability that a cell is an object's centre.
        background: (C, h, w) of 1, written to: the weight of what is found there in error; less near a centre, where it
            is hardly one (CornerNet, Law and Deng 2018), as far as the object is there; 0 where objects are ignored.

    Returns:
        (S, 2) flat cell and object, and (S,) weights that sum to the object's score.
    """
    rows, columns = heat.shape[1:]
    owner = np.full((rows, columns), -1)
    strength = np.zeros((rows, columns), np.float32)
    for i, box in enumerate(example.boxes / STRIDE):
        if example.ignored[i]:
            x1, y1 = np.floor(box[:2]).astype(int)
            x2, y2 = np.ceil(box[2:]).astype(int)
            region = slice(max(y1, 0), y2), slice(max(x1, 0), x2)
            # It leaves open whether its class is there, and no other. A class that the domain lacks may be like any.
            classes = slice(None) if example.labels[i] < 0 else example.labels[i]
            background[classes][(..., *region)] = 0
            continue
        window, bump = gaussian(box, rows, columns)
        label, score = example.labels[i], example.scores[i]
        np.maximum(heat[label][window], score * (bump == 1), out=heat[label][window])
        np.minimum(background[label][window], 1 - score * (1 - (1 - bump) ** 4), out=background[label][window])
        # Where objects overlap, a cell regresses the one whose middle is nearer, in object sizes.
        wins = bump > np.maximum(strength[window], TAUGHT)
        strength[window][wins] = bump[wins]
        owner[window][wins] = i
    cells = np.flatnonzero(owner >= 0)
    objects = owner.ravel()[cells]
    values = strength.ravel()[cells]
    total = np.bincount(objects, values, minlength=len(example.boxes) + 1)
    return np.column_stack([cells, objects]), example.scores[objects] * values / total[objects]


def gaussian(box: np.ndarray, rows: int, columns: int) -> tuple[tuple[slice, slice], np.ndarray]:
    """Draws the bump of one object, as wide and high as its box asks; 1 at the centre's cell.

    Args:
        box: (4,) xyxy in cells.
        rows: Of the map.
        columns: Of the map.

    Returns:
        Where it lies in the map, and its values.
    """
    centre = np.clip(np.floor((box[:2] + box[2:]) / 2), 0, [columns - 1, rows - 1]).astype(int)
    reach = np.floor((box[2:] - box[:2]) / 2 * SPREAD).astype(int)
    sigma = (2 * reach + 1) / 6
    (x1, y1), (x2, y2) = np.maximum(centre - reach, 0), np.minimum(centre + reach + 1, [columns, rows])
    x = (np.arange(x1, x2) - centre[0]) / sigma[0]
    y = (np.arange(y1, y2) - centre[1]) / sigma[1]
    bump = np.exp(-(x[None] ** 2 + y[:, None] ** 2) / 2).astype(np.float32)
    return (slice(y1, y2), slice(x1, x2)), bump
