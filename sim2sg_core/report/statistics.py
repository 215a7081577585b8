"""What is in a set of scene graphs, in figures that can be compared."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from sim2sg_core.scene import SceneGraph

NOWHERE = np.full(2, np.nan)


@dataclass(frozen=True, eq=False)
class ContentStatistics:
    """The content of a set of images. N objects over all images; inferred ones count by their score.

    Attributes:
        images: Number of images.
        objects: (images,) objects in each; for inferred graphs the expected number.
        per_class: Mean number per image of each class.
        weights: (N,) scores.
        heights: (N,) heights of the boxes, as a share of the image's height.
        places: (N, 2) right and forward of the camera, metres: x and z of the pose; NaN where it is unknown.
    """

    images: int
    objects: np.ndarray
    per_class: dict[str, float]
    weights: np.ndarray
    heights: np.ndarray
    places: np.ndarray

    @property
    def depths(self) -> np.ndarray:
        """(N,) depth z, metres; NaN where the pose is unknown."""
        return self.places[:, 1]


def content_statistics(graphs: Iterable[SceneGraph]) -> ContentStatistics:
    """Counts what is in `graphs`.

    Calibrated scores are counted as they are rather than cut at a threshold: their sum is the expected
    number of objects, so inferred graphs and ground truth (scores 1) can be compared.
    """
    graphs = list(graphs)
    items = [(g, o) for g in graphs for o in g.objects]
    per_class: dict[str, float] = {}
    for _, o in items:
        per_class[o.label] = per_class.get(o.label, 0.0) + o.score / len(graphs)
    return ContentStatistics(
        images=len(graphs),
        objects=np.array([g.scores().sum() for g in graphs], float),
        per_class=per_class,
        weights=np.array([o.score for _, o in items], float),
        heights=np.array([(o.box[3] - o.box[1]) / g.height for g, o in items], float),
        places=np.array([o.pose.position[[0, 2]] if o.pose else NOWHERE for _, o in items], float).reshape(-1, 2),
    )


def shared_bins(samples: Iterable[np.ndarray], count: int, whole: bool = False) -> np.ndarray:
    """Returns bin edges that hold 99 % of every sample.

    Args:
        samples: Each (n,); NaN is left out.
        count: Bins at most.
        whole: The samples count things: bins are centred on whole numbers.

    Returns:
        (bins + 1,) edges from 0 on (from -0.5 for whole numbers).
    """
    tops = [np.nanquantile(s, 0.99) for s in samples if np.isfinite(s).any()]
    top = max([*tops, 1e-6])
    if whole:
        step = max(1, int(np.ceil((top + 1) / count)))
        return np.arange(-0.5, top + step, step)
    return np.linspace(0, top, count + 1)


def shares(values: np.ndarray, edges: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """Returns (bins,) shares that add up to 1 (or to 0 without values); what lies above goes last."""
    known = np.isfinite(values)
    inside = np.clip(values[known], edges[0], np.nextafter(edges[-1], -np.inf))
    counts, _ = np.histogram(inside, edges, weights=None if weights is None else weights[known])
    return counts / max(float(counts.sum()), 1e-12)


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """Total variation distance of two (bins,) shares: 0 the same, 1 nothing in common."""
    return float(np.abs(a - b).sum() / 2)


def class_shares(statistics: ContentStatistics, labels: Iterable[str]) -> np.ndarray:
    """Returns the share of each class among all objects."""
    counts = np.array([statistics.per_class.get(label, 0.0) for label in labels], float)
    return np.asarray(counts / max(float(counts.sum()), 1e-12))
