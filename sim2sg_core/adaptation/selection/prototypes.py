"""Prototypes, the second half of DAS: do classes lie apart, and where they lay in the source? See `flatness`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2sg_core.adaptation.selection.network_detections import Detections

LEAST_WEIGHT = 1e-9  # expected boxes of a class: of fewer there is no mean


def class_prototypes(found: Sequence[Detections]) -> np.ndarray:
    """Returns (C, F) means of the boxes' features, each box weighted by its probability of the class.

    A class that has no weight, for want of boxes, has a row of NaN.
    """
    weights = np.concatenate([item.probabilities[:, :-1] for item in found])
    features = np.concatenate([item.features for item in found])
    total = weights.sum(axis=0)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(total > LEAST_WEIGHT, weights.T @ features / total, np.nan))


def prototype_ratio(source: np.ndarray, target: np.ndarray) -> float:
    """Returns how far classes lie apart against how far each moved from source to target; high is good.

    The means of the Euclidean distances of different classes across the domains, within the source and within the
    target are multiplied, and divided by the mean distance of the same class across them.

    Args:
        source: (C, F) prototypes of renders.
        target: (C, F) prototypes of the log.

    Returns:
        The ratio; 0 where fewer than two classes are found in both.
    """
    known = np.isfinite(source).all(axis=1) & np.isfinite(target).all(axis=1)
    source, target = source[known], target[known]
    if len(source) < 2:
        return 0.0
    other = ~np.eye(len(source), dtype=bool)
    across = _distances(source, target)
    apart = across[other].mean() * _distances(source, source)[other].mean() * _distances(target, target)[other].mean()
    return float(apart / max(across[~other].mean(), 1e-9))


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(a[:, None] - b[None], axis=-1))
