"""`sim2sg infer`, as a user runs it."""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from sim2sg_core.cli.infer import workers_provider
from sim2sg_core.cli.main import main
from sim2sg_core.domains import load_domain
from sim2sg_core.scene import Camera
from sim2sg_core.scene.graph import load_graphs
from sim2sg_core.scene.turning import turned_camera, turned_graph
from tests.logs.bag_writing import T0, K, bag, picture


@dataclass
class Result:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def sim2sg(capsys):
    """Runs the command line in this process: starting one takes a second each time."""

    def run(*words) -> Result:
        code = main([str(word) for word in words])
        return Result(code, *capsys.readouterr())

    return run


def in_its_own_process(*words):
    return subprocess.run(
        [sys.executable, "-m", "sim2sg_core.cli.main", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def model(make_model, three_objects):
    return make_model(three_objects)


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("b.png", "a.jpg"):
        cv2.imwrite(str(folder / name), picture(0, 640, 480))
    return folder


@pytest.fixture
def log(tmp_path):
    with bag(tmp_path / "log", "mcap") as b:
        for i in range(4):
            b.compressed("/cam/image_raw/compressed", picture(i), T0 + i * 10**9)
            b.info("/cam/camera_info", T0 + i * 10**9)
    return tmp_path / "log"


def test_images_to_graphs_and_overlays(model, images, tmp_path):
    out = tmp_path / "new" / "graphs.json"
    result = in_its_own_process(
        "infer", "--model", model, "--images", images, "--out", out, "--overlay", tmp_path / "drawn"
    )
    assert result.returncode == 0, result.stderr
    name, graphs = load_graphs(out)
    assert name == "constants" and [g.file for g in graphs] == ["a.jpg", "b.png"]
    assert [len(g.objects) for g in graphs] == [3, 3] and len(graphs[0].relations) == 7, "no threshold"
    records = json.loads(out.read_text())["images"]
    assert all(r["camera"] is None and r["objects"][0]["pose"] is None for r in records)
    assert "no 3D poses: give --camera FILE" in result.stderr
    drawn = [cv2.imread(str(tmp_path / "drawn" / f"{n}.jpg")) for n in "ab"]
    plain = picture(0, 640, 480)
    assert all(np.abs(d.astype(int) - plain).max() > 60 for d in drawn), "something is drawn"


def test_pictures_of_another_run_are_told_of(sim2sg, model, images, tmp_path, caplog):
    (drawn := tmp_path / "drawn").mkdir()
    (drawn / "old.jpg").write_bytes(b"")
    (drawn / "a.jpg").write_bytes(b"")
    words = ("infer", "--model", model, "--images", images, "--out", tmp_path / "g.json", "--overlay", drawn)
    sim2sg(*words)
    assert "1 files were there before and are not of this run" in caplog.text


def test_a_log_with_its_camera(sim2sg, model, log, tmp_path):
    out = tmp_path / "graphs.json"
    words = ("--camera-height", 1.5, "--camera-pitch", 10, "--provider", "cpu", "--every", 2)
    result = sim2sg("infer", "--model", model, "--log", log, "--out", out, *words)
    assert result.returncode == 0, result.stderr
    _, graphs = load_graphs(out)
    stamps = [T0, T0 + 2 * 10**9]
    assert [g.stamp for g in graphs] == stamps
    assert [g.file for g in graphs] == [f"cam_image_raw_compressed_{s}.jpg" for s in stamps]
    for record in json.loads(out.read_text())["images"]:
        np.testing.assert_allclose(record["camera"]["K"], K)
        np.testing.assert_allclose(record["camera"]["ground"], [0, -np.cos(0.17453), -np.sin(0.17453), 1.5], atol=1e-4)
        assert all(set(o["pose"]) == {"position", "yaw", "size", "depth_std"} for o in record["objects"])


def test_who_decides_relations(sim2sg, model, log, tmp_path):
    def relations(*words):
        result = sim2sg("infer", "--model", model, "--log", log, "--out", tmp_path / "g.json", "--max", 1, *words)
        assert result.returncode == 0, result.stderr
        return [r.score for r in load_graphs(tmp_path / "g.json")[1][0].relations]

    extrinsics = ("--camera-height", 1.5, "--camera-pitch", 10)
    learned = relations(*extrinsics)
    assert relations(*extrinsics, "--relations", "learned") == learned
    by_rule, by_both = relations(*extrinsics, "--relations", "rule"), relations(*extrinsics, "--relations", "both")
    assert len(by_rule) == 10 and len(by_both) == 7, "five pairs of the network, one of them padding"
    assert by_rule != learned != by_both != by_rule
    assert relations("--relations", "rule") == learned, "there is no ground"


def test_several_logs_in_one_file(sim2sg, model, log, tmp_path):
    with bag(tmp_path / "second", "sqlite3") as b:
        b.compressed("/cam/image_raw/compressed", picture(), T0 - 5)
    out = tmp_path / "graphs.json"
    result = sim2sg("infer", "--model", model, "--log", log, tmp_path / "second", "--out", out)
    assert result.returncode == 0, result.stderr
    assert [g.stamp for g in load_graphs(out)[1]] == [T0 + i * 10**9 for i in range(4)] + [T0 - 5]


def test_a_pattern_a_file_and_a_video_are_sources(sim2sg, model, images, tmp_path):
    out = tmp_path / "graphs.json"

    def files(*paths):
        result = sim2sg("infer", "--model", model, "--images", *paths, "--out", out)
        assert result.returncode == 0, result.stderr
        return [g.file for g in load_graphs(out)[1]]

    assert files(images / "*.png") == ["b.png"]
    assert files(images / "b.png", images / "a.jpg") == ["a.jpg", "b.png"]
    writer = cv2.VideoWriter(str(tmp_path / "drive.avi"), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for i in range(3):
        writer.write(picture(i, 64, 48))
    writer.release()
    assert len(files(tmp_path / "drive.avi")) == 3


def write(sim2sg, model, images, form, out, *words):
    result = sim2sg("infer", "--model", model, "--images", images, "--format", form, "--out", out, *words)
    assert result.returncode == 0, result.stderr
    return out


def test_lines_of_json(sim2sg, model, images, tmp_path):
    whole = json.loads(write(sim2sg, model, images, "json", tmp_path / "g.json").read_text())
    lines = write(sim2sg, model, images, "jsonl", tmp_path / "g.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"model": whole["model"], **image} for image in whole["images"]]


def test_the_least_score_takes_relations_along(sim2sg, model, images, tmp_path):
    _, everything = load_graphs(write(sim2sg, model, images, "json", tmp_path / "g.json"))
    least = everything[0].objects[1].score
    _, some = load_graphs(write(sim2sg, model, images, "json", tmp_path / "h.json", "--min-score", least))
    kept = everything[0].select([0, 1])
    assert [o.label for o in some[0].objects] == [o.label for o in kept.objects] and len(kept.objects) < 3
    assert some[0].relations == kept.relations != everything[0].relations


def test_the_least_score_of_relations_keeps_the_objects(sim2sg, model, images, tmp_path):
    _, everything = load_graphs(write(sim2sg, model, images, "json", tmp_path / "g.json"))
    least = sorted(r.score for r in everything[0].relations)[3]
    _, some = load_graphs(write(sim2sg, model, images, "json", tmp_path / "h.json", "--min-relation", least))
    assert some[0].relations == tuple(r for r in everything[0].relations if r.score >= least)
    assert len(some[0].relations) < len(everything[0].relations) and len(some[0].objects) == 3


@pytest.mark.parametrize("option", ["--min-score", "--min-relation", "--object-threshold", "--relation-threshold"])
@pytest.mark.parametrize("value", [30, -0.1, "nan"])
def test_scores_are_from_0_to_1(sim2sg, model, images, tmp_path, option, value):
    result = sim2sg("infer", "--model", model, "--images", images, "--out", tmp_path / "g.json", option, value)
    assert result.returncode == 2 and not (tmp_path / "g.json").exists()
    assert result.stderr == f"error: {option} is {value}: scores are from 0 to 1, as in 0.3\n"


def test_a_height_without_intrinsics_is_warned_of(sim2sg, model, images, tmp_path, caplog):
    words = ("infer", "--model", model, "--images", images, "--out", tmp_path / "g.json")
    assert sim2sg(*words, "--camera-height", 1.5, "--camera-roll", 0).returncode == 0
    said = [r.getMessage() for r in caplog.records if "not used" in r.getMessage()]
    assert said == ["--camera-height, --camera-roll: not used, as no intrinsics are known: give --camera FILE"]
    caplog.clear()
    assert sim2sg(*words).returncode == 0 and not caplog.records


def test_coco_is_what_pycocotools_reads(sim2sg, model, images, tmp_path):
    COCO = pytest.importorskip("pycocotools.coco").COCO
    coco = COCO(str(write(sim2sg, model, images, "coco", tmp_path / "coco.json")))
    _, graphs = load_graphs(write(sim2sg, model, images, "json", tmp_path / "g.json"))
    assert [i["file_name"] for i in coco.loadImgs(coco.getImgIds())] == ["a.jpg", "b.png"]
    rows = coco.loadAnns(coco.getAnnIds(imgIds=[1]))
    names = [coco.cats[row["category_id"]]["name"] for row in rows]
    assert names == [o.label for o in graphs[0].objects]
    for row, item in zip(rows, graphs[0].objects, strict=True):
        x, y, width, height = row["bbox"]
        assert [x, y, x + width, y + height] == pytest.approx(item.box, abs=0.01)
        assert row["score"] == pytest.approx(item.score, abs=1e-5)
    relations = [r for r in coco.dataset["rel_annotations"] if r["image_id"] == 1]
    assert [(r["subject_id"] - 1, r["object_id"] - 1) for r in relations] == [
        (r.subject, r.object) for r in graphs[0].relations
    ]


def test_tables_of_objects_and_relations(sim2sg, model, images, tmp_path):
    with write(sim2sg, model, images, "csv", tmp_path / "g.csv").open(newline="") as file:
        objects = list(csv.DictReader(file))
    with (tmp_path / "g_relations.csv").open(newline="") as file:
        relations = list(csv.DictReader(file))
    _, graphs = load_graphs(write(sim2sg, model, images, "json", tmp_path / "g.json"))
    assert [(row["file"], row["index"], row["class"]) for row in objects] == [
        (g.file, str(i), o.label) for g in graphs for i, o in enumerate(g.objects)
    ]
    assert len(relations) == sum(len(g.relations) for g in graphs)
    assert relations[0]["subject_class"] == graphs[0].objects[graphs[0].relations[0].subject].label


def test_yolo_boxes_are_shares_of_the_image(sim2sg, model, images, tmp_path):
    out = write(sim2sg, model, images, "yolo", tmp_path / "yolo")
    _, graphs = load_graphs(write(sim2sg, model, images, "json", tmp_path / "g.json"))
    names = yaml.safe_load((out / "data.yaml").read_text())["names"]
    assert sorted(p.name for p in (out / "labels").iterdir()) == ["a.txt", "b.txt"]
    for line, item in zip((out / "labels/a.txt").read_text().splitlines(), graphs[0].objects, strict=True):
        kind, x, y, width, height, score = line.split()
        assert names[int(kind)] == item.label and float(score) == pytest.approx(item.score, abs=1e-5)
        centre, size = np.array([float(x), float(y)]), np.array([float(width), float(height)])
        box = np.concatenate([centre - size / 2, centre + size / 2]) * [640, 480, 640, 480]
        np.testing.assert_allclose(box, item.box, atol=0.01)
    again = sim2sg("infer", "--model", model, "--images", images, "--format", "yolo", "--out", out)
    mistake(again, "is not empty")


def with_depth(path, depths, offset=0, size=(64, 48)):
    """A log of a camera at 10 Hz and depth images beside it: metres by number of the frame, None for none."""
    width, height = size
    with bag(path, "mcap") as b:
        for i, depth in enumerate(depths):
            stamp = T0 + i * 10**8
            b.compressed("/cam/image_raw/compressed", picture(i), stamp)
            b.info("/cam/camera_info", stamp)
            if depth is not None:
                values = np.full(width * height, depth * 1000, "<u2").view(np.uint8)
                b.raw("/depth/image", values, width, height, "16UC1", 2 * width, stamp + offset)
    return path


@pytest.mark.parametrize("offset", [0, 40_000_000, -40_000_000])
def test_a_depth_topic_makes_positions_metric(sim2sg, model, tmp_path, offset):
    out = tmp_path / "graphs.json"

    def depths_of(path, *words):
        result = sim2sg("infer", "--model", model, "--log", path, "--out", out, *words)
        assert result.returncode == 0, result.stderr
        poses = [[o.pose for o in graph.objects] for graph in load_graphs(out)[1]]
        return np.array([[[p.position[2], p.depth_std] for p in each] for each in poses]), result.stderr

    network, _ = depths_of(with_depth(tmp_path / "a", [None] * 4))
    # The network's own depths of the three objects, in this camera.
    assert np.ptp(network[:, :, 0], axis=0).max() == 0
    surfaces = [0.9 * network[0, 0, 0], 1.1 * network[0, 0, 0], None, network[0, 0, 0]]
    path = with_depth(tmp_path / "b", surfaces, offset)
    found, told = depths_of(path, "--depth-topic", "depth/image")
    assert "depth images for 3 of 4 frames" in told
    depth, std = found[:, 0].T
    assert depth[0] < depth[3] < depth[1] and (std[[0, 1, 3]] < network[0, 0, 1]).all()
    np.testing.assert_array_equal(found[2], network[2])
    again, _ = depths_of(path)
    np.testing.assert_array_equal(again, network)
    sampled, told = depths_of(path, "--depth-topic", "/depth/image", "--every", 0.3)
    assert "2 of 2 frames" in told
    np.testing.assert_array_equal(sampled, found[[0, 3]])


def test_mistakes_about_depth(sim2sg, model, images, log, tmp_path, caplog):
    out = ("--out", tmp_path / "graphs.json")
    use = ("infer", "--model", model, "--depth-topic", "/depth/image")
    mistake(sim2sg(*use, "--log", log, *out), "no depth images on /depth/image; its depth topics: none")
    mistake(sim2sg(*use, "--images", images, *out), "no depth images on /depth/image")
    wide = with_depth(tmp_path / "wide", [2.0] * 3, size=(64, 36))
    mistake(sim2sg(*use, "--log", wide, *out), "give the depth that is aligned with the image")
    late = with_depth(tmp_path / "late", [2.0] * 3, offset=10**10)
    result = sim2sg(*use, "--log", late, *out)
    assert result.returncode == 0 and "depth images for 0 of 3 frames" in result.stderr
    assert "stamps are of another clock" in caplog.text


def mistake(result, reason):
    assert result.returncode == 2, result.stderr
    assert [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in result.stderr
    last = result.stderr.splitlines()[-1]
    assert last.startswith("error: ") and reason in last, last


def test_bad_sources(sim2sg, model, images, log, tmp_path):
    (tmp_path / "empty").mkdir()
    out = ("--out", tmp_path / "graphs.json")
    use = ("infer", "--model", model)
    mistake(in_its_own_process(*use, "--images", tmp_path / "empty", *out), "no images in it")
    mistake(sim2sg(*use, "--images", tmp_path / "missing", *out), "no such file or folder")
    mistake(sim2sg(*use, "--images", tmp_path / "*.tiff", *out), "no file fits this pattern")
    mistake(sim2sg(*use, "--log", tmp_path / "missing.mcap", *out), "no such file")
    mistake(sim2sg(*use, "--log", log, "--topic", "/up", *out), "its image topics: /cam/image_raw/compressed")
    assert not (tmp_path / "graphs.json").exists()


def test_bad_models(sim2sg, images, tmp_path, make_model, three_objects):
    out = ("--images", images, "--out", tmp_path / "graphs.json")
    (tmp_path / "text.onnx").write_text("hello")
    foreign = make_model(three_objects, "foreign.onnx", sim2sg_format=None)
    mistake(sim2sg("infer", "--model", tmp_path / "none.onnx", *out), "no such file")
    mistake(sim2sg("infer", "--model", tmp_path / "text.onnx", *out), "not an ONNX model")
    mistake(sim2sg("infer", "--model", foreign, *out), "not one of sim2sg")


def test_a_fleet_gets_the_model_that_is_meant(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("dining").mkdir()
    names = {"dining": Path("dining"), os.path.relpath(model): Path(model)}
    for name, meant in names.items():
        args = argparse.Namespace(ray="local", provider="auto", model=Path(name))
        assert workers_provider(args) == "cpu" and args.model.resolve() == meant.resolve()
        assert args.model.is_absolute() == (name != "dining")


def test_a_failure_half_way_keeps_the_old_graphs(sim2sg, model, images, tmp_path, caplog):
    out = tmp_path / "graphs.json"
    out.write_text("the old ones")
    (images / "z.jpg").write_bytes(b"no picture")
    use = ("infer", "--model", model, "--images", images)
    mistake(sim2sg(*use, "--out", out, "--strict"), "z.jpg: 10 bytes are no image")
    assert out.read_text() == "the old ones"
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == [], "no temporary file is left"
    mistake(sim2sg(*use, "--out", tmp_path), "is a folder")
    tolerant = sim2sg(*use, "--out", out)
    assert tolerant.returncode == 0 and "1 of 3 frames are damaged" in caplog.text
    assert len(json.loads(out.read_text())["images"]) == 2


def test_people_and_vehicles_are_blurred_in_overlays(sim2sg, make_model, three_objects, tmp_path):
    domain = load_domain("drive")
    names = {"classes": json.dumps(domain.class_names), "predicates": json.dumps(domain.predicate_names)}
    three_objects["classes"][:3] = [domain.class_names.index(name) for name in ("car", "building", "pedestrian")]
    model = make_model(
        three_objects, domain=json.dumps(domain.to_json()), inverses=json.dumps(domain.inverses()), **names
    )
    noise = np.random.default_rng(0).integers(0, 256, (240, 320, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), noise)
    words = ("infer", "--model", model, "--images", tmp_path / "a.png", "--out", tmp_path / "g.json")
    words += ("--object-threshold", 1, "--overlay", tmp_path / "drawn")
    result = sim2sg(*words, "--anonymise")
    assert result.returncode == 0, result.stderr
    assert "what it missed is not" in result.stderr and "(car, van, truck, pedestrian, cyclist)" in result.stderr
    (drawn,) = (tmp_path / "drawn").iterdir()
    found = cv2.imread(str(drawn)).astype(float)
    detail = [np.abs(np.diff(found[y1:y2, x1:x2], axis=1)).mean() for x1, y1, x2, y2 in BLURRED_AND_KEPT]
    assert detail[0] < 5 and detail[1] < 5 and detail[2] > 30


BLURRED_AND_KEPT = ((10, 20, 50, 60), (0, 30, 40, 240), (150, 100, 220, 200))


def test_there_must_be_something_to_blur(sim2sg, model, images, tmp_path):
    words = ("infer", "--model", model, "--images", images, "--out", tmp_path / "g.json", "--anonymise")
    for more, message in (
        ((), "give --overlay DIR"),
        (("--overlay", tmp_path), "no class of people or vehicles is known"),
    ):
        result = sim2sg(*words, *more)
        assert result.returncode == 2 and message in result.stderr
    assert not (tmp_path / "g.json").exists()


def test_graphs_are_shown_in_rerun(sim2sg, model, images, tmp_path):
    pytest.importorskip("rerun", reason="rerun-sdk is not installed: pip install 'sim2sg[rerun]'")
    words = ("infer", "--model", model, "--images", images, "--out", tmp_path / "g.json", "--rerun")
    assert sim2sg(*words, tmp_path / "a.rrd").returncode == 0
    shown = [sys.executable, "-m", "rerun", "rrd", "print", "-vvv", str(tmp_path / "a.rrd")]
    text = subprocess.run(shown, capture_output=True, text=True, check=True).stdout
    assert "cylinder 0 0.90" in text and "/world/camera/image/relations/left_of" in text
    result = sim2sg(*words, tmp_path / "a.json")
    assert result.returncode == 2 and "give a file that ends in .rrd" in result.stderr


def calibration(path, camera):
    """Writes the intrinsics of a camera as ROS does."""
    matrix = {"rows": 3, "cols": 3, "data": camera.K.ravel().tolist()}
    path.write_text(
        yaml.safe_dump({"image_width": camera.width, "image_height": camera.height, "camera_matrix": matrix})
    )
    return path


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_graphs_of_a_camera_on_its_side_are_those_of_the_recorded_images(sim2sg, model, images, tmp_path, degrees):
    upright = cv2.imread(str(images / "b.png"))
    aside = tmp_path / "aside"
    aside.mkdir()
    cv2.imwrite(str(aside / "b.png"), np.rot90(upright, degrees // 90))
    words = ("--camera-height", 1.2, "--camera-pitch", 20)
    camera = Camera(640, 480, np.array([[500.0, 0, 310], [0, 510, 250], [0, 0, 1]]))
    for name, folder, more in (("upright", images, ()), ("aside", aside, ("--rotate", degrees))):
        result = sim2sg(
            *("infer", "--model", model, "--images", folder, "--out", tmp_path / f"{name}.json"),
            *("--camera", calibration(tmp_path / f"{name}.yaml", camera), *words, *more),
        )
        camera = turned_camera(camera, -degrees)
        assert result.returncode == 0, result.stderr
    _, graphs = load_graphs(tmp_path / "upright.json")
    _, [turned] = load_graphs(tmp_path / "aside.json")
    expected = turned_graph(graphs[1], -degrees)
    assert (turned.width, turned.height) == (expected.width, expected.height) and turned.relations == expected.relations
    for a, b in zip(turned.objects, expected.objects, strict=True):
        assert a.label == b.label and np.allclose(a.box, b.box, atol=0.02)
        assert np.allclose(a.pose.position, b.pose.position, atol=1e-3)
