"""`sim2sg eval`, from files to figures."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from sim2sg_core.cli.main import main
from sim2sg_core.evaluation import load_targets
from sim2sg_core.evaluation.record import commit_of
from sim2sg_core.images import read_image
from sim2sg_core.scene import Camera, SceneGraph, SceneObject
from sim2sg_core.scene.class_mapping import ClassMapping
from sim2sg_core.scene.graph import save_graphs
from tests.evaluation.conftest import label
from tests.evaluation.test_datasets import write_coco
from tests.runtime.constant_model import empty_outputs, write_model

CAR, PERSON = (100, 150, 200, 250), (300, 150, 340, 250)
LINES = [label("Car", CAR, location=(-4, 1.6, 20)), label("Pedestrian", PERSON, location=(0, 1.6, 12))]


@pytest.fixture
def street(write_kitti):
    return write_kitti({"000001": LINES, "000002": LINES})


@pytest.fixture
def graphs(street, drive, tmp_path):
    """Perfect graphs of the street."""
    path = tmp_path / "graphs.json"
    save_graphs(path, [t.truth_graph() for t in load_targets(street, "kitti", drive)], "oracle")
    return path


def run(*arguments):
    command = [sys.executable, "-m", "sim2sg_core.cli.main", "eval", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def test_graphs_to_figures(street, graphs, tmp_path):
    out, record = tmp_path / "new" / "eval.json", tmp_path / "record" / "dev.jsonl"
    arguments = ["--graphs", graphs, "--data", street, "--format", "kitti", "--out", out]
    arguments += ["--log-evaluations", record]
    done = run(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(out.read_text())
    assert (result["model"], result["domain"], result["format"]) == ("oracle", "drive", "kitti")
    assert result["metrics"]["AP50_car_hard"] == 1
    assert result["metrics"]["AP50_cyclist_hard"] is None
    assert result["metrics"]["sgdet_R20"] == 1
    assert result["doubts"] == []
    for shown in ("2 images; 4 facts in 2", "easy", "SGDet", "car", "1.000"):
        assert shown in done.stdout
    assert main(["eval", *map(str, arguments)]) == 0
    first, second = (json.loads(line) for line in record.read_text().splitlines())
    assert first["metrics"] == second["metrics"] == result["metrics"]
    assert first["date"] <= second["date"]
    assert "commit" in first
    assert (first["source"], first["data"]) == (graphs.name, street.name), "no paths in what is kept"


def test_onnx_model(write_clevr, clevr, tmp_path):
    """A real model whose output is constant: half of the truth, and one false alarm scored lower."""
    folder = write_clevr(
        {
            name: [("cube", [120, 60, 240, 180], [0, 0, 0]), ("sphere", [300, 60, 390, 150], [0, 1, 0])]
            for name in ("a", "b")
        }
    )
    outputs = empty_outputs(k=3, r=2, predicates=len(clevr.predicates))
    # The input is 320x240 for images of 480x320: scale 2/3.
    outputs["boxes"][:] = [[80, 40, 160, 120], [200, 40, 260, 100], [10, 150, 60, 200]]
    outputs["scores"][:] = [0.9, 0.8, 0.7]
    outputs["classes"][:] = [clevr.class_names.index(name) for name in ("cube", "sphere", "cube")]
    outputs["pairs"][:] = [[0, 1], [1, 2]]
    outputs["relations"][:, clevr.predicate_names.index("left_of")] = [0.9, 0.8]
    model = write_model(tmp_path / "model.onnx", outputs, domain=json.dumps(clevr.to_json()))
    out = tmp_path / "eval.json"
    arguments = ["--model", model, "--data", folder, "--format", "clevr", "--out", out, "--threads", "1"]
    assert main(["eval", *map(str, arguments)]) == 0
    result = json.loads(out.read_text())
    figures = result["metrics"]
    assert result["relations"] == "learned"
    assert (figures["AP50_cube"], figures["AP50_sphere"], figures["mAP50"]) == (1, 1, 1)
    assert figures["sgdet_R20"] == 1
    assert not any(key.startswith("predcls") for key in figures)


def test_mistakes_are_drawn_and_listed(write_clevr, clevr, tmp_path, capsys):
    folder = write_clevr({"a": [("cube", [120, 60, 240, 180], [0, 0, 0]), ("sphere", [300, 60, 390, 150], [0, 1, 0])]})
    outputs = empty_outputs(k=2, r=1, predicates=len(clevr.predicates))
    outputs["boxes"][:] = [[80, 40, 160, 120], [10, 150, 60, 200]]
    outputs["scores"][:] = [0.9, 0.8]
    outputs["classes"][:] = [clevr.class_names.index(name) for name in ("sphere", "cube")]
    model = write_model(tmp_path / "model.onnx", outputs, domain=json.dumps(clevr.to_json()))
    drawn = tmp_path / "mistakes"
    arguments = ["--model", model, "--data", folder, "--format", "clevr", "--out", tmp_path / "eval.json"]
    arguments += ["--threads", "1", "--mistakes", drawn]
    assert main(["eval", *map(str, arguments)]) == 0
    assert "1 missed, 1 wrong class, 1 false alarm" in capsys.readouterr().out
    found = json.loads((drawn / "mistakes.json").read_text())
    assert found["counts"]["wrong class"] == 1 and len(found["images"]) == 1
    assert [m["kind"] for m in found["images"][0]["mistakes"]] == ["missed", "wrong class", "false alarm"]
    picture, plain = read_image(drawn / "a.jpg"), read_image(next((folder / "images").glob("a.*")))
    assert picture.shape[1] == 640 and (drawn / "worst.jpg").exists()
    plain = cv2.resize(plain, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    assert (np.abs(picture.astype(int) - plain).max(2) > 60).mean() > 0.01
    assert main(["eval", *map(str, arguments)]) == 2
    assert "give --mistakes a new folder" in capsys.readouterr().err


def test_graphs_of_another_domain_are_refused(tmp_path, capsys):
    labels = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "car"}]}
    (tmp_path / "coco.json").write_text(json.dumps(labels))
    bowl = SceneObject("bowl", 0.9, np.array([1.0, 1, 20, 20]))
    save_graphs(tmp_path / "graphs.json", [SceneGraph(64, 48, (bowl,), file="a.jpg")], "m")
    arguments = ["--graphs", tmp_path / "graphs.json", "--domain", "drive", "--data", tmp_path / "coco.json"]
    assert main(["eval", *map(str, arguments), "--format", "coco", "--out", str(tmp_path / "eval.json")]) == 2
    assert "none of its classes (bowl) is one of domain drive" in capsys.readouterr().err


def test_without_mistakes_no_picture_is_named(tmp_path, capsys):
    cv2.imwrite(str(tmp_path / "a.jpg"), np.zeros((48, 64, 3), np.uint8))
    labels = {"images": [{"id": 1, "file_name": "a.jpg", "width": 64, "height": 48}], "annotations": []}
    (tmp_path / "coco.json").write_text(json.dumps({**labels, "categories": [{"id": 1, "name": "car"}]}))
    save_graphs(tmp_path / "graphs.json", [SceneGraph(64, 48, file="a.jpg")], "m")
    arguments = ["--graphs", tmp_path / "graphs.json", "--domain", "drive", "--data", tmp_path / "coco.json"]
    arguments += ["--format", "coco", "--out", tmp_path / "eval.json", "--mistakes", tmp_path / "drawn"]
    assert main(["eval", *map(str, arguments)]) == 0
    assert f"mistakes (none) in {tmp_path / 'drawn'}: mistakes.json\n" in capsys.readouterr().out
    assert [file.name for file in (tmp_path / "drawn").iterdir()] == ["mistakes.json"]


def test_pictures_of_mistakes_do_not_replace_one_another(tmp_path, capsys):
    files = ["a.jpg", "a.png", "worst.png"]
    for file in files:
        cv2.imwrite(str(tmp_path / file), np.zeros((48, 64, 3), np.uint8))
    labels = {
        "images": [{"id": i, "file_name": file, "width": 64, "height": 48} for i, file in enumerate(files)],
        "categories": [{"id": 1, "name": "car"}],
        "annotations": [{"id": i, "image_id": i, "category_id": 1, "bbox": [6, 10, 6, 10]} for i in range(3)],
    }
    (tmp_path / "coco.json").write_text(json.dumps(labels))
    save_graphs(tmp_path / "graphs.json", [SceneGraph(64, 48, file=file) for file in files], "m")
    arguments = ["--graphs", tmp_path / "graphs.json", "--domain", "drive", "--data", tmp_path / "coco.json"]
    arguments += ["--format", "coco", "--out", tmp_path / "eval.json", "--mistakes", tmp_path / "drawn"]
    assert main(["eval", *map(str, arguments)]) == 0
    pictures = sorted(path.name for path in (tmp_path / "drawn").glob("*.jpg"))
    assert pictures == ["a.jpg", "a_2.jpg", "worst.jpg", "worst_2.jpg"]


def test_people_are_blurred_in_pictures_of_mistakes(tmp_path, capsys):
    """Those that are labelled, and those that the model sees, however unsure."""
    noise = np.random.default_rng(0).integers(0, 256, (480, 640, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), noise)
    labels = {
        "images": [{"id": 1, "file_name": "a.png", "width": 640, "height": 480}],
        "categories": [{"id": 1, "name": "pedestrian"}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [60, 100, 60, 100]}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(labels))
    unsure = SceneObject("car", 0.1, np.array([400.0, 100, 500, 200]))
    save_graphs(tmp_path / "graphs.json", [SceneGraph(640, 480, (unsure,), file="a.png")], "m")
    arguments = ["--graphs", tmp_path / "graphs.json", "--domain", "drive", "--data", tmp_path / "coco.json"]
    arguments += ["--format", "coco", "--out", tmp_path / "eval.json", "--anonymise"]
    assert main(["eval", *map(str, arguments)]) == 2
    assert "give --mistakes DIR too" in capsys.readouterr().err
    assert main(["eval", *map(str, arguments), "--mistakes", str(tmp_path / "drawn")]) == 0
    assert "what it missed is not" in capsys.readouterr().err
    picture = cv2.imread(str(tmp_path / "drawn" / "a.jpg")).astype(int)
    detail = [np.abs(np.diff(picture[120:180, x : x + 30], axis=1)).mean() for x in (75, 430, 250)]
    assert detail[0] < 5 and detail[1] < 5 and detail[2] > 30


def test_relations_by_rule_are_scored(write_clevr, clevr, tmp_path):
    """The network has the relation wrong and the poses right."""
    folder = write_clevr({"a": [("cube", [60, 180, 120, 240], [0, 0, 0]), ("cube", [360, 180, 420, 240], [0, 3, 0])]})
    outputs = empty_outputs(k=2, r=2)
    outputs["boxes"][:] = [[40, 120, 80, 160], [240, 120, 280, 160]]
    outputs["scores"][:], outputs["centres"][:] = [0.9, 0.8], [[60, 140], [260, 140]]
    outputs["depths"][:] = 10.0
    outputs["pairs"][:] = [[0, 1], [1, 0]]
    outputs["relations"][:] = [[0.0, 0.1], [0.9, 0.1]]
    ground = Camera.from_extrinsics(480, 320, np.array([[525.0, 0, 240], [0, 525, 160], [0, 0, 1]]), 3.0, 0.1)
    camera = json.dumps({"width": 480, "height": 320, **ground.to_json()})
    texts = {"domain": json.dumps(clevr.to_json()), "camera": camera, "principal": "[0, 0]"}
    model = write_model(tmp_path / "m.onnx", outputs, **texts)

    def score(*words):
        arguments = ["--model", model, "--data", folder, "--format", "clevr", "--out", tmp_path / "e.json", *words]
        assert main(["eval", *map(str, arguments)]) == 0
        result = json.loads((tmp_path / "e.json").read_text())
        return result["relations"], result["metrics"]["sgdet_R20"]

    assert score() == ("learned", 0)
    assert score("--relations", "rule") == ("rule", 1)


def test_checkpoint_is_scored_with_predcls(write_clevr, clevr, tmp_path):
    model = pytest.importorskip("sim2sg_core.model", reason="torch is not installed")
    pytest.importorskip("onnxscript", reason="export needs onnxscript")
    objects = [("cube", [120, 60, 240, 180], [0, 0, 0]), ("sphere", [300, 60, 390, 150], [0, 1, 0])]
    folder = write_clevr({"a": objects})
    network = model.build_network(clevr, backbone="small", pretrained=False, width=96, height=64)
    checkpoint = model.save_checkpoint(tmp_path / "source.pt", network, clevr)
    out = tmp_path / "eval.json"
    arguments = ["--model", checkpoint, "--data", folder, "--format", "clevr", "--out", out, "--threads", "1"]
    assert main(["eval", *map(str, arguments)]) == 0
    result = json.loads(out.read_text())
    assert result["model"] == "source"
    # Two objects, so four possible triplets: any ranking of all of them finds the one fact.
    assert result["metrics"]["predcls_R20"] == 1
    assert 0 <= result["metrics"]["mAP50"] <= 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clevr", "eval.json", "source.pt"]


def test_plain_coco_with_words_of_its_own(tmp_path, clevr, capsys):
    """A mapping brings back what would be left out, and the line that says so."""
    folder = write_coco(tmp_path, categories=[{"id": 1, "name": "Box"}, {"id": 2, "name": "sphere"}])
    (target,) = load_targets(folder, "coco", clevr, mapping=ClassMapping.parse("box=cube"))
    save_graphs(tmp_path / "graphs.json", [target.truth_graph()], "oracle")
    out = tmp_path / "eval.json"
    arguments = ["eval", "--graphs", tmp_path / "graphs.json", "--data", folder / "annotations.json"]
    arguments += ["--format", "coco", "--domain", "clevr", "--out", out]
    assert main([*map(str, arguments)]) == 0
    assert "mind: left out, as domain clevr has no class box (2): 2 annotations and 2 facts" in capsys.readouterr().out
    assert json.loads(out.read_text())["metrics"]["AP50_cube"] is None
    assert main([*map(str, arguments), "--map", "box=cube"]) == 0
    assert "left out" not in capsys.readouterr().out
    figures = json.loads(out.read_text())["metrics"]
    assert (figures["AP50_cube"], figures["sgdet_R20"]) == (1, 1)


# ---- mistakes of users: one line, exit 2, and the old figures stay ----


def fails(capsys, match, out, *arguments):
    out.write_text("old figures")
    assert main(["eval", *map(str, arguments), "--out", str(out)]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith("error: ")
    assert shown.err.count("\n") == 1
    assert match in shown.err
    assert out.read_text() == "old figures"


def test_bad_input_in_a_process(street, tmp_path):
    done = run("--graphs", "no.json", "--data", street, "--format", "kitti", "--out", tmp_path / "e.json")
    assert done.returncode == 2
    assert done.stderr == "error: no.json: no such file; `sim2sg infer --out` writes one\n"
    assert not (tmp_path / "e.json").exists()


def test_no_such_model(capsys, street, tmp_path):
    for name in ("no.onnx", "no.pt"):
        arguments = ("--model", name, "--data", street, "--format", "kitti")
        fails(capsys, f"{name}: no such file", tmp_path / "e.json", *arguments)


def test_model_of_another_domain(capsys, street, clevr, tmp_path):
    outputs = empty_outputs(k=3, r=2, predicates=len(clevr.predicates))
    model = write_model(tmp_path / "m.onnx", outputs, domain=json.dumps(clevr.to_json()))
    arguments = ("--model", model, "--data", street, "--format", "kitti")
    fails(capsys, "domain clevr (cube, sphere, cylinder) has no class of kitti data", tmp_path / "e", *arguments)


def test_truncated_graphs(capsys, street, graphs, tmp_path):
    graphs.write_text(graphs.read_text()[:-40])
    arguments = ("--graphs", graphs, "--data", street, "--format", "kitti")
    fails(capsys, "not a graphs file", tmp_path / "e.json", *arguments)


def test_graphs_of_other_images(capsys, street, graphs, tmp_path):
    graphs.write_text(graphs.read_text().replace("000002.png", "000009.png"))
    arguments = ("--graphs", graphs, "--data", street, "--format", "kitti")
    fails(capsys, "000002.png: no prediction", tmp_path / "e.json", *arguments)


def test_domain_of_graphs_is_asked_for(capsys, street, graphs, tmp_path):
    arguments = ("--graphs", graphs, "--data", street, "--format", "coco")
    fails(capsys, "say which domain with --domain", tmp_path / "e.json", *arguments)


def test_relations_beside_graphs(capsys, street, graphs, tmp_path):
    arguments = ("--graphs", graphs, "--relations", "rule", "--data", street, "--format", "kitti")
    fails(capsys, "--relations goes with --model", tmp_path / "e.json", *arguments)


def test_domain_beside_a_model(capsys, street, tmp_path):
    arguments = ("--model", "m.onnx", "--domain", "drive", "--data", street, "--format", "kitti")
    fails(capsys, "leave it out", tmp_path / "e.json", *arguments)


def test_output_is_a_folder(capsys, street, graphs, tmp_path):
    arguments = ["--graphs", graphs, "--data", street, "--format", "kitti", "--out", tmp_path]
    assert main(["eval", *map(str, arguments)]) == 2
    assert "is a folder" in capsys.readouterr().err


def test_output_below_a_file(capsys, street, graphs):
    arguments = ["--graphs", graphs, "--data", street, "--format", "kitti", "--out", graphs / "e.json"]
    assert main(["eval", *map(str, arguments)]) == 2
    assert "is a file, not a folder" in capsys.readouterr().err


def test_damaged_picture(capsys, write_clevr, clevr, tmp_path):
    folder = write_clevr({"a": [("cube", [120, 60, 240, 180], [0, 0, 0])]})
    image = folder / "images" / "a.png"
    image.write_bytes(image.read_bytes()[:60])  # the header is whole
    outputs = empty_outputs(k=3, r=2, predicates=len(clevr.predicates))
    model = write_model(tmp_path / "m.onnx", outputs, domain=json.dumps(clevr.to_json()))
    out = tmp_path / "e.json"
    arguments = ["--model", model, "--data", folder, "--format", "clevr", "--out", out]
    assert main(["eval", *map(str, arguments)]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert error.startswith("error: ")
    assert "a.png: cannot be read" in error
    assert not out.exists()


def test_commit(tmp_path):
    def git(*command):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True, capture_output=True)

    assert commit_of(tmp_path) is None
    git("init")
    assert commit_of(tmp_path) is None  # nothing is committed yet
    (tmp_path / "a").write_text("1")
    git("add", "a")
    git("-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "-m", "a")
    clean = commit_of(tmp_path)
    assert len(clean) == 40
    (tmp_path / "a").write_text("2")
    assert commit_of(tmp_path) == clean + "+"
