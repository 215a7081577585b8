"""Chooses frames from logs, by time and by change."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import cv2
import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs.camera_log import Log, LogFrame

THUMBNAIL = (32, 32)


def sample_frames(
    logs: Log | Sequence[Log],
    topic: str | None = None,
    max_frames: int = 0,
    min_interval_s: float = 0.0,
    min_change: float = 0.0,
) -> list[LogFrame]:
    """Chooses frames that are apart in time and differ in content, see `select_frames`.

    Returns:
        The frames, log by log, still encoded. Raw images are not held but read again when decoded.

    Raises:
        Sim2SGError: No frames, or as `select_frames`.
    """
    logs = [logs] if isinstance(logs, Log) else logs
    frames = [f.detach() for f in select_frames(logs, topic, max_frames, min_interval_s, min_change)]
    if not frames:
        raise Sim2SGError(f"no frames in {', '.join(str(log.path) for log in logs) or 'no logs'}")
    return frames


def select_frames(
    logs: Sequence[Log],
    topic: str | None = None,
    max_frames: int = 0,
    min_interval_s: float = 0.0,
    min_change: float = 0.0,
) -> Iterator[LogFrame]:
    """Yields frames that are apart in time and differ in content.

    A frame is kept when it comes at least `min_interval_s` after the last one kept of its log and differs
    from that one by at least `min_change` (see `change`). When more than `max_frames` are left, an even
    selection over all of them is taken. Nothing is random: the same logs give the same frames.

    Args:
        logs: Where from.
        topic: Image topic; None takes each log's only one.
        max_frames: The most to return; 0 for no limit. With a limit the logs are read twice.
        min_interval_s: Seconds; 0 keeps every frame. Image folders without times count a frame a second.
        min_change: Grey levels, 0–255; 0 keeps every frame. Measured from frame to frame on drives at 10 Hz:
            0.3 to 0.5 while standing, 9 to 25 while driving.

    Raises:
        Sim2SGError: No camera, several, an unknown topic, or a damaged log.
    """
    topics = [log.image_topic(topic) for log in logs]
    if max_frames:
        counts = [
            [i for i, _ in spaced(log.frames(name), min_interval_s, min_change)] for log, name in zip(logs, topics)
        ]
        total = sum(map(len, counts))
        spread = np.linspace(0, total - 1, min(max_frames, total)).round().astype(int)
        flat = [(k, i) for k, indices in enumerate(counts) for i in indices]
        chosen = {flat[i] for i in spread}
        for k, (log, name) in enumerate(zip(logs, topics)):
            for i, frame in enumerate(log.frames(name)):
                if (k, i) in chosen:
                    yield frame
        return
    for log, name in zip(logs, topics):
        for _, frame in spaced(log.frames(name), min_interval_s, min_change):
            yield frame


def spaced(frames: Iterable[LogFrame], min_interval_s: float, min_change: float) -> Iterator[tuple[int, LogFrame]]:
    """Yields index and frame of those frames of one log that are far enough from the last one yielded."""
    last_stamp: int | None = None
    last_view = np.zeros(0)
    for index, frame in enumerate(frames):
        # Stamps that are no times are indices, one a second.
        second = 10**9 if frame.stamp > 10**9 else 1
        if last_stamp is not None and 0 <= frame.stamp - last_stamp < min_interval_s * second:
            continue
        if min_change > 0:
            view = signature(frame.thumbnail())
            if last_stamp is not None and change(last_view, view) < min_change:
                continue
            last_view = view
        last_stamp = frame.stamp
        yield index, frame


def signature(grey: np.ndarray) -> np.ndarray:
    """Returns a 32x32 grey thumbnail less its own mean, so that exposure alone is no change."""
    small = cv2.resize(np.asarray(grey, np.float32), THUMBNAIL, interpolation=cv2.INTER_AREA)
    return small - small.mean()


def change(a: np.ndarray, b: np.ndarray) -> float:
    """Returns the mean absolute difference of two signatures, in grey levels."""
    return float(np.abs(a - b).mean())
