"""Several processes that share the steps of a training learn what one learns, to rounding."""

from __future__ import annotations

import dataclasses
import json
import multiprocessing
import os
import pickle
import socket
import subprocess
import sys

import pytest
import torch

from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.fleet import Place
from sim2sg_core.learning import AlignConfig, AugmentConfig, TrainConfig, TrainJob
from sim2sg_core.learning.data import Batches
from sim2sg_core.learning.metrics import FILE
from sim2sg_core.model import build_network, load_checkpoint
from sim2sg_core.model.ranks import Ranks
from tests.learning.conftest import TOY

EVERYTHING = AlignConfig(feature=0.1, prediction=0.1, teacher=0.5, real_share=0.4)


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def job(domain: Domain, folder, out, real=(), **changes) -> TrainJob:
    fields = {"steps": 4, "batch": 5, "save_every": 2, "log_every": 1, "workers": 0, "ema": 0.9, "amp": False}
    fields["learning_rate"] = 3e-4  # small: what differs by rounding grows with the length of the steps
    config = TrainConfig(**{**fields, **changes})
    return TrainJob(build_network(domain, seed=0), domain, [(folder, 1.0)], config, out, tuple(real))


def do_parts(jobs: bytes, rank: int, world: int, ports: list[int]) -> None:
    torch.set_num_threads(1)
    for work, port in zip(pickle.loads(jobs), ports, strict=True):
        work.run(Place(rank, world, "127.0.0.1", port), None)


def together(jobs: list[TrainJob], world: int) -> None:
    """Runs jobs, one after the other, in so many processes."""
    context = multiprocessing.get_context("spawn")
    sent = pickle.dumps(jobs)  # As they are, torch would let all processes write to the same memory.
    ports = [free_port() for _ in jobs]
    processes = [context.Process(target=do_parts, args=(sent, rank, world, ports)) for rank in range(world)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(400)
        assert process.exitcode == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def apart(a, b) -> float:
    """Returns how far two trainings came apart, averaged weights included, relative to the way that they went."""
    one, other = load_checkpoint(a / "checkpoint.pt"), load_checkpoint(b / "checkpoint.pt")
    start = dict(build_network(Domain.model_validate(TOY), seed=0).named_parameters())
    way = torch.stack([(one["network"][n] - p.detach()).norm() for n, p in start.items()]).norm()
    pairs = [(one[kind][name], other[kind][name]) for kind in ("network", "ema") for name in start]
    return float(torch.stack([(x - y).norm() for x, y in pairs]).norm() / way)


def rows(folder) -> list[dict[str, float]]:
    return [json.loads(line) for line in (folder / FILE).read_text().splitlines()]


CASES = {
    "labelled": {},
    "everything": {"align": EVERYTHING},
    "conditional": {"align": dataclasses.replace(EVERYTHING, teacher_update="conditional"), "steps": 6},
}


@pytest.fixture(scope="module")
def both(folder, domain, real_images, tmp_path_factory):
    """The folder with runs of one process, in `one`, and with the same of two, in `two`."""
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("ranks")
    jobs = {
        (world, name): job(domain, folder, out / world / name, real_images if "align" in changes else (), **changes)
        for world in ("one", "two")
        for name, changes in CASES.items()
    }
    resumed = {world: job(domain, folder, out / world / "resumed") for world in ("one", "two")}
    with pytest.raises(KeyboardInterrupt):
        resumed["two"].run(None, stop_after(2))
    assert load_checkpoint(out / "two/resumed/checkpoint.pt")["step"] == 2
    for work in (*(jobs["one", name] for name in CASES), resumed["one"]):
        work.run(None, None)
    fresh = job(domain, folder, out / "two/resumed")
    together([*(jobs["two", name] for name in CASES), fresh], 2)
    return out


def stop_after(steps):
    told: list[int] = []

    def stop(n, **_):
        told.append(n)
        if sum(told) == steps:
            raise KeyboardInterrupt

    return stop


@pytest.mark.parametrize("name", CASES)
def test_two_processes_learn_what_one_learns(both, name):
    one, two = rows(both / "one" / name), rows(both / "two" / name)
    assert len(one) == len(two) == CASES[name].get("steps", 4)
    # Of the first step, nothing but rounding lies between: each loss, and the gradient.
    assert one[0] == pytest.approx(two[0], rel=1e-4, abs=2e-6)
    # Later AdamW makes steps of full length even where a gradient is but rounding.
    assert one[-1]["loss"] == pytest.approx(two[-1]["loss"], rel=1e-3)
    assert apart(both / "one" / name, both / "two" / name) < 0.05


def test_a_run_goes_on_with_another_number_of_processes(both):
    assert load_checkpoint(both / "two/resumed/checkpoint.pt")["step"] == 4
    assert [row["step"] for row in rows(both / "two/resumed")] == [1, 2, 3, 4]
    assert apart(both / "one/resumed", both / "two/resumed") < 0.05
    assert not list((both / "two/resumed").glob(".*"))


def test_slices_are_the_batch(records, domain):
    config = TrainConfig(steps=1, batch=5, augment=AugmentConfig())
    model = build_network(domain, seed=0).config
    whole = Batches([(records, 1.0)], domain, model, config).batch(3)
    for world in (1, 2, 3, 5):
        parts = [Batches([(records, 1.0)], domain, model, config, ranks=Ranks(k, world)).batch(3) for k in range(world)]
        assert {len(p.image) for p in parts} <= {5 // world, -(-5 // world)}
        assert torch.equal(torch.cat([p.image for p in parts]), whole.image)
        assert torch.equal(torch.cat([p.heat for p in parts]), whole.heat)


def test_more_processes_than_images_are_refused(folder, domain, tmp_path):
    with pytest.raises(Sim2SGError, match="3 ranks share 2 labelled images per step"):
        Ranks(0, 3).check(2, 0)
    with pytest.raises(Sim2SGError, match="3 ranks share 2 real images per step"):
        Ranks(0, 3).check(4, 2)
    Ranks(0, 2).check(4, 2)


def test_torchrun_starts_the_processes(folder, tmp_path, domain):
    import yaml

    file = tmp_path / "toy.yaml"
    file.write_text(yaml.safe_dump(domain.model_dump(mode="json", exclude_defaults=True)))
    words = ["train", "--domain", file, "--data", folder, "--steps", 3, "--batch", 4, "--learning-rate", 1e-4]
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    for name, start in (("one", [sys.executable]), ("two", command)):
        done = subprocess.run(
            [*map(str, [*start, "-m", "sim2sg_core", *words, "--out", tmp_path / name])],
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("trained for 3 steps") == 1
    assert rows(tmp_path / "one")[0]["loss"] == pytest.approx(rows(tmp_path / "two")[0]["loss"], rel=0.01)
