"""The CLEVR benchmark's bookkeeping."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.domains import load_domain

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import clevr  # noqa: E402


def write(folder, seed, row, **metrics):
    file = folder / f"seed_{seed}" / f"{row}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"metrics": metrics}))


def test_gaps_are_closed_per_seed(tmp_path):
    for seed, (source, fair, ours, oracle) in enumerate([(0.2, 0.4, 0.8, 0.9), (0.3, 0.5, 0.9, 1.0)]):
        for row, value in (("source", source), ("fair_source", fair), ("ours", ours), ("oracle", oracle)):
            write(tmp_path, seed, row, mAP50=value, sgdet_R20=value / 2)
    write(tmp_path, 0, "content_only", mAP50=0.99, sgdet_R20=0.5)
    table = clevr.collect(tmp_path)
    assert table["ours"]["gap_closed_mAP50"] == {"mean": 0.8, "sd": 0.0, "n": 2}
    assert table["ours"]["gap_closed_from_source_mAP50"]["mean"] == pytest.approx(6 / 7, abs=1e-4)
    assert (
        table["fair_source"]["gap_closed_sgdet_R20"]["mean"] == 0 and table["oracle"]["gap_closed_mAP50"]["mean"] == 1
    )
    # A controlled study has another target: the gap to this oracle means nothing there.
    assert set(table["content_only"]) == {"mAP50", "sgdet_R20"}


def test_a_row_without_an_oracle_yet_has_no_gap(tmp_path):
    write(tmp_path, 0, "ours", mAP50=0.8, sgdet_R20=0.4)
    assert clevr.collect(tmp_path)["ours"] == {
        "mAP50": {"mean": 0.8, "sd": 0.0, "n": 1},
        "sgdet_R20": {"mean": 0.4, "sd": 0.0, "n": 1},
    }


@given(st.lists(st.integers(-9, 9), min_size=3, max_size=20, unique=True))
def test_rank_correlation(values):
    assert clevr.spearman(values, [v**3 for v in values]) == pytest.approx(1)
    assert clevr.spearman(values, [-v for v in values]) == pytest.approx(-1)


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
