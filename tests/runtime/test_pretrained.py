"""The models that ship with the package."""

from __future__ import annotations

import numpy as np
import pytest

from sim2sg_core.domains import load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import decode_image
from sim2sg_core.runtime import DecodeOptions, Predictor, load_info
from sim2sg_core.runtime.metadata import pretrained_models
from sim2sg_core.scene.boxes import box_iou
from sim2sg_core.synthesis.synthesizer import Synthesizer

FRAMES = 12


@pytest.mark.parametrize("name", pretrained_models())
def test_each_finds_what_its_domain_shows(name: str) -> None:
    """Most of what is large and open to view, in rooms that it was not trained on."""
    domain = load_domain(name)
    assert load_info(name).classes == domain.class_names
    predictor, synthesizer = Predictor(name, "cpu"), Synthesizer(domain)
    found = []
    for seed in range(FRAMES):
        frame = synthesizer.frame(synthesizer.sample(seed), seed)
        graph = predictor.predict(decode_image(frame.jpeg()), frame.graph.camera, DecodeOptions(0.15))
        for item in frame.graph.objects:
            if (item.visibility or 0) > 0.8 and np.subtract(item.box[2:], item.box[:2]).min() > 24:
                boxes = np.array([o.box for o in graph.objects if o.label == item.label]).reshape(-1, 4)
                found.append((box_iou(boxes, np.array([item.box])) > 0.5).any())
    synthesizer.close()
    assert len(found) > 2 * FRAMES and np.mean(found) > 0.6


def test_a_file_of_that_name_wins(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dining").write_bytes(b"mine")
    with pytest.raises(Sim2SGError, match="not an ONNX model"):
        load_info("dining")


def test_an_unknown_name_is_told_the_known_ones() -> None:
    with pytest.raises(Sim2SGError, match=r"no such file.*dining"):
        load_info("dinning")
