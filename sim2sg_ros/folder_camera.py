"""A folder of images, or a video, as the messages of a camera: it can be played like a bag."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import cv2
import numpy as np
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs.camera_log import Log, LogFrame, RawMessage, TopicInfo
from sim2sg_core.logs.folders import FolderLog
from sim2sg_core.logs.videos import VideoLog
from sim2sg_core.scene import Camera

logger = logging.getLogger(__name__)

TOPIC = "/camera/image/compressed"
FRAME_ID = "camera"
KIND = "sensor_msgs/msg/CompressedImage"
PERIOD = 100_000_000
"""Nanoseconds between images whose names tell no time."""


class FolderCamera(Log):
    """Images of a folder or video as `sensor_msgs/CompressedImage` on one topic, files as they are."""

    def __init__(self, log: Log) -> None:
        """Takes the log that has the images."""
        self.path, self._log = log.path, log

    def topics(self) -> list[TopicInfo]:
        """Returns the camera's topic."""
        return [TopicInfo(TOPIC, KIND, sum(info.count for info in self._log.topics()))]

    def image_topics(self) -> list[TopicInfo]:
        """The same."""
        return self.topics()

    def duration(self) -> float:
        """Returns seconds from the first to the last image; 0 without times."""
        return self._log.duration()

    def camera(self, topic: str | None = None) -> Camera | None:
        """Returns the camera of the images, or None."""
        return self._log.camera()

    def extrinsics(self, topic: str | None = None) -> tuple[float, float, float] | None:
        """Returns its extrinsics, or None."""
        return self._log.extrinsics()

    def frames(self, topic: str | None = None) -> Iterator[LogFrame]:
        """Yields the images."""
        return self._log.frames()

    def messages(self, topics: list[str] | None = None) -> Iterator[RawMessage]:
        """Yields the images, by their stamps or at ten a second; damaged ones are left out with a warning."""
        if topics is not None and TOPIC not in topics:
            return
        timed = self._log.timed and self.duration() > 0
        for number, frame in enumerate(self.frames()):
            stamp = frame.stamp if timed else number * PERIOD
            try:
                coded = frame.encoded()
                data, suffix = coded if coded and coded[1] in (".jpg", ".png") else (_as_png(frame.decode()), ".png")
            except Sim2SGError as error:
                logger.warning("left out: %s", error)
                continue
            message = CompressedImage(format="jpeg" if suffix == ".jpg" else "png", data=data)
            message.header.frame_id = FRAME_ID
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp, 10**9)
            yield RawMessage(TOPIC, KIND, stamp, serialize_message(message))


def playable(log: Log) -> Log:
    """Returns a log that has messages: itself, or for images and videos a `FolderCamera`."""
    return FolderCamera(log) if isinstance(log, (FolderLog, VideoLog)) else log


def _as_png(image: np.ndarray) -> bytes:
    done, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not done:
        raise Sim2SGError("an image cannot be coded as PNG: convert it to JPEG or PNG")
    return data.tobytes()
