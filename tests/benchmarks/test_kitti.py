"""The KITTI benchmark: drives, oracle data, the peer, rows."""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from sim2sg_core.domains import load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.evaluation import evaluate, load_targets
from sim2sg_core.runtime.detectors import Detections
from sim2sg_core.scene import SceneGraph, SceneObject
from sim2sg_core.scene.graph import save_graphs
from sim2sg_core.synthesis import read_dataset
from tests.evaluation.conftest import label, write_kitti  # noqa: F401

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import kitti  # noqa: E402
import kitti_data  # noqa: E402
import kitti_peer  # noqa: E402

DRIVE = load_domain("drive")
CAR, FAR, PERSON, SITTING, CARE_NOT = (
    (100, 150, 250, 250),
    (600, 180, 620, 195),
    (300, 150, 340, 250),
    (850, 150, 890, 250),
    (1000, 150, 1100, 250),
)
STREET = [
    label("Car", CAR, location=(-8, 1.6, 12)),
    label("Car", FAR, location=(0, 1.6, 70)),
    label("Pedestrian", PERSON, location=(-4, 1.65, 12), size=(1.7, 0.6, 0.8)),
    label("Person_sitting", SITTING, location=(3, 1.6, 12)),
    label("Tram", (400, 100, 500, 250), location=(-3, 1.6, 30)),
    label("Misc", (700, 100, 720, 250), location=(3, 1.6, 30)),
    label("DontCare", CARE_NOT),
]


@pytest.fixture
def data(write_kitti):  # noqa: F811
    root = write_kitti({f"{n:06d}": STREET for n in range(9)}, folder="data/dev")
    drives = ["file,drive", *(f"{n:06d}.png,drive_{n % 3}" for n in range(9))]
    (root / "drives.csv").write_text("\n".join(drives))
    return root.parent


def work(data, tmp_path, **arguments):
    settings = {"witness": None, "peer": None, **arguments}
    return kitti.Kitti(data, tmp_path / "out", (), 1, tmp_path / "results", False, 0.0, argparse.Namespace(**settings))


def test_halves_hold_whole_drives_and_about_as_many_images():
    halves = kitti_data.fold_of([*["a"] * 68, *["b"] * 55, *["c"] * 43, *["d"] * 27, *["e"] * 13, *["f"] * 9])
    sizes = {"a": 68, "b": 55, "c": 43, "d": 27, "e": 13, "f": 9}
    counts = [sum(sizes[k] for k, half in halves.items() if half == n) for n in (0, 1)]
    assert set(halves) == set(sizes) and abs(counts[0] - counts[1]) < 15


def test_the_oracle_learns_from_the_other_half_of_the_drives(data, tmp_path):
    benchmark = work(data, tmp_path)
    drives = kitti_data.read_drives(data / "dev")
    halves = kitti_data.fold_of(list(drives.values()))
    seen = {fold: set() for fold in (0, 1)}
    for fold in (0, 1):
        for part in ("data", "held_out"):
            names = {path.stem for path, _ in read_dataset(benchmark.oracle_data(part, fold))}
            assert names and not names & seen[fold]
            seen[fold] |= names
        assert {halves[drives[name]] for name in seen[fold]} == {1 - fold}
    assert seen[0] | seen[1] == set(drives) and not seen[0] & seen[1]


def test_what_does_not_count_is_neither_taught_nor_background(data):
    target = load_targets(data / "dev", "kitti", DRIVE)[0]
    graph = kitti_data.labelled_graph(target, DRIVE)
    taught = [(o.label, tuple(o.box)) for o in graph.objects if o.visibility == 1.0]
    ignored = {(o.label, tuple(o.box)) for o in graph.objects if o.visibility == 0.0}
    assert taught == [("car", CAR), ("pedestrian", PERSON)]
    assert ignored >= {("car", FAR), ("pedestrian", SITTING), ("truck", (400, 100, 500, 250))}
    assert {name for name, box in ignored if box == CARE_NOT} == {"car", "pedestrian", "cyclist", "truck"}
    facts = {(graph.objects[r.subject].label, r.predicate, graph.objects[r.object].label) for r in graph.relations}
    assert facts == {("car", "left_of", "pedestrian")}


def test_true_boxes_of_a_peer_give_true_relations(data):
    target = load_targets(data / "dev", "kitti", DRIVE)[0]
    boxes = np.array([CAR, PERSON], float)
    found = Detections(boxes, np.array([0.9, 0.8]), np.array(["car", "pedestrian"], dtype=object))
    graph = kitti_peer.peer_graph(found, target, DRIVE)
    figures = evaluate([graph], [target], DRIVE, "kitti")
    assert figures["AP50_car_hard"] == figures["AP50_pedestrian_hard"] == 1.0
    assert figures["sgdet_R20"] == 1.0 and graph.relations[0].predicate == "left_of"
    nothing = kitti_peer.peer_graph(found.select([]), target, DRIVE)
    assert not nothing.objects and not nothing.relations


def test_rows_that_need_a_file_are_run_where_it_is_given(data, tmp_path):
    without = argparse.Namespace(witness=None, peer=None, smoke=False)
    assert kitti.Kitti.default_rows(without) == (
        *("source", "fair_source", "self_training", "meta_sim", "meta_sim2", "scenegen"),
        *("both_grls", "label_alignment", "ours", "paper"),
        *("ours_no_mixing", "ours_teacher", "ours_no_average", "ours_learned_layouts", "oracle"),
    )
    given = argparse.Namespace(witness=Path("w.onnx"), peer=Path("p.pb"), smoke=False)
    assert set(kitti.Kitti.default_rows(given)) == set(kitti.Kitti.rows())
    few = kitti.Kitti.default_rows(argparse.Namespace(witness=None, peer=Path("p.pb"), smoke=True))
    assert few == ("ours", "paper", "oracle", "peer", "peer_tiled")
    benchmark = work(data, tmp_path, witness=Path("w.onnx"))
    method, changes = benchmark.variant("ours_witness")
    assert method == "ours" and list(changes)[:2] == ["--witness", Path("w.onnx")]
    method, changes = benchmark.variant("ours_witness_mixing")
    assert method == "ours" and {"--mixing", "--witness"} <= set(changes)
    assert benchmark.variant("paper") == ("paper", ("--teacher-start-round", 0))
    with pytest.raises(SystemExit, match="row peer needs --peer FILE"):
        benchmark.control("peer", 0, tmp_path)


def test_ours_is_compared_with_fair_source_drive_by_drive(data, tmp_path):
    benchmark = work(data, tmp_path)
    assert benchmark.comparisons() == {}
    for row, objects in (("ours", [SceneObject("car", 0.9, np.array(CAR, float))]), ("fair_source", [])):
        graphs = [SceneGraph(1242, 375, tuple(objects), file=target.file) for target in benchmark.targets]
        (benchmark.out / "seed_1" / row).mkdir(parents=True)
        save_graphs(benchmark.out / "seed_1" / row / kitti.PREDICTIONS, graphs, row)
    found = benchmark.comparisons()["paired_differences"]["ours - fair_source"]
    assert (found["seeds"], found["drives"]) == (1, 3)
    assert found["AP50_car_hard"] == {"value": 1.0, "low": 1.0, "high": 1.0}
    assert json.loads(json.dumps(found)) == found


def test_drives_must_be_known(tmp_path):
    with pytest.raises(Sim2SGError, match=r"drives\.csv: no such file"):
        kitti_data.read_drives(tmp_path)
