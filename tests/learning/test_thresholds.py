from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.learning.thresholds import (
    CLASS_THRESHOLD,
    LEAST_THRESHOLD,
    PREDICATE_THRESHOLD,
    class_thresholds,
    expected_count_threshold,
    predicate_thresholds,
)
from sim2sg_core.scene import Relation, SceneGraph, SceneObject

SCORES = st.lists(st.floats(0, 1, allow_nan=False), min_size=1, max_size=60).map(np.array)


@given(SCORES)
def test_as_many_lie_above_as_the_scores_sum_up_to(scores):
    threshold = expected_count_threshold(scores)
    assert 0 <= threshold <= 1
    # Equal scores may straddle the threshold: then no threshold parts them.
    slack = 0.5 + 1e-9
    assert (scores > threshold).sum() <= scores.sum() + slack
    assert (scores >= threshold).sum() >= scores.sum() - slack


@given(SCORES, st.integers(0, 99))
def test_weights_count_like_repetitions(scores, seed):
    # Distinct scores: ties would be cut in the midst.
    scores = np.unique(scores.round(3))
    repeats = np.random.default_rng(seed).integers(1, 4, len(scores))
    threshold = expected_count_threshold(scores, repeats.astype(float))
    kept, wanted = repeats[scores > threshold].sum(), (repeats * scores).sum()
    assert abs(kept - wanted) <= repeats.max() / 2 + 1e-9


@given(SCORES, st.randoms())
def test_order_does_not_matter(scores, random):
    shuffled = list(scores)
    random.shuffle(shuffled)
    assert expected_count_threshold(np.array(shuffled)) == expected_count_threshold(scores)


def test_by_hand():
    assert expected_count_threshold(np.array([0.9, 0.8, 0.2, 0.1])) == pytest.approx(0.5)  # two of them
    assert expected_count_threshold(np.array([0.1, 0.1])) == pytest.approx(0.55)  # none of them
    assert expected_count_threshold(np.array([1.0, 0.9])) == pytest.approx(0.45)  # both
    assert expected_count_threshold(np.zeros(0), default=0.7) == 0.7


def test_a_class_of_low_scores_gets_a_low_threshold():
    box = np.array([0.0, 0, 9, 9])
    rare = [SceneObject("rare", s, box) for s in (0.3, 0.25, 0.2, 0.15, 0.1)]
    common = [SceneObject("common", s, box) for s in (0.95, 0.9, 0.85, 0.3, 0.1)]
    graphs = [SceneGraph(9, 9, (a, b)) for a, b in zip(rare, common)]
    low, high, none = class_thresholds(graphs, ["rare", "common", "absent"])
    assert low == pytest.approx(0.275)
    assert high == pytest.approx(0.575)
    assert none == CLASS_THRESHOLD


def test_facts_between_doubtful_objects_count_little():
    box = np.array([0.0, 0, 9, 9])
    objects = tuple(SceneObject("a", s, box) for s in (1.0, 1.0, 0.01))
    sure = (Relation(0, "on", 1, 0.9), Relation(1, "on", 0, 0.2))
    doubtful = tuple(Relation(i, "on", 2, 0.99) for i in (0, 1))
    graph = SceneGraph(9, 9, objects, sure)
    assert predicate_thresholds([graph], ["on", "under"]) == (pytest.approx(0.55), PREDICATE_THRESHOLD)
    more = SceneGraph(9, 9, objects, sure + doubtful)
    assert predicate_thresholds([more], ["on"])[0] == pytest.approx(0.55)


def test_known_numbers_of_a_class_take_the_place_of_the_sum_of_its_scores():
    objects = tuple(SceneObject("car", s, np.zeros(4)) for s in (0.9, 0.5, 0.4, 0.3, 0.02))
    graphs = [SceneGraph(9, 9, objects)]
    assert class_thresholds(graphs, ("car", "van")) == pytest.approx((0.45, CLASS_THRESHOLD))
    assert class_thresholds(graphs, ("car", "van"), {"car": 4.0})[0] == pytest.approx(0.16)
    assert class_thresholds(graphs, ("car", "van"), {"car": 1.0})[0] == pytest.approx(0.7)
    # However many are said to be there, what is next to nothing does not teach.
    assert class_thresholds(graphs, ("car", "van"), {"car": 40.0, "van": 3.0}) == (LEAST_THRESHOLD, CLASS_THRESHOLD)
