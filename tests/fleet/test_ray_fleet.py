"""Work on a real cluster of two nodes: what comes out, and what happens where workers die."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from sim2sg_core.domains import load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.fleet import Inline
from sim2sg_core.synthesis import render_dataset
from tests.fleet.conftest import another_node
from tests.fleet.workers import at_task, contents

OPTIONS = dict(size=(96, 64), samples=0, shadow_size=64)


@dataclass(frozen=True)
class Squares:
    """Work that may kill its worker, fail, or warn, by the item."""

    folder: Path

    def open(self):
        with (self.folder / "opened").open("a") as file:
            file.write(f"{os.getpid()}\n")
        return self.do

    def do(self, item):
        if item == "warn":
            logging.getLogger("sim2sg_core.logs").warning("a frame is dark")
            return -1
        if item == "fail":
            raise Sim2SGError("a.mcap: damaged")
        if item == "full":
            raise OSError(28, "No space left on device", "/store/a.jpg")
        if item == "bug":
            raise KeyError("ours")
        if item in ("die once", "die"):
            mark = self.folder / "died"
            if item == "die" or not mark.exists():
                mark.touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return -2
        return item * item


def test_results_come_in_order_and_each_worker_opens_the_work_once(fleet, tmp_path):
    items = list(range(40))
    assert list(fleet.pool(Inline()).map(Squares(tmp_path), items)) == [k * k for k in items]
    opened_by = (tmp_path / "opened").read_text().split()
    assert len(opened_by) == len(set(opened_by)) <= 4
    assert sorted(fleet.pool(Inline()).map(Squares(tmp_path), items, ordered=False)) == [k * k for k in items]


def test_no_more_items_are_taken_than_the_workers_are_about_to_do(fleet, tmp_path):
    taken = []

    def endless():
        k = 0
        while True:
            taken.append(k)
            yield k
            k += 1

    from sim2sg_core.fleet.ray_fleet import AHEAD

    results = fleet.pool(Inline()).map(Squares(tmp_path), endless())
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    assert len(taken) <= 5 + AHEAD * 2
    results.close()


def test_a_worker_that_dies_costs_its_task_alone(fleet, tmp_path):
    items = [1, 2, "die once", 3]
    assert list(fleet.pool(Inline()).map(Squares(tmp_path), items)) == [1, 4, -2, 9]
    assert (tmp_path / "died").exists()


def test_a_task_that_kills_every_worker_is_one_clear_error(fleet, tmp_path, monkeypatch):
    monkeypatch.setattr("sim2sg_core.fleet.ray_fleet.RETRIES", 1)
    with pytest.raises(Sim2SGError, match=r"died 2 times at the same task .* it goes on where it was"):
        list(fleet.pool(Inline()).map(Squares(tmp_path), ["die"]))


def test_errors_and_warnings_of_workers_reach_the_driver_as_they_are(fleet, tmp_path, caplog):
    pool = fleet.pool(Inline())
    assert list(pool.map(Squares(tmp_path), ["warn"])) == [-1]
    assert [(r.name, r.getMessage()) for r in caplog.records] == [("sim2sg_core.logs", "a frame is dark")]
    with pytest.raises(Sim2SGError, match=r"^a.mcap: damaged$"):
        list(pool.map(Squares(tmp_path), [1, "fail", 2]))
    with pytest.raises(OSError, match="No space left") as full:
        list(pool.map(Squares(tmp_path), ["full"]))
    assert full.value.filename == "/store/a.jpg"
    with pytest.raises(KeyError, match="ours"):
        list(pool.map(Squares(tmp_path), ["bug"]))


def test_a_folder_that_a_node_does_not_see_is_refused(fleet, tmp_path, monkeypatch):
    fleet.check(tmp_path)
    assert not list(tmp_path.iterdir())
    monkeypatch.setattr("sim2sg_core.fleet.ray_fleet.SEEN_WITHIN_S", 8.0)
    monkeypatch.setattr("pathlib.Path.write_text", lambda path, text: 0)  # as if it went to another disk
    with pytest.raises(Sim2SGError, match=f"does not see {tmp_path}: --out must lie in a folder that all nodes mount"):
        fleet.check(tmp_path)


def test_an_address_without_a_cluster_is_one_line(tmp_path):
    pytest.importorskip("ray", reason="not installed: ray")
    words = ["synth", "--domain", "clevr", "--count", "1", "--out", str(tmp_path / "set"), "--ray", "127.0.0.1:1"]
    done = subprocess.run(
        [sys.executable, "-m", "sim2sg_core", *words],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "RAY_gcs_rpc_server_reconnect_timeout_s": "2"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 2
    assert "error: --ray 127.0.0.1:1: no Ray cluster can be used there" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    out = tmp_path_factory.mktemp("plain") / "set"
    render(out, 8, workers=1)
    return contents(out)


def render(out, count, **options):
    return render_dataset(load_domain("clevr"), [(seed, None) for seed in range(count)], out, **OPTIONS, **options)


def test_renders_are_those_of_one_machine_to_the_byte(fleet, tmp_path, plain):
    told = []
    render(tmp_path / "set", 8, fleet=fleet, progress=lambda n, **_: told.append(n))
    assert sum(told) == 8 and contents(tmp_path / "set") == plain


def test_renders_go_on_when_their_workers_are_killed(fleet, tmp_path, plain):
    out, killed = tmp_path / "set", []

    def kill(n, **_):
        if not killed:
            for pid in at_task():
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)

    render(out, 8, fleet=fleet, progress=kill)
    assert killed and contents(out) == plain


def test_a_node_that_dies_costs_its_tasks_alone(fleet, cluster, tmp_path, plain):
    from tests.fleet.conftest import node

    extra, out, left = cluster.add_node(**node()), tmp_path / "set", []
    cluster.wait_for_nodes()

    def kill(n, **_):
        if not left:
            left.append(time.monotonic())
            cluster.remove_node(extra, allow_graceful=False)

    render(out, 8, fleet=fleet, progress=kill)
    assert left and contents(out) == plain


@dataclass(frozen=True)
class Gpus:
    """Work that says in which process it is done, and on which GPU of its node that was when the work was opened."""

    def open(self):
        found = os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")
        return lambda item: found


def test_a_worker_that_needs_a_gpu_has_one_of_its_own(fleet, cluster):
    with pytest.raises(Sim2SGError, match=r"the Ray cluster has no GPU: infer on CPUs \(--provider cpu\)"):
        fleet.pool(Inline(), gpus=True)
    # Ray gives out as many as a node says that it has; what is tested is who gets which.
    with another_node(cluster, num_cpus=2, num_gpus=2):
        found = list(fleet.pool(Inline(), gpus=True).map(Gpus(), range(20)))
    assert len(found) == 20 and len(set(found)) == 2
    assert {gpu for _, gpu in found} == {"0", "1"} and len({pid for pid, _ in found}) == 2


LEFT_OFF = """
import gc, sys
import ray
from sim2sg_core.fleet import Inline, opened
from tests.fleet.test_ray_fleet import Squares
from pathlib import Path

def fail():
    with opened(sys.argv[1]) as fleet:
        results = fleet.pool(Inline()).map(Squares(Path(sys.argv[2])), range(1000))
        next(results)
        raise ValueError("of the caller")

try:
    fail()
except ValueError as error:
    print(error)
gc.collect()
print("connected:", ray.is_initialized())
"""


def test_work_that_an_error_of_the_caller_leaves_undone_starts_no_other_ray(cluster, tmp_path):
    words = [sys.executable, "-c", LEFT_OFF, cluster.address, str(tmp_path)]
    run = subprocess.run(words, capture_output=True, text=True, check=True, timeout=240)
    assert run.stdout.splitlines() == ["of the caller", "connected: False"] and "Traceback" not in run.stderr


def test_a_cluster_without_cpus_is_told_of():
    """As a head node that computes nothing, before its workers come: tasks would wait without a word."""
    program = """
import logging
from ray.cluster_utils import Cluster
from sim2sg_core.fleet.ray_fleet import connected
from tests.fleet.conftest import node
logging.basicConfig()
made = Cluster()
made.add_node(**{**node(), "num_cpus": 0}, include_dashboard=False)
with connected(made.address) as fleet:
    fleet.check(None)
made.shutdown()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("the Ray cluster has no CPU") == 1
