"""The progress line: counts, rate, remaining time, and where it is written."""

import io

import pytest

from sim2sg_core import progress as module
from sim2sg_core.progress import Progress, clock


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def now(monkeypatch) -> list[float]:
    """The clock of the module; the test moves it."""
    time = [100.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: time[0])
    return time


def test_rate_and_remaining_time(now) -> None:
    progress = Progress(100, "rendering", io.StringIO(), unit="frames")
    now[0] += 10
    progress.update(20)
    assert progress.line() == "rendering 20/100 20 % · 2.0 frames/s · 0:40 left"


def test_work_of_an_earlier_run_does_not_count_for_the_rate(now) -> None:
    progress = Progress(100, "rendering", io.StringIO(), start=50)
    now[0] += 10
    progress.update(10)
    assert progress.line() == "rendering 60/100 60 % · 1.0/s · 0:40 left"


def test_rate_is_that_of_the_last_minute(now) -> None:
    progress = Progress(10_000, "training", io.StringIO())
    for _ in range(300):  # slow for five minutes, then ten times as fast for two
        now[0] += 1
        progress.update(1)
    for _ in range(120):
        now[0] += 1
        progress.update(10)
    assert "· 10.0/s ·" in progress.line()


def test_file_gets_a_plain_line_now_and_then(now) -> None:
    file = io.StringIO()
    with Progress(40, "training", file, interval_s=10) as progress:
        for step in range(40):
            now[0] += 1
            progress.update(1, loss=1 / (step + 1))
    lines = file.getvalue().splitlines()
    assert len(lines) == 5  # at 10, 20, 30 and 40 s, and the end
    assert lines[0] == "training 10/40 25 % · 1.0/s · 0:30 left · loss 0.1"
    assert lines[-1] == "training 40/40 100 % · 1.0/s · loss 0.025 · took 0:40"
    assert "\r" not in file.getvalue()


def test_terminal_rewrites_one_line(now) -> None:
    file = Terminal()
    with Progress(10, "a label that is " + "very " * 60 + "long", file) as progress:
        for _ in range(10):
            now[0] += 1
            progress.update()
    text = file.getvalue()
    assert text.count("\n") == 1
    assert all(len(piece) < 200 for piece in text.split("\r"))


def test_unknown_total(now) -> None:
    progress = Progress(None, "reading", io.StringIO(), unit="frames")
    now[0] += 2
    progress.update(1)
    assert progress.line() == "reading 1 · 0.50 frames/s"


def test_nothing_to_do(now) -> None:
    file = io.StringIO()
    with Progress(0, "rendering", file):
        pass
    assert file.getvalue() == "rendering 0/0 · took 0:00\n"


def test_closed_twice_writes_once(now) -> None:
    file = io.StringIO()
    with Progress(1, "x", file) as progress:
        progress.close()
    assert file.getvalue().count("\n") == 1


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0:00"), (7.4, "0:07"), (59.6, "1:00"), (751, "12:31"), (3723, "1:02:03")]
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text
