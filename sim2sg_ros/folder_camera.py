"""A folder of images as the messages of a camera: it can be played like a bag."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs.camera_log import Log, RawMessage, TopicInfo
from sim2sg_core.logs.folders import FolderLog

TOPIC = "/camera/image/compressed"
FRAME_ID = "camera"
KIND = "sensor_msgs/msg/CompressedImage"
PERIOD = 100_000_000
"""Nanoseconds between images whose names tell no time."""


class FolderCamera(FolderLog):
    """The images of a folder as `sensor_msgs/CompressedImage` on one topic, the files as they are."""

    def __init__(self, path: Path) -> None:
        """Lists the folder. Raises Sim2SGError as `FolderLog` does."""
        super().__init__(path)
        self._timed = self.duration() > 0

    def topics(self) -> list[TopicInfo]:
        """Returns the camera's topic."""
        return [TopicInfo(TOPIC, KIND, sum(info.count for info in super().topics()))]

    def messages(self, topics: list[str] | None = None) -> Iterator[RawMessage]:
        """Yields the images, by their stamps or at ten a second."""
        if topics is not None and TOPIC not in topics:
            return
        for number, frame in enumerate(self.frames()):
            stamp = frame.stamp if self._timed else number * PERIOD
            coded = frame.encoded()
            data, suffix = coded if coded and coded[1] in (".jpg", ".png") else (_as_png(frame.decode()), ".png")
            message = CompressedImage(format="jpeg" if suffix == ".jpg" else "png", data=data)
            message.header.frame_id = FRAME_ID
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp, 10**9)
            yield RawMessage(TOPIC, KIND, stamp, serialize_message(message))


def playable(log: Log) -> Log:
    """Returns a log that has messages: itself, or for a folder of images a `FolderCamera`."""
    return FolderCamera(log.path) if isinstance(log, FolderLog) else log


def _as_png(image: np.ndarray) -> bytes:
    done, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    if not done:
        raise Sim2SGError("an image cannot be coded as PNG: convert it to JPEG or PNG")
    return data.tobytes()
