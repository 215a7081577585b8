"""Video files as logs, by way of OpenCV."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import struct
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np

from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.image_headers import IMAGE_BRANDS
from sim2sg_core.images import to_8_bits
from sim2sg_core.limits import IMAGE_PIXELS
from sim2sg_core.logs.camera_log import Log, LogFrame, RawMessage, TopicInfo
from sim2sg_core.logs.names import flat_name
from sim2sg_core.scene import Camera

logger = logging.getLogger(__name__)

VIDEO_SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".webm", ".m4v", ".mpg", ".mpeg", ".ts", ".wmv")
VIDEO_TOPIC = "video"
MOST_BOXES = 10_000
"""Parts of an MP4 among which its index is looked for."""


class VideoLog(Log):
    """One video; times begin at zero."""

    def __init__(self, path: Path, label: str = "") -> None:
        """Reads the header of a video.

        Args:
            path: The file.
            label: Put before the names of frames, as a folder, where several logs are read together.

        Raises:
            Sim2SGError: Not a video that OpenCV reads, or one of too many pixels.
        """
        self.path, self.label = path, label
        with _opened(path) as capture:
            width, height = (int(capture.get(p)) for p in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT))
            if width * height > IMAGE_PIXELS:
                raise Sim2SGError(f"{printable(path)}: a video of {width}x{height}: make it smaller")
            self._count = max(0, int(capture.get(cv2.CAP_PROP_FRAME_COUNT)))
            rate = capture.get(cv2.CAP_PROP_FPS)
            self._rate = rate if 0 < rate < 1e5 else 0.0

    def topics(self) -> list[TopicInfo]:
        """Returns the one topic that a video is; its count is what the file claims."""
        return [TopicInfo(VIDEO_TOPIC, "video frames", self._count)]

    def image_topics(self) -> list[TopicInfo]:
        """Returns the video's one topic."""
        return self.topics()

    def image_topic(self, name: str | None = None) -> str:
        """Returns the video's one topic; refuses other names."""
        if name not in (None, VIDEO_TOPIC):
            raise Sim2SGError(f"{printable(self.path)}: no topic {printable(name or '')}: a video has none")
        return VIDEO_TOPIC

    def describe_time(self) -> str:
        """Returns where the times come from."""
        return "times begin at zero"

    def duration(self) -> float:
        """Returns seconds from the first frame to the last, by what the file claims."""
        return max(0, self._count - 1) / self._rate if self._rate else 0.0

    def camera(self, topic: str | None = None) -> Camera | None:
        """A video tells none."""
        return None

    def extrinsics(self, topic: str | None = None) -> None:
        """A video tells none."""
        return None

    def frames(self, topic: str | None = None) -> Iterator[LogFrame]:
        """Yields the frames in order, and warns when there are fewer than the file claims."""
        self.image_topic(topic)
        count = 0
        for index, stamp, image in self._images():
            yield self._frame(index, stamp, image)
            count += 1
        if count < self._count:
            what = f"{count} of {self._count} frames could be read: cut off or damaged"
            logger.warning("%s: %s", printable(self.path), what)

    def messages(self, topics: list[str] | None = None) -> Iterator[RawMessage]:
        """Refuses: a video holds no messages."""
        raise Sim2SGError(f"{printable(self.path)}: a video holds no ROS messages: give a bag")

    def _images(self, first: int = 0) -> Iterator[tuple[int, int, np.ndarray]]:
        """Yields index, time (ns) and BGR pixels, from the frame `first` on."""
        with _opened(self.path) as capture:
            last = -1
            index = 0
            while capture.grab():
                stamp = round(capture.get(cv2.CAP_PROP_POS_MSEC) * 1e6)
                if stamp <= last:  # some containers tell no times
                    stamp = last + round(1e9 / (self._rate or 30.0)) if last >= 0 else 0
                last = stamp
                if index >= first:
                    done, image = capture.retrieve()
                    if not done:
                        return
                    yield index, stamp, image
                index += 1

    def _frame(self, index: int, stamp: int, image: np.ndarray) -> LogFrame:
        def pack() -> LogFrame:
            data = cv2.imencode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1]
            return self._frame_of(
                index, stamp, lambda: np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED)), data.nbytes
            )

        return dataclasses.replace(self._frame_of(index, stamp, lambda: image, image.nbytes), _pack=pack)

    def _frame_of(self, index: int, stamp: int, pixels: Callable[[], np.ndarray], size: int) -> LogFrame:
        """Returns a frame whose BGR `pixels` take so many bytes."""
        # Of one length for videos of up to a day: files sort by time then.
        name = flat_name(f"{printable(self.path.stem)}_{stamp:014d}.jpg")

        def decode() -> np.ndarray:
            return cv2.cvtColor(to_8_bits(pixels()), cv2.COLOR_BGR2RGB)

        def again() -> LogFrame:
            for found, time, image in self._images(index):
                return self._frame(found, time, image)
            raise Sim2SGError("is gone: the video was changed")

        return LogFrame(
            f"{self.label}/{name}" if self.label else name,
            stamp,
            self,
            VIDEO_TOPIC,
            decode,
            lambda: pixels()[::8, ::8].mean(axis=2),
            _detach=again,
            size=size,
        )


def is_video(path: Path) -> bool:
    """Whether a file is a video: by its first bytes, and by its name where those are missing or damaged."""
    with path.open("rb") as file:
        head = file.read(16)
    if head[4:8] == b"ftyp":
        return head[8:12] not in IMAGE_BRANDS
    by_content = (head[:4] == b"RIFF" and head[8:11] == b"AVI") or head[:4] == b"\x1aE\xdf\xa3"
    return by_content or path.suffix.lower() in VIDEO_SUFFIXES


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[cv2.VideoCapture]:
    """Opens a video for the length of a `with` block."""
    with _utf8_path(path) as name:
        capture = cv2.VideoCapture(name)
        try:
            if not capture.isOpened():
                if _lacks_index(path):
                    raise Sim2SGError(
                        f"{printable(path)}: its index is missing: the recording was cut off; untrunc can repair it"
                        " with a whole video of the same camera"
                    )
                raise Sim2SGError(
                    f"{printable(path)}: cannot be read as a video: damaged, cut off, or of a codec that OpenCV lacks:"
                    " convert it with `ffmpeg -i VIDEO NEW.mp4`"
                )
            yield capture
        finally:
            capture.release()


def _lacks_index(path: Path) -> bool:
    """Whether a file is an MP4 or QuickTime video without the box that tells where its frames are, often its last."""
    names = set()
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        position = 0
        for _ in range(MOST_BOXES):
            if position + 8 > end:
                break
            file.seek(position)
            size, name, long = struct.unpack(">I4sQ", file.read(16).ljust(16, b"\0"))
            names.add(name)
            step = {0: end, 1: long}.get(size, size)  # 0: up to the end of the file
            if step < 8:
                return False
            position += step
    return b"ftyp" in names and b"moov" not in names


@contextlib.contextmanager
def _utf8_path(path: Path) -> Iterator[str]:
    """Returns a name of the file that OpenCV takes: one that is not UTF-8 would end the process."""
    try:
        str(path).encode()
        yield str(path)
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory() as folder:
            link = Path(folder, f"video{path.suffix if path.suffix.isascii() else ''}")
            link.symlink_to(path.absolute())
            yield str(link)
