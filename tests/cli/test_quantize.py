"""`sim2sg quantize`, and how the other verbs take what it wrote."""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys

import cv2
import pytest

from sim2sg_core.cli import build_engine, quantize
from sim2sg_core.cli.main import main
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime import load_info
from sim2sg_core.runtime.cpu import saturates
from tests.logs.bag_writing import T0, bag
from tests.model.small_model import pictures, small_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return small_model(tmp_path_factory)


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    path = tmp_path_factory.mktemp("quantize") / "log"
    with bag(path, "mcap") as b:
        for i, image in enumerate(pictures(8, 480, 320)):
            b.compressed("/cam/image_raw/compressed", image, T0 + i * 10**9)
    return path


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for i, image in enumerate(pictures(2)):
        cv2.imwrite(str(folder / f"{i}.png"), image)
    return folder


def parse(*arguments: object) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    quantize.add_arguments(parser)
    return parser.parse_args([str(a) for a in arguments])


def run(*arguments: object) -> int:
    return quantize.run(parse(*arguments))


def test_a_log_to_a_model_and_a_table(model, log, tmp_path, capsys):
    out = tmp_path / "new" / "fast.onnx"
    options = ("--max", 5, "--threads", 1)
    assert run("--model", model, "--log", log, "--out", out, *options) == 0
    text = capsys.readouterr().out
    assert re.search(r"fast\.onnx: small-int8, \d+ convolutions \(7-bit weights\), calibrated on 5 frames\n", text)
    times = re.search(r"^inference, ms +(\S+) +(\S+) +(\S+)x, threads: 1$", text, re.M)
    float_ms, int8_ms, ratio = (float(times[i]) for i in (1, 2, 3))
    rounding = 0.05 + 0.05 * ratio + 0.005 * (int8_ms + 0.05)  # fast CPUs take a few tenths of a millisecond
    assert abs(ratio * int8_ms - float_ms) <= rounding + 1e-9
    sizes = re.search(r"^file, MB +(\S+) +(\S+)$", text, re.M)
    assert float(sizes[1]) == pytest.approx(model.stat().st_size / 1e6, abs=0.06)
    assert float(sizes[2]) == pytest.approx(out.stat().st_size / 1e6, abs=0.06)
    share = r"(?:-|\d+\.\d %)"
    assert re.search(rf"^same objects +\d+ +{share} +3 frames; int8 adds {share}$", text, re.M)
    assert re.search(rf"^same relations +\d+ +{share}$", text, re.M)
    info = load_info(out)
    assert (info.model_id, info.quantized, info.weight_bits) == ("small-int8", "int8", 7)


def test_frames_that_calibrate_do_not_compare(model, log, tmp_path):
    for count, calibration, held_out in ((5, 5, 3), (4, 4, 2), (1, 1, 1), (40, 5, 3)):
        args = parse("--model", model, "--log", log, "--out", tmp_path / "o", "--max", count)
        one, other = quantize.split_frames(args)
        assert (len(one), len(other)) == (calibration, held_out)
        assert not {f.stamp for f in one} & {f.stamp for f in other}


def test_a_model_is_all_like_itself(model, images):
    args = parse("--model", model, "--images", images, "--out", model)
    _, held_out = quantize.split_frames(args)
    graphs, times = quantize.run_in_turn((model, model), held_out, 1)
    assert len(graphs[0]) == len(graphs[1]) == 1 and min(times) > 0
    assert graphs[0][0].to_json() == graphs[1][0].to_json()
    assert graphs[0][0].objects and graphs[0][0].camera is not None, "the training log's camera fits"


def test_it_says_when_it_is_not_faster(model):
    assert quantize.advice(model, (22.0, 12.7)) is None
    assert quantize.advice(model, (2.0, 2.5)) == (
        f"not faster on this machine (2.5 ms against 2.0 ms of the float model): run {model} here"
    )


def test_weights_of_8_bits_are_made_on_every_cpu(model, images, tmp_path, capsys, caplog):
    out = tmp_path / "wide.onnx"
    assert run("--model", model, "--images", images, "--out", out, "--threads", 1, "--weights", 8) == 0
    text = capsys.readouterr().out
    assert "(8-bit weights)" in text and load_info(out).weight_bits == 8
    told = saturates() is True
    assert ("this CPU has no VNNI, so the time" in text) is told
    assert ("without --weights 8" in caplog.text) is told


def test_a_time_that_holds_here_only_is_told(model):
    for times in ((22.0, 12.7), (2.0, 2.5)):
        line = quantize.advice(model, times, misfits=True)
        assert (
            line.startswith("this CPU has no VNNI, so the time of 8-bit weights holds here only") and "\n" not in line
        )


def test_mistakes_are_one_line(model, log, images, tmp_path):
    def refused(match, *arguments):
        with pytest.raises(Sim2SGError, match=match) as caught:
            run(*arguments)
        assert "\n" not in str(caught.value)

    out = ("--out", tmp_path / "fast.onnx")
    (tmp_path / "other.onnx").write_bytes(b"not ONNX")
    (tmp_path / "empty").mkdir()
    refused("not an ONNX model", "--model", tmp_path / "other.onnx", "--log", log, *out)
    refused("--max is 0", "--model", model, "--log", log, *out, "--max", 0)
    refused("--threads is -1", "--model", model, "--log", log, *out, "--threads", -1)
    refused("is a folder; give the path of a file", "--model", model, "--log", log, "--out", tmp_path)
    refused("empty: ", "--model", model, "--images", tmp_path / "empty", *out)
    refused("/nowhere", "--model", model, "--log", log, "--topic", "/nowhere", *out)
    (images / "1.png").unlink()
    refused("has one image only", "--model", model, "--images", images, *out)
    assert not (tmp_path / "fast.onnx").exists()


def test_other_verbs_take_it(model, images, tmp_path, capsys):
    out = tmp_path / "fast.onnx"
    assert run("--model", model, "--images", images, "--out", out, "--threads", 1) == 0
    graphs = tmp_path / "graphs.json"
    assert main(["infer", "--model", str(out), "--images", str(images), "--out", str(graphs), "--threads", "1"]) == 0
    assert "small-int8 (clevr) on cpu" in capsys.readouterr().err
    data = json.loads(graphs.read_text())
    assert data["model"] == "small-int8" and all(image["objects"] for image in data["images"])
    parser = argparse.ArgumentParser()
    build_engine.add_arguments(parser)
    with pytest.raises(Sim2SGError, match="is in int8, which is for CPUs: give the float model"):
        build_engine.run(parser.parse_args(["--model", str(out), "--cache", str(tmp_path / "cache")]))
    with pytest.raises(Sim2SGError, match="is in int8 already"):
        run("--model", out, "--images", images, "--out", tmp_path / "again.onnx")


def test_the_module_is_light():
    code = "import sys, sim2sg_core.cli.quantize\nassert not {'onnx', 'onnxruntime', 'torch', 'cv2'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
