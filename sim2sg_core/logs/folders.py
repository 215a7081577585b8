"""A folder of images as a log."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import load_pixels
from sim2sg_core.json_reader import read_json
from sim2sg_core.limits import IMAGE_SIDE
from sim2sg_core.logs.camera_log import Log, LogFrame, RawMessage, TopicInfo
from sim2sg_core.logs.image_decoding import to_rgb
from sim2sg_core.scene import Camera

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff")
INDEX = "frames.json"
"""Written by `sim2sg log extract`; gives stamps and camera where it is there."""

FOLDER_TOPIC = "images"


class FolderLog(Log):
    """Images of one camera in one folder, sorted by name."""

    def __init__(self, path: Path) -> None:
        """Lists the folder.

        Raises:
            Sim2SGError: No images in it, or a damaged frames.json.
        """
        self.path = path
        self._files = image_files(path)
        if not self._files:
            raise Sim2SGError(f"{path}: no images in it ({', '.join(IMAGE_SUFFIXES)}), and no bag")
        stamps, self._camera = _read_index(path / INDEX)
        self._stamps = [stamps.get(file.name, stamp_of(file.name, i)) for i, file in enumerate(self._files)]

    def topics(self) -> list[TopicInfo]:
        """Returns the one topic that a folder is."""
        return [TopicInfo(FOLDER_TOPIC, "image files", len(self._files))]

    def image_topics(self) -> list[TopicInfo]:
        """The same."""
        return self.topics()

    def image_topic(self, name: str | None = None) -> str:
        """Returns the folder's one topic; refuses other names."""
        if name not in (None, FOLDER_TOPIC):
            raise Sim2SGError(f"{self.path}: no topic {name}: a folder of images has none, leave --topic out")
        return FOLDER_TOPIC

    def duration(self) -> float:
        """Returns seconds from the first to the last stamp; 0 where names tell no time."""
        return max(0, self._stamps[-1] - self._stamps[0]) / 1e9 if self._stamps[-1] > 10**15 else 0.0

    def camera(self, topic: str | None = None) -> Camera | None:
        """Returns the camera that frames.json tells, or None."""
        return self._camera

    def extrinsics(self, topic: str | None = None) -> None:
        """A folder tells none (where frames.json knows the ground, `camera` has it)."""
        return None

    def frames(self, topic: str | None = None) -> Iterator[LogFrame]:
        """Yields the images sorted by name."""
        self.image_topic(topic)
        for file, stamp in zip(self._files, self._stamps, strict=True):
            yield _frame(file, stamp, self)

    def messages(self, topics: list[str] | None = None) -> Iterator[RawMessage]:
        """Refuses: images are no messages."""
        raise Sim2SGError(f"{self.path}: a folder of images holds no ROS messages: give a bag")


def image_files(path: Path) -> list[Path]:
    """Returns the images of a folder, sorted by name."""
    return sorted(f for f in path.iterdir() if f.suffix.lower() in IMAGE_SUFFIXES and f.is_file())


def stamp_of(name: str, index: int) -> int:
    """Returns the number that ends a file's name (`camera_1317018400000000000.jpg`), else its index.

    Numbers are taken for nanoseconds, as `sim2sg log extract` writes them.
    """
    found = re.search(r"(\d+)$", name.rsplit(".", 1)[0])
    return int(found[1]) if found and len(found[1]) < 20 else index


def _frame(file: Path, stamp: int, log: Log) -> LogFrame:
    def decode() -> np.ndarray:
        return to_rgb(load_pixels(file), bgr=True)

    def thumbnail() -> np.ndarray:
        return load_pixels(file, cv2.IMREAD_REDUCED_GRAYSCALE_8)

    def encoded() -> tuple[bytes, str]:
        return file.read_bytes(), file.suffix.lower().replace(".jpeg", ".jpg")

    return LogFrame(file.name, stamp, log, FOLDER_TOPIC, decode, thumbnail, encoded)


def _read_index(path: Path) -> tuple[dict[str, int], Camera | None]:
    """Reads the stamp of each file and the camera out of frames.json; nothing where there is none."""
    if not path.is_file():
        return {}, None
    data = read_json(path, "a list of frames by `sim2sg log extract` (delete it to do without)")
    stamps = {frame.text("file"): frame.whole("stamp", 0) for frame in data.objects("frames")}
    view = data.object("camera", None)
    if view is None:
        return stamps, None
    return stamps, Camera.from_json(view, view.whole("width", 1, IMAGE_SIDE), view.whole("height", 1, IMAGE_SIDE))
