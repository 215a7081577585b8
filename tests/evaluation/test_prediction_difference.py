"""How graphs of two models differ, without labels."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.evaluation.prediction_difference import compare_predictions
from sim2sg_core.scene.graph import Relation, SceneGraph, SceneObject


def graph(*objects: tuple, relations: tuple = ()) -> SceneGraph:
    return SceneGraph(
        100,
        100,
        tuple(SceneObject(label, score, np.array(box, float)) for label, score, box in objects),
        tuple(Relation(*r) for r in relations),
    )


A, B, C = (0, 0, 10, 10), (50, 50, 70, 70), (20, 60, 40, 80)


def test_objects_and_relations_that_are_lost_and_added():
    ours = graph(
        ("cube", 0.9, A),
        ("ball", 0.8, B),
        ("cube", 0.2, C),
        relations=((0, "left_of", 1, 0.9), (1, "behind", 0, 0.8), (1, "left_of", 0, 0.1), (0, "left_of", 2, 0.9)),
    )
    # The ball comes first, the cube is half as high, and a cube is new.
    theirs = graph(
        ("ball", 0.85, B),
        ("cube", 0.7, (0, 0, 10, 5)),
        ("cube", 0.4, C),
        relations=((1, "left_of", 0, 0.6), (0, "behind", 1, 0.4)),
    )
    found = compare_predictions([ours], [theirs])
    assert (found.objects, found.found, found.added) == (2, 1.0, pytest.approx(1 / 3))
    assert found.iou == pytest.approx(0.75) and found.score_gap == pytest.approx(0.125)
    assert (found.relations, found.kept) == (2, 0.5)


def test_another_class_or_place_is_another_object():
    ours = graph(("cube", 0.9, A), ("cube", 0.8, B), relations=((0, "left_of", 1, 0.9),))
    theirs = graph(("ball", 0.9, A), ("cube", 0.8, (51, 51, 71, 71)), relations=((0, "left_of", 1, 0.9),))
    found = compare_predictions([ours], [theirs])
    assert (found.found, found.added, found.kept) == (0.5, 0.5, 0.0)


def test_nothing_to_compare():
    assert dataclasses.astuple(compare_predictions([graph()], [graph()])) == (0, None, None, None, None, 0, None)
    assert compare_predictions([graph()], [graph(("cube", 0.9, A))]).added == 1.0
    with pytest.raises(ValueError, match="zip"):
        compare_predictions([graph()], [])


places = st.lists(
    st.tuples(st.sampled_from(["cube", "ball"]), st.floats(0.31, 1), st.integers(0, 80), st.integers(1, 20)), max_size=5
)


@given(places, st.data())
def test_a_graph_is_all_like_itself_in_any_order(drawn, data):
    objects = [(label, score, (x, x, x + size, x + size)) for label, score, x, size in drawn]
    objects = sorted({box: (label, score, box) for label, score, box in objects}.values(), key=lambda o: -o[1])
    relations = tuple((i, "left_of", j, 0.9) for i in range(len(objects)) for j in range(i))
    ours = graph(*objects, relations=relations)
    theirs = ours.select(data.draw(st.permutations(range(len(objects)))))
    found = compare_predictions([ours, ours], [ours, theirs])
    assert found.objects == 2 * len(objects) and found.relations == 2 * len(relations)
    if objects:
        assert compare_predictions([ours], [ours]).found == 1.0
        assert compare_predictions([ours], [ours]).added == 0.0
        assert compare_predictions([ours], [ours]).iou == pytest.approx(1.0)
    if relations:
        assert compare_predictions([ours], [ours]).kept == 1.0
