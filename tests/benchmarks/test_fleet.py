"""The benchmark of the fleet: its logs and its measures, without a cluster."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from benchmarks import fleet as benchmark
from sim2sg_core.fleet import ONE_MACHINE
from sim2sg_core.logs import open_logs


@pytest.fixture(scope="module")
def args(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    benchmark.make_logs(folder / "logs", 3, 20)
    return argparse.Namespace(out=folder, logs=3, log_frames=20, tasks=5)


def test_logs_show_in_part_what_others_show_and_that_is_dropped(args, tmp_path):
    assert [sum(1 for _ in log.frames()) for log in open_logs(args.out / "logs")] == [20, 20, 20]
    found = benchmark.frames(ONE_MACHINE, args, tmp_path)
    # Ten views in each log, five of which are the next one's too.
    assert found["chosen"] == 20 and found["per_s"] > 0
    assert len(list(tmp_path.glob("*.jpg"))) == 20


def settings(tmp_path, *words):
    return benchmark.arguments().parse_args(["--out", str(tmp_path), "--logs", "1", "--log-frames", "2", *words])


def test_a_run_that_was_stopped_goes_on_and_other_numbers_are_measured_anew(tmp_path, monkeypatch):
    began = []

    def child(command, **_):
        began.append((command[command.index("--parts") + 1], int(command[command.index("--workers") + 1])))
        figures = {began[-1][0]: {"per_s": 10.0 * (began[-1][1] or 1) * (0.9 if began[-1][1] else 1.0)}}
        return argparse.Namespace(stdout=f"a line\n{json.dumps(figures)}\n")

    monkeypatch.setattr(benchmark.subprocess, "run", child)
    words = ["--repeats", "2", "--parts", "inference", "tasks"]
    assert benchmark.run(settings(tmp_path, *words, "--minutes", "-1")) == {} and not began
    found = benchmark.run(settings(tmp_path, *words))
    assert began == [("inference", 0), ("inference", 1), ("inference", 2)] * 2 + [("tasks", 1), ("tasks", 2)] * 2
    assert benchmark.run(settings(tmp_path, *words)) == found and len(began) == 10
    rows = benchmark.rows_of(found)
    assert rows["inference, Ray, 2 workers"]["efficiency"] == {"mean": 0.9, "sd": 0.0, "n": 2}
    assert "efficiency" not in rows["tasks, Ray, 2 workers"]
    benchmark.run(settings(tmp_path, *words, "--images", "3"))
    assert len(began) == 20


def test_a_log_that_was_half_written_is_written_anew(tmp_path):
    (tmp_path / ".unfinished" / "log_000").mkdir(parents=True)
    benchmark.make_logs(tmp_path, 1, 10)
    [log] = open_logs(tmp_path)
    assert sum(1 for _ in log.frames()) == 10


def test_the_peak_of_this_process_is_told():
    assert 10 < benchmark.peak_mib(Path("/proc/self")) < 10_000
    assert benchmark.peak_mib(Path("/proc/0")) == 0.0
