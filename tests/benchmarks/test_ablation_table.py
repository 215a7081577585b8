"""The table of an ablation."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
import ablation_table
from clevr import Clevr


def write(folder, seed, row, **metrics):
    file = folder / f"seed_{seed}" / f"{row}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"metrics": metrics}))


def test_gaps_are_closed_per_seed(tmp_path):
    for seed, (source, fair, ours, oracle) in enumerate([(0.2, 0.4, 0.8, 0.9), (0.3, 0.5, 0.9, 1.0)]):
        for row, value in (("source", source), ("fair_source", fair), ("ours", ours), ("oracle", oracle)):
            write(tmp_path, seed, row, mAP50=value, sgdet_R20=value / 2)
    write(tmp_path, 0, "content_only", mAP50=0.99, sgdet_R20=0.5)
    table = ablation_table.collect(tmp_path, Clevr.gaps, Clevr.other_targets)
    assert table["ours"]["gap_closed_mAP50"] == {"mean": 0.8, "sd": 0.0, "n": 2}
    assert table["ours"]["gap_closed_from_source_mAP50"]["mean"] == pytest.approx(6 / 7, abs=1e-4)
    assert (
        table["fair_source"]["gap_closed_sgdet_R20"]["mean"] == 0 and table["oracle"]["gap_closed_mAP50"]["mean"] == 1
    )
    # A controlled study has another target: the gap to this oracle means nothing there.
    assert set(table["content_only"]) == {"mAP50", "sgdet_R20"}


def test_a_row_without_an_oracle_yet_has_no_gap(tmp_path):
    write(tmp_path, 0, "ours", mAP50=0.8, sgdet_R20=0.4)
    assert ablation_table.collect(tmp_path, Clevr.gaps, Clevr.other_targets)["ours"] == {
        "mAP50": {"mean": 0.8, "sd": 0.0, "n": 1},
        "sgdet_R20": {"mean": 0.4, "sd": 0.0, "n": 1},
    }


@given(st.lists(st.integers(-9, 9), min_size=3, max_size=20, unique=True))
def test_rank_correlation(values):
    assert ablation_table.spearman(values, [v**3 for v in values]) == pytest.approx(1)
    assert ablation_table.spearman(values, [-v for v in values]) == pytest.approx(-1)


def test_where_nothing_differs_there_is_no_correlation():
    assert ablation_table.spearman([1, 1, 1], [1, 2, 3]) == 0
