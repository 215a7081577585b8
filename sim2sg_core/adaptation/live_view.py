"""What `sim2sg adapt --rerun` shows of a run while it goes on. It reads what the stages leave and changes nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from sim2sg_core.adaptation.content.scene_rebuilding import SceneRebuilder
from sim2sg_core.adaptation.log_frames import SampledFrame
from sim2sg_core.adaptation.resolved_config import ResolvedConfig
from sim2sg_core.adaptation.run_folder import title_of
from sim2sg_core.domains import Domain
from sim2sg_core.report.anonymise import anonymise
from sim2sg_core.report.curves import load_metrics
from sim2sg_core.report.rerun_adaptation import RerunAdaptation
from sim2sg_core.scene import Layout, SceneGraph
from sim2sg_core.scene.graph import DEFAULT_OBJECT_THRESHOLD, DEFAULT_RELATION_THRESHOLD
from sim2sg_core.synthesis.synthesizer import Synthesizer

SHOWN = 4  # frames of the log
TWIN_WIDTH = 640  # pixels at most


class LiveView:
    """Watches a run."""

    def __init__(self, shown: RerunAdaptation, config: ResolvedConfig, frames: Sequence[SampledFrame]) -> None:
        """Chooses the frames that are shown.

        Args:
            shown: The recording.
            config: Settings of the run: whether real frames are shown, and people in them.
            frames: Of the log.
        """
        self._shown, self._config, self._frames = shown, config, frames
        self._places = np.unique(np.linspace(0, len(frames) - 1, SHOWN).round().astype(int))
        self._seen: list[list[SceneGraph]] = [[] for _ in self._places]
        self._rows: dict[Path, int] = {}
        self._offset = self._step = 0
        shown.arrange(len(self._places))

    def training(self, folder: Path, tell: Callable[..., object]) -> Callable[..., object]:
        """Returns what tells of a training's progress as `tell` does, and shows its losses on the way."""

        def told(n: int = 1, **info: object) -> None:
            tell(n, **info)
            if "loss" in info:
                self._losses(folder)

        return told

    def inferred(self, stage: Path, graphs: Sequence[SceneGraph]) -> None:
        """Shows what the model of a stage finds on the log; `graphs` are those of all frames."""
        self._losses(stage / "train")
        self._shown.about(f"Boxes and relations: what the model of **{title_of(stage)}** finds on the log.")
        for place, index in enumerate(self._places):
            self._seen[place].append(graphs[index])
            graph = graphs[index].filtered(DEFAULT_OBJECT_THRESHOLD, DEFAULT_RELATION_THRESHOLD)
            self._shown.frame(place, self._image(place), graph)

    def rebuilt(self, stage: Path, graphs: Sequence[SceneGraph], domain: Domain) -> None:
        """Shows a scene rebuilt from each frame, as a stage renders them: of what is drawn on it, none exchanged.

        Args:
            stage: A round.
            graphs: From which it rebuilds scenes, those of all frames.
            domain: In the appearance of its renders.
        """
        method = dataclasses.replace(self._config.method, threshold=DEFAULT_OBJECT_THRESHOLD, class_swap=0.0)
        rebuild, synthesizer = SceneRebuilder(domain, method), Synthesizer(domain)
        try:
            for place, index in enumerate(self._places):
                layout = _small(rebuild(graphs[index], np.random.default_rng(place)))
                self._shown.twin(place, synthesizer.frame(layout, place).image)
        finally:
            synthesizer.close()
        self._shown.about(f"Twins: scenes as **{title_of(stage)}** rebuilds them from these boxes, to train on.")

    def _losses(self, folder: Path) -> None:
        """Shows the rows of a training's metrics that were not shown yet."""
        if folder not in self._rows:
            self._rows[folder], self._offset = 0, self._step
        rows = load_metrics(folder / "metrics.jsonl")[self._rows[folder] :]
        if rows:
            self._rows[folder] += len(rows)
            self._step = self._offset + int(rows[-1]["step"])
            self._shown.losses(folder.parent.name, rows, self._offset)

    def _image(self, place: int) -> np.ndarray | None:
        """A real frame as it may be shown: with what any model so far took for people blurred, or not at all."""
        if not self._config.real_frames:
            return None
        image = self._frames[self._places[place]].image()
        return anonymise(image, self._seen[place]) if self._config.anonymise else image


def _small(layout: Layout) -> Layout:
    """The scene without the lens, in an image of no more than `TWIN_WIDTH` pixels."""
    camera = layout.camera.without_lens()
    width = min(camera.width, TWIN_WIDTH)
    return Layout(camera.scaled(width, max(1, round(camera.height * width / camera.width))), layout.placements)
