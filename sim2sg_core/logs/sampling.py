"""Chooses frames from logs, by time and by change."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.logs.camera_log import Log, LogFrame
from sim2sg_core.logs.decoded import ahead
from sim2sg_core.logs.names import UniqueNames

THUMBNAIL = (32, 32)
HELD_BYTES = 64 << 20
"""Of frames that a list may hold as they are; the data of others are packed, or read from the log again."""
PACKED_BYTES = 1 << 30
"""Of packed frames that a list may hold."""


class Spaced(NamedTuple):
    """A frame that is far enough from the one before: its number in the log, itself, and why it was taken."""

    number: int
    frame: LogFrame
    why: str


def sample_frames(
    logs: Log | Sequence[Log],
    topic: str | None = None,
    max_frames: int = 0,
    min_interval_s: float = 0.0,
    min_change: float = 0.0,
    need_times: bool = True,
) -> list[LogFrame]:
    """Chooses frames that are apart in time and differ in content, see `select_frames`.

    Returns:
        The frames, log by log, still encoded. Many, and raw images, are not held but read again when decoded; those of
        videos, which would be decoded from the beginning for each, are held compressed.

    Raises:
        Sim2SGError: No frames, or as `select_frames`.
    """
    logs = [logs] if isinstance(logs, Log) else logs
    frames: list[LogFrame] = []
    held = packed = 0
    for frame in select_frames(logs, topic, max_frames, min_interval_s, min_change, need_times):
        held += frame.size
        if held > HELD_BYTES:
            frame = frame.packed() if packed < PACKED_BYTES else frame.detach()
            packed += frame.size
        frames.append(frame)
    if not frames:
        raise Sim2SGError(f"no frames in {', '.join(printable(log.path) for log in logs) or 'no logs'}")
    return frames


def select_frames(
    logs: Sequence[Log],
    topic: str | None = None,
    max_frames: int = 0,
    min_interval_s: float = 0.0,
    min_change: float = 0.0,
    need_times: bool = True,
) -> Iterator[LogFrame]:
    """Returns frames that are apart in time and differ in content, each under a name of its own, one by one.

    A frame is kept when it comes at least `min_interval_s` after the last one kept of its log and differs
    from that one by at least `min_change` (see `change`). When more than `max_frames` are left, an even
    selection over all of them is taken. Nothing is random: the same logs give the same frames. Frames whose change
    cannot be told, since they are damaged, are kept: who decodes them finds out why.

    Args:
        logs: Where from.
        topic: Image topic; None takes each log's only one.
        max_frames: The most to return; 0 for no limit. With a limit the logs are read twice.
        min_interval_s: Seconds; 0 keeps every frame.
        min_change: Grey levels, 0–255; 0 keeps every frame. Measured from frame to frame on drives at 10 Hz:
            0.3 to 0.5 while standing, 9 to 25 while driving.
        need_times: An interval is an error where a log tells no times; else it counts for nothing there.

    Raises:
        Sim2SGError: No camera, several, an unknown topic or no times (at once); a damaged log (on the way).
    """
    topics = [log.image_topic(topic) for log in logs]
    intervals = [interval_of(log, min_interval_s, need_times) for log in logs]
    return _selected(logs, topics, intervals, max_frames, min_change)


def _selected(
    logs: Sequence[Log], topics: Sequence[str], intervals: Sequence[float], max_frames: int, min_change: float
) -> Iterator[LogFrame]:
    names = UniqueNames()
    spread: dict[tuple[int, int], str] | None = None
    if max_frames:
        spread = evenly(
            [
                [(item.number, item.why) for item in spaced(log.frames(name), interval, min_change)]
                for log, name, interval in zip(logs, topics, intervals)
            ],
            max_frames,
        )
    for k, (log, name, interval) in enumerate(zip(logs, topics, intervals)):
        if spread is None:
            chosen: Iterable[Spaced] = spaced(log.frames(name), interval, min_change)
        else:
            all_frames = enumerate(log.frames(name))
            chosen = (Spaced(i, frame, spread[k, i]) for i, frame in all_frames if (k, i) in spread)
        for item in chosen:
            yield dataclasses.replace(item.frame, name=names(item.frame.name), why=item.why)


def interval_of(log: Log, min_interval_s: float, need_times: bool) -> float:
    """Returns the interval to keep; 0 where a log tells no times."""
    if log.timed or min_interval_s <= 0:
        return min_interval_s
    if need_times:
        raise Sim2SGError(
            f"{printable(log.path)}: {log.describe_time() or 'one image tells no time'}; an interval in seconds"
            " (--every) means nothing there: use --max or --min-change"
        )
    return 0.0


def evenly(found: Sequence[Sequence[tuple[int, str]]], count: int) -> dict[tuple[int, int], str]:
    """Chooses an even selection over all logs: why of each (log, index)."""
    flat = [(k, index, why) for k, items in enumerate(found) for index, why in items]
    if len(flat) <= count:
        return {(k, index): why for k, index, why in flat}
    spread = np.linspace(0, len(flat) - 1, count).round().astype(int)
    return {flat[i][:2]: f"{flat[i][2]}, one of {count} evenly chosen" for i in spread}


def spaced(frames: Iterable[LogFrame], min_interval_s: float, min_change: float) -> Iterator[Spaced]:
    """Yields those frames of one log that are far enough from the last one yielded."""
    last_stamp: int | None = None
    last_view: np.ndarray | None = None
    views: Iterable[tuple[LogFrame, np.ndarray | Sim2SGError | None]] = ((frame, None) for frame in frames)
    if min_change > 0 and not min_interval_s:  # with an interval most frames are not looked at
        views = ahead(frames, _view)
    for index, (frame, seen) in enumerate(views):
        gap = 0 if last_stamp is None else frame.stamp - last_stamp
        if last_stamp is not None and 0 <= gap < min_interval_s * 1e9:
            continue
        reasons = [] if last_stamp is None or not min_interval_s else [f"{gap / 1e9:.3f} s after the last"]
        if min_change > 0:
            try:
                view = _view(frame) if seen is None else seen
            except Sim2SGError as error:
                view = error
            if isinstance(view, Sim2SGError):
                yield Spaced(index, frame, "its change cannot be told")
                continue
            difference = np.inf if last_view is None else change(last_view, view)
            if difference < min_change:
                continue
            if last_view is not None:
                reasons.append(f"changed by {difference:.1f}")
            last_view = view
        first = "first" if last_stamp is None else "every frame"
        last_stamp = frame.stamp
        yield Spaced(index, frame, ", ".join(reasons) or first)


def _view(frame: LogFrame) -> np.ndarray:
    return signature(frame.thumbnail())


def signature(grey: np.ndarray) -> np.ndarray:
    """Returns a 32x32 grey thumbnail less its own mean, so that exposure alone is no change."""
    small = cv2.resize(np.asarray(grey, np.float32), THUMBNAIL, interpolation=cv2.INTER_AREA)
    return small - small.mean()


def change(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the mean absolute difference of two signatures, in grey levels."""
    return float(np.abs(a - b).mean())
