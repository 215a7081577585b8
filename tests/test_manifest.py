from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim2sg_core.manifest import Artefact, Manifest


def write(path: Path, text: str) -> Artefact:
    path.write_text(text)
    return Artefact(path)


@pytest.fixture
def chain(tmp_path: Path) -> list[Artefact]:
    """Three artefacts, entered one after the other."""
    manifest, made = Manifest(tmp_path), []
    for name in ("first", "second", "third"):
        made.append(write(tmp_path / name, name))
        manifest.enter(made[-1:])
    return made


def held(folder: Path, chain: list[Artefact]) -> list[bool]:
    """What holds at the next start; what does not is made anew, as text `changed` or as it was."""
    manifest = Manifest(folder)
    return [manifest.holds([artefact])[0] for artefact in chain]


def test_what_was_entered_holds_and_the_rest_does_not(tmp_path, chain, capsys):
    assert held(tmp_path, chain) == [True] * 3
    assert Manifest(tmp_path).holds([write(tmp_path / "foreign", "x")]) == [False]
    entry = json.loads((tmp_path / "manifest.json").read_text())["files"]["first"]
    assert entry["size"] == 5 and len(entry["sha256"]) == 64
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("folder", ["first", "manifest.json"])
def test_a_folder_in_the_place_of_a_file_is_one_line_and_kept(tmp_path, chain, capsys, folder):
    (tmp_path / folder).unlink()
    (tmp_path / folder / "mine").mkdir(parents=True)
    manifest = Manifest(tmp_path)
    assert manifest.holds(chain[:1]) == [False]
    manifest.forget(chain[:1])
    assert len(capsys.readouterr().err.splitlines()) == 1 and (tmp_path / folder / "mine").is_dir()


@pytest.mark.parametrize("text", ["fir", "", "FIRST", None])
def test_a_changed_cut_or_missing_file_is_named_in_one_line(tmp_path, chain, capsys, text):
    if text is None:
        chain[0].path.unlink()
    else:
        chain[0].path.write_text(text)
    assert not Manifest(tmp_path).holds(chain[:1])[0]
    told = capsys.readouterr().err
    assert told.startswith(f"note: {tmp_path / 'first'}: is not ") and len(told.splitlines()) == 1


def test_what_follows_holds_only_where_the_new_one_is_like_the_old(tmp_path, chain):
    for text, follows in (("FIRST", False), ("first", True)):
        manifest = Manifest(tmp_path)
        chain[0].path.write_text("damaged")
        assert manifest.holds(chain[:1]) == [False]
        manifest.forget(chain[:1])
        assert not chain[0].path.exists()
        chain[0].path.write_text(text)
        manifest.enter(chain[:1])
        assert manifest.holds(chain[1:2]) == [follows]


def test_a_file_that_was_being_replaced_is_known_before_and_after(tmp_path, capsys):
    file, manifest = tmp_path / "times.json", Manifest(tmp_path)
    manifest.write(file, "one")
    manifest.write(file, "two")
    for text, known in (("two", True), ("one", True), ("three", False)):
        file.write_text(text)
        assert Manifest(tmp_path).knows(file) is known
    assert "times.json: is not as it was" in capsys.readouterr().err


def test_many_files_have_one_entry_and_strangers_among_them_do_not_count(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    files = [write(folder / f"{k}.txt", str(k)).path for k in range(3)]
    whole = Artefact(folder, lambda: files)
    Manifest(tmp_path).enter([whole])
    (folder / "Thumbs.db").write_text("")
    assert Manifest(tmp_path).holds([whole]) == [True]
    files[1].write_text("x")
    assert Manifest(tmp_path).holds([whole]) == [False]
    Manifest(tmp_path).forget([whole])
    assert files[0].exists(), "those check themselves"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"files": {"first": 3}}', '{"files": {"first": {"size": 1}}}', "\0\0"]
)
def test_a_damaged_manifest_is_named_and_nothing_holds(tmp_path, chain, capsys, text):
    (tmp_path / "manifest.json").write_text(text)
    assert held(tmp_path, chain) == [False] * 3
    told = capsys.readouterr().err
    assert "manifest.json: damaged" in told and len(told.splitlines()) == 1


def test_a_part_is_taken_over_whatever_came_before_it(tmp_path, chain):
    (tmp_path / "a/source").mkdir(parents=True)
    first = Manifest(tmp_path / "a")
    first.enter([write(tmp_path / "a/frames", "these")])
    first.enter([write(tmp_path / "a/source/model", "weights")])
    (tmp_path / "a").rename(tmp_path / "b")
    second = Manifest(tmp_path / "c")
    second.take_over(Manifest(tmp_path / "b"), "source")
    (tmp_path / "b/source").rename(tmp_path / "c/source")
    third = Manifest(tmp_path / "c")
    third.enter([write(tmp_path / "c/frames", "others")])
    assert third.holds([Artefact(tmp_path / "c/source/model")]) == [True]
