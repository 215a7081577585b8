"""Inferred content beside synthesised content: figures and charts."""

import numpy as np

from sim2sg_core.report.content import content_charts, content_table
from sim2sg_core.report.statistics import ContentStatistics, content_statistics
from sim2sg_core.scene import Pose3D, SceneGraph, SceneObject


def content(score: float, depth: float) -> ContentStatistics:
    item = SceneObject("cube", score, np.array([0, 0, 10, 20.0]), Pose3D(np.array([0, 0, depth]), 0.0, np.ones(3)))
    return content_statistics([SceneGraph(64, 48, (item,))] * 4)


def test_table_measures_the_difference_to_real() -> None:
    real = content(0.5, 10.0)
    rows = content_table([("source", content(1.0, 5.0), real), ("round 1", content(1.0, 10.0), real)])
    # stage, images, objects, depth, then differences in classes, objects, depth, height
    assert rows[0] == ["source", "4", "1.0 / 0.5", "5.0 / 10.0", "0.00", "0.00", "1.00", "0.00"]
    assert rows[1] == ["round 1", "4", "1.0 / 0.5", "10.0 / 10.0", "0.00", "0.00", "0.00", "0.00"]


def test_every_stage_has_its_charts_with_the_same_bins() -> None:
    real = content(0.5, 10.0)
    drawn = content_charts([("source", content(1.0, 5.0), real), ("round 1", content(1.0, 40.0), real)])
    assert [name for name, _ in drawn] == ["source", "round 1"]
    (_, first), (_, second) = drawn
    assert len(first) == len(second) == 5  # the last from above
    assert [f.axes[0].get_xlim() for _, f in first[1:4]] == [f.axes[0].get_xlim() for _, f in second[1:4]]
    assert all(len(figure.axes[0].patches) == 2 for _, figure in first[:4])  # one class: two bars; two histograms


def test_stage_without_poses_or_inference_leaves_gaps() -> None:
    flat = content_statistics([SceneGraph(64, 48, (SceneObject("cube", 1.0, np.array([0, 0, 9, 9.0])),))])
    assert content_table([("source", flat, None)]) == [["source", "1", "1.0 / –", "– / –", "–", "–", "–", "–"]]
    ((_, plots),) = content_charts([("source", flat, None)])
    assert len(plots) == 3  # no depth


def test_stage_that_is_empty() -> None:
    nothing = content_statistics([SceneGraph(64, 48)])
    ((_, plots),) = content_charts([("source", nothing, None)])
    assert len(plots) == 1  # objects per image: none
