"""Settings, and what they are where they are left open."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from sim2sg_core.adaptation.adapt_config import AdaptConfig
from sim2sg_core.adaptation.method import Method
from sim2sg_core.adaptation.resolved_config import SourceTraining, StartCheckpoint
from sim2sg_core.domains import Domain, load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import write_jpeg
from tests.adaptation.content.scenes import table_domain


def test_open_settings_come_from_the_domain(tmp_path):
    domain = load_domain("clevr")
    config = AdaptConfig(logs=(str(tmp_path),), rounds=7).resolved(domain)
    assert config.rounds == 7 and config.batch == domain.training.batch
    assert config.source.source_frames == domain.training.source_frames


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"frames": 0}, "--max"),
        ({"rounds": -1}, "--rounds"),
        ({"method": Method(prior_share=1.5)}, "--prior-share is 1.5"),
        ({"camera_height": -1.0}, "--camera-height"),
        ({"camera_height": float("nan")}, "--camera-height is nan"),
        ({"camera_height": 1.0, "camera_pitch": float("nan")}, "--camera-pitch is nan"),
        ({"seed": -1}, "--seed is -1: it must be 0 or more"),
        ({"learning_rate": 0.0}, "^--learning-rate is 0: it must be above 0"),
        ({"seed": 10**23}, "--seed is 10{23}: give a whole number under"),
        ({"round_learning_rate": float("inf")}, "--round-learning-rate is inf"),
        ({"workers": -1}, "--workers is -1"),
        ({"min_interval": float("nan")}, "--every is nan"),
        ({"min_change": -1.0}, "--min-change is -1.0"),
        ({"method": Method(feature=float("nan"))}, "--feature-alignment is nan"),
        ({"distinct": 65}, "--distinct is 65: bits of 64"),
        ({"negatives": (("nowhere", 0.1),)}, "--negatives nowhere: nothing there"),
    ],
)
def test_bad_settings_are_told_before_any_work(tmp_path, change, message):
    settings = {"logs": (str(tmp_path),), **change}
    with pytest.raises(Sim2SGError, match=message):
        AdaptConfig(**settings).resolved(load_domain("clevr"))


def test_what_a_method_leaves_open_comes_from_the_domain(tmp_path):
    domain = load_domain("clevr")
    method = Method(labels=True, prior_share=None, class_swap=None, recall_correction=None, teacher_start_round=None)
    found = AdaptConfig(logs=(str(tmp_path),), method=method).resolved(domain).method
    assert (found.prior_share, found.class_swap) == (domain.training.prior_share, domain.training.class_swap)
    assert found.teacher_start_round == domain.training.teacher_start_round
    assert found.recall_correction is domain.training.recall_correction is False
    assert load_domain("dining").training.recall_correction


@pytest.mark.parametrize(("given", "domains", "expected"), [(None, None, 3e-4), (None, 2e-4, 2e-4), (1e-4, 2e-4, 1e-4)])
def test_rounds_take_their_own_learning_rate_else_that_of_the_source(tmp_path, given, domains, expected):
    domain = load_domain("clevr")
    training = domain.training.model_copy(update={"learning_rate": 3e-4, "round_learning_rate": domains})
    domain = domain.model_copy(update={"training": training})
    assert AdaptConfig((str(tmp_path),), round_learning_rate=given).resolved(domain).round_learning_rate == expected


def test_a_run_starts_from_training_or_from_a_checkpoint(tmp_path):
    domain = load_domain("dining")
    trained = AdaptConfig((str(tmp_path),)).resolved(domain)
    assert isinstance(trained.source, SourceTraining) and trained.to_json()["backbone"] == domain.training.backbone
    started = AdaptConfig((str(tmp_path),), start="dining").resolved(domain)
    assert isinstance(started.source, StartCheckpoint) and len(started.source.start_digest) == 16
    assert not {"backbone", "source_frames", "source_steps"} & started.to_json().keys()
    with pytest.raises(Sim2SGError, match="--source-steps: with --start there is no source training"):
        AdaptConfig((str(tmp_path),), start="dining", source_steps=3).resolved(domain)


def test_settings_come_back_from_what_a_run_keeps_of_them(tmp_path):
    domain = load_domain("clevr")
    config = AdaptConfig((str(tmp_path),), rounds=2, frames=7).resolved(domain)
    kept = json.loads(json.dumps(config.to_json()))
    names = {field.name for field in dataclasses.fields(AdaptConfig)} - {"method"}
    again = AdaptConfig(**{name: value for name, value in kept.items() if name in names}).resolved(domain)
    assert again.to_json() == config.to_json()


def test_negatives_leave_images_to_the_renders_and_are_known_by_their_contents(tmp_path):
    log, empty = tmp_path / "log", str(tmp_path / "empty")
    log.mkdir()
    Path(empty).mkdir()
    write_jpeg(log / "a.jpg", np.zeros((8, 8, 3), np.uint8), 90)
    write_jpeg(Path(empty) / "b.jpg", np.zeros((8, 8, 3), np.uint8), 90)

    def settings(share):
        config = AdaptConfig((str(log),), method=Method(mixing=0.3, replay=0.3), negatives=((empty, share),))
        return config.resolved(table_domain()).to_json()

    before = settings(0.2)
    assert before["negatives"] == [[empty, 0.2]] and settings(0.2) == before
    assert "negatives" not in AdaptConfig((str(log),)).resolved(table_domain()).to_json()
    for share, message in (
        (0.5, r"\(0.5 together\), mixing 0.3 and replay 0.3 leave no image"),
        (1.2, "between 0 and 1"),
    ):
        with pytest.raises(Sim2SGError, match=message):
            settings(share)
    write_jpeg(Path(empty) / "c.jpg", np.zeros((8, 8, 3), np.uint8), 90)
    assert settings(0.2)["negatives_digest"] != before["negatives_digest"]


def test_mixing_needs_a_class_that_stands_on_the_ground(tmp_path):
    settings = AdaptConfig(logs=(str(tmp_path),), method=Method(mixing=0.5))
    domain = table_domain()
    assert settings.resolved(domain).method.mixing == 0.5
    with pytest.raises(Sim2SGError, match="no class of clevr with relations stands on the ground"):
        settings.resolved(Domain.from_json({**domain.to_json(), "relation_classes": ["sphere"]}))
