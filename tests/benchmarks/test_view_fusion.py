"""The stand-in for a log: renders in another look, the same each time."""

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks import view_fusion


def test_another_look_is_drawn_from_the_seed_alone():
    image = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
    first, again, other = (view_fusion.changed(image, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first.shape == image.shape and first.dtype == np.uint8
    assert (first == again).all() and (first != other).any() and (first != image).any()


def test_the_renders_stay_as_they_are_so_that_a_second_run_sees_the_same(tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(view_fusion, "see_views", lambda predictor, image, *_: shown.append(image))
    domain = view_fusion.load_domain("drive")
    predictor = view_fusion.Predictor(view_fusion.PACKS / "drive" / "model.onnx")
    for _ in range(2):
        folder = view_fusion.rendered("drive", tmp_path / "renders", 1, 5)
        view_fusion.look(folder, predictor, domain, False, np.random.default_rng(0))
    view_fusion.look(folder, predictor, domain, False)
    assert (shown[0] == shown[1]).all() and (shown[0] != shown[2]).any()
    assert "drawn anew" not in (folder / "log.txt").read_text()
