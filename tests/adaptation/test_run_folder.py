"""A run's folder: settings, stage times, configuration."""

import pytest

from sim2sg_core.adaptation.adapt_config import AdaptConfig
from sim2sg_core.adaptation.method import Method
from sim2sg_core.adaptation.run_folder import Run
from sim2sg_core.domains import load_domain
from sim2sg_core.errors import Sim2SGError


def test_another_seed_needs_another_folder(tmp_path):
    Run(tmp_path / "run").begin({"seed": 0, "workers": 1, "rounds": 1})
    Run(tmp_path / "run").begin({"seed": 0, "workers": 2, "rounds": 3})
    with pytest.raises(Sim2SGError, match="seed: 0 -> 1"):
        Run(tmp_path / "run").begin({"seed": 1, "workers": 1, "rounds": 1})


def test_stage_times_add_up_over_starts(tmp_path):
    run = Run(tmp_path)
    for _ in range(2):
        with run.timed("render", "a few"):
            pass
    with pytest.raises(RuntimeError), run.timed("train", "breaks"):
        raise RuntimeError
    assert set(run.stage_times()) == {"render"}


def test_open_settings_come_from_the_domain(tmp_path):
    domain = load_domain("clevr")
    config = AdaptConfig(logs=(str(tmp_path),), rounds=7).resolved(domain)
    assert config.rounds == 7 and config.batch == domain.training.batch
    assert config.source_frames == domain.training.source_frames


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": 0}, "--frames"),
        ({"rounds": -1}, "--rounds"),
        ({"method": Method(prior_share=1.5)}, "prior_share is 1.5"),
        ({"camera_height": -1.0}, "--camera-height"),
        ({"logs": ("nowhere.mcap",)}, "no such log"),
    ],
)
def test_bad_settings_are_told_before_any_work(tmp_path, change, message):
    settings = {"logs": (str(tmp_path),), **change}
    with pytest.raises(Sim2SGError, match=message):
        AdaptConfig(**settings).resolved(load_domain("clevr"))


def test_what_a_method_leaves_open_comes_from_the_domain(tmp_path):
    domain = load_domain("clevr")
    method = (
        AdaptConfig(logs=(str(tmp_path),), method=Method(labels=True, class_swap=None, recall_correction=None))
        .resolved(domain)
        .method
    )
    assert (method.prior_share, method.class_swap) == (domain.training.prior_share, domain.training.swap)
    assert method.recall_correction is domain.training.complete is False
    assert load_domain("dining").training.complete
