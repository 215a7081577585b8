"""The table of docs/fleet.md, as it is made from results."""

from __future__ import annotations

import json

import pytest

from benchmarks import tables


def figure(mean: float, n: int = 1) -> dict[str, float]:
    return {"mean": mean, "sd": 0.5, "n": n}


@pytest.fixture
def result():
    rows = {
        "inference, plain": {"per_s": figure(4.0, 3)},
        "inference, Ray, 2 workers": {"per_s": figure(7.2), "efficiency": figure(0.9), "driver_mib": figure(200)},
        "frames, Ray, 2 workers": {"per_s": figure(900), "all_mib": figure(700)},
        "tasks, Ray, 2 workers": {"per_s": figure(800), "driver_cpu_s_per_1000": figure(1.5)},
    }
    return {"machine": "a CPU", "date": "2026-01-01", "logs": 200, "log_frames": 500, "rows": rows}


def test_a_line_for_each_work_that_was_measured(result):
    table = tables.fleet_table(result)
    assert "| frames inferred | 4 ± 0.5 (n=3) |  | 7.2 | 0.9 | 200 |  |" in table.splitlines()
    assert "rendered" not in table
    assert "spends 1.5 s of CPU on 1,000 tasks" in table
    assert "200 logs of 500 frames took driver and workers 700 MiB" in table


def test_a_table_takes_the_place_of_the_one_before(result):
    page = "a\n<!-- table: sizing -->\nold\n<!-- end -->\nb\n<!-- table: other -->\nkept\n<!-- end -->\n"
    new = tables.with_table(page, "sizing", "new\n")
    assert new == page.replace("old", "new")


def test_the_page_has_the_table_of_the_results():
    page = tables.FLEET_PAGE.read_text(encoding="utf-8")
    file = tables.RESULTS / "fleet.json"
    table = tables.fleet_table(json.loads(file.read_text())) if file.is_file() else "It was not run yet.\n"
    assert tables.with_table(page, "sizing", table) == page, "run: python benchmarks/tables.py"
