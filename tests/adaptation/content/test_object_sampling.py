"""Which inferred objects a rebuilt scene holds."""

import numpy as np
import pytest

from sim2sg_core.adaptation.content.object_sampling import sample_objects, with_supports
from sim2sg_core.domains import load_domain
from sim2sg_core.scene import SceneGraph, SceneObject
from tests.adaptation.content.scenes import cube_graph

LAID = (  # label, score, box
    ("plate", 0.9, (40, 40, 60, 50)),
    ("bowl", 0.8, (44, 35, 56, 46)),  # on the plate
    ("book", 0.7, (70, 40, 90, 50)),  # each in the other's box
    ("book", 0.6, (71, 41, 90, 51)),
    ("table", 0.3, (0, 30, 100, 100)),
    ("table", 0.2, (20, 20, 95, 95)),
    ("table", 0.8, (200, 30, 300, 100)),  # elsewhere
    ("cup", 0.9, (120, 40, 130, 50)),  # over nothing
    ("chair", 0.9, (110, 50, 150, 100)),
)


def laid():
    objects = tuple(SceneObject(label, score, np.array(box, float)) for label, score, box in LAID)
    return SceneGraph(320, 240, objects, ())


def test_objects_are_kept_as_often_as_their_scores_say():
    rng = np.random.default_rng(0)
    kept = np.zeros(3)
    for _ in range(4000):
        for item in sample_objects(cube_graph(), rng).objects:
            kept[[0.9, 0.5, 0.1].index(item.score)] += 1
    assert kept / 4000 == pytest.approx([0.9, 0.5, 0.1], abs=0.03)


def test_a_score_under_the_floor_is_never_drawn():
    rng = np.random.default_rng(0)
    assert all(len(sample_objects(cube_graph((0.9, 0.5, 0.04)), rng, 0.05).objects) <= 2 for _ in range(500))


def test_a_threshold_keeps_what_lies_above_it():
    kept = sample_objects(cube_graph(), np.random.default_rng(0), threshold=0.5)
    assert [o.score for o in kept.objects] == [0.9, 0.5]


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ([0], [0, 4]),  # a plate brings the surer table that it is on
        ([0, 5], [0, 5]),  # or has one already
        ([1], [1, 4]),  # a bowl may stand on a plate, but what stands on the ground comes first
        ([0, 1], [0, 1, 4]),
        ([2, 3], [2, 3, 4]),  # books that lie on each other need a table all the same
        ([7, 8], [7, 8]),  # nothing carries the cup: chairs do not
        ([7, 0], [0, 4, 7]),
        ([8], [8]),
        ([], []),
    ],
)
def test_objects_bring_along_what_they_stand_on(kept, expected):
    assert with_supports(laid(), kept, load_domain("dining").class_supports) == expected


def test_a_draw_of_a_plate_is_a_draw_of_its_table():
    rng, supports = np.random.default_rng(0), load_domain("dining").class_supports
    draws = [[o.label for o in sample_objects(laid(), rng, supports=supports).objects] for _ in range(300)]
    assert all("table" in labels for labels in draws if "plate" in labels or "book" in labels)
    assert sum("table" not in labels for labels in draws) < 60
    assert 0.85 < np.mean(["plate" in labels for labels in draws]) < 0.95, "the rest is drawn by its score"
