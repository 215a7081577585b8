"""The log's frames, sampled once and kept in the run's folder, and the camera that took them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from sim2sg_core.adaptation.expected_counts import classes_of, counter_of
from sim2sg_core.adaptation.resolved_config import LogConfig
from sim2sg_core.adaptation.run_folder import Run
from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.files import make_folder, naming_store
from sim2sg_core.fleet import ONE_MACHINE, Fleet, Inline
from sim2sg_core.images import read_image, write_jpeg
from sim2sg_core.logs import Log, LogFrame, open_logs, resolve_camera
from sim2sg_core.logs.camera_calibration import resolve_extrinsics
from sim2sg_core.logs.choosing import Candidate, Scan, choose, require_frames
from sim2sg_core.logs.decoded import Damage, ahead
from sim2sg_core.logs.frame_flags import FrameFlags, dark_and_sharpness
from sim2sg_core.logs.names import UniqueNames, flat_name
from sim2sg_core.manifest import Artefact
from sim2sg_core.progress import Progress
from sim2sg_core.scene import Camera
from sim2sg_core.scene.graph import write_json

KEPT_QUALITY = 95  # of the frames, as JPEG
LEAST_SIDE = 16  # pixels: appearance cannot be measured in less


@dataclass(frozen=True, eq=False)
class SampledFrame:
    """One unlabelled image of the log, kept in the run's folder.

    Attributes:
        path: The image file.
        file: Its name in graphs (`<topic>_<stamp>.jpg`).
        stamp: Nanoseconds.
        camera: Intrinsics; its ground only when options or /tf_static gave all of it.
        flags: "dark" or "blurred" (see `logs.frame_flags`), or none.
    """

    path: Path
    file: str
    stamp: int
    camera: Camera
    flags: tuple[str, ...] = ()

    def image(self) -> np.ndarray:
        """Returns the (H, W, 3) uint8 RGB image."""
        return read_image(self.path)


def collect_frames(config: LogConfig, domain: Domain, run: Run) -> tuple[list[SampledFrame], str, str]:
    """Samples the logs into the run's `frames`, or reads what an earlier start sampled: then it needs no log any more.

    Returns:
        The frames, where the intrinsics come from, and where the extrinsics come from ("" when they are unknown).

    Raises:
        Sim2SGError: A log without images, or without frames.
    """
    index = run.frames
    run.ensure(
        lambda: [Artefact(path) for path in _files(index)], lambda: write_frames(config, domain, index, run.fleet)
    )
    return read_frames(index)


def write_frames(config: LogConfig, domain: Domain, index: Path, fleet: Fleet = ONE_MACHINE) -> None:
    """Samples frames of all logs; writes them as JPEG, and last their cameras to `index` beside them.

    They are spread evenly, or with `config.rare` half of them by what is rare in the logs.
    A log is read by one worker of the fleet, first to see what is in it, and again for the frames that are chosen.
    """
    logs = open_checked(config)
    classes = classes_of(config.rare) if config.rare else []
    counter = counter_of(config.rare, fleet.threads) if config.rare else None
    scan = dataclasses.replace(_scan(config), hashed=config.distinct > 0, counter=counter)
    pool = fleet.pool(Inline())
    chosen = choose(list(pool.map(scan, logs)), config.frames, config.distinct, classes)
    require_frames(chosen, logs)
    make_folder(index.parent)
    names = UniqueNames()
    named = [[(item, names(flat_name(item.name), ".jpg")) for item in items] for items in chosen]
    records: list[dict[str, Any]] = []
    told_by: tuple[str, ...] = ("", "")
    flags, damage = FrameFlags(), Damage(config.strict)
    with Progress(sum(map(len, named)), "sample", unit="frames") as progress:
        parts = [part for part in zip(logs, named, strict=True) if part[1]]
        for found in pool.flat_map(FrameWriter(config, domain, index.parent), parts):
            if damage.whole(found):
                records.append(found.record)
                flags.note(found.dark, found.sharpness)
                told_by = found.told_by
            progress.update()
    damage.tell()
    for record, of_frame in zip(records, flags.flags(), strict=True):
        record["flags"] = of_frame
    write_json(index, {"intrinsics": told_by[0], "extrinsics": told_by[1], "frames": records}, indent=1)


def open_checked(config: LogConfig) -> list[Log]:
    """Opens the logs. Raises Sim2SGError when one has no such camera, or no times; frames are not read."""
    logs = open_logs(config.logs, config.rotate)
    for log in logs:
        _scan(config).check(log)
    return logs


def count_frames(config: LogConfig, logs: Sequence[Log]) -> int:
    """Returns how many frames logs claim to have, 0 where that is unknown."""
    topics = ((log.image_topic(config.topic), log.topics()) for log in logs)
    return sum(topic.count for name, listed in topics for topic in listed if topic.name == name)


def _scan(config: LogConfig) -> Scan:
    needs_times = config.min_interval != LogConfig.min_interval  # the default is no wish of the user
    return Scan(config.topic, config.min_interval, config.min_change, needs_times)


class WrittenFrame(NamedTuple):
    """What is said of a frame that was written: its entry in the index, and what its flags come from."""

    record: dict[str, Any]
    told_by: tuple[str, str]
    """where intrinsics and extrinsics come from"""
    dark: bool
    sharpness: float


@dataclass(frozen=True)
class FrameWriter:
    """Writes the chosen frames of one log after the other into a folder; see `fleet.Work`."""

    config: LogConfig
    domain: Domain
    folder: Path

    def open(self) -> Callable[[tuple[Log, list[tuple[Candidate, str]]]], Iterator[WrittenFrame | Sim2SGError]]:
        """There is nothing to load."""
        return self.write

    def write(self, part: tuple[Log, list[tuple[Candidate, str]]]) -> Iterator[WrittenFrame | Sim2SGError]:
        """Yields what was written, or why not, of each chosen frame of a log, given with the names of their files."""
        log, chosen = part
        wanted = {item.number: item for item, _ in chosen}
        frames = enumerate(log.frames(log.image_topic(self.config.topic)))
        taken = (replace(f, name=wanted[k].name, why=wanted[k].why) for k, f in frames if k in wanted)
        names = (name for _, name in chosen)
        for frame, image in ahead(taken, LogFrame.decode):
            name = next(names)
            if not isinstance(image, Sim2SGError) and min(image.shape[:2]) < LEAST_SIDE:
                size = f"{image.shape[1]}x{image.shape[0]}"
                image = Sim2SGError(f"{printable(frame.name)}: {size} is too small, less than {LEAST_SIDE} on a side")
            yield image if isinstance(image, Sim2SGError) else self._written(frame, image, name)

    def _written(self, frame: LogFrame, image: np.ndarray, name: str) -> WrittenFrame:
        camera, told_by = _camera(self.config, self.domain, frame, image.shape[1], image.shape[0])
        with naming_store(self.folder):
            write_jpeg(self.folder / name, image, KEPT_QUALITY)
        record = {
            "file": name,
            "stamp": frame.stamp,
            "width": camera.width,
            "height": camera.height,
            "camera": camera.to_json(),
            "log": printable(frame.log.path.name),
            "why": frame.why,
        }
        return WrittenFrame(record, told_by, *dark_and_sharpness(image))


def read_frames(index: Path) -> tuple[list[SampledFrame], str, str]:
    """Reads what `write_frames` wrote."""
    data = json.loads(index.read_text())
    frames = [
        SampledFrame(
            index.parent / f["file"],
            f["file"],
            f["stamp"],
            Camera.from_json(f["camera"], f["width"], f["height"]),
            tuple(f.get("flags", ())),  # runs of before have none
        )
        for f in data["frames"]
    ]
    return frames, data["intrinsics"], data["extrinsics"]


def _files(index: Path) -> list[Path]:
    """Returns the index and the frames that it names; the index alone where it cannot be read."""
    try:
        names = [Path(frame["file"]).name for frame in json.loads(index.read_bytes())["frames"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        names = []
    return [index, *(index.parent / name for name in names)]


def _camera(
    config: LogConfig, domain: Domain, frame: LogFrame, width: int, height: int
) -> tuple[Camera, tuple[str, str]]:
    """Returns a frame's camera, and where its intrinsics and extrinsics come from ("" for unknown)."""
    camera = resolve_camera(frame.log, frame.topic, width, height, camera_file=config.camera_file, name=frame.name)
    intrinsics = "calibration file" if config.camera_file else "CameraInfo of the log"
    if camera is None:
        # Only the lens is guessed here: the extrinsics are better estimated from the log.
        camera, intrinsics = _presumed_camera(domain, width, height), "prior of the domain"
    given = config.extrinsics
    options = "" if given == (None, None, None) else "options"
    if camera.ground is None and None in given[:2]:  # What is given binds the estimate; see `log_extrinsics`.
        return camera, (intrinsics, options and f"{options}, the others estimated from the log")
    told = "/tf_static of the log" if camera.ground is not None and None in given else ""
    return resolve_extrinsics(camera, given, None), (intrinsics, " and ".join(filter(None, (options, told))))


def _presumed_camera(domain: Domain, width: int, height: int) -> Camera:
    """Returns the camera that a network of the domain presumes of an image (`ModelConfig.from_domain`)."""
    room, prior = domain.input, domain.camera
    in_input = min(room.width / prior.width, room.height / prior.height) * prior.middle_focal()
    focal = in_input / min(room.width / width, room.height / height)
    return Camera(width, height, np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]]))
