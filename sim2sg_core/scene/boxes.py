"""Boxes in pixels: overlap and matching."""

from __future__ import annotations

import numpy as np


def box_area(boxes: np.ndarray) -> np.ndarray:
    """(...,) areas of (..., 4) xyxy boxes; empty boxes have none."""
    return np.clip(boxes[..., 2] - boxes[..., 0], 0, None) * np.clip(boxes[..., 3] - boxes[..., 1], 0, None)


def intersection(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, M) intersection areas of (N, 4) and (M, 4) xyxy boxes."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    return np.clip(high - low, 0, None).prod(-1)


def box_iou(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, M) intersection over union of (N, 4) and (M, 4) xyxy boxes."""
    shared = intersection(a, b)
    union = box_area(a)[:, None] + box_area(b)[None] - shared
    return shared / np.maximum(union, 1e-9)


def greedy_match(
    boxes: np.ndarray,
    labels: np.ndarray,
    truth_boxes: np.ndarray,
    truth_labels: np.ndarray,
    threshold: float = 0.5,
) -> np.ndarray:
    """Matches predictions, best first, each to the free truth of its class that it overlaps most.

    Args:
        boxes: (N, 4), sorted by falling score.
        labels: (N,).
        truth_boxes: (M, 4).
        truth_labels: (M,).
        threshold: Least intersection over union.

    Returns:
        (N,) index of the truth, -1 for none.
    """
    match = np.full(len(boxes), -1)
    if not len(boxes) or not len(truth_boxes):
        return match
    overlap = box_iou(boxes, truth_boxes) * (labels[:, None] == truth_labels[None])
    free = np.ones(len(truth_boxes), bool)
    for i in range(len(boxes)):
        candidates = np.where(free, overlap[i], 0.0)
        best = int(candidates.argmax())
        if candidates[best] >= threshold:
            match[i], free[best] = best, False
    return match
