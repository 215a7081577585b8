"""What an adaptation run is asked to do, checked before any work starts."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from sim2sg_core.adaptation.log_contents import contents_digest
from sim2sg_core.adaptation.method import DEFAULT, METHODS, Method
from sim2sg_core.adaptation.resolved_config import (
    LogConfig,
    Negatives,
    ResolvedConfig,
    SourceTraining,
    StartCheckpoint,
    WitnessModel,
)
from sim2sg_core.domains import Domain
from sim2sg_core.domains.digests import file_digest
from sim2sg_core.domains.domain_spec import TrainingSpec
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.report.anonymise import promise
from sim2sg_core.scene.class_mapping import ClassMapping

T = TypeVar("T")


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
        negatives: Logs that show no object of the domain, each with its share of the labelled images of every step.
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
    negatives: tuple[tuple[str, float], ...] = ()
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
            negatives=Negatives(self.negatives, negatives_digest([log for log, _ in self.negatives])),
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
    return _joined(map(file_digest, files))


def negatives_digest(logs: Sequence[str]) -> str:
    """Returns a hash of what is in the logs. Raises Sim2SGError when there is nothing in one."""
    found = [contents_digest(Path(log)) for log in logs]
    if "" in found:
        raise Sim2SGError(f"--negatives {logs[found.index('')]}: nothing there; give an image folder, a bag or a video")
    return _joined(found)


def _joined(digests: Iterable[str]) -> str:
    """Returns one hash of several."""
    return hashlib.sha256("".join(digests).encode()).hexdigest()[:16]
