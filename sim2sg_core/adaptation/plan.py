"""What a run will do, told in advance: its stages in order, what each works on, and about how long it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sim2sg_core.adaptation.method import CRITERIA, LAYOUT_PRIORS
from sim2sg_core.adaptation.resolved_config import ResolvedConfig, SourceTraining
from sim2sg_core.adaptation.selection.self_consistency import MOST_FRAMES, VIEWS
from sim2sg_core.cores import usable_cores
from sim2sg_core.domains import Domain

HELD_OUT_SHARE = 0.1  # of a stage's scenes: rendered for calibration, never trained on
MIN_HELD_OUT = 32
TILES = 4
CRITERIA_WORK = "how detections change under noise on weights and features"

# Seconds: to begin, and then of one core for (each item, each megapixel of its images). They fit the ten minutes
# that the demo takes on two cores; elsewhere they are a guess until the first stages of a run have ended.
SECONDS = {
    "sample": (1.0, 0.03, 0.0),
    "render": (8.0, 0.05, 1.5),
    "train": (3.0, 0.03, 2.6),
    "infer": (1.0, 0.02, 0.5),
    "layouts": (5.0, 0.2, 5.0),
    "appearance": (5.0, 0.15, 0.0),
    "export": (25.0, 0.0, 0.0),
    "report": (10.0, 0.0, 0.0),
}
GPU_SECONDS = {"train": (5.0, 0.0, 0.012)}  # of an H200, whatever the cores


@dataclass(frozen=True)
class PlannedStage:
    """One stage of a run.

    Attributes:
        name: As the run calls it (`Run.timed`).
        work: What it does, in words.
        kind: Key of `SECONDS`.
        items: How many images or other things it goes through.
    """

    name: str
    work: str
    kind: str
    items: float


def held_out_count(config: ResolvedConfig, count: int) -> int:
    """Returns how many scenes a stage of `count` renders for calibration (of a round's, where it trains none)."""
    return max(MIN_HELD_OUT, round((count or config.round_frames) * HELD_OUT_SHARE))


def planned_stages(config: ResolvedConfig) -> list[PlannedStage]:
    """Returns the stages in the order in which a run does them; rounds may end before the last one."""
    frames, method = config.frames, config.method
    rare = f", half of them by what {config.rare} finds rare" if config.rare else ""
    stages = [PlannedStage("frames", f"samples up to {frames} frames of the log{rare}", "sample", frames)]
    if config.witness is not None:
        stages.append(PlannedStage("witness", "what the witness finds", "infer", frames))
    if isinstance(config.source, SourceTraining):
        count, steps = config.source.source_frames, config.source.source_steps
    else:
        count, steps = 0, 0
    training = _steps(config, steps) if steps else "takes over the weights"
    stages += [
        _rendering("source", config, count),
        PlannedStage("source/train", training, "train", steps * config.batch),
        *_exporting("source", config, count),
    ]
    for number in range(1, config.rounds + 1):
        name = f"round_{number}"
        stages.append(PlannedStage(f"{name}/infer", f"{frames} frames of the log", "infer", frames))
        if method.tiled_inference:
            views, before = TILES + 1 + method.half_scale_inference, count if number == 1 else config.round_frames
            work = frames * views + held_out_count(config, before) * (views + 1)
            stages.append(PlannedStage(f"{name}/tiled", "enlarged tiles of the frames", "infer", work))
        if method.appearance:
            stages.append(PlannedStage(f"{name}/appearance", "the looks of the log", "appearance", frames))
        if method.layout_prior != LAYOUT_PRIORS[0]:
            stages.append(
                PlannedStage(f"{name}/layouts", "fits the prior's layouts to the log", "layouts", config.round_frames)
            )
        stages.append(_rendering(name, config, config.round_frames))
        if method.mixing:
            mixed = round(config.round_frames * method.mixing)
            stages.append(PlannedStage(f"{name}/mix", f"renders objects into {mixed} frames", "render", mixed))
        stages.append(_round_training(name, config, number))
        stages += _exporting(name, config, config.round_frames)
        if method.criterion != CRITERIA[0]:
            judged = [f"round_{number}", *(["source"] if number == 1 else [])]
            stages += [PlannedStage(f"{stage}/criteria", CRITERIA_WORK, "infer", 4 * frames) for stage in judged[::-1]]
    if method.average and config.rounds:
        stages += _exporting("mean", config, config.round_frames)
    stages.append(
        PlannedStage("report/infer", f"{frames} frames of the log", "infer", 0 if not config.rounds else frames)
    )
    return [*stages, PlannedStage("report", "draws the report", "report", 1)]


def _rendering(name: str, config: ResolvedConfig, count: int) -> PlannedStage:
    held_out = held_out_count(config, count)
    return PlannedStage(f"{name}/render", f"{count} scenes, and {held_out} to calibrate on", "render", count + held_out)


def _round_training(name: str, config: ResolvedConfig, number: int) -> PlannedStage:
    images = config.round_steps * config.batch
    if config.method.teacher and number > config.method.teacher_start_round:
        images = round(images * 1.25)  # the teacher looks at the log's frames too
    return PlannedStage(f"{name}/train", _steps(config, config.round_steps), "train", images)


def _steps(config: ResolvedConfig, steps: int) -> str:
    share = config.negatives.share
    negatives = f", {share:.0%} of the images negatives" if share else ""
    return f"{steps} steps{negatives}"


def _exporting(name: str, config: ResolvedConfig, count: int) -> list[PlannedStage]:
    views = min(MOST_FRAMES, config.frames) * VIEWS
    return [
        PlannedStage(f"{name}/export", f"calibrates on {held_out_count(config, count)} scenes, exports", "export", 1),
        PlannedStage(f"{name}/self_consistency", "the model on changed views of the log", "infer", views),
    ]


class Plan:
    """The stages of a run, with estimates that become those of this machine as stages end.

    Attributes:
        stages: In order.
    """

    def __init__(self, config: ResolvedConfig, domain: Domain) -> None:
        self.stages = planned_stages(config)
        self._megapixels = domain.input.width * domain.input.height / 1e6
        self._gpu = config.device != "cpu"
        self._cores = usable_cores()

    def estimates(self, spent: Mapping[str, float]) -> list[float]:
        """Returns seconds of each stage.

        Args:
            spent: Seconds of the stages that have ended. Others of their kind are taken to go as fast; of kinds that
                none was of, the guess of `SECONDS` counts.
        """
        guesses = [self._guess(stage) for stage in self.stages]
        measured: dict[str, tuple[float, float]] = {}
        for stage, guess in zip(self.stages, guesses, strict=True):
            if stage.name in spent and guess > 0:
                seconds, guessed = measured.get(stage.kind, (0.0, 0.0))
                measured[stage.kind] = seconds + spent[stage.name], guessed + guess
        factors = {kind: seconds / guessed for kind, (seconds, guessed) in measured.items()}
        return [guess * factors.get(stage.kind, 1.0) for stage, guess in zip(self.stages, guesses, strict=True)]

    def _guess(self, stage: PlannedStage) -> float:
        on_gpu = self._gpu and stage.kind in GPU_SECONDS
        begin, item, megapixel = GPU_SECONDS[stage.kind] if on_gpu else SECONDS[stage.kind]
        cores = 1 if on_gpu else self._cores
        return (begin + stage.items * (item + megapixel * self._megapixels) / cores) if stage.items else 0.0

    def place(self, name: str) -> str:
        """Returns "stage 3 of 13 " for a stage; "" for one that is not planned."""
        names = [stage.name for stage in self.stages]
        return f"stage {names.index(name) + 1} of {len(names)} " if name in names else ""

    def remaining(self, name: str, spent: Mapping[str, float]) -> str:
        """Returns about how long a stage and all that follow take, in words; "" for one that is done or not planned."""
        names = [stage.name for stage in self.stages]
        if name not in names or name in spent:
            return ""
        at, seconds = names.index(name), self.estimates(spent)
        left = sum(t for n, t in zip(names[at:], seconds[at:], strict=True) if n not in spent)
        return f" (about {duration(seconds[at])}; to the end {duration(left)})"

    def describe(self, spent: Mapping[str, float]) -> str:
        """Returns the stages as a table, and their total."""
        seconds = self.estimates(spent)
        words = ["done" if s.name in spent else duration(t) for s, t in zip(self.stages, seconds, strict=True)]
        width = max(len(stage.name) for stage in self.stages)
        works = max(len(stage.work) for stage in self.stages)
        rows = [
            f"{number:3d}  {stage.name:{width}}  {stage.work:{works}}  {word:>12}"
            for number, (stage, word) in enumerate(zip(self.stages, words, strict=True), 1)
        ]
        left = sum(t for s, t in zip(self.stages, seconds, strict=True) if s.name not in spent)
        cores = f"{self._cores} core{'s' * (self._cores > 1)}{' and a GPU' if self._gpu else ''}"
        basis = "as fast as the stages that have ended" if spent else "a guess, which every stage that ends corrects"
        total = f"{len(self.stages)} stages, about {duration(left)} on {cores} ({basis})"
        return "\n".join([*rows, total])


def duration(seconds: float) -> str:
    """Returns a time as people say it: "40 s", "12 min", "3 h 20 min"."""
    if seconds < 55:
        return f"{max(5, 5 * round(seconds / 5))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(5 * round(minutes / 5), 60)
    return f"{hours} h {rest} min" if rest and hours < 10 else f"{hours + (rest >= 30)} h"
