"""What a training run writes down of itself."""

from __future__ import annotations

import json
from pathlib import Path


class MetricsLog:
    """metrics.jsonl and TensorBoard, cut back to the step that a run continues from."""

    def __init__(self, folder: Path, start: int) -> None:
        """Opens the log in `folder`; lines after step `start` are from a stretch that is run again."""
        self.path = folder / "metrics.jsonl"
        lines = self.path.read_text(encoding="utf-8").splitlines() if start and self.path.exists() else []
        kept = [line for line in lines if _step_of(line) <= start]
        self.path.write_text("".join(line + "\n" for line in kept), encoding="utf-8")
        from torch.utils.tensorboard import SummaryWriter

        self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=start + 1 if start else None)

    def write(self, step: int, values: dict[str, float]) -> None:
        """Appends the values of one step."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"step": step, **{k: round(v, 6) for k, v in values.items()}}) + "\n")
        for name, value in values.items():
            self.board.add_scalar(f"train/{name}", value, step)

    def close(self) -> None:
        """Flushes TensorBoard's events."""
        self.board.close()


def _step_of(line: str) -> float:
    """The step of a line of metrics.jsonl; a line cut short by a crash counts as after everything."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")
