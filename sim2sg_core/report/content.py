"""How the content of a stage's synthesised images compares with what was inferred on the log: a table and charts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure

from sim2sg_core.report import charts, maps
from sim2sg_core.report.statistics import ContentStatistics, class_shares, difference, shared_bins, shares

REAL, SYNTHETIC = ("real, inferred", charts.BLUE), ("synthesised", charts.ORANGE)
FROM_ABOVE = "where objects are, from above"
NONE = "–"
BINS = 24
# Attribute of ContentStatistics, heading and unit of each histogram.
HISTOGRAMS = (
    ("objects", "objects per image", "objects"),
    ("depths", "depth", "metres"),
    ("heights", "height of boxes", "share of the image's height"),
)

Stage = tuple[str, ContentStatistics, "ContentStatistics | None"]  # name, synthesised, inferred on the log


def content_table(stages: Sequence[Stage]) -> list[list[str]]:
    """Returns a row for every stage.

    Returns:
        Rows of name, number of images, objects per image and mean depth in metres (synthesised / real), and the
        differences of synthesised to real in classes, objects, depth and height (see `statistics.difference`).
    """
    edges, labels = _edges(stages), _labels(stages)
    rows = []
    for name, synthetic, real in stages:
        row = [name, str(synthetic.images)]
        row += [_two(synthetic, real, measure) for measure in (_mean_count, _mean_depth)]
        if real is None:
            apart = [NONE] * 4
        else:
            apart = [f"{difference(class_shares(synthetic, labels), class_shares(real, labels)):.2f}"]
            for key, bins in edges.items():
                a, b = _shares(synthetic, key, bins), _shares(real, key, bins)
                apart.append(f"{difference(a, b):.2f}" if a.any() and b.any() else NONE)
        rows.append(row + apart)
    return rows


def content_charts(stages: Sequence[Stage]) -> list[tuple[str, list[tuple[str, Figure]]]]:
    """Returns the name of every stage with its charts, each with a heading; all stages have the same bins."""
    edges, labels = _edges(stages), _labels(stages)
    drawn = []
    for name, synthetic, real in stages:
        sets = [(color, s) for (_, color), s in ((REAL, real), (SYNTHETIC, synthetic)) if s is not None]
        plots = []
        if labels:
            counts = [([s.per_class.get(c, 0.0) for c in labels], color) for color, s in sets]
            plots.append(("objects per image, by class", charts.bars(labels, counts)))
        for key, heading, unit in HISTOGRAMS:
            series = [(_shares(s, key, edges[key]), color) for color, s in sets]
            if any(values.any() for values, _ in series):
                plots.append((heading, charts.histogram(edges[key], series, unit)))
        seen = [(words, s) for (words, _), s in ((REAL, real), (SYNTHETIC, synthetic)) if s is not None]
        if any(np.isfinite(s.places).any() for _, s in seen):
            plots.append((FROM_ABOVE, maps.heat_maps([(words, s.places, s.weights) for words, s in seen])))
        drawn.append((name, plots))
    return drawn


def _contents(stages: Sequence[Stage]) -> list[ContentStatistics]:
    return [s for _, *both in stages for s in both if s is not None]


def _labels(stages: Sequence[Stage]) -> list[str]:
    return sorted({label for s in _contents(stages) for label in s.per_class})


def _edges(stages: Sequence[Stage]) -> dict[str, np.ndarray]:
    """Bin edges of each histogram, shared by all stages."""
    return {
        key: shared_bins([getattr(s, key) for s in _contents(stages)], BINS, whole=key == "objects")
        for key, _, _ in HISTOGRAMS
    }


def _shares(content: ContentStatistics, key: str, edges: np.ndarray) -> np.ndarray:
    weights = None if key == "objects" else content.weights
    return shares(getattr(content, key), edges, weights)


def _mean_depth(content: ContentStatistics) -> float:
    known = np.isfinite(content.depths)
    total = content.weights[known].sum()
    return float((content.depths[known] * content.weights[known]).sum() / total) if total > 0 else np.nan


def _mean_count(content: ContentStatistics) -> float:
    return float(content.objects.mean()) if content.images else np.nan


def _two(
    synthetic: ContentStatistics, real: ContentStatistics | None, measure: Callable[[ContentStatistics], float]
) -> str:
    values = [np.nan if content is None else measure(content) for content in (synthetic, real)]
    return " / ".join(f"{v:.1f}" if np.isfinite(v) else NONE for v in values)
