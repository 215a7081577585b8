from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import atomic_path


def test_makes_the_folder_and_leaves_one_readable_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.bin"
    with atomic_path(path) as temporary:
        assert temporary.parent == path.parent and not path.exists()
        temporary.write_bytes(b"whole")
    assert path.read_bytes() == b"whole"
    assert path.stat().st_mode & 0o777 == 0o644
    assert [p.name for p in path.parent.iterdir()] == ["a.bin"]


def test_unfinished_file_is_hidden_and_has_another_suffix(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "a.jpg") as temporary:
        assert temporary.name.startswith(".") and temporary.suffix != ".jpg"


def write_half(path: Path, error: BaseException) -> None:
    with atomic_path(path) as temporary:
        temporary.write_text("half of")
        raise error


@pytest.mark.parametrize("error", [OSError("no space"), KeyboardInterrupt()])
def test_failure_keeps_the_old_file_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(type(error)):
        write_half(path, error)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_failed_rename_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    with pytest.raises(IsADirectoryError), atomic_path(path):
        path.mkdir()
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_in_the_way_is_told_before_anything_is_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    with pytest.raises(Sim2SGError, match=r"file: is a file, not a folder"), atomic_path(file / "in" / "a.txt"):
        pytest.fail("the block was entered")
    with pytest.raises(Sim2SGError, match=r"is a folder; give the path of a file"), atomic_path(tmp_path):
        pytest.fail("the block was entered")
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize(("durable", "synced"), [(True, ["file", "folder"]), (False, [])])
def test_a_durable_file_and_its_name_are_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, durable: bool, synced: list[str]
) -> None:
    seen: list[str] = []
    sync = os.fsync

    def note(handle: int) -> None:
        seen.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        sync(handle)

    monkeypatch.setattr(os, "fsync", note)
    with atomic_path(tmp_path / "a.txt", durable=durable) as temporary:
        temporary.write_text("whole")
    assert seen == synced


def test_a_link_stays_and_its_target_is_written(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    link, target = tmp_path / "link.json", tmp_path / "far" / "target.json"
    for _ in range(2):  # the target is made, then replaced
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        with atomic_path(link) as temporary:
            temporary.write_text("whole")
        assert link.is_symlink() and not target.is_symlink() and target.read_text() == "whole"
        assert list(target.parent.iterdir()) == [target]


def test_a_pipe_is_not_replaced_even_through_a_link(tmp_path: Path) -> None:
    pipe, link = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    link.symlink_to(pipe)
    for path in (pipe, link):
        with pytest.raises(Sim2SGError, match=r"is a device, a pipe or a socket"), atomic_path(path):
            pytest.fail("the block was entered")
    assert pipe.is_fifo() and sorted(tmp_path.iterdir()) == [link, pipe]


def test_standard_output_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(Sim2SGError, match=r"^-: results cannot be written to standard output"), atomic_path("-"):
        pytest.fail("the block was entered")
    assert not list(tmp_path.iterdir())


def test_errors_of_the_system_name_the_file_that_was_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(old: Path, new: Path) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted", str(old), None, str(new))

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(PermissionError) as caught, atomic_path(tmp_path / "g.json"):
        pass
    assert (caught.value.filename, caught.value.filename2) == (str(tmp_path / "g.json"), None)
