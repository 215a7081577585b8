"""The whole small adaptation on a real cluster of two nodes whose workers are killed now and then."""

from __future__ import annotations

import os
import signal
import threading

import cv2
import numpy as np
import pytest
import torch

from benchmarks.kills import differences
from sim2sg_core.adaptation import AdaptConfig, adapt
from sim2sg_core.adaptation.method import resolve_method
from sim2sg_core.domains import load_domain
from tests.adaptation.test_rounds import DOMAIN
from tests.fleet.workers import at_task

LOOK_EVERY_S = 1.0
MOST_KILLS = 8


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Two short logs of a few grey pictures."""
    folder = tmp_path_factory.mktemp("log")
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (folder / name).mkdir()
        for i in range(2):
            image = np.full((64, 96, 3), 120, np.uint8) + rng.integers(0, 20, (64, 96, 3), dtype=np.uint8)
            cv2.rectangle(image, (20 + 10 * i, 20), (40 + 10 * i, 44), (200, 40, 40), -1)
            cv2.imwrite(str(folder / name / f"{i}.png"), image)
    (folder / "tiny.yaml").write_text(DOMAIN)
    return folder


def run(log, out, **options):
    domain = load_domain(str(log / "tiny.yaml"))
    settings = {"frames": 4, "rounds": 1, "round_frames": 4, "round_steps": 4, "batch": 2, "workers": 1}
    config = AdaptConfig(
        logs=(str(log / "a"), str(log / "b")),
        method=resolve_method("ours", mixing=0.5),
        source_frames=4,
        source_steps=4,
        backbone="small",
        **settings,
    )
    return adapt(config.resolved(domain), domain, out, **options)


@pytest.fixture(scope="module")
def plain(log, tmp_path_factory):
    torch.set_num_threads(1)
    out = tmp_path_factory.mktemp("plain") / "run"
    run(log, out)
    return out


def test_frames_graphs_renders_weights_and_manifest_are_those_of_one_machine(fleet, log, tmp_path, plain):
    ended, killed = threading.Event(), []

    def kill():
        manifest, before = tmp_path / "run" / "manifest.json", 0
        while len(killed) < MOST_KILLS and not ended.wait(LOOK_EVERY_S):
            # One for every artefact that was finished: a task that is killed four times in a row is given up.
            now = manifest.stat().st_mtime_ns if manifest.exists() else 0
            for pid in at_task()[: now > before]:
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
                before = now

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    try:
        run(log, tmp_path / "run", fleet=fleet)
    finally:
        ended.set()
        killer.join()
    assert killed
    assert differences(plain, tmp_path / "run") == []
