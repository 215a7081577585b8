"""Curves of a training: what is read, laid end to end and drawn."""

import math

import numpy as np

from sim2sg_core.report import charts
from sim2sg_core.report.curves import end_to_end, fitting_curves, load_metrics, training_curves


def test_metrics_survive_a_cut_line(tmp_path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 1, "loss": 2.0}\n{"step": 2, "lo')
    assert load_metrics(path) == [{"step": 1, "loss": 2.0}]
    assert load_metrics(tmp_path / "none.jsonl") == []


def test_stages_are_laid_end_to_end() -> None:
    rows = [{"step": s, "stage": name} for name in ("source", "round_1", "round_2") for s in (10, 20)]
    steps, marks = end_to_end(rows)
    assert steps == [10, 20, 30, 40, 50, 60]
    assert marks == [(10, "source"), (30, "round_1"), (50, "round_2")]
    assert end_to_end([{"step": 1}, {"step": 2}]) == ([1, 2], [])


def test_every_number_has_a_curve() -> None:
    rows = [
        {"step": s, "stage": "source", "loss": 1.0 / s, "flag": True, "word": "x", "time": 3.0, "bad": math.nan}
        for s in range(1, 5)
    ]
    assert [name for name, _ in training_curves([*rows, {"step": 5, "late": 1.0}, {"loss": 3.0}])] == ["loss"]


def test_long_curves_are_thinned() -> None:
    rng = np.random.default_rng(0)
    figure = charts.curve(np.arange(50_000.0), rng.random(50_000))
    assert len(charts.data_uri(figure)) < 100_000


def test_one_wild_value_does_not_flatten_the_rest() -> None:
    y = np.r_[np.ones(500), 1e6, np.ones(500)]
    assert charts.curve(np.arange(1001.0), y).axes[0].get_ylim()[1] < 2


def test_running_mean_is_centred_and_keeps_lines() -> None:
    line = np.arange(20.0)
    np.testing.assert_allclose(charts.running_mean(line, 4), line)
    np.testing.assert_allclose(charts.running_mean(np.array([0.0, 3.0, 0.0]), 1), [0, 1, 0])


def test_curve_without_finite_values_is_nothing() -> None:
    assert charts.curve(np.arange(3.0), np.full(3, np.nan)) is None


def test_fitting_of_a_layout_prior_has_a_chart_per_number_and_one_of_the_counts():
    history = {
        "reward": [0.1, 0.2, 0.3],
        "classes": ["cup", "table"],
        "counts": [[1, 0], [2, 1], [3, 1]],
        "renders": 24,
    }
    plots = dict(fitting_curves(history))
    assert list(plots) == ["fitting: reward", "fitting: objects per scene, by class"]
    cup, table = plots["fitting: objects per scene, by class"].axes[0].lines
    assert (cup.get_label(), cup.get_ydata().tolist()) == ("cup", [1, 2, 3])
    assert (table.get_label(), table.get_ydata().tolist()) == ("table", [0, 1, 1])


def test_fitting_that_had_nothing_to_learn_has_no_charts():
    assert fitting_curves({"loss": [], "classes": ["cup"], "counts": []}) == []
