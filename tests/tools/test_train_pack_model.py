"""The tool that trains the models that ship: it stops when its time is up, and goes on."""

import json
import subprocess
import sys
from pathlib import Path

TOOL = Path(__file__).parents[2] / "tools" / "train_pack_model.py"


def call(out: Path, *more: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, TOOL, "--domain", "clevr", "--frames", 3, "--images", 2, "--batch", 1, "--held-out", 3]
    return subprocess.run([str(word) for word in [*words, "--out", out, *more]], capture_output=True, text=True)


def test_it_stops_in_time_and_goes_on_to_a_model_that_trains_on(tmp_path):
    begun = call(tmp_path / "first", "--minutes", 0.01)
    assert begun.returncode == 3
    assert "goes on from here" in begun.stderr and "Traceback" not in begun.stderr
    done = call(tmp_path / "first", "--model-id", "clevr-test")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "first" / "held_out.json").read_text())["model"] == "clevr-test"
    again = call(tmp_path / "second", "--start", tmp_path / "first" / "checkpoint.pt", "--seed", 1)
    assert again.returncode == 0, again.stderr
    first, second = ((tmp_path / run / "data" / "annotations.json").read_bytes() for run in ("first", "second"))
    assert first != second  # Other renders, and the same ones to score on.
    first, second = ((tmp_path / r / "held_out" / "annotations.json").read_bytes() for r in ("first", "second"))
    assert first == second
