"""Mistakes named one by one."""

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2sg_core.evaluation.labelled_images import Protocol, TargetImage, TargetObject
from sim2sg_core.evaluation.mistakes import MISTAKE_KINDS, find_mistakes
from sim2sg_core.scene import SceneGraph, SceneObject

PROTOCOL = Protocol("test", ("cube", "sphere"), ("cube", "sphere"), (), neighbours={"cube": ("box",)})
ALL, NONE = frozenset(("all",)), frozenset()


def box(x, width=10.0):
    return np.array([x, 0.0, x + width, 10.0])


def image(*objects, regions=()):
    targets = tuple(TargetObject(label, b, levels) for label, b, levels in objects)
    return TargetImage("a.png", Path("a.png"), 100, 20, targets, (), (), np.array(regions, float).reshape(-1, 4))


def graph(*objects):
    return SceneGraph(100, 20, tuple(SceneObject(label, score, b) for label, score, b in objects))


def kinds(prediction, target, **options):
    return [(m.kind, m.label, m.found) for m in find_mistakes(prediction, target, PROTOCOL, **options)]


def test_every_kind_of_mistake():
    target = image(("cube", box(0), ALL), ("cube", box(20), ALL), ("sphere", box(40), ALL), ("sphere", box(60), ALL))
    prediction = graph(
        ("cube", 0.9, box(0)),
        ("cube", 0.6, box(1)),  # the first one again
        ("sphere", 0.8, box(20)),  # a cube
        ("sphere", 0.7, box(45)),  # a third of the sphere
        ("cube", 0.5, box(85)),
        ("sphere", 0.1, box(60)),  # too unsure to count
    )
    assert kinds(prediction, target) == [
        ("missed", "sphere", ""),
        ("wrong class", "cube", "sphere"),
        ("misplaced", "sphere", "sphere"),
        ("false alarm", "cube", "cube"),
        ("twice", "cube", "cube"),
    ]
    words = [m.describe() for m in find_mistakes(prediction, target, PROTOCOL)]
    assert words == [
        "sphere missed",
        "cube taken for sphere .80",
        "sphere misplaced, IoU 0.33",
        "false alarm: cube .50",
        "cube twice .60",
    ]
    assert not any(kind == "missed" for kind, *_ in kinds(prediction, target, object_threshold=0.05))


def test_what_is_not_judged_is_no_mistake():
    target = image(("cube", box(0), NONE), ("box", box(20), ALL), regions=[box(40)])
    prediction = graph(("cube", 0.9, box(0)), ("cube", 0.9, box(20)), ("sphere", 0.9, box(40)))
    assert kinds(prediction, target) == []


@settings(max_examples=60)
@given(st.lists(st.tuples(st.sampled_from(PROTOCOL.classes), st.integers(0, 90)), max_size=8), st.data())
def test_a_perfect_prediction_has_none_and_an_empty_one_misses_all(objects, data):
    objects = [(label, box(x)) for label, x in {x: (label, x) for label, x in objects}.values()]
    target = image(*((label, b, ALL) for label, b in objects))
    perfect = graph(*((label, data.draw(st.floats(0.3, 1)), b) for label, b in objects))
    # Neighbours may overlap by half and take one another's place: no object is missed or invented all the same.
    assert all(m.kind in ("misplaced", "wrong class", "twice") for m in find_mistakes(perfect, target, PROTOCOL))
    if all(abs(a[1][0] - b[1][0]) >= 4 for i, a in enumerate(objects) for b in objects[:i]):
        assert find_mistakes(perfect, target, PROTOCOL) == []
    missed = find_mistakes(graph(), target, PROTOCOL)
    assert [m.kind for m in missed] == ["missed"] * len(objects)


def test_json_names_what_was_found():
    target = image(("cube", box(20), ALL))
    (mistake,) = find_mistakes(graph(("sphere", 0.8, box(21))), target, PROTOCOL)
    data = mistake.to_json()
    assert data["kind"] in MISTAKE_KINDS and data["class"] == "cube" and data["found"] == "sphere"
    assert data["box"] == [20, 0, 30, 10] and data["found_box"] == [21, 0, 31, 10] and 0.5 < data["iou"] < 1
