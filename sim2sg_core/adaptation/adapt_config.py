"""What an adaptation run is asked to do, checked before any work starts."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim2sg_core.adaptation.method import DEFAULT, METHODS, Method
from sim2sg_core.domains import Domain
from sim2sg_core.domains.digests import file_digest
from sim2sg_core.errors import Sim2SGError

SOURCE_TRAINING = ("backbone", "source_frames", "source_steps")
"""Settings that say nothing where a run starts from a checkpoint."""


@dataclass(frozen=True)
class AdaptConfig:
    """Settings of `sim2sg adapt`. None means: the domain's default.

    Attributes:
        logs: Bags, folders of bags or image folders.
        topic: Image topic; None finds it when there is just one.
        camera_file: Calibration (ROS YAML or KITTI calib) that wins over CameraInfo.
        camera_height: Metres over the ground; None leaves the mount to /tf_static, the log, the prior.
        camera_pitch: Radians, positive looks down; None like the height, 0 when only the height is given.
        camera_roll: Radians, positive is clockwise; None as for the pitch.
        frames: Most frames taken from the logs.
        min_interval: Least time between two frames, seconds.
        min_change: Least change between two frames (see `logs.sampling`).
        start: Checkpoint to begin with in place of source training: a file, or the name of one that ships; None trains.
        start_digest: Hash of that checkpoint, found when settings are resolved: another file is another run.
        backbone: Network backbone. Without source training there is nothing to choose, and None.
        source_frames: Prior scenes rendered for source training.
        source_steps: Optimiser steps on them.
        rounds: Rounds of infer, lift, render, train.
        round_frames: Scenes rendered per round, prior ones included.
        round_steps: Optimiser steps per round.
        batch: Images per optimiser step.
        learning_rate: Peak learning rate.
        round_learning_rate: Peak learning rate of the rounds; None takes the domain's, else `learning_rate`.
        method: What is done beyond training on prior scenes.
        seed: Everything random follows from it.
        device: torch device.
        workers: Rendering processes; 0 takes one per core.
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
    start: str | None = None
    start_digest: str | None = None
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
    seed: int = 0
    device: str = "cpu"
    workers: int = 0

    def resolved(self, domain: Domain) -> AdaptConfig:
        """Fills what was left open from the domain's training defaults and checks the whole.

        Raises:
            Sim2SGError: A setting is out of its range, or a log or the checkpoint to start from does not exist.
        """
        defaults = domain.training.model_dump()
        if self.start is not None:
            for name in SOURCE_TRAINING:
                if getattr(self, name) is not None:
                    raise Sim2SGError(
                        f"--{name.replace('_', '-')}: with --start there is no source training; leave it out"
                    )
                del defaults[name]
        open_fields = {
            f.name: defaults[f.name]
            for f in dataclasses.fields(self)
            if getattr(self, f.name) is None and f.name in defaults
        }
        config = dataclasses.replace(self, **open_fields, start_digest=start_digest(self.start))
        own = {
            k: getattr(domain.training, k)
            for k in ("prior_share", "recall_correction", "class_swap", "teacher_start_round")
            if getattr(config.method, k) is None
        }
        config = dataclasses.replace(config, method=dataclasses.replace(config.method, **own))
        if config.round_learning_rate is None:
            config = dataclasses.replace(config, round_learning_rate=config.learning_rate)
        for name in ("frames", "source_frames", "source_steps", "round_frames", "round_steps", "batch"):
            if getattr(config, name) is not None and getattr(config, name) < 1:
                raise Sim2SGError(f"--{name.replace('_', '-')} is {getattr(config, name)}: it must be at least 1")
        if config.rounds is None or config.rounds < 0:
            raise Sim2SGError(f"--rounds is {config.rounds}: it must be 0 (source only) or more")
        config.method.validate()
        if config.camera_height is not None and config.camera_height <= 0:
            raise Sim2SGError(f"--camera-height is {config.camera_height}: metres over the ground, more than 0")
        for log in config.logs:
            if not Path(log).exists():
                raise Sim2SGError(f"{log}: no such log; give a bag (.mcap, .db3, .bag), a folder of bags or of images")
        return config

    def to_json(self) -> dict[str, Any]:
        """Returns the settings as JSON-ready data."""
        return {**dataclasses.asdict(self), "logs": list(self.logs)}


def start_digest(start: str | None) -> str | None:
    """Returns a hash of the checkpoint to start from. Raises Sim2SGError when there is none of that name."""
    if start is None:
        return None
    from sim2sg_core.model.checkpoint import find_checkpoint

    return file_digest(find_checkpoint(start))
