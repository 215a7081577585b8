"""A folder of images as a log."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.image_headers import CONVERT, ImageHeader, exif_orientation, further_frames, jpeg_end, read_header
from sim2sg_core.images import bits_of, decode_grey, decode_image, decode_values, read_bytes
from sim2sg_core.json_reader import read_json
from sim2sg_core.limits import IMAGE_SIDE
from sim2sg_core.logs.camera_log import Log, LogFrame, RawMessage, TopicInfo
from sim2sg_core.logs.folder_times import FolderTimes, natural_key, read_times
from sim2sg_core.logs.image_decoding import compressed_suffix
from sim2sg_core.logs.names import is_rectified
from sim2sg_core.scene import Camera

logger = logging.getLogger(__name__)

IMAGE_SUFFIXES = (
    ".jpg",
    ".jpeg",
    ".jpe",
    ".jfif",
    ".png",
    ".bmp",
    ".webp",
    ".tif",
    ".tiff",
    ".gif",
    ".ppm",
    ".pgm",
    ".pnm",
)
RAW_SUFFIXES = (".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2")
FOREIGN_SUFFIXES = {
    ".heic": "HEIC",
    ".heif": "HEIC",
    ".hif": "HEIC",
    ".avif": "AVIF",
    ".jxl": "JPEG XL",
    ".exr": "OpenEXR",
    ".jp2": "JPEG 2000",
    ".j2k": "JPEG 2000",
    ".tga": "Targa",
    ".psd": "Photoshop",
    **dict.fromkeys(RAW_SUFFIXES, "camera raw"),
}
INDEX = "frames.json"
"""Written by `sim2sg log extract`; gives stamps and camera where it is there."""

FOLDER_TOPIC = "images"
FASTEST = 1000
"""Frames a second of a camera; names that tell more are hardly times."""
RANGE_SAMPLES = 8
"""Images of 16 bits, spread over the folder, that tell the range of its values."""


class FolderLog(Log):
    """Images of one camera in one folder, in natural order or by the times that their names tell."""

    def __init__(self, path: Path, label: str = "", files: Sequence[Path] | None = None) -> None:
        """Lists the folder.

        Args:
            path: The folder, or one image.
            label: Put before the names of frames, as a folder, where several logs are read together.
            files: Its images, where `image_files` was asked before.

        Raises:
            Sim2SGError: No images in it, or a damaged frames.json.
        """
        self.path, self.label = path, label
        self._told_of_frames = False
        self._files = [path] if path.is_file() else list(image_files(path) if files is None else files)
        if not self._files:
            raise Sim2SGError(f"{printable(path)}: no images in it ({', '.join(IMAGE_SUFFIXES)}), and no bag")
        names = [file.name for file in self._files]
        self._index = _read_index(path / INDEX, names)
        self._times = self._index.times
        if self._times.timed:
            order = sorted(range(len(names)), key=self._times.stamps.__getitem__)
            self._files = [self._files[i] for i in order]
            self._times = self._times._replace(stamps=[self._times.stamps[i] for i in order])
        if self.timed and len(names) > 1 and np.median(np.diff(self._times.stamps)) * FASTEST < 1e9:
            what = f"names are {self._times.unit} of more than {FASTEST} frames a second: rename them if they tell none"
            logger.warning("%s: %s", printable(path), what)

    @property
    def files(self) -> Sequence[Path]:
        """Its images."""
        return self._files

    def topics(self) -> list[TopicInfo]:
        """Returns the one topic that a folder is."""
        return [TopicInfo(FOLDER_TOPIC, "image files", len(self._files))]

    def image_topics(self) -> list[TopicInfo]:
        """The same."""
        return self.topics()

    def image_topic(self, name: str | None = None) -> str:
        """Returns the folder's one topic; refuses other names."""
        if name not in (None, FOLDER_TOPIC):
            raise Sim2SGError(
                f"{printable(self.path)}: no topic {printable(name or '')}: a folder of images has none,"
                " leave --topic out"
            )
        return FOLDER_TOPIC

    @property
    def timed(self) -> bool:
        """Whether the names, or frames.json, tell times."""
        return self._times.timed

    def describe_time(self) -> str:
        """Returns in one line what the names were taken for."""
        if len(self._files) < 2:
            return ""
        if self.timed:
            return f"names are {self._times.unit}"
        return (
            f"{'frames.json contains' if self._times.unit == INDEX else 'file names contain'} no times; order: by name"
        )

    def duration(self) -> float:
        """Returns seconds from the first to the last stamp; 0 where names tell no time."""
        return max(0, self._times.stamps[-1] - self._times.stamps[0]) / 1e9 if self.timed else 0.0

    def camera(self, topic: str | None = None) -> Camera | None:
        """Returns the camera that frames.json tells, or None."""
        return self._index.camera

    def rectified(self, topic: str) -> bool:
        """Whether the images are rectified, as frames.json tells."""
        return self._index.rectified

    def extrinsics(self, topic: str | None = None) -> tuple[float, float, float] | None:
        """Returns the extrinsics that frames.json tells, or None."""
        return self._index.extrinsics

    def frames(self, topic: str | None = None) -> Iterator[LogFrame]:
        """Yields the images in order."""
        self.image_topic(topic)
        for file, stamp in zip(self._files, self._times.stamps, strict=True):
            yield self._frame(file, stamp)

    def messages(self, topics: list[str] | None = None) -> Iterator[RawMessage]:
        """Refuses: images are no messages."""
        raise Sim2SGError(f"{printable(self.path)}: a folder of images holds no ROS messages: give a bag")

    def _frame(self, file: Path, stamp: int) -> LogFrame:
        def decode() -> np.ndarray:
            data = read_bytes(file)
            if not self._told_of_frames and (further := further_frames(data)):
                self._told_of_frames = True
                what = f"{further} further frames are left out, here as in other files"
                logger.warning("%s: %s: `magick IMAGE %%04d.png` makes images of all", printable(file), what)
            bits = self._bits if read_header(data).bits > 8 else None
            return decode_image(data, bits)

        def encoded() -> tuple[bytes, str] | None:
            return upright_jpeg(read_bytes(file))

        name = printable(f"{self.label}/{file.name}" if self.label else file.name)
        return LogFrame(name, stamp, self, FOLDER_TOPIC, decode, lambda: decode_grey(read_bytes(file)), encoded)

    @cached_property
    def _bits(self) -> int:
        """The range of values in 16 bits, from images spread over the folder."""
        found: list[int] = []
        for i in np.linspace(0, len(self._files) - 1, RANGE_SAMPLES).round().astype(int):
            try:
                values = decode_values(read_bytes(self._files[i]))
            except Sim2SGError:
                continue
            if values.dtype == np.uint16:
                found.append(bits_of(values))
        if found and max(found) < 16:
            logger.warning("%s: values of 16 bits use %d: read by that range", printable(self.path), max(found))
        return max(found, default=16)


def upright_jpeg(data: bytes) -> tuple[bytes, str] | None:
    """Returns an image file and its suffix when its bytes can be handed on: no turn by EXIF, no padding."""
    suffix = compressed_suffix(data)
    if suffix != ".jpg" or exif_orientation(data) != 1:
        return None if suffix == ".jpg" else (data, suffix)
    return (data[: max(jpeg_end(data), 0)] if data[-1:] == b"\0" else data), suffix


def image_files(path: Path) -> list[Path]:
    """Returns the images of a folder in natural order: no hidden files, and no depth images among pictures.

    Warns of what looks like an image and is left out.
    """
    files = sorted(_visible(path), key=lambda file: natural_key(file.name))
    images = [file for file in files if file.suffix.lower() in IMAGE_SUFFIXES and file.is_file()]
    _warn_of_foreign([file for file in files if file.suffix.lower() in FOREIGN_SUFFIXES], path, bool(images))
    depth = {file for file in images if file.suffix.lower() in (".png", ".tif", ".tiff", ".pgm") and _is_deep(file)}
    if depth and len(depth) < len(images):
        what = f"{len(depth)} images of 16 bits and one channel are taken for depth, and left out"
        logger.warning("%s: %s", printable(path), what)
        return [file for file in images if file not in depth]
    if depth:
        what = "images of 16 bits and one channel are read as grey pictures; give another folder if they are depth"
        logger.warning("%s: %s", printable(path), what)
    return images


def _visible(path: Path) -> Iterator[Path]:
    return (file for file in path.iterdir() if not file.name.startswith("."))


def _warn_of_foreign(files: Sequence[Path], path: Path, others: bool) -> None:
    """Names images that cannot be read; an error when there are no others."""
    if not files:
        return
    kinds = sorted({FOREIGN_SUFFIXES[file.suffix.lower()] for file in files})
    text = f"{printable(path)}: {len(files)} {' and '.join(kinds)} images cannot be read"
    fix = f"convert them with {' or '.join(CONVERT[kind] for kind in kinds)}"
    if not others:
        raise Sim2SGError(f"{text}: {fix}")
    logger.warning("%s and are left out: %s", text, fix)


def _is_deep(file: Path) -> bool:
    """Whether an image file holds one channel of 16 bits, by its first bytes."""
    try:
        with file.open("rb") as opened:
            head = opened.read(4096)
    except OSError:
        return False
    header = _header_of_part(head, file)
    return header is not None and header.bits == 16 and header.channels == 1


def _header_of_part(head: bytes, file: Path) -> ImageHeader | None:
    """Reads the header of a file from its first bytes; None when they do not tell."""
    if head[:4] == b"\x89PNG":  # whole enough: the end of the file is not looked for
        return ImageHeader("PNG", 1, 1, head[24], {0: 1, 4: 2, 6: 4}.get(head[25], 3)) if len(head) > 25 else None
    try:
        return read_header(head if head[:1] == b"P" else read_bytes(file))
    except Sim2SGError:
        return None


class _Index(NamedTuple):
    """What frames.json tells of a folder."""

    times: FolderTimes
    camera: Camera | None = None
    extrinsics: tuple[float, float, float] | None = None
    rectified: bool = False


def _read_index(path: Path, names: Sequence[str]) -> _Index:
    """Reads frames.json; where there is none the names tell the stamps."""
    times = read_times(names)
    if not path.is_file():
        return _Index(times)
    data = read_json(path, "a list of frames by `sim2sg log extract` (delete it to do without)")
    known = {frame.text("file"): frame.whole("stamp", 0) for frame in data.objects("frames")}
    listed = sum(name in known for name in names)
    if listed < len(names):
        what = "their names tell the times, and its camera is taken for all; extract into a folder of its own"
        logger.warning("%s: lists %d of the %d images in its folder: %s", printable(path), listed, len(names), what)
    else:
        stamps = [known[name] for name in names]
        # Files of before say nothing of time: numbers under a second are no stamps of theirs.
        timed = data.flag("timed", max(stamps) > 10**9)
        times = FolderTimes(stamps, INDEX, timed)
    view, mount, camera, extrinsics = data.object("camera", None), data.object("over_ground", None), None, None
    if view is not None:
        size = view.whole("width", 1, IMAGE_SIDE), view.whole("height", 1, IMAGE_SIDE)
        camera = Camera.from_json(view, *size)
    if mount is not None:
        extrinsics = mount.number("height", 0), mount.number("pitch", -4, 4), mount.number("roll", -4, 4)
    # Files of before tell the topic alone.
    return _Index(times, camera, extrinsics, data.flag("rectified", is_rectified(data.text("topic", ""))))
