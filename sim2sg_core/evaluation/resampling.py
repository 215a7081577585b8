"""Is one model better than another, or is it the images? Paired differences, with intervals over groups of images.

Frames of one drive look alike, so that frames are no independent sample and drives are: whole groups are drawn with
replacement (cluster bootstrap, Davison and Hinkley 1997), for both models the same.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.evaluation.labelled_images import Protocol
from sim2sg_core.evaluation.scoring import ImageScore, summarise_images

SHARE = 0.95
"""Of the draws that lie in the interval."""


@dataclass(frozen=True)
class Difference:
    """By how much one figure of a model exceeds that of another.

    Attributes:
        value: On all images.
        low: Lower end of the percentile interval.
        high: Its upper end.
    """

    value: float
    low: float
    high: float


def paired_differences(
    first: Sequence[Sequence[ImageScore]],
    second: Sequence[Sequence[ImageScore]],
    groups: Sequence[Hashable],
    protocol: Protocol,
    metrics: Sequence[str],
    rng: np.random.Generator,
    draws: int = 1000,
) -> dict[str, Difference]:
    """Compares two models that were scored on the same images.

    Args:
        first: S runs (seeds) of one model, each scored on the same N images, see `score_images`.
        second: S runs of the other; the differences of the pairs are averaged.
        groups: (N,) what images belong together.
        protocol: How figures are made.
        metrics: Names of the figures.
        rng: Draws the groups.
        draws: Resampled sets of groups.

    Returns:
        By metric the difference, first minus second; a metric that was not measured on all images is left out. Draws
        without a single object or fact of a metric say nothing of it.

    Raises:
        Sim2SGError: Not as many runs or images on both sides.
    """
    if len(first) != len(second) or any(len(run) != len(groups) for run in (*first, *second)):
        raise Sim2SGError("paired differences need as many runs of both models, each on the same images")
    names = list(dict.fromkeys(groups))
    members = [[i for i, group in enumerate(groups) if group == name] for name in names]

    def difference(chosen: Sequence[int]) -> dict[str, float]:
        found: dict[str, list[float]] = {}
        for a, b in zip(first, second, strict=True):
            ours, theirs = (summarise_images([run[i] for i in chosen], protocol) for run in (a, b))
            for metric in metrics:
                if ours[metric] is not None and theirs[metric] is not None:
                    found.setdefault(metric, []).append(ours[metric] - theirs[metric])
        return {metric: float(np.mean(values)) for metric, values in found.items() if len(values) == len(first)}

    everything = difference(range(len(groups)))
    drawn: dict[str, list[float]] = {metric: [] for metric in everything}
    for _ in range(draws):
        chosen = [i for k in rng.integers(len(names), size=len(names)) for i in members[k]]
        for metric, value in difference(chosen).items():
            drawn[metric].append(value)
    ends = 100 * np.array([(1 - SHARE) / 2, (1 + SHARE) / 2])
    return {
        metric: Difference(value, *np.percentile(drawn[metric] or [value], ends).tolist())
        for metric, value in everything.items()
    }
