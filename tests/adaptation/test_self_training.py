"""Self-training with a frozen labeller, as a stage does it."""

import json

import cv2
import numpy as np
import pytest

from sim2sg_core.adaptation.adapt_config import AdaptConfig
from sim2sg_core.adaptation.log_frames import SampledFrame
from sim2sg_core.adaptation.method import resolve_method
from sim2sg_core.adaptation.stages import checkpoint_of, train_round
from sim2sg_core.domains import load_domain
from sim2sg_core.model import build_network, save_checkpoint
from sim2sg_core.scene import SceneGraph, SceneObject
from sim2sg_core.scene.graph import save_graphs, write_json
from sim2sg_core.synthesis import render_dataset
from sim2sg_core.synthesis.synthesizer import Synthesizer
from tests.adaptation.test_rounds import DOMAIN


def test_self_training_learns_from_what_the_first_model_says_in_all_rounds(tmp_path):
    (tmp_path / "tiny.yaml").write_text(DOMAIN)
    domain = load_domain(tmp_path / "tiny.yaml")
    camera = domain.camera.sample(np.random.default_rng(0))
    cv2.imwrite(str(tmp_path / "0.png"), np.full((64, 96, 3), 120, np.uint8))
    frames = [SampledFrame(tmp_path / "0.png", "0.png", 0, camera)]
    source, first, second = (tmp_path / name for name in ("source", "round_1", "round_2"))
    # By its scores the first model expects two of its four cubes, so its threshold is .4; the last one expects four.
    scores = {source: (0.8, 0.4, 0.4, 0.4), first: (0.99, 0.98, 0.97, 0.96)}
    said = {
        stage: [SceneGraph(96, 64, tuple(SceneObject("cube", s, np.zeros(4)) for s in values), (), camera=camera)]
        for stage, values in scores.items()
    }
    for stage, graphs in said.items():
        save_checkpoint(checkpoint_of(stage), build_network(domain, backbone="small"), domain)
        write_json(stage / "calibration.json", {"object_temperature": 1.0, "relation_temperature": 1.0})
        save_graphs(stage / "inferred.json", graphs, stage.name)
    render_dataset(domain, [(0, Synthesizer(domain).sample(0, size=(96, 64)))], second / "data", workers=1)
    method = resolve_method("self_training")
    config = AdaptConfig(("log",), start=str(checkpoint_of(source)), round_steps=1, batch=2, method=method)
    train_round(config.resolved(domain), domain, second, [source, first], frames, said[first], 2, "here")
    align = json.loads((second / "train/train.json").read_text())["settings"]["align"]
    assert align["teacher_update"] == "frozen"
    assert align["class_thresholds"][0] == pytest.approx(0.4)
