"""The table of an ablation: rows from the results of single runs, and what the criterion without labels was worth."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from common import summary


def collect(
    folder: Path, gaps: Sequence[str], other_targets: tuple[str, ...] = ()
) -> dict[str, dict[str, dict[str, float]]]:
    """Gathers the rows' results; the gaps are closed per seed, so that a seed's luck with its source falls out.

    Args:
        folder: Of the results: `seed_S/ROW.json`.
        gaps: Metrics of which the closed part of the gap from fair source to oracle is told.
        other_targets: Beginnings of rows that have another target, so that the gap means nothing there.
    """
    results: dict[str, list[dict[str, float]]] = {}
    for seed in sorted(folder.glob("seed_*")):
        found = {file.stem: json.loads(file.read_text()) for file in sorted(seed.glob("*.json"))}
        for row, result in found.items():
            figures = dict(result["metrics"])
            for metric in gaps:
                for base, word in (("fair_source", "gap_closed"), ("source", "gap_closed_from_source")):
                    ends = [found.get(name, {}).get("metrics", {}).get(metric) for name in (base, "oracle")]
                    if None not in ends and ends[0] != ends[1] and not row.startswith(other_targets):
                        figures[f"{word}_{metric}"] = (figures[metric] - ends[0]) / (ends[1] - ends[0])
            results.setdefault(row, []).append(figures)
    return {
        row: {metric: summary([run[metric] for run in runs if metric in run]) for metric in runs[0]}
        for row, runs in sorted(results.items())
    }


def notes(folder: Path, jobs: int, gaps: Sequence[str]) -> str:
    """Says how the runs were made, and how the criterion without labels went with the true score."""
    made = f"{jobs} runs at a time; minutes are those of a run after its source model."
    runs = [
        [(criterion(stage), *(stage[metric] for metric in gaps)) for stage in result["stages"].values()]
        for file in sorted(folder.glob("seed_*/*.json"))
        if len((result := json.loads(file.read_text())).get("stages", {})) > 2
    ]
    if not runs:
        return made
    everything = list(dict.fromkeys(model for run in runs for model in run))  # runs of a seed share their source model
    overall = [spearman([m[0] for m in everything], [m[k] for m in everything]) for k in (1, 2)]
    within = [sum(spearman([m[0] for m in run], [m[k] for m in run]) for run in runs) / len(runs) for k in (1, 2)]
    lost = [max(m[1] for m in run) - max(run)[1] for run in runs]
    return (
        f"{made} Spearman's rank correlation of the self-consistency with {gaps[0]} and with {gaps[1]}:"
        f" {overall[0]:.2f} and {overall[1]:.2f} over all {len(everything)} models, {within[0]:.2f} and"
        f" {within[1]:.2f} on the mean within one of {len(runs)} runs. The most self-consistent model is"
        f" {sum(lost) / len(lost):.3f} of {gaps[0]} behind the run's best on the mean, {max(lost):.3f} at worst."
    )


def criterion(stage: dict[str, Any]) -> float:
    """The self-consistency of a stage's model; "agreement" is what earlier results call it."""
    found: dict[str, float] = stage["self_consistency"] if "self_consistency" in stage else stage["agreement"]
    return found["score"]


def spearman(a: Sequence[float], b: Sequence[float]) -> float:
    """Spearman's rank correlation, ties sharing their mean rank; 0 where all values of a side are equal."""
    if len(set(a)) < 2 or len(set(b)) < 2:
        return 0.0

    def ranks(values: Sequence[float]) -> np.ndarray:
        x = np.asarray(values)
        return ((x[:, None] > x[None]).sum(1) + (x[:, None] >= x[None]).sum(1)) / 2

    return float(np.corrcoef(ranks(a), ranks(b))[0, 1])
