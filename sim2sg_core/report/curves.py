"""The curves of a training, from metrics.jsonl."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from sim2sg_core.report import charts

MAIN = ("loss", "heat", "box", "relations")
"""What tells how a training went; everything else is for who looks for a fault."""
# Keys of metrics.jsonl that are no curves.
NO_CURVES = {"step", "epoch", "time", "elapsed", "stamp", "images", "round"}


def load_metrics(path: Path | str) -> list[dict[str, Any]]:
    """Reads metrics.jsonl. A last line that a crash cut short is left out; no file is no rows."""
    rows = []
    path = Path(path)
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows


def training_curves(metrics: Sequence[Mapping[str, Any]]) -> list[tuple[str, Figure]]:
    """Draws one chart per number in the rows, with a mark where a stage begins.

    Args:
        metrics: Rows with "step", perhaps "stage", and numbers.

    Returns:
        The name of each number with its chart, those of `MAIN` first.
    """
    rows = [row for row in metrics if _is_number(row.get("step"))]
    steps, marks = end_to_end(rows)
    found = dict.fromkeys(k for row in rows for k in numbers_of(row))
    keys = sorted(found, key=lambda k: MAIN.index(k) if k in MAIN else len(MAIN))
    plots = []
    for key in keys:
        at = np.array([s for s, row in zip(steps, rows) if key in row], float)
        values = np.array([row[key] if _is_number(row[key]) else np.nan for row in rows if key in row], float)
        figure = charts.curve(at, values, marks) if len(at) > 1 else None
        if figure is not None:
            plots.append((key, figure))
    return plots


def fitting_curves(history: Mapping[str, Any]) -> list[tuple[str, Figure]]:
    """Draws how a layout prior was fitted to the log.

    Args:
        history: Numbers by name, each over the steps; "counts" are (steps, classes) objects a scene of "classes".

    Returns:
        The name of each chart with it.
    """
    plots = []
    for key, values in history.items():
        if key == "counts" and values:
            by_class = list(zip(history["classes"], np.transpose(values).tolist(), strict=True))
            plots.append(("fitting: objects per scene, by class", charts.lines(by_class, "step")))
        elif isinstance(values, list) and len(values) > 1 and _is_number(values[0]):
            figure = charts.curve(np.arange(len(values), dtype=float), np.array(values, float))
            plots += [] if figure is None else [(f"fitting: {key.replace('_', ' ')}", figure)]
    return plots


def numbers_of(row: Mapping[str, Any]) -> dict[str, float]:
    """Returns what has a curve of one row."""
    return {k: float(v) for k, v in row.items() if k not in NO_CURVES and _is_number(v)}


def end_to_end(rows: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[tuple[float, str]]]:
    """Lays stages that each count their steps from 0 end to end.

    Returns:
        The step of each row, counted through all stages; and (step, name) of every stage's first row.
    """
    steps: list[float] = []
    marks: list[tuple[float, str]] = []
    offset, stage, last = 0.0, None, 0.0
    for row in rows:
        if row.get("stage") != stage:
            offset = steps[-1] if steps and row["step"] <= last else offset
            stage = row.get("stage")
            marks.append((row["step"] + offset, str(stage)))
        last = row["step"]
        steps.append(row["step"] + offset)
    return steps, marks


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
