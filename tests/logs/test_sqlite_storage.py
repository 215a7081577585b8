"""sqlite3 bags that are cut off, that a killed recorder left with a write-ahead log, or that are none."""

from __future__ import annotations

import shutil
import sqlite3

import numpy as np
import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs import open_log
from tests.logs.bag_writing import T0, bag, picture

TOPIC = "/cam/image_raw/compressed"


def recorded(path, count=40):
    with bag(path, "sqlite3") as b:
        for i in range(count):
            b.compressed(TOPIC, picture(i), T0 + i * 10**8)
            b.info("/cam/camera_info", T0 + i * 10**8)
    [file] = path.glob("*.db3")
    return file


@pytest.mark.parametrize("share", [0.5, 0.8, 0.97])
def test_of_a_bag_that_is_cut_off_what_is_whole_is_read(tmp_path, caplog, share):
    file = recorded(tmp_path / "b")
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    frames = list(open_log(file).frames())
    assert 40 * share / 2 <= len(frames) <= 40
    for i, frame in enumerate(frames):
        assert frame.stamp == T0 + i * 10**8 and np.abs(frame.detach().decode().astype(int) - picture(i)).mean() < 3
    assert f"cut off, {int(share * len(data))} of {len(data)} bytes" in caplog.text
    assert file.read_bytes() == data[: int(share * len(data))]


def test_messages_in_the_write_ahead_log_are_read(tmp_path, caplog):
    file = recorded(tmp_path / "b", 6)
    with sqlite3.connect(file) as database:
        rows = database.execute("SELECT * FROM messages ORDER BY id").fetchall()
        database.execute("DELETE FROM messages WHERE id > 4")
    database.close()
    database = sqlite3.connect(file)
    database.execute("PRAGMA journal_mode = WAL")
    database.executemany(f"INSERT INTO messages VALUES ({','.join('?' * len(rows[0]))})", [r for r in rows if r[0] > 4])
    database.commit()
    (killed := tmp_path / "killed").mkdir()
    for part in file.parent.glob(f"{file.name}*"):
        if not part.name.endswith("-shm"):
            shutil.copy(part, killed)
    database.close()
    before = {p.name: p.read_bytes() for p in killed.iterdir()}
    frames = list(open_log(killed / file.name).frames())
    assert [f.stamp for f in frames] == [T0 + i * 10**8 for i in range(6)]
    assert "the messages in its -wal file are read too" in caplog.text
    assert {p.name: p.read_bytes() for p in killed.iterdir()} == before, "the log is left as it was"


def test_names_with_characters_of_addresses(tmp_path):
    folder = tmp_path / "a b#c%20?d"
    folder.mkdir()
    shutil.copy(recorded(tmp_path / "b", 2), folder / "x?mode=rw#%.db3")
    assert len(list(open_log(folder / "x?mode=rw#%.db3").frames())) == 2


def test_what_is_no_bag(tmp_path):
    with sqlite3.connect(tmp_path / "a.db3") as database:
        database.execute("CREATE TABLE notes (text)")
        database.execute("CREATE VIEW messages AS SELECT 1 AS id")
    database.close()
    with pytest.raises(Sim2SGError, match="no bag: it has no messages"):
        open_log(tmp_path / "a.db3")
