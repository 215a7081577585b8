"""The figures of `sim2sg eval` as tables for the terminal."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

from sim2sg_core.cli.text_table import table
from sim2sg_core.evaluation.recall_by_height import HEIGHTS, LEAST_PRECISION
from sim2sg_core.evaluation.scoring import RECALL_AT


def format_figures(figures: dict[str, Any], levels: Iterable[str]) -> str:
    """Returns the figures as two tables: boxes, and triplets."""
    levels = tuple(levels)
    suffixes = [f"_{level}" for level in levels] if len(levels) > 1 else [""]
    names = [key[5 : len(key) - len(suffixes[-1])] for key in figures if _is_ap(key, suffixes[-1])]
    boxes = [("AP@0.5", *(level if len(levels) > 1 else "AP" for level in levels), "labelled")]
    for name in names:
        aps = (format_share(figures[f"AP50_{name}{suffix}"]) for suffix in suffixes)
        boxes.append((name, *aps, "/".join(str(figures[f"n_{name}{suffix}"]) for suffix in suffixes)))
    boxes.append(("mean", *(format_share(figures[f"mAP50{suffix}"]) for suffix in suffixes), ""))
    heading = ["relations"]
    for k in RECALL_AT:
        heading += [f"R@{k}", f"mR@{k}", f"ceiling R@{k}", f"R@{k}/ceiling"]
    triplets = [tuple(heading)]
    titles = {
        "sgdet": "SGDet",
        "sgdet_constrained": "SGDet, one predicate per pair",
        "predcls": "PredCls",
        "predcls_constrained": "PredCls, one predicate per pair",
    }
    for prefix, title in titles.items():
        if f"{prefix}_R{RECALL_AT[0]}" in figures:
            keys = [
                f"{prefix}_{key}"
                for k in RECALL_AT
                for key in (f"R{k}", f"mR{k}", f"ceiling_R{k}", f"R{k}_over_ceiling")
            ]
            triplets.append((title, *(format_share(figures[key]) for key in keys)))
    counts = f"{figures['n_images']} images; {figures['n_facts']} facts in {figures['n_images_with_facts']}"
    return "\n".join([counts, "", table(boxes), "", table(triplets), ""])


def format_heights(by_height: dict[str, Any]) -> str:
    """Returns as a table how many objects are found, by the height of their boxes; empty ranges are left out."""
    shown = [k for k in range(len(HEIGHTS)) if any(row["heights"][k]["objects"] for row in by_height.values())]
    ends = [f"{low:g} to {high:g}" for low, high in itertools.pairwise(HEIGHTS)] + [f"{HEIGHTS[-1]:g} and more"]
    rows = [(f"found where {LEAST_PRECISION:g} are right, by pixels of height", *(ends[k] for k in shown))]
    for name, row in by_height.items():
        counts = [row["heights"][k] for k in shown]
        rows.append((name, *(f"{c['found']} of {c['objects']}" if c["objects"] else "-" for c in counts)))
    return table(rows) + "\n"


def _is_ap(key: str, suffix: str) -> bool:
    return key.startswith("AP50_") and key.endswith(suffix)


def format_share(value: float | None) -> str:
    """Formats a share: .731, or - when it was not measured."""
    return "-" if value is None else f"{value:.3f}"
