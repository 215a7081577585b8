"""Chooses frames over many logs: each is looked through by itself, and what is left of all is dealt with together.

Of a frame that may be chosen a few dozen bytes are held, whatever its size, so that logs by the hundred fit.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.logs import rarity
from sim2sg_core.logs.camera_log import Log, LogFrame
from sim2sg_core.logs.names import UniqueNames
from sim2sg_core.logs.sampling import evenly, interval_of, spaced

HASH_BITS = 64
COUNTS = np.unpackbits(np.arange(1 << 16, dtype=np.uint16).view(np.uint8).reshape(-1, 2), axis=1).sum(1, np.uint8)
"""Of set bits, by 16-bit number."""


class Candidate(NamedTuple):
    """A frame that may be chosen.

    Attributes:
        number: Its place in the log.
        name: Its name; when chosen, one that no other has.
        why: It may be, or was, chosen.
        hash: Of what it shows, see `perceptual_hash`; None where nobody asked, or it is damaged.
        counts: (C,) float32 objects of each class that are expected in it; None as above.
    """

    number: int
    name: str
    why: str
    hash: int | None = None
    counts: np.ndarray | None = None


Counter = Callable[[np.ndarray], np.ndarray]
"""Returns how many objects of each class, (C,) float32, are expected in an (H, W, 3) uint8 RGB image."""


@dataclass(frozen=True)
class Scan:
    """Looks through a log for the frames that may be chosen; see `select_frames` and `fleet.Work`.

    Attributes:
        topic: Image topic; None takes the log's only one.
        min_interval_s: Least seconds between two frames.
        min_change: Least change between two frames.
        need_times: Whether an interval is an error where a log tells no times.
        hashed: Whether frames are hashed.
        counter: Loads who counts the objects expected in them; it is sent to workers. None where nobody asks.
    """

    topic: str | None = None
    min_interval_s: float = 0.0
    min_change: float = 0.0
    need_times: bool = True
    hashed: bool = False
    counter: Callable[[], Counter] | None = None

    def open(self) -> Callable[[Log], list[Candidate]]:
        """Loads who counts."""
        return functools.partial(self._scan, self.counter and self.counter())

    def check(self, log: Log) -> None:
        """Raises Sim2SGError when the log has no such camera, or no times; its frames are not read."""
        log.image_topic(self.topic)
        interval_of(log, self.min_interval_s, self.need_times)

    def scan(self, log: Log) -> list[Candidate]:
        """Reads one log."""
        return self.open()(log)

    def _scan(self, count: Counter | None, log: Log) -> list[Candidate]:
        interval = interval_of(log, self.min_interval_s, self.need_times)
        frames = spaced(log.frames(log.image_topic(self.topic)), interval, self.min_change)
        return [
            Candidate(
                item.number,
                item.frame.name,
                item.why,
                _hash(item.frame) if self.hashed else None,
                _counts(item.frame, count) if count else None,
            )
            for item in frames
        ]


def choose(
    found: Sequence[Sequence[Candidate]], count: int = 0, distinct: int = 0, classes: Sequence[str] = ()
) -> list[list[Candidate]]:
    """Chooses among the candidates of all logs.

    Args:
        found: Of each log.
        count: The most to choose; 0 for no limit. Evenly over all logs, or by their counts.
        distinct: Bits, of `HASH_BITS`, by which the hashes of any two chosen frames differ at least, be they of one log
            or of two; 0 for no matter.
        classes: Names of the classes that candidates have counts of: half of `count` goes to what is rare, see
            `rarity.spread`. Empty where they have none.

    Returns:
        The chosen ones of each log, under names of their own.
    """
    kept = drop_near_duplicates(found, distinct) if distinct else found
    spread = _spread(kept, count, classes) if count else None
    names = UniqueNames()
    chosen: list[list[Candidate]] = []
    for k, items in enumerate(kept):
        if spread is not None:
            items = [c._replace(why=spread[k, c.number]) for c in items if (k, c.number) in spread]
        chosen.append([item._replace(name=names(item.name), counts=None) for item in items])
    return chosen


def _spread(kept: Sequence[Sequence[Candidate]], count: int, classes: Sequence[str]) -> dict[tuple[int, int], str]:
    """Returns why of each (log, number) that is chosen."""
    flat = [(k, item) for k, items in enumerate(kept) for item in items]
    if not classes or len(flat) <= count:
        return evenly([[(item.number, item.why) for item in items] for items in kept], count)
    why = rarity.spread([item.counts for _, item in flat], count, classes)
    return {(flat[i][0], flat[i][1].number): f"{flat[i][1].why}, {text}" for i, text in why.items()}


def drop_near_duplicates(found: Sequence[Sequence[Candidate]], distinct: int) -> list[list[Candidate]]:
    """Keeps the candidates that differ from every one kept before, by 8 bytes of each; those without a hash stay."""
    hashes = np.zeros(1024, np.uint64)
    kept = 0
    left: list[list[Candidate]] = []
    for items in found:
        left.append([])
        for item in items:
            if item.hash is None:
                left[-1].append(item)
                continue
            bits = bit_counts(hashes[:kept] ^ np.uint64(item.hash))
            nearest = int(bits.min()) if kept else HASH_BITS
            if nearest < distinct:
                continue
            if kept == len(hashes):
                hashes = np.concatenate([hashes, np.zeros_like(hashes)])
            hashes[kept] = item.hash
            kept += 1
            told = f", differs from all before by {nearest} bits or more" if kept > 1 else ""
            left[-1].append(item._replace(why=item.why + told))
    return left


def bit_counts(values: np.ndarray) -> np.ndarray:
    """Returns the number of set bits of (N,) uint64."""
    parts = np.ascontiguousarray(values).view(np.uint16).reshape(-1, 4)
    return np.asarray(COUNTS[parts].sum(axis=1, dtype=np.int64))


def perceptual_hash(grey: np.ndarray) -> int:
    """Returns 64 bits of what a grey image shows: which low frequencies (DCT of 32x32) lie above their median.

    Exposure, contrast, scale and compression hardly change it. (Zauner, "Implementation and benchmarking of perceptual
    image hash functions", 2010.)
    """
    small = cv2.resize(np.asarray(grey, np.float32), (32, 32), interpolation=cv2.INTER_AREA)
    low = cv2.dct(small)[:8, :8].ravel()
    bits = low > np.median(low[1:])  # the first is the mean
    return int.from_bytes(np.packbits(bits).tobytes(), "little")


def _hash(frame: LogFrame) -> int | None:
    try:
        return perceptual_hash(frame.thumbnail())
    except Sim2SGError:
        return None  # Who decodes it finds out why.


def _counts(frame: LogFrame, count: Counter) -> np.ndarray | None:
    try:
        return count(frame.decode())
    except Sim2SGError:
        return None


def require_frames(chosen: Sequence[Sequence[Candidate]], logs: Sequence[Log]) -> None:
    """Raises Sim2SGError when no frame was chosen."""
    if not any(chosen):
        raise Sim2SGError(f"no frames in {', '.join(printable(log.path) for log in logs) or 'no logs'}")
