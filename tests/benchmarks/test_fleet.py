"""The benchmark of the fleet: its logs and its measures, without a cluster."""

from __future__ import annotations

import argparse

import pytest

from benchmarks import fleet as benchmark
from sim2sg_core.fleet import ONE_MACHINE
from sim2sg_core.logs import open_logs


@pytest.fixture(scope="module")
def args(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bench")
    benchmark.make_logs(folder / "logs", 3, 20)
    return argparse.Namespace(folder=folder, logs=3, log_frames=20, tasks=5)


def test_logs_show_in_part_what_others_show_and_that_is_dropped(args, tmp_path):
    assert [sum(1 for _ in log.frames()) for log in open_logs(args.folder / "logs")] == [20, 20, 20]
    found = benchmark.frames(ONE_MACHINE, args, tmp_path)
    # Ten views in each log, five of which are the next one's too.
    assert found["chosen"] == 20 and found["per_s"] > 0
    assert len(list(tmp_path.glob("*.jpg"))) == 20
