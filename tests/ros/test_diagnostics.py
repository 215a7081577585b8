from __future__ import annotations

import subprocess
import sys
import time

import pytest

pytest.importorskip("diagnostic_msgs.msg", reason="the ROS messages are not installed")
from diagnostic_msgs.msg import DiagnosticStatus

from sim2sg_ros.diagnostics import EVENTS, PATIENCE, WINDOW, NodeStatus, StreamStatistics, camera_status, model_status

pytestmark = pytest.mark.ros

OK, WARN, ERROR, STALE = (getattr(DiagnosticStatus, name) for name in ("OK", "WARN", "ERROR", "STALE"))
MODEL = {"model": "m", "provider": "cpu", "warning": ""}


def node(state: str = "active", error: str = "") -> NodeStatus:
    status = NodeStatus("/eye")
    status.enter(state)
    if error:
        status.fail(error)
    return status


def camera(statistics: StreamStatistics, **facts: str) -> DiagnosticStatus:
    return camera_status(node(), "left", {**MODEL, **facts}, statistics)


def counted(*events: str) -> StreamStatistics:
    statistics = StreamStatistics()
    for event in events:
        statistics.count(event)
    return statistics


def test_percentiles_are_of_the_latest_samples() -> None:
    statistics = StreamStatistics()
    for value in [1e6] * 50 + list(range(WINDOW)):
        statistics.record({"inference": value})
    assert statistics.percentiles() == {"inference": pytest.approx(((WINDOW - 1) / 2, 0.99 * (WINDOW - 1)))}


def test_rates_are_since_the_last_call() -> None:
    statistics = StreamStatistics()
    statistics.count("received")
    before = time.monotonic()
    statistics.rates()
    least = time.monotonic()
    for _ in range(10):
        statistics.count("received")
    time.sleep(0.05)
    least = time.monotonic() - least
    rate = statistics.rates()["received"]
    assert 10 / (time.monotonic() - before) <= rate <= 10 / least
    assert statistics.rates()["received"] == 0
    assert statistics.counted("received") == 11


def test_all_is_well() -> None:
    statistics = counted("received", "received", "published", "replaced")
    statistics.record({"total": 5.0})
    result = camera(statistics, input="/left/image")
    assert (result.level, result.name, result.hardware_id) == (OK, "/eye: left scene graph", "m")
    assert result.message.endswith("graphs per second")
    values = {item.key: item.value for item in result.values}
    assert values["replaced by newer images"] == "1"
    assert values["received"] == "2"
    assert values["total p99 ms"] == "5.00"
    assert values["input"] == "/left/image"
    assert len(values) == len(result.values), "no key twice"
    for event in EVENTS:
        assert float(values[f"{event} per second"]) >= 0


def test_the_only_camera_has_no_name() -> None:
    assert camera_status(node(), "", MODEL, StreamStatistics()).name == "/eye: scene graph"


def test_levels_of_a_camera_tell_what_is_wrong() -> None:
    failing = counted("failed")
    failing.note_error("step 7")
    result = camera(failing)
    assert (result.level, result.message) == (ERROR, "step 7")
    assert camera(counted("failed", "published")).level == WARN

    assert camera(StreamStatistics(), silence="no image for 6 s").level == STALE
    assert camera(StreamStatistics(), warning="cpu runs").message == "cpu runs"
    rejected = camera(StreamStatistics(), **{"camera_info problem": "not finite", "warning": "cpu runs"})
    assert (rejected.level, rejected.message) == (WARN, "not finite")
    no_frame = camera(counted("received"), **{"target frame problem": "no map"})
    assert (no_frame.level, no_frame.message) == (WARN, "no map")


def test_the_last_outcome_holds_until_the_next_image() -> None:
    slow = counted("received", "failed")
    slow.note_error("encoding 'x' is not known")
    for _ in range(3):  # Periods of diagnostics in which no image comes.
        assert camera(slow).level == ERROR
    slow.count("published")
    camera(slow)
    assert camera(slow).level == OK


def test_images_without_a_graph_are_an_error_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    hanging, old = counted("received", "published", "received", "received"), counted("received")
    old.note_error("image skipped: 9.0 s old")
    old.count("stale")
    now += PATIENCE - 1
    old.count("received")  # It does not matter when the last one came.
    assert camera(hanging).level == camera(old).level == OK
    now += 2
    for statistics, reason in ((hanging, "an inference hangs"), (old, "image skipped: 9.0 s old")):
        result = camera(statistics)
        assert result.level == ERROR and result.message.startswith(f"images come and no graph for 6 s: {reason}")
        assert camera_status(node(), "left", MODEL, statistics, patience=10.0).level == OK
        assert camera(statistics, silence="no image for 6 s").level == STALE
    hanging.count("published")
    old.begin()
    assert camera(hanging).level == camera(old).level == OK


def test_what_is_odd_about_the_input_is_a_warning() -> None:
    odd = camera(counted("received", "published"), **{"input problem": "2 publishers"})
    assert (odd.level, odd.message) == (WARN, "2 publishers")


def test_a_qos_that_lets_nothing_through_is_an_error_before_silence_is_noticed() -> None:
    qos = {"QoS problem": "does not fit"}
    rejected = camera(StreamStatistics(), **qos)
    assert (rejected.level, rejected.message) == (ERROR, "does not fit")
    assert camera(StreamStatistics(), silence="no image", **qos).level == ERROR
    # Another publisher's images arrive.
    assert camera(counted("received", "published"), **qos).level == WARN


@pytest.mark.parametrize("state", ["unconfigured", "inactive", "finalized"])
@pytest.mark.parametrize("error", ["", "no such model"])
@pytest.mark.parametrize("stuck", [True, False])
def test_who_is_not_active_is_well_unless_it_could_not_become_so(state: str, error: str, stuck: bool) -> None:
    """A failed ~/load_model, which `note` notes, leaves the node as it was."""
    facts = {**MODEL, "silence": "no image", "warning": "cpu runs"}
    status = node(state)
    if error:
        (status.fail if stuck else status.note)(error)
    expected = (ERROR, error) if error and stuck and state != "finalized" else (OK, state)
    model, eye = model_status(status, facts), camera_status(status, "", facts, counted("failed"))
    assert (model.level, model.message) == (eye.level, eye.message) == expected
    assert {item.key: item.value for item in model.values}["last error"] == error
    status.clear_error()
    assert model_status(status, facts).level == OK


def test_the_model_tells_what_runs_it() -> None:
    result = model_status(node(error="the old error"), MODEL)
    assert (result.level, result.name, result.message) == (OK, "/eye: model", "m on cpu")
    fell_back = model_status(node(), {**MODEL, "warning": "cuda was asked for"})
    assert (fell_back.level, fell_back.message) == (WARN, "cuda was asked for")
    values = {item.key: item.value for item in result.values}
    assert float(values["memory MiB"]) > 10


HOLDS_MORE = """
import mmap
from sim2sg_ros.diagnostics import resident_memory
before = resident_memory()
held = mmap.mmap(-1, 50 << 20)
for page in range(0, len(held), mmap.PAGESIZE):
    held[page] = 1
print(before, resident_memory())
"""


def test_memory_grows_with_what_is_held() -> None:
    # In a process of its own: in this one, what earlier tests left may be given back at any moment.
    done = subprocess.run([sys.executable, "-c", HOLDS_MORE], capture_output=True, text=True, check=True)
    before, after = map(float, done.stdout.split())
    assert before > 10
    assert 45 < after - before < 60
