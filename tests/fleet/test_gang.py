"""Training by several processes of a real cluster."""

from __future__ import annotations

import os
import signal

import pytest
import torch

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.learning import TrainConfig, TrainJob
from sim2sg_core.model import build_network, load_checkpoint
from tests.fleet.workers import training
from tests.learning.test_ranks import apart, rows


def job(domain, folder, out, **changes) -> TrainJob:
    fields = {"steps": 8, "batch": 4, "save_every": 2, "log_every": 1, "workers": 0, "ema": 0.9, "amp": False}
    config = TrainConfig(**{**fields, **changes})
    return TrainJob(build_network(domain, seed=0), domain, [(folder, 1.0)], config, out)


@pytest.fixture(scope="module")
def plain(folder, domain, tmp_path_factory):
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("plain")
    job(domain, folder, out).run(None, None)
    return out


def test_two_ranks_learn_what_one_learns_though_one_of_them_dies(fleet, folder, domain, tmp_path, plain, capsys):
    told, killed = [], []

    def tell(n, resumed=False, **_):
        told.append(n)
        if sum(told) >= 3 and not killed:
            killed.extend(training()[-1:])
            os.kill(killed[0], signal.SIGKILL)

    checkpoint = job(domain, folder, tmp_path).train_on(fleet, 2, tell)
    assert killed and "a training process died; 2 go on from the last checkpoint" in capsys.readouterr().err
    assert sum(told) == load_checkpoint(checkpoint)["step"] == 8
    assert rows(tmp_path)[0] == pytest.approx(rows(plain)[0], rel=1e-4, abs=2e-6)
    assert [row["step"] for row in rows(tmp_path)] == list(range(1, 9))
    assert apart(plain, tmp_path) < 0.1


def test_a_single_rank_is_the_run_without_a_cluster_to_the_byte(fleet, folder, domain, tmp_path, plain):
    checkpoint = job(domain, folder, tmp_path).train_on(fleet, 1, None)
    assert checkpoint.read_bytes() == (plain / "checkpoint.pt").read_bytes()


def test_mistakes_come_from_the_ranks_as_one_line(fleet, folder, domain, tmp_path):
    (tmp_path / "checkpoint.pt").write_bytes(b"PK\x03\x04 what is this")
    job(domain, folder, tmp_path, steps=2).train_on(fleet, 2, None)  # damaged: begins anew
    with pytest.raises(Sim2SGError, match=r"holds a run with other settings \(train.steps: 2 there, 3 here\)"):
        job(domain, folder, tmp_path, steps=3).train_on(fleet, 2, None)
    with pytest.raises(Sim2SGError, match="--ranks 4: the cluster has 2 CPUs: give fewer, or add nodes"):
        job(domain, folder, tmp_path).train_on(fleet, 4, None)
    with pytest.raises(Sim2SGError, match="5 ranks share 4 labelled images per step"):
        job(domain, folder, tmp_path).train_on(fleet, 5, None)


def test_a_process_that_ray_ends_for_want_of_memory_is_one_that_died(monkeypatch, capsys):
    ray = pytest.importorskip("ray", reason="not installed: ray (pip install 'sim2sg[fleet]')")
    from sim2sg_core.fleet import ray_gang

    def short_of_memory(*_):
        raise ray.exceptions.OutOfMemoryError("Task was killed due to the node running low on memory.")

    monkeypatch.setattr(ray_gang, "_attempt", short_of_memory)
    monkeypatch.setattr(ray_gang, "_there", lambda gpus: 2)
    monkeypatch.setattr(ray_gang, "NOTICED_AFTER_S", 0.0)
    with pytest.raises(Sim2SGError, match=r"died 4 times \(Task .* low on memory.*give the nodes more memory"):
        ray_gang.run_gang(None, 2, False, None)
    assert capsys.readouterr().err.count("2 go on from the last checkpoint") == 3
