"""Writes docs/benchmarks.md and the table of docs/fleet.md from benchmarks/results/, so no figure is typed by hand.

python benchmarks/tables.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
DOCS = Path(__file__).parent.parent / "docs"
PAGE, FLEET_PAGE = DOCS / "benchmarks.md", DOCS / "fleet.md"
HEAD = """# Benchmarks

Written by `python benchmarks/tables.py` from `benchmarks/results/`. Mean ± standard deviation over n runs; a metric
without ± ran once. Every script has a `--smoke` of a few minutes. Labels of a target set are read by the evaluator
alone.
"""
CAPTIONS = {
    "kills": "Adaptations that are killed at random (any), in a stage, by a full disk, an interrupt or a power cut, and"
    " continued. identical: share of runs whose result equals that of an uninterrupted run byte for byte; clean: share"
    " that ended with the expected exit status and without a stack trace.",
    "kitti": "AP at IoU 0.5 by KITTI's rules. sgdet_RK: recall of triplets among the best K; _over_ceiling: divided by"
    " the best that K triplets can reach. peer: a detector trained on COCO's human labels, with rules on its boxes.",
    "logs": "Frames of an MCAP bag decoded per second; ratio_to_rosbags: to the rosbags library with cv2, same run.",
    "synthesis": "Images rendered per second of CPU time. renderer: drawing alone, with plain and with full appearance;"
    " frame: whole labelled frames; ratios to MuJoCo's renderer on the same scenes, in the same run.",
    "view_fusion": "Renders in another look. whole: the whole frame alone; surest_view: highest score of all views;"
    " fused: all views, weighted by a logistic regression. ece: expected calibration error.",
}
FLEET_WORK = {
    "frames": "frames of logs looked through",
    "inference": "frames inferred",
    "rendering": "frames rendered",
    "training": "steps of 8 images",
    "tasks": "tasks that do nothing",
}
FLEET_WAYS = ("plain", "Ray, 1 worker", "Ray, 2 workers")


def main() -> None:
    parts = [HEAD]
    for path in sorted(RESULTS.glob("*.json")):
        parts.append(section(path.stem, json.loads(path.read_text(encoding="utf-8"))))
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    print(PAGE.name)
    if (fleet := RESULTS / "fleet.json").is_file():
        text = FLEET_PAGE.read_text(encoding="utf-8")
        FLEET_PAGE.write_text(with_table(text, "sizing", fleet_table(json.loads(fleet.read_text()))), encoding="utf-8")
        print(FLEET_PAGE.name)


def with_table(page: str, name: str, table: str) -> str:
    """Returns a page with the table between `<!-- table: NAME -->` and `<!-- end -->` replaced."""
    before, rest = page.split(f"<!-- table: {name} -->\n", 1)
    return f"{before}<!-- table: {name} -->\n{table}<!-- end -->{rest.split('<!-- end -->', 1)[1]}"


def fleet_table(result: dict[str, Any]) -> str:
    """What a second of each work brings, a line a work, and what it takes."""
    rows: dict[str, dict[str, dict[str, float]]] = result["rows"]
    lines = [
        f"{result['machine']}; {result['date']}:",
        "",
        "| a second | no Ray, one core | Ray, 1 worker | Ray, 2 workers | efficiency of 2 | driver MiB | worker MiB |",
        "|---|" + "---:|" * 6,
    ]
    for part, what in FLEET_WORK.items():
        ways = [rows.get(f"{part}, {way}", {}) for way in FLEET_WAYS]
        figures = [way.get("per_s") for way in ways]
        figures += [ways[-1].get(metric) for metric in ("efficiency", "driver_mib", "worker_mib")]
        if any(figures):
            lines.append(f"| {what} | " + " | ".join(map(cell, figures)) + " |")
    costs = rows.get("tasks, Ray, 2 workers", {}).get("driver_cpu_s_per_1000")
    if costs:
        lines += ["", f"The driver spends {cell(costs)} s of CPU on 1,000 tasks."]
    if both := rows.get("frames, Ray, 2 workers", {}).get("all_mib"):
        read = f"{result['logs']} logs of {result['log_frames']} frames"
        lines += [f"{read} took driver and workers {cell(both)} MiB at their peaks."]
    return "\n".join(lines) + "\n"


def section(name: str, result: dict[str, Any]) -> str:
    """One result file as a heading, a line of provenance and a table, the longer side down."""
    rows: dict[str, dict[str, dict[str, float]]] = result["rows"]
    metrics = list(dict.fromkeys(metric for values in rows.values() for metric in values))
    across, down = (metrics, list(rows)) if len(rows) > len(metrics) else (list(rows), metrics)
    lines = [
        f"## {name}",
        "",
        f"`{result['command']}`  ",
        f"{result['machine']}; {result['date']}",
        "",
        *([CAPTIONS[name], ""] if name in CAPTIONS else []),
        "| | " + " | ".join(across) + " |",
        "|---|" + "---:|" * len(across),
    ]
    for head in down:
        pairs = [(head, other) if across is metrics else (other, head) for other in across]
        lines.append(f"| {head} | " + " | ".join(cell(rows[row].get(metric)) for row, metric in pairs) + " |")
    notes = result.get("notes", "")
    return "\n".join([*lines, "", *([notes, ""] if notes else [])])


def cell(value: dict[str, float] | None) -> str:
    """One figure."""
    if value is None or value["mean"] is None:
        return ""
    text = f"{value['mean']:.4g}"
    return f"{text} ± {value['sd']:.2g} (n={value['n']})" if value["n"] > 1 else text


if __name__ == "__main__":
    main()
