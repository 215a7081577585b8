"""Writes small bags of every kind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from rosbags import rosbag1, rosbag2
from rosbags.rosbag2 import StoragePlugin
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

T0 = 1_700_000_000_000_000_000
K = np.array([[300.0, 0, 32], [0, 310, 24], [0, 0, 1]])
FORMATS = ("mcap", "sqlite3", "ros1")


class BagBuilder:
    """Adds messages to an open bag; the same calls for ROS 1 and ROS 2."""

    def __init__(self, writer: Any, ros1: bool) -> None:
        self.writer, self.ros1 = writer, ros1
        self.store = get_typestore(Stores.ROS1_NOETIC if ros1 else Stores.ROS2_HUMBLE)
        if ros1:
            self.store.register(
                get_types_from_msg("geometry_msgs/TransformStamped[] transforms", "tf2_msgs/msg/TFMessage")
            )
        self.connections: dict[str, Any] = {}

    def make(self, name: str, *values: Any) -> Any:
        return self.store.types[name](*values)

    def write(self, topic: str, message: Any, time: int) -> None:
        kind = message.__msgtype__
        if topic not in self.connections:
            self.connections[topic] = self.writer.add_connection(topic, kind, typestore=self.store)
        serialize = self.store.serialize_ros1 if self.ros1 else self.store.serialize_cdr
        self.writer.write(self.connections[topic], time, serialize(message, kind))

    def header(self, stamp: int, frame: str = "cam") -> Any:
        time = self.make("builtin_interfaces/msg/Time", *divmod(stamp, 10**9))
        return self.make("std_msgs/msg/Header", *((0,) if self.ros1 else ()), time, frame)

    def compressed(self, topic: str, image: np.ndarray, stamp: int, suffix: str = ".jpg", late: int = 0) -> bytes:
        """Writes an RGB image; recorded `late` ns after its exposure. Returns the encoded bytes."""
        data = cv2.imencode(suffix, image[..., ::-1])[1]
        message = self.make(
            "sensor_msgs/msg/CompressedImage",
            self.header(stamp),
            {".jpg": "jpeg"}.get(suffix, "png"),
            data.ravel(),
        )
        self.write(topic, message, (stamp or T0) + late)
        return data.tobytes()

    def raw(
        self,
        topic: str,
        data: np.ndarray,
        width: int,
        height: int,
        encoding: str,
        step: int,
        stamp: int,
        big: bool = False,
    ) -> None:
        values = (self.header(stamp), height, width, encoding, int(big), step, data)
        self.write(topic, self.make("sensor_msgs/msg/Image", *values), stamp)

    def info(self, topic: str, stamp: int, width: int = 64, height: int = 48, **changes: Any) -> None:
        values = {
            "model": "plumb_bob",
            "d": np.zeros(5),
            "k": K.ravel(),
            "p": np.column_stack([K, np.zeros(3)]).ravel(),
            "binning": (0, 0),
            "roi": (0, 0, 0, 0, False),
            "frame": "cam",
        } | changes
        message = self.make(
            "sensor_msgs/msg/CameraInfo",
            self.header(stamp, values["frame"]),
            height,
            width,
            values["model"],
            np.asarray(values["d"], float),
            np.asarray(values["k"], float),
            np.eye(3).ravel(),
            np.asarray(values["p"], float),
            *values["binning"],
            self.make("sensor_msgs/msg/RegionOfInterest", *values["roi"]),
        )
        self.write(topic, message, stamp)

    def transforms(self, edges: list[tuple[str, str, np.ndarray, np.ndarray]], stamp: int = T0) -> None:
        """Writes /tf_static: parent, child, translation, quaternion xyzw."""
        items = [
            self.make(
                "geometry_msgs/msg/TransformStamped",
                self.header(stamp, parent),
                child,
                self.make(
                    "geometry_msgs/msg/Transform",
                    self.make("geometry_msgs/msg/Vector3", *map(float, t)),
                    self.make("geometry_msgs/msg/Quaternion", *map(float, q)),
                ),
            )
            for parent, child, t, q in edges
        ]
        self.write("/tf_static", self.make("tf2_msgs/msg/TFMessage", items), stamp)


@contextlib.contextmanager
def bag(path: Path, form: str) -> Iterator[BagBuilder]:
    """Opens a new bag: a folder for mcap and sqlite3, a file for ros1 (which must end in .bag)."""
    if form == "ros1":
        with rosbag1.Writer(path) as writer:
            yield BagBuilder(writer, True)
    else:
        plugin = StoragePlugin.MCAP if form == "mcap" else StoragePlugin.SQLITE3
        with rosbag2.Writer(path, version=9, storage_plugin=plugin) as writer:
            yield BagBuilder(writer, False)


def picture(i: int = 0, width: int = 64, height: int = 48) -> np.ndarray:
    """A smooth RGB image that JPEG keeps within a few levels and that differs for every i."""
    x, y = np.meshgrid(np.linspace(0, 1, width), np.linspace(0, 1, height))
    return np.stack([200 * x + 20, 200 * y + 20, np.full_like(x, 20 + 10 * (i % 20))], axis=-1).astype(np.uint8)
