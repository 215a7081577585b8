"""The log's frames, sampled once and kept in the run's folder, and the camera that took them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sim2sg_core.adaptation.adapt_config import AdaptConfig
from sim2sg_core.domains import Domain
from sim2sg_core.images import read_image, write_jpeg
from sim2sg_core.lifting import ExtrinsicsPrior
from sim2sg_core.logs import LogFrame, open_logs, resolve_camera, sample_frames
from sim2sg_core.logs.camera_calibration import resolve_extrinsics
from sim2sg_core.progress import Progress
from sim2sg_core.scene import Camera
from sim2sg_core.scene.graph import write_json

JPEG_QUALITY = 95


@dataclass(frozen=True, eq=False)
class Frame:
    """One unlabelled image of the log.

    Attributes:
        path: The image file.
        file: Its name in graphs (`<topic>_<stamp>.jpg`).
        stamp: Nanoseconds.
        camera: Intrinsics; its ground only when options or /tf_static gave it.
    """

    path: Path
    file: str
    stamp: int
    camera: Camera

    def image(self) -> np.ndarray:
        """Returns the (H, W, 3) uint8 RGB image."""
        return read_image(self.path)


def collect_frames(config: AdaptConfig, domain: Domain, folder: Path) -> tuple[list[Frame], str, str]:
    """Samples the logs into `folder`, or reads what an earlier start sampled.

    Returns:
        The frames, where the intrinsics come from, and where the mount comes from ("" when it is unknown).

    Raises:
        Sim2SGError: A log without images, or without frames.
    """
    index = folder / "frames.json"
    if not index.exists():
        write_frames(config, domain, folder)
    data = json.loads(index.read_text())
    frames = [
        Frame(
            folder / f["file"],
            f["file"],
            f["stamp"],
            Camera.from_json(f["camera"], f["width"], f["height"]),
        )
        for f in data["frames"]
    ]
    return frames, data["intrinsics"], data["mount"]


def write_frames(config: AdaptConfig, domain: Domain, folder: Path) -> None:
    """Samples frames evenly over all logs and writes them as JPEG with their cameras."""
    folder.mkdir(parents=True, exist_ok=True)
    logs = [log for path in config.logs for log in open_logs(path)]
    chosen = sample_frames(logs, config.topic, config.frames, config.min_interval, config.min_change)
    records: list[dict[str, Any]] = []
    told_by = ("", "")
    taken: set[str] = set()
    with Progress(len(chosen), "take", unit="frames") as progress:
        for frame in chosen:
            image = frame.decode()
            camera, told_by = _camera(config, domain, frame, image.shape[1], image.shape[0])
            name = _unique(frame.name, taken)
            taken.add(name)
            write_jpeg(folder / name, image, JPEG_QUALITY)
            record = {"file": name, "stamp": frame.stamp, "width": camera.width, "height": camera.height}
            records.append({**record, "camera": camera.to_json()})
            progress.update()
    write_json(folder / "frames.json", {"intrinsics": told_by[0], "mount": told_by[1], "frames": records}, indent=1)


def _camera(
    config: AdaptConfig, domain: Domain, frame: LogFrame, width: int, height: int
) -> tuple[Camera, tuple[str, str]]:
    """Returns a frame's camera, and where its intrinsics and its mount come from ("" for unknown)."""
    given = (config.camera_height, config.camera_pitch, config.camera_roll)
    camera = resolve_camera(
        frame.log, frame.topic, width, height, camera_file=config.camera_file, extrinsics=given, name=frame.name
    )
    intrinsics = "calibration file" if config.camera_file else "CameraInfo of the log"
    if camera is None:
        # Only the lens is guessed here: the mount is better estimated from the log.
        guess = domain.camera.sample(np.random.default_rng(0), None, width, height)
        camera, intrinsics = resolve_extrinsics(Camera(width, height, guess.K), given, None), "prior of the domain"
    extrinsics = "" if camera.ground is None else "options" if config.camera_height else "/tf_static of the log"
    return camera, (intrinsics, extrinsics)


def extrinsics_prior(domain: Domain) -> ExtrinsicsPrior:
    """The domain's camera prior as a Gaussian with the mean and deviation of its ranges."""
    prior = domain.camera
    ranges = np.array([prior.height_m, np.radians(prior.pitch_deg), np.radians(prior.roll_deg)])
    # A floor, since a prior range of no width would forbid any other mount.
    std = np.maximum((ranges[:, 1] - ranges[:, 0]) / np.sqrt(12), [0.02, 0.003, 0.003])
    return ExtrinsicsPrior(ranges.mean(axis=1), std)


def _unique(name: str, taken: set[str]) -> str:
    """Keeps names apart when two logs hold the same topic and stamp."""
    stem, suffix = Path(name).stem, ".jpg"
    candidate, number = stem + suffix, 2
    while candidate in taken:
        candidate, number = f"{stem}_{number}{suffix}", number + 1
    return candidate
