"""What a training run writes down of itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from sim2sg_core.files import atomic_path

FILE = "metrics.jsonl"


class MetricsLog:
    """metrics.jsonl and TensorBoard.

    Attributes:
        path: metrics.jsonl; it says nothing of speed, so that the same run writes the same file.
        rows: What is in it. A checkpoint keeps them too: what was written after it comes from a stretch that is run
            again, and what a power cut took is in it.
    """

    def __init__(self, folder: Path, rows: Sequence[dict[str, float]], start: int) -> None:
        """Opens the log in `folder` with the rows of steps up to `start`."""
        self.path, self.rows = folder / FILE, list(rows)
        restore_metrics(folder, rows)
        from sim2sg_core.learning.event_file import EventFile

        self.board = EventFile(folder / "tensorboard", start)

    def write(self, step: int, values: dict[str, float], images_per_second: float) -> None:
        """Appends the values of one step."""
        self.rows.append({"step": step, **{k: round(v, 6) for k, v in values.items()}})
        with self.path.open("a", encoding="utf-8") as file:
            file.write(_line(self.rows[-1]))
        for name, value in {**values, "images_per_second": images_per_second}.items():
            self.board.add_scalar(f"train/{name}", value, step)

    def close(self) -> None:
        """Flushes TensorBoard's events."""
        self.board.close()


def restore_metrics(folder: Path, rows: Sequence[dict[str, float]]) -> None:
    """Writes metrics.jsonl as a checkpoint remembers it, where it is not so."""
    text = "".join(map(_line, rows)).encode()
    path = folder / FILE
    if not path.is_file() or path.read_bytes() != text:
        with atomic_path(path) as temporary:
            temporary.write_bytes(text)


def _line(row: dict[str, float]) -> str:
    return json.dumps(row) + "\n"
