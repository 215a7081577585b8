"""What an adaptation run is asked to do, checked before any work starts."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sim2sg_core.adaptation.method import DEFAULT, METHODS, Method, ResolvedMethod
from sim2sg_core.domains import Domain
from sim2sg_core.domains.digests import file_digest
from sim2sg_core.domains.domain_spec import TrainingSpec
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.report.anonymise import promise
from sim2sg_core.runtime.metadata import check_file
from sim2sg_core.scene.class_mapping import ClassMapping

T = TypeVar("T")


@dataclass(frozen=True)
class LogConfig:
    """Which frames of which logs are taken, and what is known of the camera.

    Attributes:
        logs: Bags, folders of bags or image folders.
        topic: Image topic; None finds it when there is just one.
        camera_file: Calibration (ROS YAML or KITTI calib) that wins over CameraInfo.
        camera_height: Metres over the ground; None leaves the extrinsics to /tf_static, the log, the prior.
        camera_pitch: Radians, positive looks down; None like the height, 0 when only the height is given.
        camera_roll: Radians, positive is clockwise; None as for the pitch.
        frames: Most frames taken from the logs.
        min_interval: Least time between two frames, seconds.
        min_change: Least change between two frames (see `logs.sampling`).
        strict: Whether a damaged frame is an error; else it is left out, and counted.
        distinct: Bits, of 64, by which what any two frames of all logs show must differ (see `logs.choosing`); 0 for
            no matter.
        rare: Model that says which classes are rare in the logs, a file or the name of one that ships: half of `frames`
            are spread by that (see `logs.rarity`); None spreads all evenly.
    """

    logs: tuple[str, ...]
    topic: str | None = None
    camera_file: str | None = None
    camera_height: float | None = None
    camera_pitch: float | None = None
    camera_roll: float | None = None
    frames: int = 400
    min_interval: float = 0.2
    min_change: float = 0.0
    strict: bool = False
    distinct: int = 0
    rare: str | None = None


@dataclass(frozen=True)
class AdaptConfig(LogConfig):
    """Settings of `sim2sg adapt`, as a user gives them. None means: the domain's default.

    Attributes:
        start: Checkpoint to begin with in place of source training: a file, or the name of one that ships; None trains.
        backbone: Network backbone. Only with source training, as the two below.
        source_frames: Prior scenes rendered for source training.
        source_steps: Optimiser steps on them.
        rounds: Rounds of infer, lift, render, train.
        round_frames: Scenes rendered per round, prior ones included.
        round_steps: Optimiser steps per round.
        batch: Images per optimiser step.
        learning_rate: Peak learning rate.
        round_learning_rate: Peak learning rate of the rounds; None takes the domain's, else `learning_rate`.
        method: What is done beyond training on prior scenes.
        witness: Detector of another maker whose boxes on the log count as evidence; None for none.
        witness_map: What its classes stand for, see `ClassMapping.parse`; None takes equal names.
        witness_labels: Text file with the names of its classes; None takes the model's, else COCO's.
        seed: Everything random follows from it.
        device: torch device.
        workers: Rendering processes; 0 takes one per core.
        ranks: Processes of a fleet that share every training step.
        real_frames: Whether the report shows frames of the log.
        anonymise: Whether people and vehicles are blurred in them, as far as they were found.
    """

    start: str | None = None
    backbone: str | None = None
    source_frames: int | None = None
    source_steps: int | None = None
    rounds: int | None = None
    round_frames: int | None = None
    round_steps: int | None = None
    batch: int | None = None
    learning_rate: float | None = None
    round_learning_rate: float | None = None
    method: Method = field(default_factory=lambda: METHODS[DEFAULT])
    witness: str | None = None
    witness_map: str | None = None
    witness_labels: str | None = None
    seed: int = 0
    device: str = "cpu"
    workers: int = 0
    ranks: int = 1
    real_frames: bool = True
    anonymise: bool = False

    def resolved(self, domain: Domain) -> ResolvedConfig:
        """Fills what was left open from the domain's training defaults and checks the whole.

        Raises:
            Sim2SGError: A setting is out of its range, or the checkpoint to start from does not exist.
        """
        training = domain.training
        learning_rate = _given(self.learning_rate, training.learning_rate)
        round_learning_rate = _given(self.round_learning_rate, training.round_learning_rate)
        config = ResolvedConfig(
            **{f.name: getattr(self, f.name) for f in dataclasses.fields(LogConfig)},
            source=self._source(training, learning_rate),
            rounds=_given(self.rounds, training.rounds),
            round_frames=_given(self.round_frames, training.round_frames),
            round_steps=_given(self.round_steps, training.round_steps),
            round_learning_rate=_given(round_learning_rate, learning_rate),
            batch=_given(self.batch, training.batch),
            method=self.method.resolved(training),
            witness=self._witness(domain),
            seed=self.seed,
            device=self.device,
            workers=self.workers,
            ranks=self.ranks,
            real_frames=self.real_frames,
            anonymise=self.anonymise,
        )
        config.validate()
        if config.anonymise:
            promise(domain.class_names, "give --no-real-frames")
        if config.method.mixing and not any(domain.class_spec(name).on_ground for name in domain.related_names):
            raise Sim2SGError(
                f"--mixing: no class of {domain.name} with relations stands on the ground, and only such can be mixed"
                " into frames; leave it out"
            )
        return config

    def _witness(self, domain: Domain) -> WitnessModel | None:
        if self.witness is None:
            for name in ("witness_map", "witness_labels"):
                if getattr(self, name) is not None:
                    raise Sim2SGError(f"--{name.replace('_', '-')} goes with --witness FILE: give the detector too")
            return None
        if self.witness_map is not None:
            ClassMapping.parse(self.witness_map).check_classes(domain.class_names)
        digest = witness_digest(self.witness, self.witness_labels)
        return WitnessModel(self.witness, self.witness_map, self.witness_labels, digest)

    def _source(self, training: TrainingSpec, learning_rate: float) -> SourceTraining | StartCheckpoint:
        if self.start is None:
            return SourceTraining(
                backbone=_given(self.backbone, training.backbone),
                source_frames=_given(self.source_frames, training.source_frames),
                source_steps=_given(self.source_steps, training.source_steps),
                learning_rate=learning_rate,
            )
        for name in ("backbone", "source_frames", "source_steps"):
            if getattr(self, name) is not None:
                option = name.replace("_", "-")
                raise Sim2SGError(f"--{option}: with --start there is no source training; leave it out")
        return StartCheckpoint(self.start, start_digest(self.start))


@dataclass(frozen=True)
class SourceTraining:
    """A run that begins with the training of a new network on prior scenes.

    Attributes:
        backbone: The network's backbone.
        source_frames: Prior scenes to train on.
        source_steps: Optimiser steps.
        learning_rate: Peak learning rate.
    """

    backbone: str
    source_frames: int
    source_steps: int
    learning_rate: float


@dataclass(frozen=True)
class StartCheckpoint:
    """A run that begins with the weights of a checkpoint.

    Attributes:
        start: Its file, or the name of one that ships.
        start_digest: Hash of the file: another file is another run.
    """

    start: str
    start_digest: str


@dataclass(frozen=True)
class WitnessModel:
    """A detector of another maker that looks at the log too; see `AdaptConfig`.

    Attributes:
        witness: Its file.
        witness_map: What its classes stand for.
        witness_labels: File with the names of its classes.
        witness_digest: Hash of all its files: others are another run.
    """

    witness: str
    witness_map: str | None
    witness_labels: str | None
    witness_digest: str


@dataclass(frozen=True, kw_only=True)
class ResolvedConfig(LogConfig):
    """Settings of a run, nothing left open; see `AdaptConfig` for what they mean."""

    source: SourceTraining | StartCheckpoint
    rounds: int
    round_frames: int
    round_steps: int
    round_learning_rate: float
    batch: int
    method: ResolvedMethod
    witness: WitnessModel | None
    seed: int
    device: str
    workers: int
    ranks: int
    real_frames: bool
    anonymise: bool

    def validate(self) -> None:
        """Raises Sim2SGError when a setting is out of its range."""
        counts = {name: getattr(self, name) for name in ("frames", "round_frames", "round_steps", "batch")}
        if isinstance(self.source, SourceTraining):
            counts |= {"source_frames": self.source.source_frames, "source_steps": self.source.source_steps}
        for name, value in counts.items():
            if value < 1:
                option = "max" if name == "frames" else name.replace("_", "-")
                raise Sim2SGError(f"--{option} is {value}: it must be at least 1")
        if not 0 <= self.distinct <= 64:
            raise Sim2SGError(f"--distinct is {self.distinct}: bits of 64, from 0 (off)")
        if self.rare is not None:
            check_file(self.rare)
        if self.rounds < 0:
            raise Sim2SGError(f"--rounds is {self.rounds}: it must be 0 (source only) or more")
        for name, option in (("min_interval", "every"), ("min_change", "min-change"), ("seed", ""), ("workers", "")):
            if not 0 <= getattr(self, name) < math.inf:
                raise Sim2SGError(f"--{option or name} is {getattr(self, name)}: it must be 0 or more")
        if self.camera_height is not None and not 0 < self.camera_height < math.inf:
            raise Sim2SGError(f"--camera-height is {self.camera_height}: metres over the ground, more than 0")
        for name in ("camera_pitch", "camera_roll"):
            if not math.isfinite(getattr(self, name) or 0.0):
                raise Sim2SGError(f"--{name.replace('_', '-')} is {getattr(self, name)}: degrees are wanted")

    def to_json(self) -> dict[str, Any]:
        """Returns the settings as JSON-ready data, those of `source` and of `witness` among the others."""
        data = {**dataclasses.asdict(self), "method": self.method.to_json()}
        # Of what is off there is no word: runs that were begun before there was such a thing go on.
        for name in ("distinct", "rare"):
            if not data[name]:
                del data[name]
        return {**data.pop("source"), **(data.pop("witness") or {}), **data, "logs": list(self.logs)}


def _given(value: T | None, default: T) -> T:
    return default if value is None else value


def start_digest(start: str) -> str:
    """Returns a hash of the checkpoint to start from. Raises Sim2SGError when there is none of that name."""
    from sim2sg_core.model.checkpoint import find_checkpoint

    return file_digest(find_checkpoint(start))


def witness_digest(witness: str, labels: str | None) -> str:
    """Returns a hash of all files of a witness. Raises Sim2SGError when one is not there."""
    from sim2sg_core.runtime.detectors.networks import files_of

    files = [*files_of(Path(witness)), *([Path(labels)] if labels else [])]
    for file in files:
        if not file.is_file():
            raise Sim2SGError(f"{file}: no such file; give the witness and the names of its classes as files")
    return hashlib.sha256("".join(map(file_digest, files)).encode()).hexdigest()[:16]
