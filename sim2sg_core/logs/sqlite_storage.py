"""sqlite3 bags of rosbag2, whole, cut off, or left behind by a recorder that was killed."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import struct
import tempfile
import weakref
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from sim2sg_core.errors import Sim2SGError, first_line, printable
from sim2sg_core.limits import CHUNK_BYTES
from sim2sg_core.logs.storage import Channel, Storage, Stored

MAGIC = b"SQLite format 3\0"
REMEDY = "copy it again, or save what is left with `sqlite3 BAG.db3 .recover | sqlite3 NEW.db3`"
_TAIL = 64
"""Bytes at the end of a message that are not all zero; of a cut file black raw images are given up for certainty."""
_COLUMNS = "id, topic_id, timestamp, length(data), data"


class SqliteStorage(Storage):
    """One .db3 file."""

    def __init__(self, path: Path) -> None:
        """Reads topics and counts.

        Raises:
            Sim2SGError: Not a bag, damaged, or nothing of it is whole.
        """
        super().__init__(path)
        self._opened = self._with_wal()
        self._last: int | None = None  # whole rows of a file that is cut off end here
        size, wanted = file_size(path)
        with self._connect() as database:
            tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not {"topics", "messages"} <= tables:
                raise Sim2SGError(f"{printable(path)}: an sqlite3 file, but damaged or no bag: it has no messages")
            topics = database.execute("SELECT id, name, type, serialization_format FROM topics ORDER BY id").fetchall()
            if size < wanted:
                self.note(f"cut off, {size} of {wanted} bytes: what is whole of it is read ({REMEDY})")
                counts = self._count_whole(database)
            else:
                counts = Counter(dict(database.execute("SELECT topic_id, count(*) FROM messages GROUP BY topic_id")))
                found = database.execute("SELECT min(timestamp), max(timestamp) FROM messages").fetchone()
                self.start, self.end = found
        self.channels = [Channel(i, str(n), str(t), str(f), counts[i]) for i, n, t, f in topics]

    def messages(
        self, topics: Collection[str] | None = None, start: int | None = None, stop: int | None = None
    ) -> Iterator[Stored]:
        """Yields messages as `Storage.messages`; of a file that is cut off in the order of recording."""
        wanted = {channel.id: channel for channel in self.channels if topics is None or channel.topic in topics}
        first, last = start if start is not None else -(2**63), stop if stop is not None else 2**63 - 1
        count = 0
        with self._connect() as database:
            try:
                for _, id_, stamp, size, data in self._rows(database, list(wanted), first, last):
                    if id_ in wanted and first <= stamp < last and size is not None and size <= CHUNK_BYTES:
                        count += 1
                        yield Stored(wanted[id_], stamp, bytes(data))
            except sqlite3.Error as error:
                if self._last is not None:
                    return  # behind the last whole row of a file that is cut off
                raise Sim2SGError(
                    f"{printable(self.path)}: damaged after {count} messages ({first_line(error)}): {REMEDY}"
                ) from None

    def _rows(self, database: sqlite3.Connection, ids: list[int], first: int, last: int) -> sqlite3.Cursor:
        if self._last is not None:
            # No index: it may be cut off too.
            where = "FROM messages NOT INDEXED WHERE id <= ? ORDER BY id"
            return database.execute(f"SELECT {_COLUMNS} {where}", (self._last,))
        marks = ",".join("?" * len(ids))
        where = f"topic_id IN ({marks}) AND timestamp >= ? AND timestamp < ? ORDER BY timestamp, id"
        return database.execute(f"SELECT {_COLUMNS} FROM messages WHERE {where}", (*ids, first, last))

    def _count_whole(self, database: sqlite3.Connection) -> Counter[int]:
        """Counts rows up to the first that is not whole: what is missing of the last page is read as zeros."""
        counts: Counter[int] = Counter()
        self._last = -1
        with contextlib.suppress(sqlite3.Error):
            for row in database.execute(f"SELECT {_COLUMNS} FROM messages NOT INDEXED ORDER BY id"):
                number, id_, stamp, _, data = row
                if None in row or number <= self._last or not data[-_TAIL:].strip(b"\0"):
                    break
                counts[id_] += 1
                self._last = number
                self.start = stamp if self.start is None else min(self.start, stamp)
                self.end = stamp if self.end is None else max(self.end, stamp)
        if not counts:
            raise Sim2SGError(f"{printable(self.path)}: {self.notes[0]}; nothing in it is whole")
        return counts

    def _with_wal(self) -> Path:
        """Returns the file to open: a twin in a temporary folder where messages lie beside it in a write-ahead log.

        sqlite would take them into the file itself, and logs stay as they were.
        """
        wal = self.path.with_name(f"{self.path.name}-wal")
        if not (wal.is_file() and wal.stat().st_size):
            return self.path
        self.note(
            "its recording was not ended: the messages in its -wal file are read too (`ros2 bag reindex` mends it)"
        )
        folder = tempfile.mkdtemp(prefix="sim2sg-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        twin = Path(folder, "bag.db3")
        try:
            try:
                os.link(self.path, twin)
            except OSError:  # another disk
                shutil.copyfile(self.path, twin)
            shutil.copyfile(wal, twin.with_name("bag.db3-wal"))
        except OSError as error:
            raise Sim2SGError(f"{printable(self.path)}: no room for a copy with its -wal ({error.strerror})") from None
        return twin

    @contextlib.contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        # immutable: nothing is written beside the log, and it may lie on a read-only disk.
        mode = "immutable=1" if self._opened == self.path else "mode=ro"
        try:
            database = sqlite3.connect(f"{self._opened.absolute().as_uri()}?{mode}", uri=True)
            database.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
            with contextlib.closing(database):
                # Else a file that is shorter than its header says is not opened at all.
                database.execute("PRAGMA writable_schema = ON")
                yield database
        except sqlite3.Error as error:
            raise Sim2SGError(f"{printable(self.path)}: damaged ({first_line(error)}): {REMEDY}") from None


def file_size(path: Path) -> tuple[int, int]:
    """Returns the size of a file, and that which its header claims.

    Format: https://www.sqlite.org/fileformat.html, section 1.3: page size at 16, page count at 28, valid when
    the counters at 24 and 92 agree.

    Raises:
        Sim2SGError: Not an sqlite3 file.
    """
    size = path.stat().st_size
    with path.open("rb") as database:
        head = database.read(100)
    if head[:16] != MAGIC:
        raise Sim2SGError(f"{printable(path)}: damaged, or not an sqlite3 bag: it does not begin as one; copy it again")
    if len(head) < 100 or head[24:28] != head[92:96]:
        return size, size
    page_size, page_count = struct.unpack(">H", head[16:18])[0], struct.unpack(">I", head[28:32])[0]
    return size, (65536 if page_size == 1 else page_size) * page_count
