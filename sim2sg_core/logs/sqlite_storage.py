"""sqlite3 bags of rosbag2."""

from __future__ import annotations

import contextlib
import sqlite3
import struct
from collections.abc import Collection, Iterator
from pathlib import Path

from sim2sg_core.errors import Sim2SGError, first_line, printable
from sim2sg_core.logs.storage import MAX_CHUNK_BYTES, Channel, Storage, Stored

MAGIC = b"SQLite format 3\0"
REMEDY = "copy it again, or save what is left with `sqlite3 BAG.db3 .recover | sqlite3 NEW.db3`"


class SqliteStorage(Storage):
    """One .db3 file."""

    def __init__(self, path: Path) -> None:
        """Reads topics and counts.

        Raises:
            Sim2SGError: Not a bag, damaged, or cut off.
        """
        super().__init__(path)
        check_complete(path)
        with self._connect() as database:
            tables = {row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if not {"topics", "messages"} <= tables:
                raise Sim2SGError(f"{printable(path)}: an sqlite3 file, but damaged or no bag: it has no messages")
            counts = dict(database.execute("SELECT topic_id, count(*) FROM messages GROUP BY topic_id"))
            topics = database.execute("SELECT id, name, type, serialization_format FROM topics ORDER BY id").fetchall()
            self.channels = [Channel(i, str(n), str(t), str(f), counts.get(i, 0)) for i, n, t, f in topics]
            self.start, self.end = database.execute("SELECT min(timestamp), max(timestamp) FROM messages").fetchone()
        wal = path.with_name(path.name + "-wal")
        if wal.exists() and wal.stat().st_size:
            self.note(
                f"its recording was not ended: its last messages lie in {printable(wal.name)} and are not read"
                " (`ros2 bag reindex` takes them in)"
            )

    def messages(
        self, topics: Collection[str] | None = None, start: int | None = None, stop: int | None = None
    ) -> Iterator[Stored]:
        """Yields messages as `Storage.messages`."""
        wanted = {channel.id: channel for channel in self.channels if topics is None or channel.topic in topics}
        marks = ",".join("?" * len(wanted))
        first, last = start if start is not None else -(2**63), stop if stop is not None else 2**63 - 1
        count = 0
        with self._connect() as database:
            try:
                for id_, stamp, size, data in database.execute(
                    "SELECT topic_id, timestamp, length(data), data FROM messages"
                    f" WHERE topic_id IN ({marks}) AND timestamp >= ? AND timestamp < ? ORDER BY timestamp, id",
                    (*wanted, first, last),
                ):
                    if size is not None and size <= MAX_CHUNK_BYTES:
                        count += 1
                        yield Stored(wanted[id_], stamp, bytes(data))
            except sqlite3.Error as error:
                raise Sim2SGError(
                    f"{printable(self.path)}: damaged after {count} messages ({first_line(error)}): {REMEDY}"
                ) from None

    @contextlib.contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        try:
            # immutable: nothing is written beside the log, and it may lie on a read-only disk.
            database = sqlite3.connect(f"{self.path.absolute().as_uri()}?immutable=1", uri=True)
            database.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
            with contextlib.closing(database):
                yield database
        except sqlite3.Error as error:
            raise Sim2SGError(f"{printable(self.path)}: damaged ({first_line(error)}): {REMEDY}") from None


def check_complete(path: Path) -> None:
    """Raises Sim2SGError when a file is shorter than its header says: sqlite would read zeros.

    Format: https://www.sqlite.org/fileformat.html, section 1.3: page size at 16, page count at 28, valid when
    the counters at 24 and 92 agree.
    """
    with path.open("rb") as database:
        head = database.read(100)
    if head[:16] != MAGIC:
        raise Sim2SGError(f"{printable(path)}: damaged, or not an sqlite3 bag: it does not begin as one; copy it again")
    if len(head) < 100 or head[24:28] != head[92:96]:
        return
    page_size, page_count = struct.unpack(">H", head[16:18])[0], struct.unpack(">I", head[28:32])[0]
    wanted = (65536 if page_size == 1 else page_size) * page_count
    if path.stat().st_size < wanted:
        raise Sim2SGError(f"{printable(path)}: truncated, {path.stat().st_size} of {wanted} bytes: {REMEDY}")
