"""TensorBoard reads what is written, and nothing tells the machine."""

from __future__ import annotations

import os
import socket

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from sim2sg_core.learning.event_file import EventFile


def scalars(folder):
    read = EventAccumulator(str(folder)).Reload()
    return {tag: [(e.step, e.value) for e in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


def test_tensorboard_reads_it(tmp_path):
    events = EventFile(tmp_path / "tensorboard")
    for step in (1, 2, 3):
        events.add_scalar("train/loss", step / 2, step)
    assert scalars(tmp_path / "tensorboard") == {"train/loss": [(1, 0.5), (2, 1.0), (3, 1.5)]}, "before it is closed"
    events.close()
    again = EventFile(tmp_path / "tensorboard", start=2)
    again.add_scalar("train/loss", 9.0, 3)
    again.close()
    assert scalars(tmp_path / "tensorboard") == {"train/loss": [(1, 0.5), (2, 1.0), (3, 9.0)]}


def test_no_trace_of_the_machine(tmp_path):
    events = EventFile(tmp_path)
    events.add_scalar("a", 1.0, 1)
    events.close()
    for trace in (socket.gethostname(), f".{os.getpid()}", str(tmp_path)):
        assert trace not in events.path.name and trace.encode() not in events.path.read_bytes()
