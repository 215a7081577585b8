"""What a model says of the log, made once."""

import json

import cv2
import numpy as np

from sim2sg_core.adaptation import log_inference
from sim2sg_core.adaptation.log_frames import SampledFrame
from sim2sg_core.adaptation.log_inference import LogInference
from sim2sg_core.adaptation.run_folder import Run
from sim2sg_core.domains import load_domain
from sim2sg_core.learning.thresholds import class_thresholds
from sim2sg_core.runtime import Predictor
from sim2sg_core.scene import Camera
from sim2sg_core.synthesis import render_dataset
from sim2sg_core.synthesis.synthesizer import Synthesizer
from tests.runtime.constant_model import empty_outputs, write_model


def test_a_resumed_run_sees_the_graphs_that_it_saw_before(tmp_path, monkeypatch):
    """Files round: what goes on from the graphs in memory would differ from what goes on from the file."""
    clevr = load_domain("clevr")
    rng = np.random.default_rng(0)
    outputs = empty_outputs(k=6, r=4, predicates=len(clevr.predicates))
    low = rng.uniform(10, 90, (6, 2))
    outputs["boxes"][:] = np.hstack([low, low + rng.uniform(10, 60, (6, 2))])
    outputs["scores"][:] = np.sort(rng.uniform(0.1, 1, 6))[::-1]
    outputs["classes"][:] = [0, 1, 2, 0, 1, 2]
    outputs["pairs"][:] = [[0, 1], [1, 2], [2, 3], [3, 4]]
    outputs["relations"][:] = rng.random((4, len(clevr.predicates)))
    model = write_model(tmp_path / "model.onnx", outputs, domain=json.dumps(clevr.to_json()))
    cv2.imwrite(str(tmp_path / "a.png"), np.full((240, 320, 3), 120, np.uint8))
    camera = Camera(320, 240, np.array([[350.0, 0, 160], [0, 350, 120], [0, 0, 1]]))
    frames = [SampledFrame(tmp_path / "a.png", "a.png", 1, camera)]

    scene = Synthesizer(clevr).sample(0, size=(96, 64))
    render_dataset(clevr, [(0, scene)], tmp_path / "held_out", workers=1, samples=0, shadow_size=64)
    opened = []
    monkeypatch.setattr(
        log_inference, "Predictor", lambda path, **options: opened.append(path) or Predictor(path, **options)
    )

    def seen():
        inference = LogInference(Run(tmp_path), tmp_path, frames, clevr)
        consistency = inference.self_consistency()
        graphs = inference.graphs()
        tiled, shares = inference.tiled_graphs(graphs)
        assert shares.keys() == set(clevr.class_names)
        thresholds = class_thresholds(graphs, clevr.class_names)
        seen = [[(o.score, *o.box, *o.pose.position) for o in g.objects] for g in (*graphs, *tiled)]
        return consistency, thresholds, seen

    first = seen()
    assert first[2][0] and seen() == first
    assert opened == [model], "one session for all three, and none where all is there"
