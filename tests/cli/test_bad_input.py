"""Bad input, through the command line: one line that names the fix, exit 2, and nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sim2sg_core.cli.main import main
from sim2sg_core.domains import load_domain
from sim2sg_core.packs.pack import shipped_files
from tests.evaluation.conftest import draw
from tests.logs.bag_writing import bag
from tests.runtime.constant_model import empty_outputs, write_model
from tests.runtime.detector_models import ssd, write_detector, yolo


def check(text: str, code: int, *expected: str) -> None:
    """Exactly one error, on the last line, naming what is expected; no stack trace."""
    lines = text.strip().splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert code == 2, text
    assert len(errors) == 1, text
    assert errors == lines[-1:]
    assert "Traceback" not in text
    for part in expected:
        assert part.lower() in errors[0].lower()


@pytest.fixture
def fails(capsys):
    """Returns a function that runs a verb which must fail, and checks how."""

    def run(*arguments, expect=()):
        code = main([str(a) for a in arguments])
        check(capsys.readouterr().err, code, *([expect] if isinstance(expect, str) else expect))

    return run


@pytest.fixture
def blind_log(tmp_path) -> Path:
    """A bag without a camera."""
    with bag(tmp_path / "blind", "mcap") as builder:
        builder.transforms([("base_link", "imu", [0, 0, 1], [0, 0, 0, 1])])
    return next((tmp_path / "blind").glob("*.mcap"))


@pytest.fixture
def model(tmp_path) -> Path:
    """A model of the clevr domain."""
    clevr = load_domain("clevr")
    outputs = empty_outputs(4, 4, len(clevr.predicates))
    return write_model(tmp_path / "clevr.onnx", outputs, domain=json.dumps(clevr.to_json()))


@pytest.fixture
def result(tmp_path) -> Path:
    """Where results go; an older one is there."""
    path = tmp_path / "result.json"
    path.write_text("an older result")
    return path


@pytest.fixture
def kitti(tmp_path) -> Path:
    """The smallest KITTI folder."""
    folder = tmp_path / "kitti"
    draw(folder / "image_2" / "000001.png", 64, 48, [])
    for part, text in (("label_2", ""), ("calib", "P2: 50 0 32 0 0 50 24 0 0 0 1 0")):
        (folder / part).mkdir()
        (folder / part / "000001.txt").write_text(text)
    return folder


# ---- no such file ----


@pytest.mark.parametrize(
    "command",
    [
        "log info {no}",
        "log extract {no} --out {out}",
        "infer --model {model} --log {no} --out {result}",
        "infer --model {model} --images {no} --out {result}",
        "infer --model {no} --images {kitti}/image_2 --out {result}",
        "eval --model {no} --data {kitti} --format kitti --out {result}",
        "eval --model {model} --data {no} --format clevr --out {result}",
        "adapt --domain clevr --log {no} --out {out}",
        "domain show {no}.yaml",
        "synth --domain {no}.yaml --count 1 --out {out}",
        "train --domain clevr --data {no} --out {out} --steps 1 --backbone small",
        "export --checkpoint {no} --out {out}/model.onnx",
    ],
)
def test_no_such_file(fails, tmp_path, model, kitti, result, command):
    places = {"model": model, "kitti": kitti, "result": result}
    filled = command.format(no=tmp_path / "nowhere", out=tmp_path / "out", **places)
    fails(*filled.split(), expect="nowhere")
    assert result.read_text() == "an older result"


# ---- logs ----


def log_commands(log: Path, tmp_path: Path, model: Path, result: Path, *more: str):
    """Every verb that reads logs."""
    yield ("log", "extract", log, "--out", tmp_path / "frames", *more)
    yield ("infer", "--model", model, "--log", log, "--out", result, *more)
    yield ("adapt", "--domain", "clevr", "--log", log, "--out", tmp_path / "run", *more)


@pytest.mark.parametrize("share", [0.0, 0.01])
def test_a_bag_of_which_nothing_is_whole(fails, tmp_path, log, model, result, share):
    log.write_bytes(log.read_bytes()[: int(share * log.stat().st_size)])
    for command in log_commands(log, tmp_path, model, result):
        fails(*command, expect=log.name)
    fails("log", "info", log, expect=log.name)
    assert result.read_text() == "an older result"


def test_bag_without_camera(fails, tmp_path, blind_log, model, result):
    for command in log_commands(blind_log, tmp_path, model, result):
        fails(*command, expect=[blind_log.name, "/tf_static"])
    assert result.read_text() == "an older result"


def test_unknown_topic_lists_those_that_are_there(fails, tmp_path, log, model, result):
    for command in log_commands(log, tmp_path, model, result, "--topic", "/camera"):
        fails(*command, expect=["/camera", "/cam/image_raw/compressed"])
    assert result.read_text() == "an older result"


# ---- models and domains ----


@pytest.mark.parametrize("content", ["text", "half", "foreign"])
def test_onnx_that_is_not_ours(fails, tmp_path, log, model, kitti, result, content):
    if content == "text":
        model.write_text("not a model")
    elif content == "half":
        model.write_bytes(model.read_bytes()[: model.stat().st_size // 2])
    else:
        write_model(model, empty_outputs(4, 4, 2), sim2sg_format=None)
    fails("infer", "--model", model, "--log", log, "--out", result, expect=model.name)
    fails("eval", "--model", model, "--data", kitti, "--format", "kitti", "--out", result, expect=model.name)
    assert result.read_text() == "an older result"


def test_model_of_another_domain(fails, model, kitti, result):
    arguments = ("eval", "--model", model, "--data", kitti, "--format", "kitti", "--out", result)
    fails(*arguments, expect=["domain clevr", "cube", "car"])
    assert result.read_text() == "an older result"


def test_checkpoint_of_another_domain(fails, tmp_path):
    core = pytest.importorskip("sim2sg_core.model", reason="torch is not installed")
    clevr = load_domain("clevr")
    network = core.build_network(clevr, backbone="small", pretrained=False, width=64, height=64)
    start = core.save_checkpoint(tmp_path / "clevr.pt", network, clevr)
    out = tmp_path / "out"
    arguments = ("train", "--domain", "drive", "--data", tmp_path, "--out", out, "--start", start)
    fails(*arguments, expect=["clevr.pt", "clevr", "drive"])
    assert not out.exists()


def test_yaml_with_an_unknown_key(fails, tmp_path, log):
    lines = shipped_files("domain.yaml")["clevr"].read_text().splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("max_objects"))
    lines[at] = lines[at].replace("max_objects", "max_object")
    path = tmp_path / "mine.yaml"
    path.write_text("\n".join(lines))
    expected = [f"{path}:{at + 1}:", "max_object", "did you mean max_objects"]
    out = tmp_path / "out"
    fails("domain", "show", path, expect=expected)
    fails("synth", "--domain", path, "--count", "1", "--out", out, expect=expected)
    fails("adapt", "--domain", path, "--log", log, "--out", out, expect=expected)
    assert not out.exists()


def test_an_onnx_model_where_a_checkpoint_is_wanted(fails, model, result, tmp_path):
    pytest.importorskip("torch", reason="torch is not installed")
    told = "is an ONNX model, made from a checkpoint: give that checkpoint"
    fails("export", "--checkpoint", model, "--out", result, expect=["clevr.onnx", told])
    fails("train", "--domain", "clevr", "--data", tmp_path, "--out", tmp_path / "out", "--start", model, expect=told)
    (text := tmp_path / "notes.txt").write_text("no checkpoint")
    fails("export", "--checkpoint", text, "--out", result, expect=["not a whole checkpoint", "give a checkpoint.pt"])


def test_checkpoint_cut_in_half(fails, tmp_path, kitti, result):
    core = pytest.importorskip("sim2sg_core.model", reason="torch is not installed")
    drive = load_domain("drive")
    network = core.build_network(drive, backbone="small", pretrained=False, width=64, height=64)
    path = core.save_checkpoint(tmp_path / "half.pt", network, drive)
    half = path.read_bytes()[: path.stat().st_size // 2]
    path.write_bytes(half)
    fails("export", "--checkpoint", path, "--out", result, expect="half.pt")
    fails("eval", "--model", path, "--data", kitti, "--format", "kitti", "--out", result, expect="half.pt")
    arguments = ("--data", kitti, "--out", tmp_path / "out", "--start", path)
    fails("train", "--domain", "drive", *arguments, expect="half.pt")
    assert path.read_bytes() == half
    assert result.read_text() == "an older result"


# ---- the machine ----


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="no /proc")
def test_a_place_where_nothing_can_be_made(fails, model, kitti):
    for out, words in (("/proc/x.json", ()), ("/proc/x/y", ("--format", "yolo"))):
        fails(
            "infer", "--model", model, "--images", kitti / "image_2", "--out", out, *words, expect=["/proc/", "choose"]
        )


def test_no_egl(tmp_path):
    """The loader of EGL finds no driver, as on a machine without Mesa."""
    environment = {**os.environ, "__EGL_VENDOR_LIBRARY_FILENAMES": os.devnull}
    out = tmp_path / "out"
    command = ("synth", "--domain", "clevr", "--count", "1", "--out", str(out))
    done = subprocess.run(
        [sys.executable, "-m", "sim2sg_core.cli.main", *command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    check(done.stderr, done.returncode, "EGL", "apt install")
    assert not out.exists()


def why_no_small_disk() -> str:
    """Why a small file system cannot be mounted in a name space of our own; empty when it can."""
    if shutil.which("unshare") is None:
        return "unshare is missing"
    command = ["unshare", "-Urm", "sh", "-c", "mount -t tmpfs -o size=64k tmpfs /mnt"]
    done = subprocess.run(command, capture_output=True, text=True)
    return f"no tmpfs in a user name space: {done.stderr.strip()}" if done.returncode else ""


@pytest.fixture
def on_small_disk(tmp_path):
    """Returns a function that runs a verb with `{disk}` a file system of some kB.

    The file `old` lies on it already and must be unharmed afterwards.
    """
    if reason := why_no_small_disk():
        pytest.skip(reason)
    disk = tmp_path / "disk"
    disk.mkdir()

    def run(size_kb: int, *arguments):
        words = [str(a).format(disk=disk) for a in arguments]
        script = (
            f'mount -t tmpfs -o size={size_kb}k tmpfs "{disk}" && echo "an older result" > "{disk}/old" &&'
            f' {{ "$@"; code=$?; ls -A "{disk}" >&3; cat "{disk}/old" >&3; exit $code; }} 3>"{tmp_path}/left"'
        )
        command = ["unshare", "-Urm", "sh", "-c", script, "sh", sys.executable, "-m", "sim2sg_core.cli.main"]
        done = subprocess.run([*command, *words], capture_output=True, text=True, timeout=300)
        check(done.stderr, done.returncode, "no space left")
        return (tmp_path / "left").read_text().splitlines()

    return run


def test_no_space_for_extracted_frames(on_small_disk, log):
    left = on_small_disk(16, "log", "extract", log, "--out", "{disk}/frames")
    assert left[-1] == "an older result"


def test_no_space_for_graphs(on_small_disk, log, model):
    """The older graphs stay, and no half of new ones is left beside them."""
    left = on_small_disk(4, "infer", "--model", model, "--log", log, "--out", "{disk}/old")
    assert left == ["old", "an older result"]


def test_no_space_for_rendered_frames(on_small_disk):
    pytest.importorskip("moderngl", reason="moderngl is not installed")
    command = ("synth", "--domain", "clevr", "--count", "4", "--workers", "1", "--out", "{disk}/synth")
    assert on_small_disk(16, *command)[-1] == "an older result"


# ---- witnesses ----


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--witness", "{no}.onnx"], ["nowhere.onnx", "no such file"]),
        (["--witness", "{no}.weights"], ["nowhere.weights", "no such file"]),
        (["--witness", "{odd}"], ["unknown form: output0 (1, 7, 200)", "understood are (1)"]),
        (["--witness", "{coco}"], ["no class of the domain's (cube", "--witness-map"]),
        (["--witness", "{coco}", "--witness-map", "car=lorry"], ["no class 'lorry'", "cube"]),
        (["--witness", "{coco}", "--witness-map", "lorry=cube"], ["knows no 'lorry'", "person"]),
        (["--witness", "{coco}", "--witness-map", "car:cube"], ["'car:cube'", "NAME=CLASS"]),
        (["--witness", "{coco}", "--witness-labels", "{no}.txt"], ["nowhere.txt"]),
        (["--witness-map", "car=cube"], ["--witness-map goes with --witness FILE"]),
        (["--witness-labels", "{no}.txt"], ["--witness-labels goes with --witness FILE"]),
    ],
)
def test_a_witness_that_cannot_work_is_told_of_before_any_work(fails, tmp_path, words, expected):
    places = {
        "no": tmp_path / "nowhere",
        "odd": write_detector(tmp_path / "odd.onnx", yolo([], 3, False)),
        "coco": write_detector(tmp_path / "coco.onnx", ssd([])),
    }
    draw(tmp_path / "log" / "1.png", 64, 48, [])
    begin = ("adapt", "--domain", "clevr", "--log", tmp_path / "log", "--out", tmp_path / "run")
    fails(*begin, *(word.format(**places) for word in words), expect=expected)
    assert not (tmp_path / "run").exists()
