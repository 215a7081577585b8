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


def test_images_are_changed_once(tmp_path):
    folder = view_fusion.rendered("clevr", tmp_path / "renders", 1, 5)
    file = next((folder / "images").iterdir())
    before = file.read_bytes()
    view_fusion.in_another_look(folder, 0)
    changed = file.read_bytes()
    assert changed != before
    view_fusion.in_another_look(folder, 0)
    assert file.read_bytes() == changed
