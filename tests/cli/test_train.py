from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch
import yaml

from sim2sg_core.cli import export as export_verb
from sim2sg_core.cli import train as train_verb
from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.learning.data import Record
from sim2sg_core.model import export_onnx, load_checkpoint, load_network
from sim2sg_core.scene import Camera
from sim2sg_core.synthesis.dataset import make_folders, write_annotations, write_frame


def run(verb: ModuleType, *arguments: object) -> int:
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    verb.add_arguments(parser)
    return verb.run(parser.parse_args([str(a) for a in arguments]))


@pytest.fixture(scope="module")
def place(tmp_path_factory, domain: Domain, records: list[Record]) -> Path:
    """A folder with a data set and a domain file."""
    out = tmp_path_factory.mktemp("cli")
    make_folders(out / "data")
    for index, record in enumerate(records):
        write_frame(out / "data", index, "", record.code, record.graph, {})
    write_annotations(out / "data", domain, len(records))
    (out / "toy.yaml").write_text(yaml.safe_dump(domain.to_json()))
    return out


@pytest.fixture(scope="module")
def checkpoint(place: Path) -> Path:
    """A network after three steps."""
    common = ("--domain", place / "toy.yaml", "--data", f"{place}/data:2", "--batch", 2, "--workers", 0)
    assert run(train_verb, *common, "--out", place / "run", "--steps", 3) == 0
    return place / "run" / "checkpoint.pt"


def test_negatives_are_named_in_the_run_and_credited(place):
    (place / "street").mkdir()
    cv2.imwrite(str(place / "street" / "a.png"), np.full((60, 80, 3), 90, np.uint8))
    (place / "street" / "CREDITS.txt").write_text("Head.\n\nLibrary of cars\n- Car, by A\n")
    words = ("--domain", place / "toy.yaml", "--data", place / "data", "--negatives", f"{place}/street:0.5")
    assert run(train_verb, *words, "--batch", 2, "--workers", 0, "--out", place / "cautious", "--steps", 1) == 0
    written = json.loads((place / "cautious" / "train.json").read_text())
    assert (written["shares"], written["negatives"]) == ([0.5, 0.5], ["../street"])
    assert "- Car, by A" in (place / "cautious" / "CREDITS.txt").read_text()
    with pytest.raises(Sim2SGError, match="nowhere"):
        run(train_verb, *words[:-1], place / "nowhere", "--out", place / "other", "--steps", 1)
    with pytest.raises(Sim2SGError, match=r"shares are 1\.2 together and leave no image to --data"):
        run(train_verb, *words, f"{place}/street:0.7", "--out", place / "other", "--steps", 1)
    assert not (place / "other").exists()


def test_negatives_have_the_share_that_is_given_and_the_data_sets_divide_the_rest():
    data = [(Path("a"), 1.0), (Path("b"), 3.0)]
    assert train_verb.divided(data, ()) == (data, [])
    divided, negatives = train_verb.divided(data, [(Path("n"), 0.2)])
    assert [share for _, share in divided] == pytest.approx([0.2, 0.6]) and negatives == [(Path("n"), 0.2)]


def test_train_then_export_gives_a_model_that_runs(place, checkpoint, records, capsys):
    pytest.importorskip("onnxruntime")
    from sim2sg_core.runtime import Predictor

    assert load_checkpoint(checkpoint)["step"] == 3
    target = place / "model.onnx"
    assert run(export_verb, "--checkpoint", checkpoint, "--out", target, "--model-id", "first") == 0
    assert "model.onnx" in capsys.readouterr().out
    predictor = Predictor(target, provider="cpu", threads=1)
    assert predictor.info.model_id == "first"
    assert predictor.info.calibrated is False
    graph = predictor.predict(records[0].image(), records[0].graph.camera)
    assert len(graph.objects) == 6
    assert np.isfinite(graph.boxes()).all()


def test_training_goes_on_from_a_checkpoint(place, checkpoint):
    common = ("--domain", place / "toy.yaml", "--data", place / "data", "--batch", 2, "--workers", 0)
    run(train_verb, *common, "--out", place / "next", "--steps", 1, "--start", checkpoint, "--learning-rate", 1e-9)
    old, new = load_checkpoint(checkpoint)["ema"], load_checkpoint(place / "next" / "checkpoint.pt")["ema"]
    for name in old:
        torch.testing.assert_close(new[name], old[name], atol=1e-6, rtol=1e-4)


def test_an_export_takes_over_the_camera_of_a_calibration_or_of_another_model(place, checkpoint):
    pytest.importorskip("onnxruntime")
    from sim2sg_core.runtime.metadata import load_info

    bare, seeing, copied = (place / f"{name}.onnx" for name in ("bare", "seeing", "copied"))
    assert run(export_verb, "--checkpoint", checkpoint, "--out", bare) == 0
    with pytest.raises(Sim2SGError, match=r"bare\.onnx: this model assumes no camera"):
        run(export_verb, "--checkpoint", checkpoint, "--camera", bare, "--out", copied)
    network, domain = load_network(checkpoint)
    camera = Camera.from_extrinsics(480, 320, np.array([[500, 0, 240], [0, 500, 160], [0, 0, 1.0]]), 5.0, 0.4)
    export_onnx(network, domain, seeing, camera=camera)
    assert run(export_verb, "--checkpoint", checkpoint, "--camera", seeing, "--out", copied) == 0
    found = load_info(copied).camera
    assert found.to_json() == load_info(seeing).camera.to_json() and (found.width, found.height) == (480, 320)
    assert found.ground is not None


def test_a_checkpoint_of_another_domain_is_refused(place, checkpoint):
    with pytest.raises(Sim2SGError, match=r"a checkpoint of domain toy with classes .* clevr has"):
        run(
            train_verb, "--domain", "clevr", "--data", place / "data", "--out", place / "x", "--start", checkpoint
        )  # fmt: skip
    assert not (place / "x").exists()


def relabelled(place: Path, name: str, classes: list[str]) -> Path:
    """Copies the data set of `place` with other names of its classes."""
    shutil.copytree(place / "data", place / name)
    file = place / name / "annotations.json"
    data = json.loads(file.read_text())
    for category, label in zip(data["categories"], classes, strict=False):
        category["name"] = label
    file.write_text(json.dumps(data))
    return place / name


def test_a_data_set_of_another_domain_teaches_and_calibrates_nothing(place, checkpoint, domain):
    other = relabelled(place, "foreign", [f"other_{name}" for name in domain.class_names])
    common = ("--domain", place / "toy.yaml", "--batch", 2, "--workers", 0, "--steps", 1, "--out", place / "none")
    for data in ([other], [place / "data", other]):
        with pytest.raises(Sim2SGError, match=r"foreign: labels other_.*, and no class of toy .*: give a data set of"):
            run(train_verb, *common, "--data", *data)
    assert not (place / "none").exists()
    with pytest.raises(Sim2SGError, match="foreign: labels other_"):
        run(export_verb, "--checkpoint", checkpoint, "--calibrate", other, "--out", place / "none.onnx")


def test_a_data_set_that_lacks_a_class_is_warned_of_once(place, domain, caplog):
    first, *others = domain.class_names
    data = relabelled(place, "partial", ["table"])
    common = ("--domain", place / "toy.yaml", "--batch", 2, "--workers", 0, "--steps", 1)
    run(train_verb, *common, "--data", data, "--out", place / "partly")
    said = [r.getMessage() for r in caplog.records if "its classes" in r.getMessage()]
    assert len(said) == 1 and others
    assert said[0].endswith(f"toy (ignored: table; not labelled, and so taught as background: {first})")
    caplog.clear()
    run(train_verb, *common, "--data", place / "data", "--out", place / "wholly")
    assert "its classes" not in caplog.text
