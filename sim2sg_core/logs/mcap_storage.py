"""MCAP files, with any part of their index or without one, whole or cut off.

Follows https://mcap.dev/spec: after 8 bytes of magic come records of one byte opcode, an 8-byte length and a body.
"""

from __future__ import annotations

import contextlib
import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO
from zlib import crc32

from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.limits import CHUNK_BYTES
from sim2sg_core.logs.storage import (
    Channel,
    Extent,
    ExtentStorage,
    decompress,
    decompress_beginning,
)

MAGIC = b"\x89MCAP0\r\n"
_HEADER, _FOOTER, _SCHEMA, _CHANNEL, _MESSAGE, _CHUNK, _MESSAGE_INDEX, _CHUNK_INDEX = range(1, 9)
_STATISTICS, _DATA_END = 0x0B, 0x0F
_RUN = 4 << 20
"""Bytes of messages outside of chunks that are read as one extent."""


class McapStorage(ExtentStorage):
    """One MCAP file."""

    def __init__(self, path: Path) -> None:
        """Reads the index; where a part of it is missing, all records.

        Raises:
            Sim2SGError: Not an MCAP of a known version, or nothing of it is whole.
        """
        super().__init__(path)
        self._size = path.stat().st_size
        self._schemas: dict[int, tuple[str, bytes]] = {}
        self._found: dict[int, tuple[int, str, str]] = {}  # channel: schema, topic, encoding
        self._counts: Counter[int] = Counter()
        self._indexed = False  # the summary holds every channel, count and chunk
        with path.open("rb") as file:
            check_magic(path, file.read(8))
            try:
                self._indexed = self._read_summary(file)
            except (struct.error, UnicodeDecodeError, ValueError):
                self.note("its index is damaged: read without it")
            if not self._indexed:
                self._scan(file)
        self.channels = [self._channel(id_) for id_ in sorted(self._found)]
        self._opened()

    def _channel(self, id_: int) -> Channel:
        schema, topic, encoding = self._found[id_]
        name, text = self._schemas.get(schema, ("?", b""))
        if encoding in ("cdr", "ros1") and name.count("/") == 1:
            name = name.replace("/", "/msg/")
        return Channel(id_, topic, name, encoding, self._counts[id_], text if encoding == "protobuf" else b"")

    def _read_summary(self, file: BinaryIO) -> bool:
        """Reads channels, counts and chunks from the end of the file. Returns whether they are all there."""
        file.seek(max(8, self._size - 37))
        tail = file.read(37)
        if len(tail) < 37 or tail[-8:] != MAGIC or tail[:9] != struct.pack("<BQ", _FOOTER, 20):
            self.note(f"cut off after {self._size} bytes: what is whole of it is read (`mcap recover` mends it)")
            return False
        (summary,) = struct.unpack_from("<Q", tail, 9)
        if not 8 < summary < self._size - 37:
            return False
        counted = -1
        for opcode, body in _records(file, summary, self._size - 37):
            if opcode == _SCHEMA:
                self._add_schema(body)
            elif opcode == _CHANNEL:
                self._add_channel(body)
            elif opcode == _CHUNK_INDEX:
                self._add_chunk(body)
            elif opcode == _STATISTICS:
                counted = self._add_statistics(body)
        return counted >= 0 and counted == len(self._extents) > 0 and self._counts.keys() <= self._found.keys()

    def _add_schema(self, body: bytes) -> None:
        (id_,) = struct.unpack_from("<H", body)
        name, at = _string(body, 2)
        _, at = _string(body, at)
        (length,) = struct.unpack_from("<I", body, at)
        self._schemas[id_] = (name.decode(errors="replace"), body[at + 4 : at + 4 + length])

    def _add_channel(self, body: bytes) -> None:
        id_, schema = struct.unpack_from("<HH", body)
        topic, at = _string(body, 4)
        encoding, _ = _string(body, at)
        self._found[id_] = (schema, topic.decode("utf-8", "surrogateescape"), encoding.decode(errors="replace"))

    def _add_chunk(self, body: bytes) -> None:
        start, end, offset, size, length = struct.unpack_from("<QQQQI", body)
        if offset + size > self._size:
            raise ValueError("a chunk beyond the end of the file")
        ids = frozenset(struct.unpack_from("<H", body, 36 + i)[0] for i in range(0, length, 10))
        self._extents.append(Extent(offset, size, start, end, ids or None))

    def _add_statistics(self, body: bytes) -> int:
        """Returns the number of chunks that the file claims."""
        chunks, length = struct.unpack_from("<I", body, 22)[0], struct.unpack_from("<I", body, 42)[0]
        for at in range(46, 46 + length, 10):
            id_, count = struct.unpack_from("<HQ", body, at)
            self._counts[id_] = count
        return int(chunks)

    def _scan(self, file: BinaryIO) -> None:
        """Goes through all records; chunks are opened only where their message index does not tell what is in them."""
        self._counts.clear()
        self._extents.clear()
        position = 8
        chunk: Extent | None = None
        indexed: Counter[int] = Counter()
        while position + 9 <= self._size:
            file.seek(position)
            opcode, length = struct.unpack("<BQ", file.read(9))
            end = position + 9 + length
            if end > self._size:
                self.note(f"cut off after {self._size} bytes: what is whole of it is read (`mcap recover` mends it)")
                if chunk is not None:
                    self._finish_chunk(file, chunk, indexed)
                chunk, indexed = None, Counter()
                if opcode == _CHUNK:
                    chunk = Extent(position, self._size - position, 0, 0, cut=True)
                break
            if opcode != _MESSAGE_INDEX and chunk is not None:
                self._finish_chunk(file, chunk, indexed)
                chunk = None
                file.seek(position + 9)
            if opcode == _CHUNK:
                start, stop = struct.unpack("<QQ", file.read(16))
                chunk, indexed = Extent(position, 9 + length, start, stop), Counter()
            elif opcode == _MESSAGE_INDEX:
                id_, size = struct.unpack("<HI", file.read(6))
                indexed[id_] += size // 16
            elif opcode == _MESSAGE and length >= 22:
                id_, _, stamp = struct.unpack("<HIQ", file.read(14))
                self._counts[id_] += 1
                self._extend_run(position, 9 + length, stamp)
            elif opcode in (_SCHEMA, _CHANNEL) and length <= CHUNK_BYTES:
                with contextlib.suppress(struct.error):  # a damaged one is missed where its messages are
                    (self._add_schema if opcode == _SCHEMA else self._add_channel)(file.read(length))
            elif opcode in (_DATA_END, _FOOTER):
                break
            position = end
        if chunk is not None:
            self._finish_chunk(file, chunk, indexed)

    def _extend_run(self, offset: int, size: int, stamp: int) -> None:
        """Adds a message outside of chunks to the last extent, or begins another."""
        last = self._extents[-1] if self._extents else None
        if last is not None and last.offset + last.size == offset and last.size < _RUN and last.channels is None:
            self._extents[-1] = Extent(last.offset, last.size + size, min(last.start, stamp), max(last.end, stamp))
        else:
            self._extents.append(Extent(offset, size, stamp, stamp))

    def _finish_chunk(self, file: BinaryIO, chunk: Extent, indexed: Counter[int]) -> None:
        """Takes over what the message index tells of a chunk, else what the chunk itself holds."""
        if not indexed or not indexed.keys() <= self._found.keys():
            try:
                messages = self._load(file, chunk)
            except Sim2SGError as error:
                self.note(f"a chunk is left out: {error}")
                return
            indexed = Counter(id_ for id_, _, _ in messages)
            if messages:
                times = [stamp for _, stamp, _ in messages]
                chunk = replace(chunk, start=min(times), end=max(times))
        self._counts.update(indexed)
        self._extents.append(replace(chunk, channels=frozenset(indexed)))

    def _load(self, file: BinaryIO, extent: Extent) -> list[tuple[int, int, memoryview]]:
        """Returns channel, time and bytes of the messages of an extent."""
        if extent.size > CHUNK_BYTES:
            raise Sim2SGError(f"claims {extent.size} bytes, more than {CHUNK_BYTES >> 20} MiB")
        file.seek(extent.offset)
        data = file.read(extent.size)
        try:
            if data[:1] == bytes([_CHUNK]):
                data = _open_chunk(data, extent.cut)
            return list(self._messages_of(data, extent.cut))
        except (struct.error, IndexError) as error:
            raise Sim2SGError(f"damaged ({error})") from None

    def _messages_of(self, data: bytes, cut: bool) -> Iterator[tuple[int, int, memoryview]]:
        view, position = memoryview(data), 0
        while position + 9 <= len(data):
            opcode, length = struct.unpack_from("<BQ", data, position)
            body, position = position + 9, position + 9 + length
            if position > len(data):
                if cut:
                    return
                raise Sim2SGError("damaged (a record beyond its end)")
            if opcode == _MESSAGE:
                id_, _, stamp = struct.unpack_from("<HIQ", data, body)
                yield id_, stamp, view[body + 22 : position]
            elif opcode == _SCHEMA and not self._indexed:
                self._add_schema(data[body:position])
            elif opcode == _CHANNEL and not self._indexed:
                self._add_channel(data[body:position])


def check_magic(path: Path, magic: bytes) -> None:
    """Raises Sim2SGError when a file is not an MCAP of a version that is known."""
    if magic == MAGIC:
        return
    if magic[:5] == MAGIC[:5] and magic[6:] == MAGIC[6:]:
        version = chr(magic[5])
        raise Sim2SGError(
            f"{printable(path)}: MCAP version {version!r} is not known, only 0: update sim2sg, or write it anew with"
            " the `mcap` tool"
        )
    raise Sim2SGError(f"{printable(path)}: damaged, or not an MCAP file: it does not begin as one; copy it again")


def _open_chunk(data: bytes, cut: bool) -> bytes:
    """Returns the records of a chunk record, of one that is cut off those at its beginning."""
    _, _, size, checksum = struct.unpack_from("<QQQI", data, 9)
    compression, at = _string(data, 37)
    (length,) = struct.unpack_from("<Q", data, at)
    packed = memoryview(data)[at + 8 : at + 8 + length]
    if cut:
        return decompress_beginning(packed, compression.decode(errors="replace"))
    if len(packed) < length:
        raise Sim2SGError("damaged (it claims more bytes than there are)")
    found = decompress(packed, compression.decode(errors="replace"), size)
    if checksum and crc32(found) != checksum:
        raise Sim2SGError("damaged (its checksum does not fit)")
    return found


def _records(file: BinaryIO, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
    """Yields opcode and body of the records in a part of a file; bodies of chunks are empty."""
    position = start
    while position + 9 <= stop:
        file.seek(position)
        opcode, length = struct.unpack("<BQ", file.read(9))
        if position + 9 + length > stop:
            raise ValueError("a record beyond the end")
        yield opcode, b"" if opcode == _CHUNK or length > CHUNK_BYTES else file.read(length)
        position += 9 + length


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    (length,) = struct.unpack_from("<I", data, at)
    if at + 4 + length > len(data):
        raise struct.error("a string beyond the end")
    return data[at + 4 : at + 4 + length], at + 4 + length
