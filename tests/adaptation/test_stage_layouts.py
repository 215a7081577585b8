"""Priors that are fitted to the log: kept in the run's folder, drawn from, and used by a round."""

import json

import cv2
import numpy as np
import pytest
import torch

from sim2sg_core.adaptation import AdaptConfig, resolve_method
from sim2sg_core.adaptation.content.round_layouts import PriorLayout
from sim2sg_core.adaptation.log_frames import SampledFrame
from sim2sg_core.adaptation.run_folder import Run
from sim2sg_core.adaptation.stage_layouts import HISTORY_FILE, PRIOR_FILE, round_prior
from sim2sg_core.adaptation.stages import checkpoint_of
from sim2sg_core.cli.main import main
from sim2sg_core.domains import load_domain
from sim2sg_core.model import build_network, save_checkpoint
from sim2sg_core.scene import Placement, SceneGraph, SceneObject
from sim2sg_core.scene.graph import write_json
from tests.adaptation.test_rounds import DOMAIN

HISTORY = {
    "meta_sim": {"squared_mmd", "renders", "log_frames"},
    "meta_sim2": {"prior", "reward", "classes", "counts", "renders", "log_frames"},
    "scenegen": {"loss"},
}


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """Three frames, the domain's file, and the checkpoint of a network that knows nothing."""
    torch.set_num_threads(1)
    folder, rng = tmp_path_factory.mktemp("log"), np.random.default_rng(0)
    for i in range(3):
        cv2.imwrite(str(folder / f"{i}.png"), rng.integers(90, 150, (64, 96, 3), dtype=np.uint8))
    (folder.parent / "tiny.yaml").write_text(DOMAIN)
    domain = load(folder)
    save_checkpoint(folder.parent / "start.pt", build_network(domain, backbone="small"), domain)
    return folder


def load(log):
    return load_domain(log.parent / "tiny.yaml")


def begun(log, out, method):
    """A run between its first stage and its first round, and what `round_prior` is asked with."""
    domain, run = load(log), Run(out)
    config = AdaptConfig(
        logs=(str(log),), start=str(log.parent / "start.pt"), round_frames=13, method=resolve_method(method)
    ).resolved(domain)
    camera = domain.camera.sample(np.random.default_rng(0))
    frames = [SampledFrame(path, path.name, 0, camera) for path in sorted(log.glob("*.png"))]
    poses = [Placement("cube", np.array([8.0 + k, 0.5 * k, 0]), 0.3, np.ones(3)).to_pose(camera) for k in range(3)]
    objects = [SceneObject("cube", 0.9, np.zeros(4), pose) for pose in poses]
    graphs = [SceneGraph(96, 64, tuple(objects[: k + 1]), (), camera=camera) for k in range(3)]
    source = run.stage_folder("source")
    checkpoint_of(source).parent.mkdir(exist_ok=True)
    checkpoint_of(source).write_bytes((log.parent / "start.pt").read_bytes())
    write_json(source / "calibration.json", {"object_temperature": 1.0, "relation_temperature": 1.0})
    draw = PriorLayout(domain, [camera])
    return run, config, domain, run.stage_folder("round_1"), source, frames, graphs, draw


@pytest.mark.slow
@pytest.mark.parametrize("method", HISTORY)
def test_a_prior_is_fitted_once_and_its_scenes_come_again(method, log, tmp_path):
    asked = begun(log, tmp_path / "run", method)
    prior = round_prior(*asked)
    drawn = [prior(np.random.default_rng(k)).to_json(exact=True) for k in range(4)]
    assert drawn[0] != drawn[1] and any(layout["placements"] for layout in drawn)
    kept, history = (asked[3] / name for name in (PRIOR_FILE, HISTORY_FILE))
    assert json.loads(history.read_text()).keys() == HISTORY[method]
    code, stamp = kept.read_bytes(), kept.stat().st_mtime_ns
    again = round_prior(*begun(log, tmp_path / "run", method))
    assert kept.stat().st_mtime_ns == stamp  # It is not fitted again.
    assert [again(np.random.default_rng(k)).to_json(exact=True) for k in range(4)] == drawn
    kept.write_bytes(code[: len(code) // 2])
    round_prior(*begun(log, tmp_path / "run", method))
    assert kept.read_bytes() == code  # A damaged one is fitted anew, to the same.


def test_other_methods_draw_from_the_domain_and_leave_nothing(log, tmp_path):
    asked = begun(log, tmp_path / "run", "ours")
    assert round_prior(*asked) is asked[-1] and not list(asked[3].iterdir())


@pytest.mark.slow
def test_ours_draws_its_prior_scenes_from_the_learned_layouts_where_it_is_told_to(log, tmp_path, capsys):
    run = tmp_path / "run"
    words = ["adapt", "--domain", str(log.parent / "tiny.yaml"), "--log", str(log), "--out", str(run), "--workers", "1"]
    words += ["--start", str(log.parent / "start.pt"), "--max", "3", "--batch", "2", "--rounds", "1"]
    words += ["--round-frames", "4", "--round-steps", "2", "--layout-prior", "learned", "--prior-share", "0.5"]
    assert main(words) == 0
    assert "fitting the prior's layouts to the log (learned)" in capsys.readouterr().err
    listed = json.loads((run / "manifest.json").read_text())["files"]
    assert "round_1/layout_prior" in listed and "round_1/model.onnx" in listed
