"""Thresholds without labels: as many things are kept as calibrated scores say that there are. Numpy alone.

Where scores are calibrated, the number of true objects among N candidates is expected to be the sum of their
scores. A threshold above which just so many lie neither thins out a rare class nor floods a common one; the
fixed threshold of plain self-training does both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sim2sg_core.scene import SceneGraph

CLASS_THRESHOLD = 0.3
"""Of objects, where nothing says better."""
PREDICATE_THRESHOLD = 0.5
"""Of predicates, where nothing says better."""
LEAST_THRESHOLD = 0.1
"""Of classes whose numbers are known from elsewhere, as many as there may be that were missed."""


def expected_count_threshold(
    scores: np.ndarray,
    weights: np.ndarray | None = None,
    default: float = CLASS_THRESHOLD,
    expected: float | None = None,
) -> float:
    """Returns the threshold above which as much lies as the scores sum up to.

    Args:
        scores: (N,) calibrated, in [0, 1].
        weights: (N,) how much each counts, e.g. the probability that both objects of a pair are there;
            default: 1 each.
        default: Returned where there are no scores.
        expected: How much is expected; None takes sum(weights * scores).

    Returns:
        The threshold t for which the weight of all scores above t comes nearest to what is expected: half
        way between the last score that is kept and the first that is not. With equal weights the number kept is
        the sum, rounded; where equal scores straddle it, t is their value.
    """
    scores = np.asarray(scores, float).ravel()
    weights = np.ones_like(scores) if weights is None else np.asarray(weights, float).ravel()
    if not weights.sum() > 0:
        return default
    order = np.argsort(-scores, kind="stable")
    scores, weights = scores[order], weights[order]
    kept = np.concatenate([[0.0], np.cumsum(weights)])
    expected = float((weights * scores).sum()) if expected is None else expected
    count = int(np.abs(kept - expected).argmin())
    last = scores[count - 1] if count > 0 else 1.0
    first = scores[count] if count < len(scores) else 0.0
    return float((last + first) / 2)


def class_thresholds(
    graphs: Sequence[SceneGraph], classes: Sequence[str], expected: Mapping[str, float] | None = None
) -> tuple[float, ...]:
    """Returns the threshold of each class.

    Args:
        graphs: Calibrated predictions, unthresholded: the doubtful objects count too.
        classes: Names, in the domain's order.
        expected: Class -> how many there are in all graphs, where that is known better than by their scores.
    """
    scores: dict[str, list[float]] = {name: [] for name in classes}
    for graph in graphs:
        for item in graph.objects:
            if item.label in scores:
                scores[item.label].append(item.score)
    thresholds = [expected_count_threshold(np.array(scores[name])) for name in classes]
    for index, name in enumerate(classes):
        if expected and name in expected:
            found = expected_count_threshold(np.array(scores[name]), expected=expected[name])
            thresholds[index] = max(found, LEAST_THRESHOLD)
    return tuple(thresholds)


def predicate_thresholds(graphs: Sequence[SceneGraph], predicates: Sequence[str]) -> tuple[float, ...]:
    """Returns the threshold of each predicate, on P(predicate | both objects).

    A pair counts by the product of its objects' scores.

    Args:
        graphs: Calibrated predictions, unthresholded.
        predicates: Names, in the domain's order.
    """
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in predicates}
    for graph in graphs:
        scores = [item.score for item in graph.objects]
        for fact in graph.relations:
            if fact.predicate in found:
                found[fact.predicate].append((fact.score, scores[fact.subject] * scores[fact.object]))
    columns = [np.array(found[name]).reshape(-1, 2) for name in predicates]
    return tuple(expected_count_threshold(c[:, 0], c[:, 1], PREDICATE_THRESHOLD) for c in columns)
