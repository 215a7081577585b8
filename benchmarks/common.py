"""What every benchmark shares: the machine's description and the form of the results.

A result file is {"command", "machine", "date", "rows": {ROW: {METRIC: {"mean", "sd", "n"}}}}.
"""

from __future__ import annotations

import datetime
import os
import platform
import shlex
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sim2sg_core.scene.graph import write_json

RESULTS = Path(__file__).parent / "results"


def summary(values: Sequence[float]) -> dict[str, float]:
    """Returns mean, standard deviation (of the sample) and count."""
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"mean": round(statistics.mean(values), 4), "sd": round(spread, 4), "n": len(values)}


def machine() -> str:
    """Returns the CPU's model and the number of cores; nothing that names the host."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{model}, {os.cpu_count()} cores"


def command() -> str:
    """Returns the command line, with the paths of files and folders reduced to their names."""
    words = [Path(sys.argv[0]).name, *sys.argv[1:]]
    words = [Path(w).name if os.sep in w else w for w in words]
    return "python benchmarks/" + shlex.join(words)


def write_results(name: str, rows: dict[str, dict[str, dict[str, float]]], **more: Any) -> Path:
    """Writes RESULTS/name.json. Returns its path."""
    path = RESULTS / f"{name}.json"
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    write_json(path, {"command": command(), "machine": machine(), "date": today, **more, "rows": rows}, indent=1)
    return path


def print_rows(rows: dict[str, dict[str, dict[str, float]]]) -> None:
    """Prints the results as a table."""
    width = max(map(len, rows))
    for row, metrics in rows.items():
        cells = [f"{m} {v['mean']:.4g} ± {v['sd']:.2g} (n={v['n']})" for m, v in metrics.items()]
        print(f"{row:{width}s}  {'; '.join(cells)}")


def sim2sg(*words: object, log: Path | None = None) -> None:
    """Runs a verb of the command line; its messages are shown, or appended to a file. Ends the script when it fails."""
    command = [sys.executable, "-m", "sim2sg_core.cli.main", *map(str, words)]
    if log is None:
        failed = subprocess.run(command, check=False).returncode
    else:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            failed = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, check=False).returncode
    if failed:
        raise SystemExit(f"`sim2sg {words[0]}` failed: see {log or 'above'}")
