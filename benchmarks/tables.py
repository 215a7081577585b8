"""Writes docs/benchmarks.md from benchmarks/results/*.json, so that no figure is typed by hand.

python benchmarks/tables.py
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
PAGE = Path(__file__).parent.parent / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `python benchmarks/tables.py` from `benchmarks/results/`. Mean ± standard deviation over n runs; a metric
without ± ran once. Every script has a `--smoke` of a few minutes. Labels of a target set are read by the evaluator
alone.
"""


def main() -> None:
    parts = [HEAD]
    for path in sorted(RESULTS.glob("*.json")):
        parts.append(section(path.stem, json.loads(path.read_text(encoding="utf-8"))))
    PAGE.write_text("\n".join(parts), encoding="utf-8")
    print(PAGE.name)


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
