"""The whole loop, small: killed in the middle, it ends where an uninterrupted run ends."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from os.path import relpath

import cv2
import numpy as np
import pytest
import torch
import yaml

from benchmarks.kills import differences
from sim2sg_core.adaptation.log_contents import read_inputs
from sim2sg_core.adaptation.run_folder import Run
from sim2sg_core.cli.main import main
from sim2sg_core.folder_lock import locked
from sim2sg_core.images import write_jpeg
from sim2sg_core.manifest import Manifest
from sim2sg_core.model import load_checkpoint
from sim2sg_core.runtime import Predictor
from sim2sg_core.scene.graph import load_graphs
from tests.runtime.detector_models import write_detector, yolo

DOMAIN = """
name: tiny
box: visible
input: {width: 96, height: 64}
max_objects: 6
classes:
  - {name: cube, sizes: [[1, 1, 1]], assets: [cube], yaw_symmetry: 4}
  - {name: sphere, sizes: [[1, 1, 1]], assets: [sphere], yaw_symmetry: 0}
predicates:
  - {name: left_of, rule: left_of, margin: 0.2, inverse: right_of}
camera: {width: 96, height: 64, hfov_deg: 50, height_m: [4.8, 5.2], pitch_deg: [24, 28]}
layout: {type: scatter, count: [1, 3], distance: [6, 12], lateral: [-3, 3]}
training: {recall_correction: true}
"""
PATIENCE = 600.0  # seconds, on a busy machine
ROUND = ["--max", "3", "--rounds", "1", "--round-frames", "4", "--round-steps", "4", "--batch", "2"]
ROUND += ["--workers", "1"]
SETTINGS = [*ROUND, "--source-frames", "4", "--source-steps", "4", "--backbone", "small"]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log")
    rng = np.random.default_rng(0)
    for i in range(3):
        image = np.full((64, 96, 3), 120, np.uint8) + rng.integers(0, 20, (64, 96, 3), dtype=np.uint8)
        cv2.rectangle(image, (20 + 10 * i, 20), (40 + 10 * i, 44), (200, 40, 40), -1)
        cv2.imwrite(str(folder / f"{i}.png"), image)
    (folder.parent / "tiny.yaml").write_text(DOMAIN)
    return folder


def start(log, out):
    command = [sys.executable, "-m", "sim2sg_core.cli.main", "adapt", "--domain", str(log.parent / "tiny.yaml")]
    return subprocess.Popen(
        [*command, "--log", str(log), "--out", str(out), *SETTINGS, "--mixing", "0.5"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        start_new_session=True,
    )


def finish(process):
    try:
        out, err = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode == 0, err.decode()
    return out.decode(), err.decode()


def kill(log, out, begun):
    """Starts a run and kills it with all its workers as soon as `begun` says so."""
    process = start(log, out)
    deadline = time.monotonic() + PATIENCE
    while not begun():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


@pytest.fixture(scope="module")
def whole(log, tmp_path_factory):
    """A run that nobody disturbs."""
    out = tmp_path_factory.mktemp("whole") / "run"
    finish(start(log, out))
    return out


def branch(whole, run):
    """Begins a run with the source stage of another one."""
    run.mkdir()
    Manifest(run).take_over(Manifest(whole), "source", ())
    shutil.copytree(whole / "source", run / "source")


def test_a_killed_run_ends_like_an_uninterrupted_one(log, tmp_path, whole):
    run = tmp_path / "killed"
    kill(log, run, lambda: len(list(run.glob("source/data/images/0*.jpg"))) >= 2)  # in rendering
    assert not (run / "source/held_out/annotations.json").exists()
    kill(log, run, (run / "source/train/metrics.jsonl").exists)  # in training
    (run / "source/.half.part").write_bytes(b"what a killed process may leave")
    (run / ".lock").write_text("1")
    printed, told = finish(start(log, run))
    assert "found -> with those missed: " in told and "note: " not in told
    numbers = [tuple(map(int, re.findall(r"\d+", line)[:2])) for line in told.splitlines() if line.startswith("stage ")]
    assert len(numbers) > 5 and sorted(numbers) == numbers and {count for _, count in numbers} == {15}
    verdict = told.splitlines()[-4:-1]
    assert verdict[0].startswith("Per frame it finds ") and told.splitlines()[-1].startswith(
        "next: sim2sg infer --model"
    )
    assert all(sentence in (run / "report.html").read_text() for sentence in verdict[:1])
    assert printed.split() == [str(run / "model.onnx"), str(run / "report.html")]
    assert differences(whole, run) == []

    assert len(list((run / "round_1/mixed").glob("images/*"))) == 2 and not (run / "source/mixed").exists()
    trained = json.loads((run / "round_1/train/train.json").read_text())
    assert trained["shares"] == [0.5, 0.5]
    listed = json.loads((run / "manifest.json").read_text())["files"]
    stage = {
        "layouts.json",
        "data",
        "held_out",
        "train/checkpoint.pt",
        "train/metrics.jsonl",
        "train/train.json",
        "calibration.json",
    }
    stage |= {"model.onnx", "inferred.json", "self_consistency.json"}
    assert listed.keys() >= {f"{name}/{file}" for name in ("source", "round_1") for file in stage}
    assert listed.keys() >= {"config.yaml", "stages.json", "frames/frames.json", "frames/0.jpg", "round_1/appearance"}
    assert listed.keys() >= {"model.onnx", "chosen.json", "report.html", "source/tiled.json", "round_1/mixed"}
    check_outputs(run)
    check_verbs(log.parent / "tiny.yaml", run / "round_1", tmp_path)


def half(code):
    return code[: len(code) // 2]


def flip(code):
    return code[: len(code) // 2] + bytes([code[len(code) // 2] ^ 16]) + code[len(code) // 2 + 1 :]


SPOILT = {
    "config.yaml": half,
    "stages.json": lambda code: b"[]",
    "frames/1.jpg": flip,
    "source/layouts.json": lambda code: b"[]",
    "source/data/annotations.json": half,
    "source/data/images/000001.jpg": None,
    "source/held_out/scenes/000000.json": half,
    "source/calibration.json": half,
    "source/inferred.json": lambda code: b"[]",
    "source/tiled.json": half,
    "source/self_consistency.json": lambda code: b"",
    "source/train/metrics.jsonl": half,
    "source/model.onnx": half,
    "round_1/appearance/appearance.json": lambda code: b"{}",
    "round_1/mixed/images/000000.jpg": flip,
    "round_1/train/checkpoint.pt": flip,
    "round_1/model.onnx": flip,
    "chosen.json": half,
    "model.onnx": half,
}


def test_what_is_damaged_is_named_and_made_as_it_was(log, tmp_path, whole):
    run = shutil.copytree(whole, tmp_path / "run")
    for name, spoil in SPOILT.items():
        code = (run / name).read_bytes()
        (run / name).unlink()
        if spoil is not None:
            (run / name).write_bytes(spoil(code))
    _, told = finish(start(log, run))
    notes = [line for line in told.splitlines() if line.startswith("note: ")]
    for name in SPOILT:
        parts = [run / name, *(run / name).parents]  # Data sets and appearances have one entry.
        assert any(f"note: {part}: " in note for part in parts for note in notes), name
    assert differences(whole, run) == []


def test_the_second_process_stops_with_one_line(log, tmp_path, whole):
    run = shutil.copytree(whole, tmp_path / "run")
    with locked(run):
        process = start(log, run)
        _, err = process.communicate(timeout=PATIENCE)
    lines = err.decode().splitlines()
    assert process.returncode == 2 and len(lines) == 1, lines
    assert lines[0].startswith(f"error: {run}: process {os.getpid()} is at work in it")
    assert differences(whole, run) == []


def test_a_run_may_start_from_a_checkpoint_in_place_of_source_training(log, tmp_path, capsys, whole):
    domain = str(log.parent / "tiny.yaml")
    checkpoint = whole / "round_1/train/checkpoint.pt"
    words = ["adapt", "--domain", domain, "--log", str(log), "--out", str(tmp_path / "next"), *ROUND]
    assert main([*words, "--start", str(checkpoint)]) == 0
    taken, given = (load_checkpoint(path) for path in (tmp_path / "next/source/train/checkpoint.pt", checkpoint))
    averaged = {**given["network"], **given["ema"]}
    assert all(torch.equal(taken["network"][name], averaged[name]) for name in averaged)
    assert not list((tmp_path / "next/source/data/images").iterdir())  # Nothing was rendered to train it on.
    assert (tmp_path / "next/round_1/train/checkpoint.pt").exists()
    assert "data:image/jpeg" in (tmp_path / "next/report.html").read_text()
    capsys.readouterr()
    assert main([*words, "--start", str(checkpoint), "--source-steps", "9"]) == 2
    assert "no source training" in capsys.readouterr().err
    assert main([*words[:-2], "--start", "dining", "--out", str(tmp_path / "wrong")]) == 2
    error = capsys.readouterr().err
    assert "a checkpoint of domain dining with classes" in error and len(error.splitlines()) == 1
    assert not (tmp_path / "wrong").exists()


def test_a_dry_run_tells_the_stages_and_makes_nothing(log, tmp_path, capsys):
    words = ["adapt", "--domain", str(log.parent / "tiny.yaml"), "--log", str(log), "--out", str(tmp_path / "run")]
    assert main([*words, *SETTINGS, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "  3  source/train" in out and "4 steps" in out and "14 stages, about " in out
    assert not (tmp_path / "run").exists()


def test_a_dry_run_in_the_folder_of_another_run(log, tmp_path, capsys):
    run = Run(tmp_path / "run")
    run.path.mkdir()
    run.begin({"seed": 1, "logs": [str(log)]}, read_inputs([str(log)]))
    words = ["adapt", "--domain", str(log.parent / "tiny.yaml"), "--log", str(log), "--out", str(run.path), *SETTINGS]
    assert main([*words, "--dry-run"]) == 2 and "was begun with other settings" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("predicates", "more", "message"),
    [("[]", [], "the domain has no predicates"), (None, ["--backbone", "none"], "backbone 'none' is not known")],
)
def test_a_network_that_cannot_be_built_is_told_before_anything_is_rendered(
    log, tmp_path, capsys, predicates, more, message
):
    data = yaml.safe_load(DOMAIN)
    data["predicates"] = yaml.safe_load(predicates) if predicates else data["predicates"]
    (tmp_path / "domain.yaml").write_text(yaml.safe_dump(data))
    words = ["adapt", "--domain", str(tmp_path / "domain.yaml"), "--log", str(log), "--out", str(tmp_path / "run")]
    assert main([*words, *SETTINGS, *more]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}") and not (tmp_path / "run").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_told_before_anything_is_made(log, tmp_path, capsys):
    words = ["adapt", "--domain", str(log.parent / "tiny.yaml"), "--log", str(log), "--out", str(tmp_path / "run")]
    assert main([*words, *SETTINGS, "--device", "cuda"]) == 2
    assert capsys.readouterr().err == "error: device cuda: torch sees no NVIDIA GPU here; use --device cpu\n"
    assert not (tmp_path / "run").exists()


def test_a_log_that_is_not_there_is_told_before_anything_is_made(log, tmp_path, capsys):
    words = ["adapt", "--domain", str(log.parent / "tiny.yaml"), "--log", "nowhere", "--out", str(tmp_path / "run")]
    assert main(words) == 2 and capsys.readouterr().err.startswith("error: nowhere: no such log")
    assert not (tmp_path / "run").exists()


def check_outputs(run):
    info = Predictor(run / "model.onnx").info
    assert info.calibrated and info.domain.name == "tiny" and info.model_id.endswith("round_1")
    _, graphs = load_graphs(run / "source/inferred.json")
    assert len(graphs) == 3 and all(g.camera.ground is not None for g in graphs)
    assert all(g.objects and g.objects[0].pose for g in graphs)
    found = json.loads((run / "round_1/calibration.json").read_text())["found"]
    assert set(found) == {"cube", "sphere"} and min(found.values()) > 0
    page = (run / "report.html").read_text()
    assert page.count("data:image/jpeg") >= 6 and "no calibration was found" in page
    assert (run / "config.yaml").exists() and set(json.loads((run / "stages.json").read_text())) > {"round_1/train"}


def check_verbs(domain, stage, out):
    """The same from the parts: an export calibrated alike scores alike, and training may go on with other settings."""
    checkpoint, image = stage / "train/checkpoint.pt", np.full((64, 96, 3), 90, np.uint8)
    assert (
        main(
            [
                "export",
                "--checkpoint",
                str(checkpoint),
                "--calibrate",
                str(stage / "held_out"),
                "--out",
                str(out / "e.onnx"),
            ]
        )
        == 0
    )
    ours, theirs = (Predictor(path).infer(image).outputs for path in (out / "e.onnx", stage / "model.onnx"))
    np.testing.assert_allclose(ours["scores"], theirs["scores"], atol=1e-5)
    words = ["export", "--checkpoint", str(checkpoint), "--out", str(out / "robot.onnx"), "--profile", "robot"]
    assert main(words) == 2
    assert main([*words, "--calibrate", str(stage / "held_out")]) == 0
    assert Predictor(out / "robot.onnx").info.max_objects <= Predictor(out / "e.onnx").info.max_objects
    longer = out / "longer.yaml"
    longer.write_text(domain.read_text().replace("training: {", "training: {rounds: 5, "))
    words = [
        "train",
        "--domain",
        str(longer),
        "--data",
        str(stage / "data"),
        "--start",
        str(checkpoint),
        "--steps",
        "1",
    ]
    assert main([*words, "--batch", "2", "--out", str(out / "more")]) == 0
    assert load_checkpoint(out / "more/checkpoint.pt")["domain"]["training"]["rounds"] == 5


def test_the_mean_of_all_stages_is_handed_over_where_it_is_asked_for(log, tmp_path, capsys, whole):
    domain, run = str(log.parent / "tiny.yaml"), tmp_path / "run"
    words = ["adapt", "--domain", domain, "--log", str(log), "--out", str(run), *SETTINGS, "--average"]
    branch(whole, run)
    assert main(words) == 0
    assert "final model: the mean of the weights of source and round 1" in capsys.readouterr().err
    parts = [load_checkpoint(run / stage / "train/checkpoint.pt") for stage in ("source", "round_1")]
    mean = load_checkpoint(run / "mean/train/checkpoint.pt")["network"]
    for name in parts[0]["ema"]:
        torch.testing.assert_close(mean[name], (parts[0]["ema"][name] + parts[1]["ema"][name]) / 2)
    assert (run / "model.onnx").read_bytes() == (run / "mean/model.onnx").read_bytes()
    assert Predictor(run / "model.onnx").info.calibrated
    assert json.loads((run / "chosen.json").read_text())["stage"] == "mean"
    assert main(words) == 0  # Nothing is made again.


def test_the_round_may_be_chosen_by_another_criterion(log, tmp_path, capsys, whole):
    domain, run = str(log.parent / "tiny.yaml"), tmp_path / "run"
    words = ["adapt", "--domain", domain, "--log", str(log), "--out", str(run), *SETTINGS, "--criterion", "das"]
    branch(whole, run)
    assert main(words) == 0
    assert ", the best by das (" in json.loads((run / "chosen.json").read_text())["why"]
    files = [run / stage / "criteria.json" for stage in ("source", "round_1")]
    assert all(set(json.loads(file.read_text())) == {"bos", "change", "prototypes"} for file in files)
    stamps = [file.stat().st_mtime_ns for file in files]
    assert main(words) == 0 and [file.stat().st_mtime_ns for file in files] == stamps  # Nothing is measured again.
    capsys.readouterr()
    assert main([*words[:-1], "bos"]) == 2 and "criterion" in capsys.readouterr().err


def test_a_witness_looks_once_and_its_boxes_are_content(log, tmp_path, capsys, whole):
    # A box at the same place in every frame, of a class that the model has not learned to see there.
    outputs = yolo([(1, 0.9, 30, 32, 20, 24)], 2, False)
    model = write_detector(tmp_path / "peer.onnx", outputs, (1, 3, 64, 96), names=["dog", "ball"])
    run = tmp_path / "run"
    words = ["adapt", "--domain", str(log.parent / "tiny.yaml"), "--log", str(log), "--out", str(run), *SETTINGS]
    mapped = [*words, "--witness", str(model), "--witness-map", "ball=sphere"]
    branch(whole, run)
    assert main(mapped) == 0
    told = capsys.readouterr().err
    assert "[witness] what the witness finds of sphere" in told
    _, boxes = load_graphs(run / "witness/boxes.json")
    assert [[o.label for o in g.objects] for g in boxes] == [["sphere"]] * 3
    _, fused = load_graphs(run / "source/witnessed.json")
    for graph in fused:
        best = next(o for o in graph.objects if o.label == "sphere")
        assert best.score >= 0.9 and best.pose is not None
    layouts = json.loads((run / "round_1/layouts.json").read_text())
    assert any(p["class"] == "sphere" for layout in layouts for p in layout["placements"])
    page = (run / "report.html").read_text()
    assert "peer.onnx" in page and "human labels of other images" in page
    stamps = {file: file.stat().st_mtime_ns for file in (run / "witness/boxes.json", run / "source/witnessed.json")}
    assert main(mapped) == 0 and all(file.stat().st_mtime_ns == stamp for file, stamp in stamps.items())
    capsys.readouterr()
    assert main(words) == 2 and "was begun with other settings (--witness" in capsys.readouterr().err
    write_detector(model, yolo([(1, 0.8, 30, 32, 20, 24)], 2, False), (1, 3, 64, 96), names=["dog", "ball"])
    assert main(mapped) == 2 and "--witness: another content there" in capsys.readouterr().err


def test_images_without_objects_are_part_of_every_training(log, tmp_path, capsys):
    empty, run = tmp_path / "empty", tmp_path / "run"
    empty.mkdir()
    write_jpeg(empty / "a.jpg", np.zeros((64, 96, 3), np.uint8), 90)
    words = ["adapt", "--domain", str(log.parent / "tiny.yaml"), "--log", str(log), "--out", str(run), *SETTINGS]
    with_negatives = [*words, "--negatives", f"{empty}:0.25"]
    assert main(with_negatives) == 0
    seeds = set()
    for stage in ("source", "round_1"):
        written = json.loads((run / stage / "train/train.json").read_text())
        assert written["negatives"] == [relpath(empty, run / stage / "train")]
        assert written["shares"][-1] == 0.25 and sum(written["shares"]) == pytest.approx(1.0)
        seeds.add(written["settings"]["seed"])
    assert len(seeds) == 2, "the same seed would show every stage the same crops of the same images"
    stamp = (run / "model.onnx").stat().st_mtime_ns
    assert main(with_negatives) == 0 and (run / "model.onnx").stat().st_mtime_ns == stamp
    settings = ["adapt", "--config", str(run / "config.yaml"), "--out", str(tmp_path / "again"), "--dry-run"]
    capsys.readouterr()
    assert main(settings) == 0 and "25% of the images negatives" in capsys.readouterr().out
    assert main(words) == 2 and "was begun with other settings (--negatives" in capsys.readouterr().err
