"""TensorBoard's events, in a file whose name says nothing of the machine that wrote it."""

from __future__ import annotations

import time
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event, SessionLog
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

VERSION = "brain.Event:2"  # of the records, as every TensorBoard reads them


class EventFile:
    """Scalars by step. TensorBoard's own writer puts the host's name and a process number into the file's name."""

    def __init__(self, folder: Path, start: int = 0) -> None:
        """Begins a file beside those of earlier stretches; what these say of steps after `start` counts no more."""
        folder.mkdir(parents=True, exist_ok=True)
        number = len(list(folder.glob("events.out.tfevents.*")))
        while (path := folder / f"events.out.tfevents.{number:06d}").exists():
            number += 1
        self.path = path
        self._file = path.open("wb")
        self._writer = RecordWriter(self._file)
        self._write(Event(file_version=VERSION))
        if start:
            self._write(Event(step=start + 1, session_log=SessionLog(status=SessionLog.START)))

    def add_scalar(self, name: str, value: float, step: int) -> None:
        """Appends a value."""
        self._write(Event(step=step, summary=Summary(value=[Summary.Value(tag=name, simple_value=value)])))

    def close(self) -> None:
        """Writes what is not on the disk yet."""
        self._writer.close()

    def _write(self, event: Event) -> None:
        event.wall_time = time.time()
        self._writer.write(event.SerializeToString())
        self._writer.flush()
