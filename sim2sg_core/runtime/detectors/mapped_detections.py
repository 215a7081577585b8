"""What a detector finds, by the names of a domain."""

from __future__ import annotations

import numpy as np

from sim2sg_core.runtime.detectors.detector import Detections, concatenate
from sim2sg_core.scene.boxes import box_area, intersection
from sim2sg_core.scene.class_mapping import ClassMapping

JOINED_SHARE = 0.3
"""Share of the smaller box from which two overlapping ones are one compound object."""
LIKE_SIDES = 2.0
"""Ratio of the longest sides up to which two boxes can be parts of one object: a row of bicycles is nobody's."""


def mapped(found: Detections, mapping: ClassMapping) -> Detections:
    """Returns what is mapped, by the names of the domain; what is not is left out.

    A compound takes the boxes of both its parts, each once, those that overlap most and are surest first; its box holds
    both, its score is their geometric mean.
    """
    used = np.zeros(len(found), bool)
    parts = []
    for first, second, target in mapping.compounds:
        pairs = _overlapping(found, first, second, used)
        joined = found.select([i for i, _ in pairs])
        others = found.select([j for _, j in pairs])
        boxes = np.concatenate(
            [
                np.minimum(joined.boxes[:, :2], others.boxes[:, :2]),
                np.maximum(joined.boxes[:, 2:], others.boxes[:, 2:]),
            ],
            axis=1,
        )
        parts.append(Detections(boxes, np.sqrt(joined.scores * others.scores), _named(target, len(pairs))))
        for i, j in pairs:
            used[[i, j]] = True
    for name, target in mapping.singles:
        chosen = found.select((found.names == name) & ~used)
        parts.append(Detections(chosen.boxes, chosen.scores, _named(target, len(chosen))))
    return concatenate(parts)


def _named(name: str, count: int) -> np.ndarray:
    return np.full(count, name, dtype=object)


def _overlapping(found: Detections, first: str, second: str, used: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of unused boxes of two names that overlap and are of like size, each box in one pair at most."""
    a, b = (np.flatnonzero((found.names == name) & ~used) for name in (first, second))
    smaller = np.minimum(box_area(found.boxes[a])[:, None], box_area(found.boxes[b])[None])
    share = intersection(found.boxes[a], found.boxes[b]) / np.maximum(smaller, 1e-9)
    sides = [np.log(np.maximum((found.boxes[k][:, 2:] - found.boxes[k][:, :2]).max(axis=1), 1e-9)) for k in (a, b)]
    alike = np.abs(sides[0][:, None] - sides[1][None]) <= np.log(LIKE_SIDES)
    worth = share * np.sqrt(found.scores[a][:, None] * found.scores[b][None])
    worth[(share < JOINED_SHARE) | ~alike | (a[:, None] == b[None])] = 0.0
    pairs = []
    while worth.size and worth.max() > 0:
        i, j = np.unravel_index(worth.argmax(), worth.shape)
        pairs.append((int(a[i]), int(b[j])))
        worth[i], worth[:, j] = 0.0, 0.0
    return pairs
