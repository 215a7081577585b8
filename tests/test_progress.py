"""Progress: what is counted, and what a terminal and a file get to see."""

import contextlib
import fcntl
import io
import os
import pty
import re
import struct
import termios
import time

from sim2sg_core.progress import Progress, heartbeat


def lines_of(file: io.StringIO) -> list[str]:
    """What a log holds; only whole lines are ever written."""
    text = file.getvalue()
    assert text.endswith("\n") and "\r" not in text and "\x1b" not in text
    assert all(line == line.strip() != "" for line in text.splitlines())
    return text.splitlines()


def test_file_gets_a_plain_line_now_and_then() -> None:
    file, started = io.StringIO(), time.monotonic()
    with Progress(40, "training", file, unit="steps", interval_s=0.1) as progress:
        for step in range(40):
            time.sleep(0.01)
            progress.update(1, loss=1 / (step + 1))
    lines = lines_of(file)
    at_most = 2 + (time.monotonic() - started) / 0.1  # the start, one in 0.1 s, the end
    assert 3 <= len(lines) <= at_most
    assert all(line.startswith("training:") and "steps" in line and line.isascii() for line in lines)
    assert re.search(r"\d+/40 \[00:00<00:0\d, +[\d.]+steps/s, loss=[\d.]+\]$", lines[1])
    assert "40/40" in lines[-1] and lines[-1].endswith("loss=0.025]")


def test_a_short_job_shows_its_start_and_its_end() -> None:
    file = io.StringIO()
    with Progress(3, "x", file) as progress:
        for _ in range(3):
            progress.update()
    first, last = lines_of(file)
    assert "0/3" in first and "3/3" in last


def test_work_of_an_earlier_run_does_not_count_for_the_rate() -> None:
    file = io.StringIO()
    with Progress(1000, "rendering", file, unit="frames") as progress:
        progress.update(900, resumed=True)
        time.sleep(0.1)
        progress.update(1)
        assert progress.done == 901
    rate = re.search(r"901/1000 .* ([\d.]+)(frames/s|s/frames)", lines_of(file)[-1])
    assert rate is not None and float(rate[1]) <= 10


def on_terminal(rows: int, columns: int) -> str:
    """What ten steps write to a terminal of a size."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    with os.fdopen(slave, "w") as file, Progress(10, "training", file) as progress:
        for _ in range(10):
            progress.update()
    seen = b""
    with contextlib.suppress(OSError):  # How Linux ends a terminal whose other side is closed.
        while part := os.read(master, 65536):  # It may come in parts.
            seen += part
    os.close(master)
    return seen.decode().replace("\r\n", "\n")


def test_terminal_rewrites_one_line() -> None:
    text = on_terminal(24, 60)
    assert text.count("\n") == 1 and text.endswith("\n")
    states = text.strip().split("\r")
    assert "10/10" in states[-1]
    assert all(len(state) <= 60 for state in states)


def test_terminal_without_a_size_gets_plain_lines() -> None:
    text = on_terminal(0, 0)
    assert "\r" not in text and "10/10" in text


def test_unknown_total_and_nothing_to_do() -> None:
    file = io.StringIO()
    with Progress(None, "reading", file, unit="frames") as progress:
        progress.update(2)
    assert lines_of(file)[-1].startswith("reading: 2frames")
    with Progress(0, "rendering", file):
        pass
    assert lines_of(file)[-1].startswith("rendering: 0")


def test_closed_twice_and_after_a_failure() -> None:
    file = io.StringIO()
    try:
        with Progress(9, "x", file) as progress:
            progress.update(4)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        progress.close()
    assert [line for line in lines_of(file) if "4/9" in line] == lines_of(file)[-1:]


def test_a_long_job_without_a_bar_says_that_it_goes_on() -> None:
    file = io.StringIO()
    with heartbeat("export", file, interval_s=0.02):
        while file.getvalue().count("\n") < 2:
            time.sleep(0.01)
    assert all(re.fullmatch(r"export: at work for \d+ s", line) for line in lines_of(file))


def test_a_bar_silences_it() -> None:
    file = io.StringIO()
    with Progress(2, "x", io.StringIO()), heartbeat("train", file, interval_s=0.01):
        time.sleep(0.1)
    assert file.getvalue() == ""
