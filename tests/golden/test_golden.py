"""Layouts, frames and trainings of the built-in domains stay what they are: models that ship were made of them.

Layouts are equal everywhere. Pixels and weights are equal bit by bit on a kind of machine that has been recorded,
and nearly so on any other. Where a change is meant, `python tests/golden/digests.py --write` records them anew.
"""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

_spec = importlib.util.spec_from_file_location("golden_digests", Path(__file__).with_name("digests.py"))
digests = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(digests)

GOLDEN = json.loads(digests.FILE.read_text())


@pytest.mark.parametrize("name", digests.DOMAINS)
def test_layouts_and_frames(name):
    drawn, known = digests.layouts_and_frames(name), GOLDEN["everywhere"][name]
    assert drawn["layouts"] == known["layouts"]
    assert drawn["counts"] == known["counts"]
    off = np.abs(np.array(drawn["thumbnails"], float) - known["thumbnails"])
    assert off.mean() < 0.5 and off.max() <= 6
    exact = GOLDEN["machines"].get(digests.machine())
    if exact:
        assert drawn["frames"] == exact[name]["frames"]


@pytest.mark.parametrize("name", digests.DOMAINS)
def test_training(name, tmp_path):
    trained, known = digests.training(name, tmp_path), GOLDEN["everywhere"][name]
    np.testing.assert_allclose(trained["losses"], known["losses"], rtol=0.05)
    exact = GOLDEN["machines"].get(digests.machine())
    if exact:
        assert trained["weights"] == exact[name]["weights"]
