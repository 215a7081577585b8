"""Which of the inferred objects a rebuilt scene holds: drawn by their scores, with what they stand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sim2sg_core.adaptation.content.recall_correction import COUNTED_SCORE
from sim2sg_core.scene import SceneGraph
from sim2sg_core.scene.layout import GROUND


def sample_objects(
    graph: SceneGraph,
    rng: np.random.Generator,
    threshold: float | None = None,
    floor: float = COUNTED_SCORE,
    supports: Mapping[str, Sequence[str]] | None = None,
) -> SceneGraph:
    """Keeps each object with the probability that its calibrated score states, or those above a threshold.

    A hard threshold loses what is small and rare for good; drawing keeps it in the proportion in which it is
    really there. What they stand on comes with them, see `with_supports`, where `supports` are given.
    """
    scores = graph.scores()
    drawn = rng.random(len(scores)) < scores
    keep = np.flatnonzero((drawn & (scores >= floor)) if threshold is None else scores >= threshold).tolist()
    return graph.select(with_supports(graph, keep, supports) if supports else keep)


def with_supports(graph: SceneGraph, kept: Sequence[int], supports: Mapping[str, Sequence[str]]) -> list[int]:
    """Adds what kept objects have to stand on: a plate that is there says that a table is.

    Each object that cannot stand on the ground, and is on nothing that is kept, brings along the surest object that
    may carry it and in whose box its foot lies, however low that one scored: large things are cut off and covered,
    so that a network is often unsure of them where it has no doubt of what they carry.

    Args:
        graph: All objects, unthresholded.
        kept: Indices of those that are kept.
        supports: Class -> what it may stand on, "ground" or classes.

    Returns:
        Indices, ascending; the given ones among them, also where nothing carries them.
    """
    labels = [item.label for item in graph.objects]
    grounded = np.array([GROUND in supports[label] for label in labels], bool)
    if grounded[list(kept)].all():
        return sorted(kept)
    boxes = graph.boxes()
    feet = np.stack([boxes[:, [0, 2]].mean(axis=1), boxes[:, 3]], axis=1)
    within = (boxes[None, :, :2] <= feet[:, None]).all(axis=2) & (feet[:, None] <= boxes[None, :, 2:]).all(axis=2)
    # (N, N): whether the second may carry the first.
    carries = np.array([[b in supports[a] for b in labels] for a in labels], bool) & within
    np.fill_diagonal(carries, False)
    chosen = np.zeros(len(labels), bool)
    chosen[list(kept)] = True
    hopeless = np.zeros(len(labels), bool)
    while True:
        rooted = chosen & grounded
        while (more := chosen & ~rooted & (carries & rooted).any(axis=1)).any():
            rooted |= more
        orphans = np.flatnonzero(chosen & ~rooted & ~hopeless)
        if not len(orphans):
            return np.flatnonzero(chosen).tolist()
        able = np.flatnonzero(carries[orphans[0]] & ~chosen)
        if len(able):
            chosen[max(able, key=lambda k: (grounded[k], graph.objects[k].score))] = True
        else:
            hopeless[orphans[0]] = True
