"""One probability from several views."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.adaptation.content.view_fusion import (
    EVIDENCE,
    USUAL,
    ViewFusion,
    best_scores,
    evidence_of,
    fit_view_fusion,
)
from sim2sg_core.scene import SceneObject

CLASSES = ("cube", "sphere")


def item(label, score, box):
    return SceneObject(label, score, np.array(box, float))


def drawn(count, rng):
    """Evidence of objects of which half are there, their classes, and whether they are there."""
    there = rng.random(count) < 0.5
    scores = [np.clip(rng.normal(np.where(there, 0.7, 0.3), 0.2), 0, 1) for _ in range(4)]
    shown = [rng.random(count) < 0.7, rng.random(count) < 0.4]
    labels = rng.choice(CLASSES, count).tolist()
    return evidence_of(scores, shown), labels, there


def test_probabilities_mean_what_they_say():
    rng = np.random.default_rng(0)
    fusion = fit_view_fusion(*drawn(20_000, rng), CLASSES)
    evidence, labels, there = drawn(20_000, rng)
    probability = fusion.probability(evidence, labels)
    for low, high in ((0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1)):
        chosen = (probability >= low) & (probability < high)
        assert chosen.sum() > 100 and abs(probability[chosen].mean() - there[chosen].mean()) < 0.08
    # All views tell more than the first alone.
    assert ((probability > 0.5) == there).mean() > ((evidence[:, 0] > 0) == there).mean() + 0.05


def test_without_outcomes_the_views_count_as_usual():
    fusion = fit_view_fusion(np.zeros((0, 6)), [], np.zeros(0), CLASSES)
    np.testing.assert_allclose(fusion.weights, [*USUAL, 0, 0, 0])
    assert fusion.probability(np.zeros((0, 6)), []).shape == (0,)
    read = ViewFusion.from_json(fusion.to_json())
    assert read.classes == CLASSES and (read.weights == fusion.weights).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_any_outcomes_give_finite_weights(seed, count):
    rng = np.random.default_rng(seed)
    evidence, labels, there = drawn(count, rng)
    for correct in (there, np.ones(count, bool), np.zeros(count, bool)):
        probability = fit_view_fusion(evidence, labels, correct, CLASSES).probability(evidence, labels)
        assert np.isfinite(probability).all() and ((probability > 0) & (probability < 1)).all()


def test_a_class_that_is_often_taken_for_another_is_less_probable():
    rng = np.random.default_rng(1)
    evidence, labels, _ = drawn(500, rng)
    correct = np.array([label == "cube" for label in labels])
    fusion = fit_view_fusion(evidence, labels, correct, CLASSES)
    cube, sphere = fusion.probability(np.repeat(evidence[:1], 2, axis=0), ["cube", "sphere"])
    assert cube > 0.8 > 0.2 > sphere


def test_the_best_box_of_the_class_at_the_place_counts():
    objects = [item("cube", 0.5, [0, 0, 10, 10]), item("sphere", 0.5, [50, 50, 60, 60])]
    seen = [
        item("cube", 0.6, [0, 0, 10, 9]),
        item("cube", 0.7, [1, 0, 10, 10]),
        item("sphere", 0.9, [0, 0, 10, 10]),
        item("sphere", 0.8, [56, 50, 66, 60]),
    ]
    assert best_scores(objects, seen).tolist() == [0.7, 0]
    assert best_scores(objects, []).tolist() == [0, 0] and best_scores([], seen).shape == (0,)


def test_views_that_cannot_show_an_object_say_nothing():
    evidence = evidence_of([np.array([0.5]), np.array([0.0]), np.array([0.9]), np.array([0.0])], [[True], [False]])
    found = dict(zip(EVIDENCE, evidence[0]))
    assert found["whole"] == 0 and found["half_scale"] == found["near"] == 0 and found["in_tile"] == 1
    assert found["mirrored"] == pytest.approx(np.log(0.01 / 0.99)) and found["tile"] == pytest.approx(np.log(9))
