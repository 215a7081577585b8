"""Settings of an adaptation run, nothing left open."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from sim2sg_core.adaptation.method import ResolvedMethod
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime.metadata import check_file
from sim2sg_core.scene.camera import TURNS


@dataclass(frozen=True)
class LogConfig:
    """Which frames of which logs are taken, and what is known of the camera.

    Attributes:
        logs: Bags, folders of bags or image folders.
        topic: Image topic; None finds it when there is just one.
        camera_file: Calibration (ROS YAML or KITTI calib) that wins over CameraInfo.
        camera_height: Metres over the ground; None leaves it to /tf_static, the log, the prior.
        camera_pitch: Radians, positive looks down; None as for the height.
        camera_roll: Radians, positive is clockwise; None as for the height, but 0 where height and pitch are given.
        rotate: Degrees by which the frames are turned clockwise, see `logs.Log`.
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
    rotate: int = 0
    frames: int = 400
    min_interval: float = 0.2
    min_change: float = 0.0
    strict: bool = False
    distinct: int = 0
    rare: str | None = None

    @property
    def extrinsics(self) -> tuple[float | None, float | None, float | None]:
        """Height, pitch and roll as given, None for those that are not."""
        return self.camera_height, self.camera_pitch, self.camera_roll


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


@dataclass(frozen=True)
class Negatives:
    """Logs that show no object of the domain, perhaps none; see `AdaptConfig`.

    Attributes:
        negatives: The logs and their shares.
        negatives_digest: Hash of their contents: others are another run.
    """

    negatives: tuple[tuple[str, float], ...]
    negatives_digest: str

    @property
    def share(self) -> float:
        """Of all together, in the labelled images of a step."""
        return sum(share for _, share in self.negatives)


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
    negatives: Negatives
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
        if self.seed >= 2**63:
            raise Sim2SGError(f"--seed is {self.seed}: give a whole number under {2**63}")
        rates = {"learning-rate": self.source.learning_rate} if isinstance(self.source, SourceTraining) else {}
        for option, rate in {**rates, "round-learning-rate": self.round_learning_rate}.items():
            if not 0 < rate < math.inf:
                raise Sim2SGError(f"--{option} is {rate:g}: it must be above 0")
        if self.rotate not in TURNS:
            raise Sim2SGError(f"--rotate is {self.rotate}: one of {', '.join(map(str, TURNS))}")
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
            angle = getattr(self, name) or 0.0
            if not abs(angle) <= math.pi:
                option = name.replace("_", "-")
                raise Sim2SGError(
                    f"--{option} is {math.degrees(angle):g}: give degrees from -180 to 180, or radians in the file of"
                    " --config"
                )
        self._validate_negatives()

    def _validate_negatives(self) -> None:
        for log, share in self.negatives.negatives:
            if not 0 < share < 1:
                raise Sim2SGError(f"--negatives {log}:{share:g}: a share of the images, between 0 and 1")
        share, mixing, replay = self.negatives.share, self.method.mixing, self.method.replay
        if share + mixing + replay >= 1:
            raise Sim2SGError(
                f"--negatives: their shares ({share:g} together), mixing {mixing:g} and replay {replay:g} leave"
                " no image to a round's own renders: lower one"
            )

    def to_json(self) -> dict[str, Any]:
        """Returns the settings as JSON-ready data, those of `source`, `witness` and `negatives` among the others."""
        data = {**dataclasses.asdict(self), "method": self.method.to_json()}
        data |= data.pop("negatives")
        data["negatives"] = [list(pair) for pair in data["negatives"]]
        # Of what is off there is no word: runs that were begun before there was such a thing go on.
        if not data["negatives"]:
            del data["negatives_digest"]
        for name in ("rotate", "distinct", "rare", "negatives"):
            if not data[name]:
                del data[name]
        return {**data.pop("source"), **(data.pop("witness") or {}), **data, "logs": list(self.logs)}
