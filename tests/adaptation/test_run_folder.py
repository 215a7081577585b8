"""A run's folder: settings, cached stages, stage times."""

import json

import pytest

from sim2sg_core.adaptation.run_folder import Run, cached
from sim2sg_core.errors import Sim2SGError


def test_another_seed_needs_another_folder(tmp_path):
    Run(tmp_path / "run").begin({"seed": 0, "workers": 1, "rounds": 1})
    Run(tmp_path / "run").begin({"seed": 0, "workers": 2, "rounds": 3})
    with pytest.raises(Sim2SGError, match=r"seed: 0 there, 1 here\): repeat them"):
        Run(tmp_path / "run").begin({"seed": 1, "workers": 1, "rounds": 1})


def test_stage_times_add_up_over_starts(tmp_path):
    run = Run(tmp_path)
    for _ in range(2):
        with run.timed("render", "a few"):
            pass
    with pytest.raises(RuntimeError), run.timed("train", "breaks"):
        raise RuntimeError
    assert set(run.stage_times()) == {"render"}


def test_a_stage_is_made_once_and_always_read(tmp_path):
    made = []

    def make(path):
        made.append(path)
        path.write_text("[0.1]")

    for _ in range(2):
        assert cached(tmp_path / "stage/result.json", make, lambda path: json.loads(path.read_text())) == [0.1]
    assert len(made) == 1 and made[0].parent == tmp_path / "stage"


def test_a_stage_that_fails_leaves_nothing(tmp_path):
    def make(path):
        path.write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        cached(tmp_path / "result.json", make, lambda path: path.read_text())
    assert not list(tmp_path.iterdir())
