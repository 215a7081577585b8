"""Recall correction: scores account for the objects that the network missed, too.

Calibrated scores add up to the number of objects that were found. Scenes that are rebuilt from them alone are emptier
than the log, of what is hard to see above all; and a network that learns from such scenes finds less in the next round.
How much is missed is known where the truth is: on rendered scenes that the network was not trained on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from sim2sg_core.adaptation.outcomes import judge
from sim2sg_core.scene import SceneGraph

COUNTED_SCORE = 0.05  # what scores less is neither counted nor drawn: of such there are as many as slots
PRIOR_OBJECTS = 10.0  # of a class, found as often as all are, are added to those counted
LEAST_FOUND = 0.1
MOST_SHIFT = 5.0  # of the logarithm of the odds


def found_shares(graphs: Sequence[SceneGraph], truths: Sequence[SceneGraph], names: Sequence[str]) -> dict[str, float]:
    """Measures which share of the objects of each class the scores account for.

    Args:
        graphs: Predictions with calibrated scores, unthresholded.
        truths: What is there.
        names: The classes.

    Returns:
        Sum of the scores over number of objects, by class; that of all classes weighs in where a class has few. Above
        1 where others are taken for it.
    """
    found = expected_counts([_counted(graph, truth) for graph, truth in zip(graphs, truths, strict=True)])
    there = Counter(item.label for truth in truths for item in truth.objects if not item.ignored)
    overall = sum(found.values()) / max(there.total(), 1) if there else 1.0
    shares = {k: (found.get(k, 0.0) + PRIOR_OBJECTS * overall) / (there[k] + PRIOR_OBJECTS) for k in names}
    return {k: max(share, LEAST_FOUND) for k, share in shares.items()}


def _counted(graph: SceneGraph, truth: SceneGraph) -> SceneGraph:
    """Returns the graph without what finds only ignored objects."""
    order = np.argsort(-graph.scores(), kind="stable")
    _, counts = judge(graph.boxes()[order], graph.labels()[order], truth)
    return graph.select(sorted(order[counts].tolist()))


def expected_counts(graphs: Sequence[SceneGraph]) -> dict[str, float]:
    """Returns the sums of the scores by class."""
    counts: dict[str, float] = {}
    for graph in graphs:
        for item in graph.objects:
            if item.score >= COUNTED_SCORE:
                counts[item.label] = counts.get(item.label, 0.0) + item.score
    return counts


def correct_recall(graphs: Sequence[SceneGraph], found: Mapping[str, float]) -> list[SceneGraph]:
    """Raises the scores of each class until they add up to the number of objects that are there.

    The odds of all objects of a class are multiplied by one factor (Saerens, Latinne and Decaestecker, "Adjusting the
    outputs of a classifier to new a priori probabilities", 2002): doubtful ones gain most, and an object that is drawn
    in the place of one that was missed elsewhere does no harm, since what is rendered is labelled as it is.

    Args:
        graphs: Inferred on the log, with calibrated scores, unthresholded.
        found: By class, the share of the objects that scores account for; a class that lacks keeps its scores.

    Returns:
        The graphs with new scores, their objects in the same order.
    """
    shifts: dict[str, float] = {}
    for label, share in found.items():
        scores = [o.score for g in graphs for o in g.objects if o.label == label and o.score >= COUNTED_SCORE]
        if scores:
            shifts[label] = _shift(np.array(scores), sum(scores) / share)
    return [
        graph.with_scores(
            float(_shifted(np.array(o.score), shifts[o.label]))
            if o.label in shifts and o.score >= COUNTED_SCORE
            else o.score
            for o in graph.objects
        )
        for graph in graphs
    ]


def describe_correction(before: Sequence[SceneGraph], after: Sequence[SceneGraph]) -> str:
    """Returns in one line how many objects of each class a frame has on the mean, before and after a correction."""
    counts, raised = expected_counts(before), expected_counts(after)
    per_frame = (f"{k} {counts[k] / len(before):.2f} -> {raised.get(k, 0.0) / len(before):.2f}" for k in counts)
    return ", ".join(per_frame) or "none"


def _shift(scores: np.ndarray, total: float) -> float:
    """Logarithm of the factor of the odds with which the scores add up to `total`, as nearly as they can."""
    low, high = -MOST_SHIFT, MOST_SHIFT
    for _ in range(40):
        middle = (low + high) / 2
        if _shifted(scores, middle).sum() < total:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _shifted(scores: np.ndarray, shift: float) -> np.ndarray:
    odds = scores * np.exp(shift)
    return np.asarray(odds / (odds + 1 - scores))
