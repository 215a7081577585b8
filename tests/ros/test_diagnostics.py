from __future__ import annotations

import time

import pytest

pytest.importorskip("diagnostic_msgs.msg", reason="the ROS messages are not installed")
from diagnostic_msgs.msg import DiagnosticStatus

from sim2sg_ros.diagnostics import WINDOW, Statistics, make_status

pytestmark = pytest.mark.ros

FACTS = {"model": "m", "provider": "cpu", "warning": ""}


def status(statistics: Statistics, state: str = "active", silence: str = "", **facts: str) -> DiagnosticStatus:
    return make_status("/eye", state, silence, {**FACTS, **facts}, statistics, dropped=3)


def test_percentiles_are_of_the_latest_samples() -> None:
    statistics = Statistics()
    for value in [1e6] * 50 + list(range(WINDOW)):
        statistics.record({"inference": value})
    assert statistics.percentiles() == {"inference": pytest.approx(((WINDOW - 1) / 2, 0.99 * (WINDOW - 1)))}


def test_rates_are_since_the_last_call() -> None:
    statistics = Statistics()
    statistics.count("received")
    statistics.rates()
    for _ in range(10):
        statistics.count("received")
    time.sleep(0.1)
    assert 60 < statistics.rates()["received"] <= 100
    assert statistics.rates()["received"] == 0
    assert statistics.counted("received") == 11


def test_all_is_well() -> None:
    statistics = Statistics()
    statistics.count("received")
    statistics.count("published")
    statistics.record({"total": 5.0})
    result = status(statistics)
    assert result.level == DiagnosticStatus.OK
    values = {item.key: item.value for item in result.values}
    assert values["replaced by newer images"] == "3"
    assert values["total p99 ms"] == "5.00"


def test_levels_tell_what_is_wrong() -> None:
    failing = Statistics()
    failing.count("failed")
    failing.last_error = "step 7"
    result = status(failing)
    assert (result.level, result.message) == (DiagnosticStatus.ERROR, "step 7")

    mixed = Statistics()
    mixed.count("failed")
    mixed.count("published")
    assert status(mixed).level == DiagnosticStatus.WARN

    assert status(Statistics(), silence="no image for 6 s").level == DiagnosticStatus.STALE
    assert status(Statistics(), warning="cpu runs").message == "cpu runs"
    assert status(failing, state="unconfigured").level == DiagnosticStatus.ERROR
    assert status(Statistics(), state="inactive").level == DiagnosticStatus.OK
