"""Content statistics, worked by hand."""

import numpy as np
import pytest

from sim2sg_core.report.statistics import (
    class_shares,
    content_statistics,
    difference,
    shared_bins,
    shares,
)
from sim2sg_core.scene import Pose3D, SceneGraph, SceneObject


def thing(label: str, score: float, height: float, depth: float | None = None) -> SceneObject:
    pose = None if depth is None else Pose3D(np.array([0, 1, depth]), 0.0, np.ones(3))
    return SceneObject(label, score, np.array([0, 0, 10, height]), pose)


GRAPHS = [
    SceneGraph(100, 50, (thing("car", 0.5, 10, 20.0), thing("van", 1.0, 25))),
    SceneGraph(100, 50, (thing("car", 0.75, 5, 40.0),)),
    SceneGraph(100, 50),
]


def test_scores_are_counted_as_they_are() -> None:
    content = content_statistics(GRAPHS)
    assert content.images == 3
    np.testing.assert_allclose(content.objects, [1.5, 0.75, 0.0])
    assert content.per_class == pytest.approx({"car": 1.25 / 3, "van": 1 / 3})
    np.testing.assert_allclose(content.heights, [0.2, 0.5, 0.1])
    np.testing.assert_array_equal(content.depths, [20, np.nan, 40])
    np.testing.assert_allclose(class_shares(content, ["car", "van", "bus"]), [1.25 / 2.25, 1 / 2.25, 0])


def test_nothing() -> None:
    content = content_statistics([])
    assert content.images == 0
    assert content.per_class == {}
    assert shares(content.depths, np.array([0.0, 1.0])).sum() == 0


def test_shares_weigh_clip_and_skip_nan() -> None:
    values, weights = np.array([0.5, 1.5, 99.0, np.nan]), np.array([1.0, 2.0, 1.0, 50.0])
    np.testing.assert_allclose(shares(values, np.array([0.0, 1.0, 2.0]), weights), [0.25, 0.75])


def test_difference() -> None:
    assert difference(np.array([1.0, 0.0]), np.array([0.0, 1.0])) == 1
    assert difference(np.array([0.5, 0.5]), np.array([0.5, 0.5])) == 0
    assert difference(np.array([0.75, 0.25]), np.array([0.5, 0.5])) == 0.25


def test_bins_hold_all_samples() -> None:
    edges = shared_bins([np.array([1.0, 2.0]), np.array([np.nan, 8.0]), np.zeros(0)], 4)
    np.testing.assert_allclose(edges, [0, 2, 4, 6, 8], rtol=0.02)
    counts = shared_bins([np.array([0, 3, 5])], 24, whole=True)
    np.testing.assert_allclose(counts, np.arange(-0.5, 6))
    assert len(shared_bins([np.arange(100)], 24, whole=True)) <= 26
    assert len(shared_bins([np.full(3, np.nan)], 4)) == 5
