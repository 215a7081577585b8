"""Recall of triplets: worked by hand, and by law."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.evaluation.triplets import (
    Predicates,
    rank_triplets,
    recall_predcls,
    recall_sgdet,
    summarise,
)
from sim2sg_core.scene import Relation, SceneGraph, SceneObject

BOTH = Predicates(("left_of", "in_front_of"), {"right_of": "left_of", "behind": "in_front_of"})
WITH_NEXT_TO = Predicates(("left_of", "next_to"), {"right_of": "left_of"}, frozenset({"next_to"}))


def box(n):
    return np.array([20 * n, 0, 20 * n + 10, 10], float)


def graph(objects, relations):
    """Objects: (label, place or box, score); relations: (subject, predicate, object, score)."""
    made = [
        SceneObject(label, score, box(where) if np.isscalar(where) else np.array(where, float))
        for label, where, score in objects
    ]
    return SceneGraph(640, 480, tuple(made), tuple(Relation(*r) for r in relations))


def truth(labels, facts):
    return graph([(label, n, 1) for n, label in enumerate(labels)], [(*f, 1) for f in facts])


TRUTH = truth(["cube", "cube", "ball"], [(0, "left_of", 1), (1, "left_of", 2), (0, "in_front_of", 2)])
SEEN = [("cube", 0, 0.9), ("cube", 1, 0.8), ("ball", 2, 0.5)]


def test_ranks_by_hand():
    predicted = graph(
        SEEN,
        [
            (0, "left_of", 1, 0.5),  # .36: rank 2, a fact
            (1, "left_of", 2, 0.7),  # .28: rank 3, a fact
            (1, "in_front_of", 0, 0.9),  # .648: rank 1, no fact
            (0, "in_front_of", 2, 0.2),  # .09: rank 4, a fact
        ],
    )
    recall = recall_sgdet(predicted, TRUTH, BOTH)
    assert dict(zip(recall.predicates, recall.ranks)).keys() == {"left_of", "in_front_of"}
    assert sorted(recall.ranks) == [2, 3, 4]
    assert recall.recall(1) == 0
    assert recall.recall(2) == pytest.approx(1 / 3)
    assert recall.recall(4) == 1
    assert recall.ceiling(2) == pytest.approx(2 / 3)


def test_triplets_are_ranked_by_all_three_scores():
    predicted = graph(SEEN, [(0, "left_of", 2, 0.8), (0, "left_of", 1, 0.6)])  # .36 and .432
    assert [r.object for r in rank_triplets(predicted, BOTH, constrained=False)] == [1, 2]


def test_wrong_class_box_or_predicate_finds_nothing():
    one_fact = truth(["cube", "ball"], [(0, "left_of", 1)])
    relation = [(0, "left_of", 1, 1.0)]
    right = graph([("cube", 0, 1), ("ball", 1, 1)], relation)
    assert recall_sgdet(right, one_fact, BOTH).recall(20) == 1
    for wrong in (
        graph([("ball", 0, 1), ("ball", 1, 1)], relation),
        graph([("cube", 0, 1), ("ball", (20, 0, 30, 4.9), 1)], relation),
        graph([("cube", 0, 1), ("ball", 1, 1)], [(0, "in_front_of", 1, 1.0)]),
        graph([("cube", 0, 1), ("ball", 1, 1)], [(1, "left_of", 0, 1.0)]),
    ):
        assert recall_sgdet(wrong, one_fact, BOTH).recall(20) == 0


def test_overlap_of_half_is_enough():
    one_fact = truth(["cube", "ball"], [(0, "left_of", 1)])
    half = graph([("cube", 0, 1), ("ball", (20, 0, 30, 5), 1)], [(0, "left_of", 1, 1.0)])
    assert recall_sgdet(half, one_fact, BOTH).recall(20) == 1


def test_inverse_is_turned_round_and_counts_once():
    facts = truth(["cube", "ball"], [(0, "left_of", 1), (1, "right_of", 0)])
    predicted = graph([("cube", 0, 1), ("ball", 1, 1)], [(1, "right_of", 0, 0.9)])
    recall = recall_sgdet(predicted, facts, BOTH)
    assert len(recall.ranks) == 1
    assert recall.recall(1) == 1
    both_ways = graph([("cube", 0, 1), ("ball", 1, 1)], [(1, "right_of", 0, 0.9), (0, "left_of", 1, 0.4)])
    ranked = rank_triplets(both_ways, BOTH, constrained=False)
    assert [(r.subject, r.predicate, r.score) for r in ranked] == [(0, "left_of", 0.9)]


def test_unknown_predicates_take_no_rank():
    predicted = graph(SEEN, [(0, "eats", 1, 1.0), (0, "left_of", 1, 0.1)])
    assert recall_sgdet(predicted, TRUTH, BOTH).recall(1) == pytest.approx(1 / 3)


def test_graph_constraint_keeps_the_best_predicate_of_a_pair():
    facts = truth(["cube", "cube"], [(0, "left_of", 1), (0, "in_front_of", 1)])
    predicted = graph(SEEN[:2], [(0, "left_of", 1, 0.9), (0, "in_front_of", 1, 0.8)])
    assert recall_sgdet(predicted, facts, BOTH).recall(20) == 1
    constrained = recall_sgdet(predicted, facts, BOTH, constrained=True)
    assert constrained.recall(20) == constrained.ceiling(20) == 0.5


def test_constraint_is_on_ordered_pairs():
    facts = truth(["cube", "cube"], [(0, "left_of", 1), (1, "in_front_of", 0)])
    predicted = graph(SEEN[:2], [(0, "left_of", 1, 0.9), (1, "in_front_of", 0, 0.8)])
    constrained = recall_sgdet(predicted, facts, BOTH, constrained=True)
    assert constrained.recall(20) == constrained.ceiling(20) == 1


def test_two_boxes_on_one_object_find_its_fact_once_and_cost_a_rank():
    facts = truth(["cube", "cube"], [(0, "left_of", 1), (1, "in_front_of", 0)])
    seen = [("cube", 0, 0.9), ("cube", (0, 0, 10, 9), 0.85), ("cube", 1, 0.8)]
    predicted = graph(seen, [(0, "left_of", 2, 0.9), (1, "left_of", 2, 0.9), (2, "in_front_of", 0, 0.5)])
    assert sorted(recall_sgdet(predicted, facts, BOTH).ranks) == [1, 3]


def test_second_box_buys_no_second_predicate_under_the_constraint():
    facts = truth(["cube", "cube"], [(0, "left_of", 1), (0, "in_front_of", 1)])
    seen = [("cube", 0, 0.9), ("cube", (0, 0, 10, 9), 0.85), ("cube", 1, 0.8)]
    predicted = graph(seen, [(0, "left_of", 2, 0.9), (1, "in_front_of", 2, 0.9)])
    assert recall_sgdet(predicted, facts, BOTH).recall(20) == 1
    assert recall_sgdet(predicted, facts, BOTH, constrained=True).recall(20) == 0.5


def test_one_triplet_finds_one_fact_though_it_fits_two():
    near = (0, 0, 10, 8)
    facts = SceneGraph(
        640,
        480,
        tuple(SceneObject("cube", 1, np.array(b, float)) for b in (box(0), near, box(1))),
        (Relation(0, "left_of", 2), Relation(1, "left_of", 2)),
    )
    predicted = graph(SEEN[:2], [(0, "left_of", 1, 0.9)])
    recall = recall_sgdet(predicted, facts, BOTH)
    assert recall.ranks.tolist().count(1) == 1
    assert recall.recall(20) == 0.5


def test_symmetric_predicate_counts_once_either_way_round():
    facts = truth(["cube", "ball"], [(0, "next_to", 1), (1, "next_to", 0)])
    for pair in ((0, 1), (1, 0)):
        predicted = graph([("cube", 0, 1), ("ball", 1, 1)], [(pair[0], "next_to", pair[1], 0.9)])
        recall = recall_sgdet(predicted, facts, WITH_NEXT_TO)
        assert (len(recall.ranks), recall.recall(1)) == (1, 1)
    twice = graph(
        [("cube", 0, 1), ("ball", 1, 1)],
        [(0, "next_to", 1, 0.9), (1, "next_to", 0, 0.8), (0, "left_of", 1, 0.1)],
    )
    assert len(rank_triplets(twice, WITH_NEXT_TO, constrained=False)) == 2


@pytest.mark.parametrize(
    ("facts", "reach"),
    [
        ([(0, "left_of", 1), (0, "next_to", 1)], 2),  # next_to may be told as (1, 0)
        ([(0, "left_of", 1), (1, "left_of", 0), (0, "next_to", 1)], 2),  # both directions are taken
        ([(0, "next_to", 1)], 1),
    ],
)
def test_constrained_ceiling_with_a_symmetric_predicate(facts, reach):
    recall = recall_sgdet(graph([], []), truth(["cube", "cube"], facts), WITH_NEXT_TO, constrained=True)
    assert recall.ceiling(20) == reach / len(facts)


def test_ceiling_when_there_are_more_facts_than_triplets():
    labels = ["cube"] * 8
    facts = [(a, "left_of", b) for a in range(8) for b in range(a + 1, 8)]  # 28
    perfect = truth(labels, facts)
    recall = recall_sgdet(perfect, perfect, BOTH)
    assert recall.recall(20) == recall.ceiling(20) == 20 / 28
    assert recall.recall(50) == recall.ceiling(50) == 1


def test_predcls_goes_by_index():
    facts = [Relation(0, "left_of", 1), Relation(0, "in_front_of", 1)]
    guessed = [
        Relation(0, "left_of", 1, 0.9),
        Relation(1, "left_of", 0, 0.8),
        Relation(1, "behind", 0, 0.7),
    ]
    recall = recall_predcls(guessed, facts, 2, BOTH)
    assert sorted(recall.ranks) == [1, 3]
    assert recall_predcls(guessed, facts, 2, BOTH, constrained=True).recall(20) == 0.5


def test_mean_over_images_with_facts():
    empty = recall_sgdet(graph(SEEN, []), truth(["cube"], []), BOTH)
    assert empty is None
    found = recall_sgdet(TRUTH, TRUTH, BOTH)
    missed = recall_sgdet(graph([], []), truth(["cube", "cube"], [(0, "left_of", 1)]), BOTH)
    summary = summarise([found, empty, missed], 20)
    assert summary["R"] == 0.5
    # left_of: 1 in the first image, 0 in the third; in_front_of: 1 in the first alone.
    assert summary["mR"] == pytest.approx((0.5 + 1) / 2)
    assert summary["ceiling_R"] == 1
    assert summarise([None, None], 20) == {"R": None, "mR": None, "ceiling_R": None, "R_over_ceiling": None}


def test_recall_over_its_ceiling():
    labels = ["cube"] * 8
    facts = [(a, "left_of", b) for a in range(8) for b in range(a + 1, 8)]
    perfect = truth(labels, facts)
    summary = summarise([recall_sgdet(perfect, perfect, BOTH)], 20)
    assert summary["R"] == pytest.approx(20 / 28)
    assert summary["R_over_ceiling"] == 1


# ---- laws ----


@st.composite
def pairs(draw):
    """A random true graph and a random prediction about it."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    predicates = draw(st.sampled_from([BOTH, WITH_NEXT_TO]))
    names = [*predicates.names, *predicates.inverses]

    def relations(n, count):
        ends = [rng.choice(n, 2, replace=False) for _ in range(count)] if n > 1 else []
        return tuple(
            Relation(int(a), names[rng.integers(len(names))], int(b), rng.integers(1, 10) / 10) for a, b in ends
        )

    def objects(rows, score):
        return tuple(SceneObject("ab"[rng.integers(2)], score(), row) for row in rows)

    n = int(rng.integers(2, 9))
    corner = rng.integers(0, 80, (n, 2))
    rows = np.concatenate([corner, corner + rng.integers(5, 40, (n, 2))], axis=1).astype(float)
    true = SceneGraph(200, 200, objects(rows, lambda: 1.0), relations(n, int(rng.integers(1, 60))))
    labels = [o.label for o in true.objects]
    seen = np.concatenate([rows, rows[rng.integers(0, n, 3)] + rng.integers(-2, 3, (3, 4))])
    found = objects(seen, lambda: rng.integers(1, 10) / 10)
    found = tuple(SceneObject(labels[i] if i < n else o.label, o.score, o.box) for i, o in enumerate(found))
    return SceneGraph(200, 200, found, relations(n + 3, int(rng.integers(0, 80)))), true, predicates


@given(pairs(), st.booleans())
def test_recall_rises_with_k_and_stays_under_its_ceiling(pair, constrained):
    predicted, true, predicates = pair
    outcome = recall_sgdet(predicted, true, predicates, constrained)
    recalls = [outcome.recall(k) for k in range(0, 100, 7)]
    assert recalls == sorted(recalls)
    assert all(outcome.recall(k) <= outcome.ceiling(k) for k in range(1, 100, 7))


@given(pairs())
def test_perfect_prediction_reaches_the_ceiling(pair):
    _, true, predicates = pair
    outcome = recall_sgdet(true, true, predicates)
    for k in (1, 5, 20, 50):
        assert outcome.recall(k) == outcome.ceiling(k)
    n = len(true.objects)
    assert recall_predcls(true.relations, true.relations, n, predicates).recall(100) == 1


@given(pairs(), st.booleans(), st.randoms(use_true_random=False))
def test_order_of_objects_and_relations_changes_nothing(pair, constrained, random):
    predicted, true, predicates = pair

    def shuffle(g):
        mixed = g.select(random.sample(range(len(g.objects)), len(g.objects)))
        listed = tuple(random.sample(mixed.relations, len(mixed.relations)))
        return SceneGraph(g.width, g.height, mixed.objects, listed)

    before = recall_sgdet(predicted, true, predicates, constrained)
    after = recall_sgdet(shuffle(predicted), shuffle(true), predicates, constrained)
    for k in (1, 5, 20, 50):
        assert before.recall(k) == after.recall(k)
