"""Logs in stores, by a store that lives in this process's memory."""

from __future__ import annotations

import errno
import os
import sys
from typing import ClassVar

import cv2
import numpy as np
import pytest

fsspec = pytest.importorskip("fsspec", reason="not installed: fsspec (pip install 'sim2sg[stores]')")
from fsspec.implementations.memory import MemoryFileSystem  # noqa: E402

from sim2sg_core.errors import Sim2SGError  # noqa: E402
from sim2sg_core.logs import listed_logs, open_logs  # noqa: E402
from sim2sg_core.logs.stores import address_of, fetched  # noqa: E402
from tests.logs.bag_writing import T0, bag, picture  # noqa: E402


class Failing(MemoryFileSystem):
    """A store that lists its files and breaks while one is copied."""

    protocol = "failing"
    error: Exception = OSError()

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(path.removeprefix("failing:/"))

    def get_file(self, rpath, lpath, *args, **kwargs):
        with open(lpath, "wb") as file:
            file.write(b"half")
        raise Failing.error


class Hosts(MemoryFileSystem):
    """Several stores of one kind, told apart by what the address says before the path, as those of sftp are."""

    protocol = "hosts"

    def __init__(self, host="", **kwargs):
        super().__init__(**kwargs)
        self.store = self.of_host.setdefault(host, {})

    of_host: ClassVar[dict] = {}

    @classmethod
    def _strip_protocol(cls, path):
        return "/" + path.removeprefix("hosts://").partition("/")[2] if "://" in path else path

    @staticmethod
    def _get_kwargs_from_urls(path):
        host = path.removeprefix("hosts://").partition("/")[0]
        user, _, host = host.rpartition("@")
        return {"host": host, **dict(zip(("username", "password"), user.split(":")))}


class Web(MemoryFileSystem):
    """A store whose files are named by whole addresses, and which takes them for unchanging, as that of https does."""

    protocol = "web"
    store: ClassVar[dict] = {}

    @classmethod
    def _strip_protocol(cls, path):
        return path

    def ukey(self, path):
        return path


@pytest.fixture
def web():
    fsspec.register_implementation("web", Web, clobber=True)
    yield Web()
    Web.store.clear()


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A bag folder `/fleet/run`, and images in `/fleet/shots`; copies go to `tmp_path/cache`."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with bag(tmp_path / "run", "mcap") as b:
        for i in range(3):
            b.compressed("/cam/image_raw/compressed", picture(i), T0 + i * 10**9)
    memory = fsspec.filesystem("memory")
    memory.put(str(tmp_path / "run"), "/fleet/run", recursive=True)
    for i in range(2):
        memory.pipe(f"/fleet/shots/{i}.png", cv2.imencode(".png", picture(i))[1].tobytes())
    yield memory
    memory.store.clear()
    memory.pseudo_dirs[:] = [""]


@pytest.mark.parametrize("where", ["memory://fleet/run", "memory://fleet/run/*.mcap", "memory:/fleet/run"])
def test_a_log_of_a_store_is_that_of_a_disk(store, tmp_path, where):
    [there], [here] = open_logs(where), open_logs(tmp_path / "run")
    for a, b in zip(there.frames(), here.frames(), strict=True):
        assert a.name == b.name and np.array_equal(a.decode(), b.decode())


def test_lists_name_files_folders_and_patterns_of_stores(store, tmp_path):
    (tmp_path / "fleet.txt").write_text("memory://fleet/run\nmemory://fleet/*ots\nrun\n")
    paths = listed_logs([tmp_path / "fleet.txt"])
    cache = tmp_path / "cache" / "sim2sg" / "logs" / "memory" / "fleet"
    assert paths == [cache / "run", cache / "shots", tmp_path / "run"]
    assert [sum(1 for _ in log.frames()) for log in open_logs(paths)] == [3, 2, 3]


def test_what_is_the_same_is_not_copied_again(store, tmp_path):
    [folder] = fetched("memory://fleet/shots", tmp_path / "mine")
    files = sorted(folder.iterdir())
    times = {file: file.stat().st_mtime_ns for file in files}
    fetched("memory://fleet/shots", tmp_path / "mine")
    assert {file: file.stat().st_mtime_ns for file in files} == times
    store.pipe("/fleet/shots/1.png", cv2.imencode(".png", picture(7))[1].tobytes())
    (folder / "0.png").unlink()
    fetched("memory://fleet/shots", tmp_path / "mine")
    assert [np.array_equal(cv2.imread(str(folder / f"{i}.png")), picture(k)) for i, k in ((0, 0), (1, 7))] == [True] * 2


def test_what_is_gone_from_the_store_is_no_longer_read(store):
    assert sum(1 for _ in open_logs("memory://fleet/shots")[0].frames()) == 2
    store.rm("/fleet/shots/0.png")
    assert [frame.name for frame in open_logs("memory://fleet/shots")[0].frames()] == ["1.png"]


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("memory://fleet/gone", "memory://fleet/gone: nothing is there in the store"),
        ("memory://fleet/*.db3", r"memory://fleet/\*.db3: nothing is there in the store"),
        ("nosuch://a/b", "nosuch://a/b: the store cannot be read .*Protocol not known: nosuch"),
    ],
)
def test_what_cannot_be_had_is_one_line_that_names_the_store(store, where, what):
    with pytest.raises(Sim2SGError, match=f"^{what}"):
        open_logs(where)


def test_a_driver_that_is_missing_is_named(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "ossfs", None)
    with pytest.raises(Sim2SGError, match=r"oss://a/b: Install ossfs .*, with pip into this environment"):
        open_logs("oss://a/b")


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (PermissionError("Access Denied"), r"^failing://fleet/run: the store cannot be read \(PermissionError: Access"),
        (OSError(errno.ENOSPC, "No space left on device"), r"cache/failing/fleet/run: no space left on device"),
    ],
)
def test_a_copy_that_breaks_is_not_there(store, tmp_path, monkeypatch, error, what):
    fsspec.register_implementation("failing", Failing, clobber=True)
    monkeypatch.setattr(Failing, "error", error)
    with pytest.raises(Sim2SGError, match=what):
        fetched("failing://fleet/run", tmp_path / "cache")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_what_a_killed_process_left_of_a_copy_goes(store, tmp_path):
    folder = tmp_path / "memory" / "fleet" / "shots"
    folder.mkdir(parents=True)
    left, new = folder / ".0.png.abc.part", folder / ".0.png.def.part"
    for file in (left, new):
        file.write_bytes(b"half")
    os.utime(left, (10**9, 10**9))
    fetched("memory://fleet/shots", tmp_path)
    assert not left.exists() and new.exists(), "somebody may be copying to the other"


def test_stores_of_two_hosts_are_not_one(tmp_path, capsys):
    fsspec.register_implementation("hosts", Hosts, clobber=True)
    for host in "ab":
        Hosts(host).pipe("/log/0.png", host.encode())
    addresses = ["hosts://a/log", "hosts://robot:secret@b/log"]
    places = [place for address in addresses for place in fetched(address, tmp_path)]
    assert [(place / "0.png").read_bytes() for place in places] == [b"a", b"b"]
    assert "secret" not in capsys.readouterr().err and not [p for p in tmp_path.rglob("*") if "secret" in p.name]
    Hosts("b").pipe("/log/1.png", b"new")
    fetched(addresses[1], tmp_path)
    assert sorted(p.name for p in places[1].glob("*.png")) == ["0.png", "1.png"], "in the same process too"


def test_what_changes_at_an_address_of_the_web_is_copied_again(web, tmp_path):
    for content in (b"old", b"newer"):
        web.pipe("web://host/run.mcap", content)
        [place] = fetched("web://host/run.mcap", tmp_path)
        assert place.read_bytes() == content


def test_signed_addresses_keep_the_suffix_and_are_not_printed(web, tmp_path, capsys):
    address = f"web://host/run.mcap?signature={'x' * 300}"
    web.pipe(address, b"content")
    [place] = fetched(address, tmp_path)
    assert place.name == "run.mcap" and place.read_bytes() == b"content"
    with pytest.raises(Sim2SGError, match=r"^web://host/gone\.mcap\?\*\*\*: nothing is there"):
        fetched("web://host/gone.mcap?signature=xxx", tmp_path)
    assert "xxx" not in capsys.readouterr().err


def test_brackets_of_a_name_are_no_pattern(store, tmp_path):
    store.pipe("/fleet/run[1].mcap", b"content")
    assert [place.name for place in fetched("memory://fleet/run[1].mcap", tmp_path)] == ["run[1].mcap"]


def test_names_of_a_store_do_not_leave_the_cache(store, tmp_path):
    store.store["/fleet/bad/../../../../x.png"] = store.store["/fleet/shots/0.png"]
    with pytest.raises(Sim2SGError, match=r"x\.png"):
        fetched("memory://fleet/bad", tmp_path / "cache")
    assert not (tmp_path / "x.png").exists()


def test_paths_are_no_addresses(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s3:").mkdir()
    (tmp_path / "s3:" / "log").touch()
    found = {p: address_of(p) for p in ("logs/a.mcap", "/mnt/a", "C:/logs", "12:30/a", "s3:/log", "s3:/other")}
    assert [p for p, address in found.items() if address] == ["s3:/other"] and found["s3:/other"] == "s3://other"
    assert address_of("file:///mnt/a") == "file:///mnt/a"
