"""No verb writes over what it reads, and files that are in the way are told in one line before any work."""

from __future__ import annotations

import pytest

from sim2sg_core.cli.main import main
from tests.pictures import photos

__all__ = ["photos"]


@pytest.fixture
def refused(capsys):
    """Runs a command line that must fail in one line, before anything is loaded."""

    def run(reason, *words):
        assert main([str(word) for word in words]) == 2
        told = capsys.readouterr().err
        assert told.startswith("error: ") and told.count("\n") == 1 and reason in told, told

    return run


@pytest.mark.parametrize("written", ["--overlay", "--out"])
def test_infer_keeps_the_photographs(refused, photos, tmp_path, written):
    before = {file: file.read_bytes() for file in photos.iterdir()}
    place = photos if written == "--overlay" else photos / "a.jpg"
    words = {"--out": tmp_path / "graphs.json", written: place}
    flat = [word for pair in words.items() for word in pair]
    refused(f"give {written} another", "infer", "--model", "missing.onnx", "--images", photos, *flat)
    assert {file: file.read_bytes() for file in photos.iterdir()} == before


def test_extract_keeps_the_photographs(refused, photos, tmp_path):
    before = {file: file.read_bytes() for file in photos.iterdir()}
    (tmp_path / "link").symlink_to(photos)
    for out in (photos, tmp_path / "link"):
        refused("give --out another folder", "log", "extract", photos, "--out", out)
    assert {file: file.read_bytes() for file in photos.iterdir()} == before


@pytest.mark.parametrize("below", ["", "below"])
def test_a_file_where_a_folder_should_be(refused, photos, tmp_path, below):
    (tmp_path / "file").write_text("")
    folder, out = tmp_path / "file" / below, tmp_path / "out.json"
    reason = f"{tmp_path / 'file'}: is a file, not a folder"
    infer = ("infer", "--model", "missing.onnx", "--images", photos, "--out", out)
    refused(reason, *infer, "--overlay", folder)
    score = ("eval", "--model", "missing.onnx", "--data", photos, "--format", "coco", "--out", out)
    refused(reason, *score, "--mistakes", folder)


@pytest.mark.parametrize(
    "words",
    [
        ("infer", "--model", "{0}", "--images", "{photos}", "--out", "{0}"),
        ("infer", "--model", "m.onnx", "--images", "{photos}", "--camera", "{0}", "--out", "{0}"),
        ("infer", "--model", "m.onnx", "--images", "{list}", "--out", "{list}"),
        ("eval", "--model", "{0}", "--data", "{photos}", "--format", "coco", "--out", "{0}"),
        ("eval", "--graphs", "{0}", "--data", "{photos}", "--format", "coco", "--out", "{link}"),
        ("eval", "--model", "m.onnx", "--data", "{0}", "--format", "coco", "--out", "{0}"),
        ("export", "--checkpoint", "{0}", "--out", "{0}"),
        ("export", "--checkpoint", "dining", "--camera", "{0}", "--out", "{0}"),
    ],
)
def test_what_a_command_reads_it_does_not_replace(refused, photos, tmp_path, words):
    (given := tmp_path / "given").write_text("kept")
    (tmp_path / "link").symlink_to(given)
    (listed := tmp_path / "list.txt").write_text(str(photos))
    names = {"photos": photos, "list": listed, "link": tmp_path / "link"}
    refused("would be overwritten: give --out another file", *(word.format(given, **names) for word in words))
    assert given.read_text() == "kept" and listed.read_text() == str(photos)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("synth", "--domain", "clevr", "--out", ""), "--out: a value is empty"),
        (("train", "--domain=clevr", "--data=", "--out", "x"), "--data: a value is empty"),
        (("infer", "--images", "a", "", "--model", "m.onnx", "--out", "g.json"), "a value is empty"),
    ],
)
def test_an_empty_value_is_not_the_current_folder(refused, tmp_path, monkeypatch, words, reason):
    monkeypatch.chdir(tmp_path)
    refused(reason, *words)
    assert not list(tmp_path.iterdir())
