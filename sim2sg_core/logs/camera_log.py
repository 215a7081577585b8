"""What every kind of log offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.scene import Camera


@dataclass(frozen=True)
class TopicInfo:
    """One topic of a log: its name, its ROS type (`sensor_msgs/msg/Image`) and its number of messages."""

    name: str
    type: str
    count: int


@dataclass(frozen=True)
class RawMessage:
    """One message as it is on the wire.

    Attributes:
        topic: Name.
        type: ROS type, `package/msg/Name`.
        stamp: Time of recording, nanoseconds.
        data: CDR bytes, ready to be published (also from ROS 1 bags, which are converted).
    """

    topic: str
    type: str
    stamp: int
    data: bytes


@dataclass(frozen=True, eq=False)
class LogFrame:
    """One camera frame, still encoded: pixels are decoded when asked for, and never kept.

    Attributes:
        name: File name; from a bag `<topic>_<stamp>.jpg`.
        stamp: Exposure time (header stamp), nanoseconds.
        log: The log that it comes from.
        topic: Topic that it comes from.
    """

    name: str
    stamp: int
    log: Log = field(repr=False)
    topic: str
    _decode: Callable[[], np.ndarray] = field(repr=False)
    _thumbnail: Callable[[], np.ndarray] = field(repr=False)
    _encoded: Callable[[], tuple[bytes, str] | None] = field(repr=False, default=lambda: None)
    _detach: Callable[[], LogFrame] | None = field(repr=False, default=None)

    def decode(self) -> np.ndarray:
        """Returns the (h, w, 3) uint8 RGB image. Raises Sim2SGError when its data is damaged."""
        return self._named(self._decode)

    def thumbnail(self) -> np.ndarray:
        """Returns a small grey image of any size, decoded faster than the whole one."""
        return self._named(self._thumbnail)

    def _named(self, decode: Callable[[], np.ndarray]) -> np.ndarray:
        """Adds to an error which frame it is about."""
        try:
            return decode()
        except Sim2SGError as error:
            raise Sim2SGError(f"{self.log.path}: {self.name}: {error}") from None

    def encoded(self) -> tuple[bytes, str] | None:
        """Returns the compressed file as it was recorded and its suffix (".jpg"), or None for raw images."""
        return self._encoded()

    def detach(self) -> LogFrame:
        """Returns this frame without large data: raw pixels are then read from the log again when needed."""
        return self._detach() if self._detach else self


class Log(ABC):
    """A recording of one or more cameras. Opening reads the index alone; every iteration reads anew.

    Attributes:
        path: The file or folder.
    """

    path: Path

    @property
    def name(self) -> str:
        """Short name, for reports: the last part of the path."""
        return self.path.resolve().stem if self.path.is_file() else self.path.resolve().name

    @abstractmethod
    def topics(self) -> list[TopicInfo]:
        """Returns all topics, sorted by name."""

    @abstractmethod
    def image_topics(self) -> list[TopicInfo]:
        """Returns the topics that carry camera images and have messages."""

    @abstractmethod
    def camera(self, topic: str | None = None) -> Camera | None:
        """Returns the camera of an image topic (default: the only one) as the log tells it, or None."""

    @abstractmethod
    def extrinsics(self, topic: str | None = None) -> tuple[float, float, float] | None:
        """Returns height (m), pitch and roll (rad) of a topic's camera over the ground, or None."""

    @abstractmethod
    def frames(self, topic: str | None = None) -> Iterator[LogFrame]:
        """Yields the frames of an image topic (default: the only one) in the order of the log."""

    @abstractmethod
    def messages(self, topics: list[str] | None = None) -> Iterator[RawMessage]:
        """Yields messages in recorded order; an image folder has none."""

    @abstractmethod
    def duration(self) -> float:
        """Returns seconds from the first message to the last; 0 when there are no times."""

    def image_topic(self, name: str | None = None) -> str:
        """Returns the image topic to use.

        Args:
            name: The wanted one; None takes the only one.

        Raises:
            Sim2SGError: No camera, several, or no such topic; lists what there is.
        """
        cameras = [topic.name for topic in self.image_topics()]
        if name is not None:
            for candidate in (name, f"/{name}"):
                if candidate in cameras:
                    return candidate
            known = ", ".join(cameras) or "none"
            other = [t.type for t in self.topics() if t.name == name]
            what = f"topic {name} carries {other[0]}, not images" if other else f"no topic {name}"
            raise Sim2SGError(f"{self.path}: {what}; its image topics: {known}")
        if not cameras:
            found = ", ".join(f"{t.name} ({t.type})" for t in self.topics()) or "nothing"
            raise Sim2SGError(
                f"{self.path}: no camera: needs a topic of sensor_msgs/msg/Image or CompressedImage; it has {found}"
            )
        if len(cameras) > 1:
            raise Sim2SGError(f"{self.path}: {len(cameras)} cameras: choose one with --topic: {', '.join(cameras)}")
        return cameras[0]


def frame_name(topic: str, stamp: int) -> str:
    """Returns the file name of a frame: leading `/` dropped, other characters of the path `_`."""
    return f"{topic.lstrip('/').replace('/', '_')}_{stamp}.jpg"
