"""ROS 1 bags of version 2.0, with their index or without one (`.bag.active`, cut off).

Format: http://wiki.ros.org/Bags/Format/2.0: records of a header (fields `name=value`) and data, each behind its length.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.limits import CHUNK_BYTES
from sim2sg_core.logs.storage import (
    Channel,
    Extent,
    ExtentStorage,
    decompress,
    decompress_beginning,
)

MAGIC = b"#ROSBAG V2.0\n"
_MESSAGE, _BAG, _INDEX, _CHUNK, _CHUNK_INFO, _CONNECTION = range(2, 8)
_RUN = 4 << 20


class _Record(NamedTuple):
    """A record: its operation, header fields, and where its data lie."""

    op: int
    fields: dict[bytes, bytes]
    start: int
    data: int
    end: int


class Ros1Storage(ExtentStorage):
    """One ROS 1 bag."""

    def __init__(self, path: Path) -> None:
        """Reads the index; where there is none, all chunks.

        Raises:
            Sim2SGError: Not a bag of version 2.0, encrypted, or nothing of it is whole.
        """
        super().__init__(path)
        self._size = path.stat().st_size
        self._found: dict[int, tuple[str, str]] = {}  # connection: topic, type
        self._counts: Counter[int] = Counter()
        with path.open("rb") as file:
            check_magic(path, file.readline(64))
            try:
                indexed = self._read_index(file)
            except (struct.error, KeyError, ValueError):
                indexed = False
                self.note("its index is damaged or cut off: what is whole of it is read (`rosbag reindex` mends it)")
            if not indexed:
                self._scan(file)
        self.channels = [
            Channel(id_, topic, type_, "ros1", self._counts[id_]) for id_, (topic, type_) in sorted(self._found.items())
        ]
        self._opened()

    def _read_index(self, file: BinaryIO) -> bool:
        """Reads connections and chunks from the end of the bag. Returns False when it has no index."""
        head = _read_record(file, len(MAGIC), self._size)
        if head.fields.get(b"encryptor"):
            raise Sim2SGError(f"{printable(self.path)}: is encrypted: decrypt it with `rosbag decrypt` first")
        (position,) = struct.unpack("<Q", head.fields[b"index_pos"])
        chunks = _uint32(head.fields[b"chunk_count"])
        if position == 0:
            self.note("has no index, its recording was not ended: what is whole is read (`rosbag reindex` mends it)")
            return False
        while position < self._size:
            record = _read_record(file, position, self._size)
            if record.op == _CONNECTION:
                self._add_connection(record, _data(file, record))
            elif record.op == _CHUNK_INFO:
                counts: Counter[int] = Counter(dict(struct.iter_unpack("<II", _data(file, record))))
                start, end = _time(record.fields[b"start_time"]), _time(record.fields[b"end_time"])
                (offset,) = struct.unpack("<Q", record.fields[b"chunk_pos"])
                self._counts.update(counts)
                size = _read_record(file, offset, self._size).end - offset
                self._extents.append(Extent(offset, size, start, end, frozenset(counts)))
            position = record.end
        if len(self._extents) != chunks:
            raise ValueError("chunks are missing in the index")
        return True

    def _scan(self, file: BinaryIO) -> None:
        """Goes through all records from the start."""
        self._counts.clear()
        self._extents.clear()
        position = len(MAGIC)
        while position < self._size:
            try:
                record = _read_record(file, position, self._size)
            except (struct.error, KeyError, ValueError):
                self.note("its end is cut off: what is whole of it is read (`rosbag reindex` mends it)")
                self._add_extent(file, Extent(position, self._size - position, 0, 0, cut=True))
                break
            try:
                self._take(file, record)
            except (struct.error, KeyError, ValueError, Sim2SGError):
                self.note("a damaged record is left out")
            position = record.end

    def _take(self, file: BinaryIO, record: _Record) -> None:
        if record.op == _CHUNK and record.end > record.data:
            self._add_extent(file, Extent(record.start, record.end - record.start, 0, 0))
        elif record.op == _CONNECTION:
            self._add_connection(record, _data(file, record))
        elif record.op == _MESSAGE:  # of a chunk that was not ended: it lies open
            self._add_message(record)

    def _add_connection(self, record: _Record, data: bytes) -> None:
        fields = _fields(data)
        type_ = fields[b"type"].decode(errors="replace")
        topic = record.fields[b"topic"].decode("utf-8", "surrogateescape")
        name = ("/" if topic.startswith("/") else "") + "/".join(part for part in topic.split("/") if part)
        self._found[_uint32(record.fields[b"conn"])] = (
            name,
            type_.replace("/", "/msg/") if "/msg/" not in type_ else type_,
        )

    def _add_extent(self, file: BinaryIO, extent: Extent) -> None:
        """Adds a chunk after a look into it."""
        try:
            messages = self._load(file, extent)
        except Sim2SGError as error:
            self.note(f"a chunk is left out: {error}")
            return
        if messages:
            counts = Counter(id_ for id_, _, _ in messages)
            times = [stamp for _, stamp, _ in messages]
            self._counts.update(counts)
            self._extents.append(replace(extent, start=min(times), end=max(times), channels=frozenset(counts)))

    def _add_message(self, record: _Record) -> None:
        id_, stamp = _uint32(record.fields[b"conn"]), _time(record.fields[b"time"])
        self._counts[id_] += 1
        last = self._extents[-1] if self._extents else None
        size = record.end - record.start
        if last is not None and last.offset + last.size == record.start and last.size < _RUN and last.channels is None:
            self._extents[-1] = Extent(last.offset, last.size + size, min(last.start, stamp), max(last.end, stamp))
        else:
            self._extents.append(Extent(record.start, size, stamp, stamp))

    def _load(self, file: BinaryIO, extent: Extent) -> list[tuple[int, int, memoryview]]:
        """Returns connection, time and bytes of the messages of an extent."""
        try:
            if extent.size > 2 * CHUNK_BYTES:
                raise Sim2SGError(f"claims {extent.size} bytes, more than {CHUNK_BYTES >> 20} MiB")
            if extent.cut:
                return list(self._messages_of(_beginning(file, extent), True))
            record = _read_record(file, extent.offset, self._size)
            if record.op == _CHUNK:
                compression = record.fields[b"compression"].decode(errors="replace")
                data = decompress(_data(file, record), compression, _uint32(record.fields[b"size"]))
            else:
                file.seek(extent.offset)
                data = file.read(extent.size)
            return list(self._messages_of(data, False))
        except (struct.error, KeyError, ValueError) as error:
            raise Sim2SGError(f"damaged ({error})") from None

    def _messages_of(self, data: bytes, cut: bool) -> Iterator[tuple[int, int, memoryview]]:
        view, position = memoryview(data), 0
        while position < len(data):
            if cut and not _is_whole(data, position):
                return
            (length,) = struct.unpack_from("<I", data, position)
            fields = _fields(data[position + 4 : position + 4 + length])
            (size,) = struct.unpack_from("<I", data, position + 4 + length)
            start = position + 8 + length
            position = start + size
            if position > len(data):
                raise ValueError("a record beyond its end")
            if fields[b"op"] == bytes([_MESSAGE]):
                yield _uint32(fields[b"conn"]), _time(fields[b"time"]), view[start:position]
            elif fields[b"op"] == bytes([_CONNECTION]):
                self._add_connection(_Record(_CONNECTION, fields, 0, start, position), data[start:position])


def check_magic(path: Path, line: bytes) -> None:
    """Raises Sim2SGError when a file is not a ROS 1 bag of version 2.0."""
    if line == MAGIC:
        return
    if line[:9] == MAGIC[:9]:
        version = printable(line[8:].strip().decode(errors="replace"))
        raise Sim2SGError(
            f"{printable(path)}: ROS 1 bag of version {version}, and only V2.0 is known: bring it up to date with"
            " `rosbag fix`"
        )
    raise Sim2SGError(f"{printable(path)}: damaged, or not a ROS 1 bag: it does not begin as one; copy it again")


def _read_record(file: BinaryIO, position: int, size: int) -> _Record:
    """Reads the header of a record; its data stay in the file."""
    file.seek(position)
    (length,) = struct.unpack("<I", file.read(4))
    if position + 8 + length > size or length > 1 << 20:
        raise ValueError("a record beyond the end")
    fields = _fields(file.read(length))
    (count,) = struct.unpack("<I", file.read(4))
    start = position + 8 + length
    if start + count > size:
        raise ValueError("a record beyond the end")
    return _Record(fields[b"op"][0], fields, position, start, start + count)


def _beginning(file: BinaryIO, extent: Extent) -> bytes:
    """Returns the records at the beginning of a chunk that is cut off; nothing of another record."""
    file.seek(extent.offset)
    data = file.read(min(extent.size, CHUNK_BYTES))
    (length,) = struct.unpack_from("<I", data)
    fields = _fields(data[4 : 4 + length])
    if fields[b"op"] != bytes([_CHUNK]):
        return b""
    return decompress_beginning(memoryview(data)[8 + length :], fields[b"compression"].decode(errors="replace"))


def _is_whole(data: bytes, position: int) -> bool:
    """Whether a record ends before the data do."""
    for _ in range(2):
        if position + 4 > len(data):
            return False
        position += 4 + int(struct.unpack_from("<I", data, position)[0])
    return position <= len(data)


def _data(file: BinaryIO, record: _Record) -> bytes:
    if record.end - record.data > CHUNK_BYTES:
        raise Sim2SGError(f"claims {record.end - record.data} bytes, more than {CHUNK_BYTES >> 20} MiB")
    file.seek(record.data)
    return file.read(record.end - record.data)


def _fields(data: bytes) -> dict[bytes, bytes]:
    fields, position = {}, 0
    while position < len(data):
        (length,) = struct.unpack_from("<I", data, position)
        name, separator, value = data[position + 4 : position + 4 + length].partition(b"=")
        if not separator:
            raise ValueError("a field without a value")
        fields[name] = value
        position += 4 + length
    return fields


def _uint32(value: bytes) -> int:
    return int(struct.unpack("<I", value)[0])


def _time(value: bytes) -> int:
    seconds, nanoseconds = struct.unpack("<II", value)
    return int(seconds) * 10**9 + int(nanoseconds)
