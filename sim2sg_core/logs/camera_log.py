"""What every kind of log offers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.images import turned_image
from sim2sg_core.logs.names import is_rectified
from sim2sg_core.scene import Camera
from sim2sg_core.scene.depth_image import DepthImage


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
class StoredDepth:
    """A depth image of a log, still encoded.

    Attributes:
        stamp: Time of exposure (header stamp), nanoseconds.
        recorded: Time of recording, nanoseconds.
        decode: Returns it; raises Sim2SGError when it is damaged.
    """

    stamp: int
    recorded: int
    decode: Callable[[], DepthImage] = field(repr=False)


@dataclass(frozen=True, eq=False)
class LogFrame:
    """One camera frame, still encoded: pixels are decoded when asked for, and never kept.

    Attributes:
        name: File name; from a bag `<topic>_<stamp>.jpg`. Text that any terminal and file takes.
        stamp: Exposure time (header stamp), nanoseconds; a plain number where the log tells no time.
        log: The log that it comes from.
        topic: Topic that it comes from.
        recorded: Time of recording, nanoseconds; None where there is none.
        size: Bytes that it holds until it is packed or detached.
        why: It was chosen, in words; "" before that.
    """

    name: str
    stamp: int
    log: Log = field(repr=False)
    topic: str
    _decode: Callable[[], np.ndarray] = field(repr=False)
    _thumbnail: Callable[[], np.ndarray] = field(repr=False)
    _encoded: Callable[[], tuple[bytes, str] | None] = field(repr=False, default=lambda: None)
    _detach: Callable[[], LogFrame] | None = field(repr=False, default=None)
    _pack: Callable[[], LogFrame] | None = field(repr=False, default=None)
    recorded: int | None = None
    size: int = 0
    why: str = ""

    def decode(self) -> np.ndarray:
        """Returns the (h, w, 3) uint8 RGB image, turned as its EXIF says, then as `Log.rotate`.

        Raises:
            Sim2SGError: It is damaged.
        """
        return turned_image(self._named(self._decode), self.log.rotate)

    def thumbnail(self) -> np.ndarray:
        """Returns a small grey image of any size, as it was recorded, decoded faster than the whole one."""
        return self._named(self._thumbnail)

    def _named(self, decode: Callable[[], np.ndarray]) -> np.ndarray:
        """Adds to an error which frame it is about."""
        try:
            return decode()
        except Sim2SGError as error:
            raise Sim2SGError(f"{printable(self.log.path)}: {self.name}: {error}") from None

    def encoded(self) -> tuple[bytes, str] | None:
        """Returns the compressed file as it was recorded and its suffix (".jpg").

        None for raw images, for mosaics, and for those that EXIF or `Log.rotate` turns: their pixels are not as the
        file has them. It is not looked whether the file is whole. Raises Sim2SGError where `decode` does for its
        format.
        """
        return None if self.log.rotate else self._encoded()

    def detach(self) -> LogFrame:
        """Returns this frame without its data: they are read from the log again when needed."""
        again = self._detach
        if again is None:
            return self
        return replace(
            self,
            _decode=lambda: again()._decode(),
            _thumbnail=lambda: again()._thumbnail(),
            _encoded=lambda: again()._encoded(),
            _detach=None,
            _pack=None,
            size=0,
        )

    def packed(self) -> LogFrame:
        """Returns this frame with its pixels compressed where reading them again takes long; else detached."""
        return replace(self._pack(), name=self.name, why=self.why) if self._pack else self.detach()


class Log(ABC):
    """A recording of one or more cameras. Opening reads the index alone; every iteration reads anew.

    Attributes:
        path: The file or folder.
        label: Put before the names of frames, as a folder, where several logs are read together; "" for none.
        rotate: Degrees, one of `camera.TURNS`, by which decoded frames are turned clockwise. What else the log says,
            camera and extrinsics, is about the images as they were recorded: see `resolve_camera`.
    """

    path: Path
    label: str = ""
    rotate: int = 0

    @property
    def name(self) -> str:
        """Short name, for reports: the last part of the path."""
        return printable(self.path.resolve().stem if self.path.is_file() else self.path.resolve().name)

    @property
    def files(self) -> Sequence[Path]:
        """The files that it is read from."""
        return [self.path]

    @property
    def timed(self) -> bool:
        """Whether the stamps of frames are times."""
        return True

    def describe_time(self) -> str:
        """Returns in one line where the times come from; "" when there is nothing to say."""
        return ""

    @abstractmethod
    def topics(self) -> list[TopicInfo]:
        """Returns all topics, sorted by name."""

    @abstractmethod
    def image_topics(self) -> list[TopicInfo]:
        """Returns the topics that carry camera images and have messages."""

    def selectable_topics(self) -> list[TopicInfo]:
        """Returns the topics that may be chosen by name: also those that are not taken without being asked for."""
        return self.image_topics()

    @abstractmethod
    def camera(self, topic: str | None = None) -> Camera | None:
        """Returns the camera of an image topic (default: the only one) as the log tells it, or None."""

    def rectified(self, topic: str) -> bool:
        """Whether the images of a topic are rectified: without distortion, and with the projection matrix for K."""
        return is_rectified(topic)

    @abstractmethod
    def extrinsics(self, topic: str | None = None) -> tuple[float, float, float] | None:
        """Returns height (m), pitch and roll (rad) of a topic's camera over the ground, or None."""

    @abstractmethod
    def frames(self, topic: str | None = None) -> Iterator[LogFrame]:
        """Yields the frames of an image topic (default: the only one) in the order of the log."""

    def depth_topics(self) -> list[str]:
        """Returns the topics that carry depth images."""
        return []

    def depth_topic(self, name: str) -> str:
        """Returns the full name of a topic of depth images. Raises Sim2SGError when there is none such."""
        found = self.depth_topics()
        for candidate in (name, f"/{name}"):
            if candidate in found:
                return candidate
        shown = ", ".join(map(printable, found)) or "none"
        raise Sim2SGError(f"{printable(self.path)}: no depth images on {printable(name)}; its depth topics: {shown}")

    def depths(self, topic: str, start: int) -> Iterator[StoredDepth]:
        """Yields the depth images of a topic that were recorded at `start` (nanoseconds) or later, in order."""
        return iter(())

    @abstractmethod
    def messages(self, topics: list[str] | None = None) -> Iterator[RawMessage]:
        """Yields messages in recorded order; an image folder has none."""

    @abstractmethod
    def duration(self) -> float:
        """Returns seconds from the first message to the last; 0 when there are no times."""

    def why_no_camera(self) -> str:
        """Says what the log has in place of a camera."""
        found = ", ".join(f"{printable(t.name)} ({printable(t.type)})" for t in self.topics()) or "nothing"
        return f"needs a topic of sensor_msgs/msg/Image or CompressedImage; it has {found}"

    def image_topic(self, name: str | None = None) -> str:
        """Returns the image topic to use.

        Args:
            name: The wanted one; None takes the only one.

        Raises:
            Sim2SGError: No camera, several, or no such topic; lists what there is.
        """
        path = printable(self.path)
        cameras = [topic.name for topic in self.image_topics()]
        shown = ", ".join(map(printable, cameras))
        if name is not None:
            chosen = [topic.name for topic in self.selectable_topics()]
            for candidate in (name, f"/{name}"):
                if candidate in chosen:
                    return candidate
            other = [t.type for t in self.topics() if t.name == name]
            topic = printable(name)
            what = f"topic {topic} carries {printable(other[0])}, not images" if other else f"no topic {topic}"
            raise Sim2SGError(f"{path}: {what}; its image topics: {shown or 'none'}")
        if not cameras:
            raise Sim2SGError(f"{path}: no camera: {self.why_no_camera()}")
        if len(cameras) > 1:
            raise Sim2SGError(f"{path}: {len(cameras)} cameras: choose one with --topic: {shown}")
        return cameras[0]
