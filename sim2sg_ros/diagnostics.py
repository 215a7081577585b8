"""Counters and latencies of the node, and how they go out on /diagnostics."""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Mapping

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

WINDOW = 300
"""Samples that percentiles are taken over: ten seconds at 30 Hz."""


EVENTS = ("received", "published", "stale", "failed")


class Statistics:
    """Counts events and keeps the latest latencies of each stage. Thread-safe.

    Stages, in milliseconds: `wait` (in the mailbox), `decode`, `preprocess`, `inference`, `postprocess`,
    `publish`, `total` (received to published) and `image_age` (stamp to published, by the node's clock).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._previous: Counter[str] = Counter()
        self._previous_time = time.monotonic()
        self._latencies: dict[str, deque[float]] = {}
        self.last_error = ""
        self.last_received = 0.0

    def count(self, event: str) -> None:
        """Counts one of `EVENTS`; stale are images older than max_age."""
        with self._lock:
            self._counts[event] += 1
            if event == "received":
                self.last_received = time.monotonic()

    def counted(self, event: str) -> int:
        """How often an event was counted."""
        return self._counts[event]

    def record(self, latencies: Mapping[str, float]) -> None:
        """Adds one image's latencies, milliseconds by stage."""
        with self._lock:
            for stage, value in latencies.items():
                self._latencies.setdefault(stage, deque(maxlen=WINDOW)).append(value)

    def percentiles(self) -> dict[str, tuple[float, float]]:
        """Returns p50 and p99 of each stage, milliseconds."""
        with self._lock:
            samples = {stage: list(values) for stage, values in self._latencies.items()}
        return {stage: tuple(np.percentile(values, (50, 99)).tolist()) for stage, values in samples.items()}

    def rates(self) -> dict[str, float]:
        """Returns events per second since the last call."""
        with self._lock:
            now = time.monotonic()
            elapsed = max(now - self._previous_time, 1e-6)
            result = {e: (self._counts[e] - self._previous[e]) / elapsed for e in EVENTS}
            self._previous, self._previous_time = self._counts.copy(), now
        return result


def make_status(
    name: str, state: str, silence: str, facts: Mapping[str, str], statistics: Statistics, dropped: int
) -> DiagnosticStatus:
    """Builds the node's one diagnostic status.

    Args:
        name: The node's full name.
        state: Lifecycle state.
        silence: Why no images arrive; "" when they do.
        facts: Model, provider and the like, in the order to show; `warning`, where not empty, makes the
            level WARN.
        statistics: Counters and latencies.
        dropped: Images replaced by newer ones.
    """
    rates = statistics.rates()
    values = dict(facts)
    values |= {f"{event} per second": f"{rates[event]:.2f}" for event in ("received", "published")}
    values |= {event: str(statistics.counted(event)) for event in EVENTS}
    values["replaced by newer images"] = str(dropped)
    for stage, (p50, p99) in statistics.percentiles().items():
        values[f"{stage} p50 ms"], values[f"{stage} p99 ms"] = f"{p50:.2f}", f"{p99:.2f}"
    values["last error"] = statistics.last_error
    level, message = _judge(state, silence, facts, statistics, rates)
    return DiagnosticStatus(
        level=level,
        name=f"{name}: scene graph",
        message=message,
        hardware_id=facts.get("model", ""),
        values=[KeyValue(key=key, value=value) for key, value in values.items()],
    )


def _judge(
    state: str, silence: str, facts: Mapping[str, str], statistics: Statistics, rates: Mapping[str, float]
) -> tuple[bytes, str]:
    if state == "unconfigured" and statistics.last_error:
        return DiagnosticStatus.ERROR, statistics.last_error
    if state != "active":
        return DiagnosticStatus.OK, state
    if silence:
        return DiagnosticStatus.STALE, silence
    if rates["failed"] > 0:
        level = DiagnosticStatus.WARN if rates["published"] > 0 else DiagnosticStatus.ERROR
        return level, statistics.last_error
    if facts.get("warning"):
        return DiagnosticStatus.WARN, facts["warning"]
    return DiagnosticStatus.OK, f"{rates['published']:.1f} graphs per second"
