"""The study of the criteria: its bookkeeping."""

import json
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import criteria  # noqa: E402


def model(digest, true, **figures):
    rest = {"self_consistency": 0.5, "bos": 0.5, "change": 0.0, "prototypes": 1.0}
    return {"digest": digest, "mAP50": true, "sgdet_R20": true / 2, **rest, **figures}


def test_a_criterion_that_ranks_as_the_truth_does_loses_nothing():
    run = [model(str(i), i / 10, bos=i / 20, change=i / 5, self_consistency=0.9) for i in range(4)]
    table = criteria.correlations({"one": run})
    assert table["bos"]["all_mAP50"]["mean"] == table["bos"]["within_sgdet_R20"]["mean"] == pytest.approx(1)
    assert table["bos"]["loss"]["mean"] == 0
    assert table["flatness"]["all_mAP50"]["mean"] == pytest.approx(-1)  # what changes most is worst
    assert table["flatness"]["loss_at_worst"]["mean"] == pytest.approx(0.3)
    assert table["self_consistency"]["all_mAP50"]["mean"] == 0  # it cannot tell them apart


def test_a_model_of_several_runs_counts_once():
    shared = model("source", 0.9, bos=0.1)
    runs = {k: [shared, model(f"{k}1", 0.2, bos=0.2), model(f"{k}2", 0.1, bos=0.3)] for k in ("a", "b")}
    assert criteria.correlations(runs)["bos"]["within_mAP50"]["mean"] == pytest.approx(-1)
    assert criteria.correlations(runs)["bos"]["within_mAP50"]["n"] == 2


def test_whole_stages_are_found_in_order(tmp_path):
    run = tmp_path / "seed_0" / "ours"
    for stage in ("round_1", "source", "mean", "round_2"):
        (run / stage / "train").mkdir(parents=True)
        for name in ("model.onnx", "calibration.json", "self_consistency.json", "train/checkpoint.pt"):
            (run / stage / name).write_text("")
    (run / "round_2" / "train" / "checkpoint.pt").unlink()
    assert criteria.recorded_runs(tmp_path) == {}  # no frames: no run
    (run / "frames").mkdir()
    (run / "frames" / "frames.json").write_text(json.dumps([]))
    found = criteria.recorded_runs(tmp_path)
    assert [stage.name for stage in found["seed_0/ours"]] == ["source", "round_1", "mean"]
