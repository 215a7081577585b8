"""What counts as a false alarm where nothing is to be found."""

import json
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
import sim2sg_core as sg
from benchmarks import common, false_alarms
from sim2sg_core.scene import SceneGraph, SceneObject


def graph(*found: tuple[str, float]) -> sg.Graph:
    box = np.array([0.0, 0.0, 4.0, 4.0])
    objects = tuple(SceneObject(label, score, box) for label, score in found)
    return sg.Graph.of(SceneGraph(8, 8, objects, ()), classes=("cup", "table"), predicates=())


def test_objects_are_counted_per_image_above_each_threshold_and_by_class():
    row = false_alarms.count([graph(("cup", 0.9), ("table", 0.4)), graph(("cup", 0.2)), graph()])
    assert {name: value["mean"] for name, value in row.items()} == pytest.approx(
        {"per_image_0.3": 0.6667, "per_image_0.5": 0.3333, "cup": 0.3333}
    )
    assert {value["n"] for value in row.values()} == {3}


def test_each_folder_is_a_row_beside_those_of_earlier_runs_and_a_smoke_writes_nothing(tmp_path, monkeypatch, capsys):
    for name in ("leaves", "stones"):
        (tmp_path / name).mkdir()
        image = np.random.default_rng(0).integers(0, 256, (60, 80, 3)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / name / "a.png"), image)
    for module in (false_alarms, common):
        monkeypatch.setattr(module, "RESULTS", tmp_path)

    def main(*more: object) -> None:
        monkeypatch.setattr(sys, "argv", ["false_alarms.py", "--model", "dining", *(str(word) for word in more)])
        false_alarms.main()

    main("--images", tmp_path / "leaves", tmp_path / "stones", "--smoke")
    out = capsys.readouterr().out
    assert "dining / leaves" in out and "dining / stones" in out
    assert not (tmp_path / "false_alarms.json").exists()
    main("--images", tmp_path / "leaves")
    main("--images", tmp_path / "stones", "--name", "other")
    assert list(json.loads((tmp_path / "false_alarms.json").read_text())["rows"]) == [
        "dining / leaves",
        "other / stones",
    ]
