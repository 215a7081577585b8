"""The CLEVR benchmark's source and targets."""

import sys
from pathlib import Path

import pytest

from sim2sg_core.domains import load_domain

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import clevr  # noqa: E402


@pytest.mark.parametrize(("row", "most", "metal"), [("content_only", 10, False), ("appearance_only", 4, True)])
def test_a_control_differs_from_the_source_in_one_thing(row, most, metal, tmp_path):
    clevr.write_target_domain(row, tmp_path / "target.yaml")
    target, source = load_domain(tmp_path / "target.yaml"), load_domain(clevr.SOURCE)
    assert target.layout.count[1] == most and ("metal" in target.appearance.materials) == metal
    assert (target.appearance == source.appearance) == (row == "content_only")
    assert (target.layout == source.layout) == (row == "appearance_only")


def test_the_source_prior_is_the_agreed_one():
    domain = load_domain(clevr.SOURCE)
    assert domain.layout.count == (1, 4) and domain.layout.lateral == (-1.5, 1.5)
    assert [(c.name, c.frequency, c.sizes) for c in domain.classes] == [
        ("cube", 0.75, ((0.99,) * 3,)),
        ("sphere", 0.08, ((1.4,) * 3,)),
        ("cylinder", 0.17, ((1.4,) * 3,)),
    ]
    look = domain.appearance
    assert tuple(look.materials) == ("rubber",) and look.lights == (1, 1) and look.floors == ("plain",)
    assert all(len(set(paint)) == 1 for paint in look.paints) and look.random_paint == look.paint_jitter == 0
    camera = domain.camera
    assert all(low == high for low, high in (camera.hfov_deg, camera.height_m, camera.pitch_deg, camera.roll_deg))
