"""State, counters and latencies of the node, and their form on /diagnostics.

One status for the model and one for each camera. Levels: ERROR, nothing comes out and somebody has to act; STALE, no
images come in; WARN, something comes out but not as was asked for; OK, all else, also a node that nobody has activated.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter, deque
from collections.abc import Mapping

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue

WINDOW = 300
"""Samples that percentiles are taken over: ten seconds at 30 Hz."""
EVENTS = ("received", "published", "replaced", "stale", "failed")
"""What happens to images: replaced ones gave way to newer ones before their turn, stale ones were older than max_age
at their turn, failed ones could not be read or looked at. All are in the end published, replaced, stale or failed."""

PROBLEMS = (
    "QoS problem",
    "input problem",
    "camera_info problem",
    "depth problem",
    "target frame problem",
    "tf problem",
    "relations problem",
    "warning",
)
"""Facts that say, where not empty, what is odd about graphs that are published all the same."""
OUTCOMES = ("published", "failed")
PATIENCE = 5.0
"""Seconds in which images come and no graph does, after which that is an error."""


class NodeStatus:
    """Where a node is in its lifecycle, and what last went wrong with it or its model."""

    def __init__(self, name: str, state: str = "unconfigured") -> None:
        """Starts without an error.

        Args:
            name: The node's full name.
            state: Lifecycle state.
        """
        self._name = name
        self._state = state
        self._error = ""
        self._stuck = False

    @property
    def name(self) -> str:
        """The node's full name."""
        return self._name

    @property
    def state(self) -> str:
        """Lifecycle state: unconfigured, inactive, active or finalized."""
        return self._state

    @property
    def error(self) -> str:
        """What last went wrong, in one line; "" for nothing."""
        return self._error

    def enter(self, state: str) -> None:
        """Notes the next lifecycle state."""
        self._state = state

    @property
    def stuck(self) -> bool:
        """Whether the error is why the node is not active."""
        return self._stuck

    def fail(self, error: str) -> None:
        """Notes, in one line, why the node cannot be configured or activated."""
        self._error, self._stuck = error, True

    def note(self, error: str) -> None:
        """Notes, in one line, what went wrong while the node goes on as it was."""
        self._error = error

    def clear_error(self) -> None:
        """Notes that all is well again."""
        self._error, self._stuck = "", False


class StreamStatistics:
    """Counts events and keeps the latest latencies of each stage. Thread-safe.

    Stages, in milliseconds: `wait` (in the mailbox), `decode`, `preprocess`, `inference`, `depth` (waiting for it
    and decoding it, where there is a topic), `postprocess`, `tracking`, `publish`, `total` (received to published),
    `image_age` (stamp to published, by the node's clock) and `outputs` (after that, only where somebody listens).

    Attributes:
        last_error: What was wrong with the last image that failed or was stale.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._previous: Counter[str] = Counter()
        self._previous_time = time.monotonic()
        self._latencies: dict[str, deque[float]] = {}
        self._last_outcome = ""
        self._last_look = ""
        self._waiting_from: float | None = None  # time.monotonic
        self.last_error = ""

    def begin(self) -> None:
        """Forgets images that no graph came of, when the node is activated; what was counted stays."""
        self._waiting_from = None

    def count(self, event: str) -> None:
        """Counts one of `EVENTS`."""
        with self._lock:
            self._counts[event] += 1
            if event in OUTCOMES:
                self._last_outcome, self._waiting_from = event, None
            elif event == "received" and self._waiting_from is None:
                self._waiting_from = time.monotonic()
            if event == "stale" or event in OUTCOMES:
                self._last_look = event

    def counted(self, event: str) -> int:
        """How often an event was counted."""
        return self._counts[event]

    @property
    def failing(self) -> bool:
        """Whether the last image that was looked at failed. Holds until the next one, however long that takes."""
        return self._last_outcome == "failed"

    @property
    def waiting(self) -> float:
        """Seconds since the first image that came after the last one that was published or failed; 0 for none."""
        since = self._waiting_from
        return 0.0 if since is None else time.monotonic() - since

    @property
    def all_stale(self) -> bool:
        """Whether the last image that was looked at was stale."""
        return self._last_look == "stale"

    def note_error(self, reason: str) -> None:
        """Keeps what was wrong with an image, in one line."""
        self.last_error = reason

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


def model_status(node: NodeStatus, facts: Mapping[str, str]) -> DiagnosticStatus:
    """Builds the status of the node and its model.

    Args:
        node: The node's own.
        facts: About the model, in the order to show; `warning`, where not empty, makes the level WARN.
    """
    level, message = _judge_node(node)
    if node.state == "active":
        message = f"{facts.get('model', '')} on {facts.get('provider', '')}"
        if facts.get("warning"):
            level, message = DiagnosticStatus.WARN, facts["warning"]
    values = {"state": node.state, **facts, "memory MiB": f"{resident_memory():.0f}", "last error": node.error}
    return _status(f"{node.name}: model", level, message, facts.get("model", ""), values)


def camera_status(
    node: NodeStatus,
    camera: str,
    facts: Mapping[str, str],
    statistics: StreamStatistics,
    patience: float = PATIENCE,
) -> DiagnosticStatus:
    """Builds the status of a camera.

    Args:
        node: The node's own: one without a model has cameras without graphs.
        camera: The camera's name; "" for the only one.
        facts: About model and input, in the order to show. Where not empty, `silence` and those of `PROBLEMS` say
            what is wrong.
        statistics: Counters and latencies.
        patience: Seconds in which images may come without a graph.
    """
    rates = statistics.rates()
    values = {"state": node.state, **facts}
    values |= {f"{event} per second": f"{rates[event]:.2f}" for event in EVENTS}
    values |= {event: str(statistics.counted(event)) for event in EVENTS}
    values["replaced by newer images"] = values.pop("replaced")
    for stage, (p50, p99) in statistics.percentiles().items():
        values[f"{stage} p50 ms"], values[f"{stage} p99 ms"] = f"{p50:.2f}", f"{p99:.2f}"
    values["last error"] = statistics.last_error or node.error
    level, message = _judge_node(node)
    if node.state == "active":
        level, message = _judge_camera(facts, statistics, rates, patience)
    title = f"{node.name}: {camera} scene graph" if camera else f"{node.name}: scene graph"
    return _status(title, level, message, facts.get("model", ""), values)


def resident_memory() -> float:
    """Returns MiB of memory that this process holds; NaN where /proc does not tell."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except (OSError, ValueError, IndexError):
        return float("nan")


def _judge_node(node: NodeStatus) -> tuple[bytes, str]:
    if node.state in ("unconfigured", "inactive") and node.stuck:
        return DiagnosticStatus.ERROR, node.error
    return DiagnosticStatus.OK, node.state


def _judge_camera(
    facts: Mapping[str, str], statistics: StreamStatistics, rates: Mapping[str, float], patience: float
) -> tuple[bytes, str]:
    qos = facts.get("QoS problem", "")
    if qos and not rates["received"]:
        return DiagnosticStatus.ERROR, qos
    if facts.get("silence"):
        return DiagnosticStatus.STALE, facts["silence"]
    if (waiting := statistics.waiting) > patience:
        stuck = "an inference hangs, or takes that long: restart the node, or choose another provider"
        reason = statistics.last_error if statistics.all_stale else stuck
        return DiagnosticStatus.ERROR, f"images come and no graph for {waiting:.0f} s: {reason}"
    if rates["failed"] > 0 or statistics.failing:
        level = DiagnosticStatus.WARN if rates["published"] > 0 else DiagnosticStatus.ERROR
        return level, statistics.last_error
    for key in PROBLEMS:
        if facts.get(key):
            return DiagnosticStatus.WARN, facts[key]
    return DiagnosticStatus.OK, f"{rates['published']:.1f} graphs per second"


def _status(title: str, level: bytes, message: str, hardware: str, values: Mapping[str, str]) -> DiagnosticStatus:
    pairs = [KeyValue(key=key, value=value) for key, value in values.items()]
    return DiagnosticStatus(level=level, name=title, message=message, hardware_id=hardware, values=pairs)
