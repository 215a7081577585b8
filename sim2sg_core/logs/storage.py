"""One file of a bag, whatever its format: channels, and messages in the order of time, in bounded memory."""

from __future__ import annotations

import bz2
import heapq
import logging
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from sim2sg_core.errors import Sim2SGError, first_line, printable
from sim2sg_core.limits import CHUNK_BYTES, WAITING_BYTES

logger = logging.getLogger(__name__)

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


@dataclass(frozen=True)
class Channel:
    """One stream of messages of one type in a file.

    Attributes:
        id: In its file.
        topic: Name.
        type: `package/msg/Name` of ROS, or the schema's own name (`foxglove.CompressedImage`).
        encoding: Of messages: "cdr", "ros1", "protobuf", "json", …
        count: Messages that the file claims.
        schema: Definition of the type, where the encoding needs one.
    """

    id: int
    topic: str
    type: str
    encoding: str
    count: int
    schema: bytes = field(default=b"", repr=False)


class Stored(NamedTuple):
    """One message: its channel, time of recording (ns) and bytes."""

    channel: Channel
    stamp: int
    data: bytes


class Storage(ABC):
    """One file of a bag. Opening reads the index alone, where there is one.

    Attributes:
        path: The file.
        channels: What it holds.
        start: Time of the first message, ns; None without messages.
        end: Time of the last.
        notes: What is wrong with it though it can be read, a line each.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.channels: list[Channel] = []
        self.start: int | None = None
        self.end: int | None = None
        self.notes: list[str] = []

    @abstractmethod
    def messages(
        self, topics: Collection[str] | None = None, start: int | None = None, stop: int | None = None
    ) -> Iterator[Stored]:
        """Yields messages in the order of time.

        Args:
            topics: Names; None for all.
            start: Earliest time, ns.
            stop: First time that is too late.

        Raises:
            Sim2SGError: Nothing of it can be read.
        """

    def note(self, text: str) -> None:
        """Adds a line to `notes`, once."""
        if text not in self.notes:
            self.notes.append(text)


@dataclass(frozen=True)
class Extent:
    """A piece of a file that is read as one: a chunk, or a run of messages outside of chunks.

    Attributes:
        offset: Of its first byte.
        size: Bytes in the file.
        start: Earliest time in it, ns.
        end: Latest.
        channels: Ids in it; None when unknown.
        cut: The file ends in it: it is read up to its last whole message.
    """

    offset: int
    size: int
    start: int
    end: int
    channels: frozenset[int] | None = None
    cut: bool = False


class ExtentStorage(Storage):
    """A file of extents, which are read one by one and merged into one stream in the order of time.

    Those that overlap are held together. An extent that is damaged is left out and noted; where all are, the reason
    becomes an error.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._extents: list[Extent] = []

    def _opened(self) -> None:
        """Ends opening: sets the times. Raises Sim2SGError where nothing of a damaged file is whole."""
        if self._extents:
            self.start, self.end = min(e.start for e in self._extents), max(e.end for e in self._extents)
        if not self.channels and self.notes:
            raise Sim2SGError(f"{printable(self.path)}: {'; '.join(self.notes)}; nothing in it is whole")

    @abstractmethod
    def _load(self, file: BinaryIO, extent: Extent) -> list[tuple[int, int, memoryview]]:
        """Returns (channel id, time, bytes) of each message of an extent. Raises Sim2SGError when it is damaged."""

    def messages(
        self, topics: Collection[str] | None = None, start: int | None = None, stop: int | None = None
    ) -> Iterator[Stored]:
        """Yields messages as `Storage.messages`."""
        wanted = {channel.id: channel for channel in self.channels if topics is None or channel.topic in topics}
        first, last = start if start is not None else -(2**63), stop if stop is not None else 2**64
        waiting: list[tuple[int, int, Stored]] = []
        number, good, held = 0, 0, 0
        problem: Sim2SGError | None = None
        with self.path.open("rb") as file:
            for extent in sorted(self._extents, key=lambda extent: (extent.start, extent.offset)):
                if extent.end < first or extent.start >= last:
                    continue
                if extent.channels is not None and not extent.channels & wanted.keys():
                    continue
                while waiting and (waiting[0][0] < extent.start or held > WAITING_BYTES):
                    held -= len(waiting[0][2].data)
                    yield heapq.heappop(waiting)[2]
                try:
                    for channel, stamp, data in self._load(file, extent):
                        if channel in wanted and first <= stamp < last:
                            heapq.heappush(waiting, (stamp, number, Stored(wanted[channel], stamp, bytes(data))))
                            number += 1
                            held += len(data)
                    good += 1
                except Sim2SGError as error:
                    problem = problem or error
                    self.note(f"a chunk is left out: {error}")
            while waiting:
                yield heapq.heappop(waiting)[2]
            if problem is not None and not good:
                raise Sim2SGError(f"{printable(self.path)}: {problem}")


def decompress(data: bytes | memoryview, compression: str, claimed: int | None = None) -> bytes:
    """Decompresses a chunk or a message.

    Args:
        data: Compressed.
        compression: "", "none", "zstd", "lz4" or "bz2".
        claimed: Size that it should have.

    Raises:
        Sim2SGError: Damaged, of another size than claimed, or above `limits.CHUNK_BYTES`.
    """
    if max(claimed or 0, len(data)) > CHUNK_BYTES:
        raise Sim2SGError(f"claims {max(claimed or 0, len(data))} bytes, more than {CHUNK_BYTES >> 20} MiB")
    if compression in ("", "none"):
        return bytes(data)
    limit = CHUNK_BYTES if claimed is None else claimed
    try:
        found = _inflate(bytes(data), compression, limit + 1)
    except (Sim2SGError, ImportError):
        raise
    except Exception as error:  # each library raises its own
        raise Sim2SGError(f"damaged {compression} data ({first_line(error)})") from None
    if len(found) > limit or (claimed is not None and len(found) != claimed):
        more = "more" if len(found) > limit else "less"
        raise Sim2SGError(f"its {compression} data hold {more} than the {limit} bytes that it claims")
    return found


def decompress_beginning(data: bytes | memoryview, compression: str) -> bytes:
    """Decompresses what is there of a chunk that is cut off. Raises Sim2SGError as `decompress`."""
    if compression in ("", "none"):
        return bytes(data)
    try:
        return bytes(_decompressor(compression)().decompress(bytes(data), CHUNK_BYTES))
    except (Sim2SGError, ImportError):
        raise
    except Exception as error:  # each library raises its own
        raise Sim2SGError(f"damaged {compression} data ({first_line(error)})") from None


def _inflate(data: bytes, compression: str, limit: int) -> bytes:
    """Returns at most `limit` bytes, so that a bomb is noticed before it goes off."""
    new = _decompressor(compression)
    parts: list[bytes] = []
    left = limit
    while data and left > 0:
        decompressor = new()
        part = decompressor.decompress(data, left)
        while not decompressor.eof and len(part) and left > len(part):
            parts.append(part)
            left -= len(part)
            part = decompressor.decompress(b"", left)
        parts.append(part)
        left -= len(part)
        if not decompressor.eof and left > 0:
            raise Sim2SGError(f"{compression} data end too early")
        data = decompressor.unused_data or b""
    return b"".join(parts)


def _decompressor(compression: str) -> Callable[[], Any]:
    if compression == "zstd":
        return zstd_module().ZstdDecompressor
    if compression == "lz4":
        import lz4.frame  # here, since the live node, which reads no logs, need not have it

        return lz4.frame.LZ4FrameDecompressor
    if compression == "bz2":
        return bz2.BZ2Decompressor
    raise Sim2SGError(f"compression {printable(compression)!r} is not known: use zstd, lz4, bz2 or none")


def zstd_module() -> Any:
    """Returns the module that knows zstd: Python's own from 3.14 on, before that the one that rosbags brings."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd
