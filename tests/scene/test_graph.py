"""Graphs: sub-graphs, thresholds, JSON."""

import json

import numpy as np
import pytest

from sim2sg_core import json_reader
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.scene import Camera, Pose3D, Relation, SceneGraph, SceneObject
from sim2sg_core.scene.graph import load_graphs, save_graphs, write_json


def graph():
    pose = Pose3D(np.array([1.0, 0.5, 8.0]), 0.3, np.array([4.0, 1.8, 1.5]))
    objects = (
        SceneObject("car", 0.9, np.array([1.0, 2, 30, 40]), pose),
        SceneObject("car", 0.2, np.array([5.0, 6, 7, 8])),
        SceneObject("van", 0.6, np.array([50.0, 2, 90, 40]), visibility=0.5, id="7"),
    )
    relations = (
        Relation(0, "left_of", 2, 0.8),
        Relation(1, "left_of", 2, 0.9),
        Relation(2, "in_front_of", 0, 0.1),
    )
    camera = Camera.from_extrinsics(100, 80, np.diag([90.0, 90, 1]), 1.5, 0.1)
    return SceneGraph(100, 80, objects, relations, "a.jpg", 123, camera)


def test_filtering_drops_and_reindexes():
    kept = graph().filtered(0.5, 0.5)
    assert [o.label for o in kept.objects] == ["car", "van"]
    assert [(r.subject, r.object) for r in kept.relations] == [(0, 1)]


def test_triplet_score_is_the_product():
    g = graph()
    assert g.triplet_score(g.relations[0]) == pytest.approx(0.8 * 0.9 * 0.6)


def test_json_form_round_trip(tmp_path):
    save_graphs(tmp_path / "g.json", [graph()], "m1")
    model, [again] = load_graphs(tmp_path / "g.json")
    assert model == "m1" and again.to_json() == graph().to_json()
    record = json.loads((tmp_path / "g.json").read_text())["images"][0]
    assert set(record) == {"file", "width", "height", "stamp", "camera", "objects", "relations"}
    assert set(record["relations"][0]) == {"subject", "predicate", "object", "score", "frame"}
    assert record["objects"][1]["pose"] is None and record["camera"]["ground"] is not None


def test_what_is_written_is_read_however_long_it_is(tmp_path, monkeypatch):
    """Unthresholded graphs of an hour of video have more values than a JSON document may have."""
    monkeypatch.setattr(json_reader, "JSON_VALUES", 300)
    monkeypatch.setattr(json_reader, "JSON_BYTES", 5000)
    save_graphs(tmp_path / "g.json", (graph() for _ in range(50)), "m1")
    model, graphs = load_graphs(tmp_path / "g.json")
    assert model == "m1" and [g.to_json() for g in graphs] == [graph().to_json()] * 50


def test_a_failed_write_keeps_the_old_file(tmp_path):
    write_json(tmp_path / "x.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", {"a": object()})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 1}
    assert len(list(tmp_path.iterdir())) == 1, "no temporary file is left"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"model": 1, "images": [{}]}'])
def test_other_files_are_refused(tmp_path, text):
    (tmp_path / "g.json").write_text(text)
    with pytest.raises(Sim2SGError, match="not a graphs file"):
        load_graphs(tmp_path / "g.json")
    with pytest.raises(Sim2SGError, match="no such file"):
        load_graphs(tmp_path / "missing.json")
    (tmp_path / "g.jsonl").write_text("{}\n")
    with pytest.raises(Sim2SGError, match="JSON lines are not read"):
        load_graphs(tmp_path / "g.jsonl")


def test_json_never_holds_nan(tmp_path):
    for write in (
        lambda: write_json(tmp_path / "a.json", {"a": float("nan")}),
        lambda: save_graphs(tmp_path / "a.json", [SceneGraph(4, 4, (SceneObject("a", np.nan, np.zeros(4)),), ())], "m"),
    ):
        with pytest.raises(ValueError, match="JSON compliant"):
            write()
    assert list(tmp_path.iterdir()) == [], "no half of a file"
