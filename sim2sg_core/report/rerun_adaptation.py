"""An adaptation in the viewer of Rerun: losses, frames of the log with their graphs, and scenes rebuilt from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sim2sg_core.report.curves import MAIN, numbers_of
from sim2sg_core.report.rerun_recording import RerunRecording
from sim2sg_core.scene import SceneGraph

LOSSES, FRAMES, ABOUT = "losses", "frames", "about"
STEP = "step"  # of all trainings, end to end: the one timeline


class RerunAdaptation(RerunRecording):
    """A run, stage by stage: drag the time back to see what an earlier model found."""

    def __init__(self, target: str, classes: Sequence[str], predicates: Sequence[str]) -> None:
        """Begins a recording; see `RerunRecording`."""
        super().__init__(target, classes, predicates)
        self._recording.set_time(STEP, sequence=0)

    def arrange(self, frames: int) -> None:
        """Says how the viewer shows it: each frame beside its twin, the losses to the right.

        Args:
            frames: How many there will be.
        """
        views = self._rerun.blueprint
        pairs = [
            views.Spatial2DView(origin=f"{FRAMES}/{place}/{part}", name=f"{part} {place}")
            for place in range(frames)
            for part in ("real", "twin")
        ]
        losses = [views.TimeSeriesView(origin=f"{LOSSES}/{name}", name=name) for name in MAIN]
        side = views.Vertical(views.TextDocumentView(origin=ABOUT, name="what is shown"), *losses)
        layout = views.Horizontal(views.Grid(*pairs, grid_columns=2), side, column_shares=[3, 1])
        self._recording.send_blueprint(views.Blueprint(layout))

    def losses(self, stage: str, rows: Sequence[Mapping[str, Any]], offset: int) -> None:
        """Adds rows of metrics.jsonl, each number as a curve of its stage.

        Args:
            stage: Its name.
            rows: With "step" and numbers.
            offset: Steps of all stages before.
        """
        for row in rows:
            self._recording.set_time(STEP, sequence=offset + int(row["step"]))
            for name, value in numbers_of(row).items():
                self._recording.log(f"{LOSSES}/{name}/{stage}", self._rerun.Scalars(value))

    def about(self, text: str) -> None:
        """Says what is shown from now on."""
        self._recording.log(ABOUT, self._rerun.TextDocument(text))

    def frame(self, place: int, image: np.ndarray | None, graph: SceneGraph) -> None:
        """Shows a frame of the log.

        Args:
            place: Which one.
            image: (H, W, 3) uint8 RGB; None shows its graph alone.
            graph: What a model found on it, already thresholded.
        """
        if image is not None:
            self._image(f"{FRAMES}/{place}/real", image)
        self._graph(f"{FRAMES}/{place}/real", graph)

    def twin(self, place: int, image: np.ndarray) -> None:
        """Shows the scene rebuilt from a frame, (H, W, 3) uint8 RGB."""
        self._image(f"{FRAMES}/{place}/twin", image)
