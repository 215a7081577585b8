"""The stages of a run in order of a criterion without labels; what is measured of each lies beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from sim2sg_core.adaptation.log_frames import SampledFrame
from sim2sg_core.adaptation.method import CRITERIA
from sim2sg_core.adaptation.plan import CRITERIA_WORK
from sim2sg_core.adaptation.run_folder import Run
from sim2sg_core.adaptation.selection.criteria import (
    NetworkFigures,
    criterion_scores,
    measure_network,
    network_images,
)
from sim2sg_core.adaptation.stages import stage_network
from sim2sg_core.scene.graph import write_json
from sim2sg_core.synthesis import read_dataset

FIGURES_FILE = "criteria.json"


def ranked_stages(
    run: Run, criterion: str, stages: Sequence[Path], frames: Sequence[SampledFrame], consistency: Sequence[float]
) -> list[float]:
    """Returns the score of each stage's model by a criterion; high is good.

    Args:
        run: The run.
        criterion: One of `CRITERIA`.
        stages: Folders; renders that none was trained on lie in the first one's `held_out`.
        frames: Of the log.
        consistency: Self-consistency of each stage's model.
    """
    if criterion == CRITERIA[0]:
        return list(consistency)
    figures = [_figures(run, stage, frames, stages[0] / "held_out") for stage in stages]
    return criterion_scores(criterion, consistency, figures)


def measure_stage(stage: Path, frames: Sequence[Path], renders: Path) -> NetworkFigures:
    """Measures the network of a stage on images of the log and those of a rendered data set."""
    network = stage_network(stage)
    frame = network.config.input
    shown = [path for path, _ in read_dataset(renders)]
    return measure_network(network, network_images(frames, frame), network_images(shown, frame))


def _figures(run: Run, stage: Path, frames: Sequence[SampledFrame], renders: Path) -> NetworkFigures:
    def measure(path: Path) -> None:
        with run.timed(f"{stage.name}/criteria", CRITERIA_WORK):
            figures = measure_stage(stage, [frame.path for frame in frames], renders)
        write_json(path, figures.to_json(), indent=1)

    return run.cached(stage / FIGURES_FILE, measure, lambda path: NetworkFigures(**json.loads(path.read_text())))
