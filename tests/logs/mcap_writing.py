"""Writes MCAP files record by record, so that any part of them can be missing or wrong. Follows https://mcap.dev/spec."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from zlib import crc32

import lz4.frame

from sim2sg_core.logs.storage import zstd_module

MAGIC = b"\x89MCAP0\r\n"
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "": lambda data: data,
    "lz4": lz4.frame.compress,
    "zstd": lambda data: zstd_module().compress(data),
}


def record(opcode: int, body: bytes) -> bytes:
    return struct.pack("<BQ", opcode, len(body)) + body


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<I", len(data)) + data


@dataclass
class Channel:
    topic: str
    type: str
    encoding: str = "cdr"
    schema_encoding: str = "ros2msg"
    schema: bytes = b""


@dataclass
class McapFile:
    """An MCAP of messages (channel number from 1, time, bytes).

    `parts` names what of the index is written: "message" and "chunk" index, "statistics", "channels" (repeated in
    the summary). `chunk` is the number of messages of a chunk; 0 writes them without chunks.
    """

    channels: Sequence[Channel]
    messages: Sequence[tuple[int, int, bytes]]
    profile: str = "ros2"
    compression: str = ""
    chunk: int = 3
    parts: set[str] = field(default_factory=lambda: {"message", "chunk", "statistics", "channels"})
    claimed: int | None = None  # uncompressed size that chunks claim
    count: int | None = None  # messages that the statistics claim

    def definitions(self) -> bytes:
        made = b""
        for id_, c in enumerate(self.channels, 1):
            made += record(3, struct.pack("<H", id_) + text(c.type) + text(c.schema_encoding) + text(c.schema))
            made += record(4, struct.pack("<HH", id_, id_) + text(c.topic) + text(c.encoding) + struct.pack("<I", 0))
        return made

    def build(self) -> bytes:
        data = MAGIC + record(1, text(self.profile) + text("test"))
        summary = b""
        first, last = (f(t for _, t, _ in self.messages) for f in (min, max)) if self.messages else (0, 0)
        written = [record(5, struct.pack("<HIQQ", id_, 0, time, time) + body) for id_, time, body in self.messages]
        if not self.chunk:
            data += self.definitions() + b"".join(written)
        for i in range(0, len(written) if self.chunk else 0, self.chunk or 1):
            times = [(id_, time) for id_, time, _ in self.messages[i : i + self.chunk]]
            inner = (self.definitions() if i == 0 else b"") + b"".join(written[i : i + self.chunk])
            packed = COMPRESS[self.compression](inner)
            start, end = min(t for _, t in times), max(t for _, t in times)
            size = len(inner) if self.claimed is None else self.claimed
            head = struct.pack("<QQQI", start, end, size, crc32(inner)) + text(self.compression)
            chunk = record(6, head + struct.pack("<Q", len(packed)) + packed)
            offset = len(data)
            data += chunk
            offsets = b""
            index = b""
            for id_ in sorted({id_ for id_, _ in times}) if "message" in self.parts else ():
                entries = b"".join(struct.pack("<QQ", time, 0) for k, time in times if k == id_)
                offsets += struct.pack("<HQ", id_, len(data) + len(index))
                index += record(7, struct.pack("<H", id_) + text(entries))
            data += index
            if "chunk" in self.parts:
                body = struct.pack("<QQQQ", start, end, offset, len(chunk)) + text(offsets)
                body += struct.pack("<Q", len(index)) + text(self.compression)
                summary += record(8, body + struct.pack("<QQ", len(packed), size))
        data += record(15, bytes(4))
        if "statistics" in self.parts:
            chunks = -(-len(written) // self.chunk) if self.chunk else 0
            counts = b"".join(
                struct.pack(
                    "<HQ", i, self.count if self.count is not None else sum(k == i for k, _, _ in self.messages)
                )
                for i in range(1, len(self.channels) + 1)
            )
            total = len(written) if self.count is None else self.count
            head = struct.pack("<QHIIIIQQ", total, len(self.channels), len(self.channels), 0, 0, chunks, first, last)
            summary += record(11, head + text(counts))
        if "channels" in self.parts:
            summary = self.definitions() + summary
        footer = record(2, struct.pack("<QQI", len(data) if summary else 0, 0, 0))
        return data + summary + footer + MAGIC

    def write(self, path: Path) -> Path:
        path.write_bytes(self.build())
        return path
