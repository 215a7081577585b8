"""Training with real images: the switches, the log, interruption."""

from __future__ import annotations

import json

import pytest
import torch

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.learning import AlignConfig, AugmentConfig, TrainConfig, train
from sim2sg_core.learning.ema import WeightAverage
from sim2sg_core.learning.optimiser import make_optimiser
from sim2sg_core.learning.unlabelled import Unlabelled
from sim2sg_core.model import build_network, load_checkpoint, load_network

EVERYTHING = AlignConfig(feature=0.1, prediction=0.1, teacher=0.5, class_thresholds=(0.02, 0.02))


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def settings(align: AlignConfig, **changes) -> TrainConfig:
    fields = {"steps": 6, "batch": 2, "save_every": 3, "log_every": 1, "workers": 0, "ema": 0.9}
    return TrainConfig(**{**fields, "align": align, "augment": AugmentConfig(style_transfer=0.5), **changes})


def lines(folder) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture(scope="module")
def uninterrupted(folder, domain, real_images, tmp_path_factory):
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("whole")
    return train(build_network(domain, seed=0), domain, [(folder, 1.0)], settings(EVERYTHING), out, real=real_images)


def test_a_killed_run_continues_as_if_never_stopped(folder, domain, real_images, tmp_path, uninterrupted):
    def power_cut(*args, **kwargs):
        if len(calls) == 4:
            raise KeyboardInterrupt
        calls.append(args)

    calls: list = []
    for workers, progress in ((0, power_cut), (2, None)):
        args = (build_network(domain, seed=0), domain, [(folder, 1.0)], settings(EVERYTHING, workers=workers), tmp_path)
        if progress:
            with pytest.raises(KeyboardInterrupt):
                train(*args, progress, real=real_images)
            assert load_checkpoint(tmp_path / "checkpoint.pt")["step"] == 3
        else:
            train(*args, real=real_images)
    whole, again = load_checkpoint(uninterrupted), load_checkpoint(tmp_path / "checkpoint.pt")
    for part in ("network", "ema", "discriminators"):
        assert len(whole[part]) > 0
        assert all(torch.equal(whole[part][name], again[part][name]) for name in whole[part])
    old, new = whole["optimiser"]["state"], again["optimiser"]["state"]
    assert old.keys() == new.keys()
    assert all(torch.equal(old[i][k], new[i][k]) for i in old for k in ("exp_avg", "exp_avg_sq", "step"))
    assert [line["loss"] for line in lines(tmp_path)] == [line["loss"] for line in lines(uninterrupted.parent)]


def test_what_a_conditional_teacher_recalls_survives(folder, domain, real_images, tmp_path):
    def power_cut(*args, **kwargs):
        calls.append(args)
        if len(calls) == 5:
            raise KeyboardInterrupt

    calls: list = []
    asked = settings(AlignConfig(teacher=1.0, teacher_update="conditional"))
    assert asked.identity()["align"]["teacher_update"] == "conditional"
    for out, progress in (("whole", None), ("killed", power_cut), ("killed", None)):
        arguments = (build_network(domain, seed=0), domain, [(folder, 1.0)], asked, tmp_path / out)
        if progress:
            with pytest.raises(KeyboardInterrupt):
                train(*arguments, progress, real=real_images)
            assert load_checkpoint(tmp_path / "killed/checkpoint.pt")["condition"]["images"]
        else:
            train(*arguments, real=real_images)
    whole, again = (load_checkpoint(tmp_path / name / "checkpoint.pt") for name in ("whole", "killed"))
    for part in ("network", "ema"):
        assert all(torch.equal(whole[part][name], again[part][name]) for name in whole[part])
    assert whole["condition"]["variances"] == again["condition"]["variances"]


def test_the_log_tells_of_every_part(uninterrupted):
    parts = {f"{kind}{end}" for kind in ("feature_location", "feature_object") for end in ("", "_accuracy")}
    parts |= {f"prediction_{kind}{end}" for kind in ("object", "pair") for end in ("", "_accuracy")}
    taught = {f"teacher_{k}" for k in ("heat", "box", "centre", "depth", "size", "angle", "related", "relations")}
    for line in lines(uninterrupted.parent):
        assert parts | taught <= line.keys()
        assert line["real_images"] == 1
        assert all(0 <= line[name] <= 1 for name in parts if name.endswith("accuracy"))
    load_network(uninterrupted)


def test_each_switch_is_off_unless_asked_for(domain):
    config = TrainConfig(steps=1)
    assert not config.needs_real
    assert not {"align"} & config.identity().keys()
    assert "style_transfer" not in config.identity()["augment"]
    network = build_network(domain, seed=0)
    average = WeightAverage(network, 0.9)
    plain = make_optimiser(network, config)
    for align, discriminators, teacher in (
        (AlignConfig(), set(), False),
        (AlignConfig(feature=0.1), {"feature"}, False),
        (AlignConfig(prediction=0.1), {"prediction"}, False),
        (AlignConfig(teacher=0.1), set(), True),
    ):
        asked = settings(align, augment=AugmentConfig())
        parts = Unlabelled(network, average, asked)
        assert set(parts.discriminators) == discriminators
        assert (parts.teacher is not None) == teacher
        assert asked.needs_real == bool(discriminators or teacher) == ("align" in asked.identity())
        groups = make_optimiser(network, asked, parts.discriminators).param_groups
        assert len(groups) - len(plain.param_groups) == len(discriminators)
    assert settings(AlignConfig()).identity()["augment"]["style_transfer"] == 0.5


def test_settings_are_part_of_the_runs_identity(folder, domain, real_images, uninterrupted):
    other = settings(AlignConfig(**{**vars(EVERYTHING), "feature": 0.2}))
    out = uninterrupted.parent
    with pytest.raises(Sim2SGError, match=r"train\.align\.feature: 0\.1 there, 0\.2 here"):
        train(build_network(domain), domain, [(folder, 1.0)], other, out, real=real_images)
    with pytest.raises(Sim2SGError, match=r"real: 5 there, 4 here"):
        train(build_network(domain), domain, [(folder, 1.0)], settings(EVERYTHING), out, real=real_images[:4])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({}, "align and augment.style_transfer need real images"),
        ({"align": AlignConfig(feature=-1.0)}, "align.feature is -1"),
        ({"align": AlignConfig(teacher=1.0, real_share=1.0)}, "align.real_share is 1"),
        ({"align": AlignConfig(teacher=1.0), "ema": 0.0}, "align.teacher needs the averaged weights"),
        ({"align": AlignConfig(teacher=1.0), "batch": 1}, "batch is 1"),
        ({"augment": AugmentConfig(style_transfer=2.0)}, "augment.style_transfer is 2"),
        ({"align": AlignConfig(class_thresholds=(1.5,))}, "align.class_thresholds is"),
    ],
)
def test_mistakes_fail_before_anything_is_written(folder, domain, tmp_path, changes, message):
    config = settings(**{"align": EVERYTHING, **changes})
    with pytest.raises(Sim2SGError, match=message):
        train(build_network(domain), domain, [(folder, 1.0)], config, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no NVIDIA GPU")
def test_everything_on_a_gpu(folder, domain, real_images, tmp_path):
    config = settings(EVERYTHING, device="cuda")
    path = train(build_network(domain, seed=0), domain, [(folder, 1.0)], config, tmp_path, real=real_images)
    network, _ = load_network(path)
    assert all(torch.isfinite(p).all() for p in network.parameters())
