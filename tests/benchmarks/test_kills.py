"""The benchmark of kills: its cases, and what it calls identical."""

import json
import random

from benchmarks.kills import cases, cut_power, differences


def write(run, name, text):
    (run / name).parent.mkdir(parents=True, exist_ok=True)
    (run / name).write_text(text)


def small_run(run, seconds):
    write(run, "stages.json", json.dumps({"frames": seconds}))
    write(run, "report.html", f"<p>Minutes per stage; {seconds} in all.</p><div>{seconds}</div> graphs")
    write(run, "source/train/train.json", json.dumps({"data": ["../data"], "seed": 0}))
    write(run, "source/train/tensorboard/events.1", str(seconds))
    files = {"stages.json": {"sha256": str(seconds)}, "source/layouts.json": {"sha256": "a"}}
    write(run, "manifest.json", json.dumps({"settings": "s", "files": files}))
    write(run, "source/layouts.json", "[1]")


def test_parts_of_a_run_are_hit_as_often_as_they_must_be():
    names = cases(20)
    counts = {kind: sum(name.startswith(f"{kind}_") for name in names) for kind in ("render", "train", "export", "any")}
    assert counts["render"] >= 5 and counts["train"] >= 5 and counts["export"] >= 2 and sum(counts.values()) == 20
    assert {"interrupt_0", "disk_full_0", "power_cut_0"} <= set(names)


def test_wall_times_are_no_difference_and_anything_else_is(tmp_path):
    small_run(tmp_path / "a", 1)
    small_run(tmp_path / "b", 2)
    assert differences(tmp_path / "a", tmp_path / "b") == []
    write(tmp_path / "b", "source/layouts.json", "[2]")
    write(tmp_path / "b", ".left.part", "")
    assert differences(tmp_path / "a", tmp_path / "b") == [".left.part: in one alone", "source/layouts.json: differs"]
    write(tmp_path / "b", "manifest.json", "")
    assert "manifest.json: differs" in differences(tmp_path / "a", tmp_path / "b")


def test_a_power_cut_spoils_files_and_spares_the_manifest(tmp_path):
    small_run(tmp_path, 1)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    spoiled = cut_power(tmp_path, random.Random(0))
    changed = sorted(str(file.relative_to(tmp_path)) for file in before if file.read_bytes() != before[file])
    assert changed == spoiled and spoiled and "manifest.json" not in spoiled
