"""ROS bags through rosbags: MCAP, sqlite3 and ROS 1, files and folders."""

from __future__ import annotations

import contextlib
import dataclasses
import struct
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sim2sg_core.errors import Sim2SGError, first_line
from sim2sg_core.logs.camera_calibration import camera_from_info
from sim2sg_core.logs.camera_log import Log, LogFrame, RawMessage, TopicInfo, frame_name
from sim2sg_core.logs.image_decoding import (
    compressed_suffix,
    decode_compressed,
    decode_raw,
    decode_thumbnail,
    to_rgb,
)
from sim2sg_core.logs.static_extrinsics import extrinsics_from_transforms
from sim2sg_core.scene import Camera

BAG_SUFFIXES = (".mcap", ".db3", ".bag")
IMAGE_TYPE = "sensor_msgs/msg/Image"
COMPRESSED_TYPE = "sensor_msgs/msg/CompressedImage"
CAMERA_INFO_TYPE = "sensor_msgs/msg/CameraInfo"
TRANSFORMS_TYPE = "tf2_msgs/msg/TFMessage"


class BagLog(Log):
    """A bag of any ROS version. Holds no open file, so it can be sent to another process."""

    def __init__(self, path: Path) -> None:
        """Reads the bag's index.

        Raises:
            Sim2SGError: No bag, or a damaged one.
        """
        self.path = path
        self._ros1 = path.suffix == ".bag"
        with self._reader() as reader:
            self._topics = sorted(
                (TopicInfo(name, info.msgtype or "?", info.msgcount) for name, info in reader.topics.items()),
                key=lambda topic: topic.name,
            )
            self._duration = max(0, reader.duration - 1) / 1e9 if reader.message_count else 0.0

    def topics(self) -> list[TopicInfo]:
        """Returns all topics, sorted by name."""
        return list(self._topics)

    def image_topics(self) -> list[TopicInfo]:
        """Returns the image topics with messages; depth images are none."""
        return [
            topic
            for topic in self._topics
            if topic.type in (IMAGE_TYPE, COMPRESSED_TYPE) and topic.count and "depth" not in topic.name.lower()
        ]

    def duration(self) -> float:
        """Returns seconds from the first message to the last."""
        return self._duration

    def camera(self, topic: str | None = None) -> Camera | None:
        """Returns the camera from the CameraInfo beside the image topic, else from the bag's only one."""
        topic = self.image_topic(topic)
        infos = [info.name for info in self._topics if info.type == CAMERA_INFO_TYPE and info.count]
        beside = camera_info_topic(topic)
        chosen = beside if beside in infos else infos[0] if len(infos) == 1 else None
        if chosen is None:
            return None
        rectified = "rect" in base_topic(topic).rsplit("/", 1)[-1]
        for _, _, message in self._decoded([chosen]):
            return camera_from_info(message, rectified, f"{self.path}: {chosen}")
        return None

    def extrinsics(self, topic: str | None = None) -> tuple[float, float, float] | None:
        """Returns the camera's extrinsics by chaining /tf_static from its frame to the base's."""
        topic = self.image_topic(topic)
        statics = [t.name for t in self._topics if t.name.lstrip("/") == "tf_static" and t.type == TRANSFORMS_TYPE]
        if not statics:
            return None
        transforms = [t for _, _, message in self._decoded(statics) for t in message.transforms]
        frame = next((m.header.frame_id for _, _, m in self._decoded([topic])), "")
        return extrinsics_from_transforms(transforms, frame)

    def frames(self, topic: str | None = None) -> Iterator[LogFrame]:
        """Yields the frames of an image topic, in the order of the log."""
        topic = self.image_topic(topic)
        for stamp, _, message in self._decoded([topic]):
            yield self._frame(topic, stamp, message)

    def messages(self, topics: list[str] | None = None) -> Iterator[RawMessage]:
        """Yields messages as CDR bytes in recorded order.

        Args:
            topics: Names; None means all.
        """
        for connection, stamp, data in self._raw(topics):
            if self._ros1:
                data = self._to_cdr(data, connection.msgtype)
            yield RawMessage(connection.topic, connection.msgtype, stamp, data)

    def _to_cdr(self, data: bytes, type_: str) -> bytes:
        """Turns a ROS 1 message into ROS 2's CDR."""
        store = typestore(False)
        if type_ not in store.fielddefs:
            raise Sim2SGError(f"{self.path}: messages of {type_} are not known to ROS 2: choose other topics")
        try:
            message = to_ros2(typestore(True).deserialize_ros1(data, type_), store)
            return bytes(store.serialize_cdr(message, type_))
        except Exception as error:  # of rosbags, struct and numpy, on damaged data
            raise Sim2SGError(f"{self.path}: a {type_} is damaged ({first_line(error)})") from None

    def _frame(self, topic: str, recorded: int, message: Any) -> LogFrame:
        """Wraps an image message; its pixels stay encoded."""
        exposed = message.header.stamp
        stamp = exposed.sec * 10**9 + exposed.nanosec or recorded
        name = frame_name(topic, stamp)
        if hasattr(message, "format"):
            data = message.data.tobytes()
            return LogFrame(
                name,
                stamp,
                self,
                topic,
                lambda: to_rgb(decode_compressed(data), bgr=True),
                lambda: decode_thumbnail(data),
                lambda: (data, compressed_suffix(data)),
            )

        def decode() -> np.ndarray:
            return to_rgb(
                *decode_raw(
                    message.data,
                    message.width,
                    message.height,
                    message.encoding,
                    message.step,
                    bool(message.is_bigendian),
                )
            )

        frame = LogFrame(name, stamp, self, topic, decode, lambda: decode()[::8, ::8].mean(axis=2))
        return dataclasses.replace(frame, _detach=lambda: self._detached(frame, recorded))

    def _detached(self, frame: LogFrame, recorded: int) -> LogFrame:
        """Returns a frame that reads its message from the bag again whenever it is decoded."""

        def again() -> LogFrame:
            for stamp, _, message in self._decoded([frame.topic], recorded, recorded + 1):
                found = self._frame(frame.topic, stamp, message)
                if found.stamp == frame.stamp:
                    return found
            raise Sim2SGError(f"{self.path}: frame {frame.name} is gone: the bag was changed")

        return dataclasses.replace(
            frame,
            _decode=lambda: again().decode(),
            _thumbnail=lambda: again().thumbnail(),
            _detach=None,
        )

    def _decoded(
        self, topics: list[str], start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[int, str, Any]]:
        """Yields recorded time, topic and deserialised message."""
        store = typestore(self._ros1)
        read = store.deserialize_ros1 if self._ros1 else store.deserialize_cdr
        for connection, stamp, data in self._raw(topics, start, stop):
            try:
                message = read(data, connection.msgtype)
            except Exception as error:  # rosbags raises its own, struct's and numpy's errors on damaged data
                raise Sim2SGError(
                    f"{self.path}: a message of {connection.topic} is damaged ({first_line(error)})"
                ) from None
            yield stamp, connection.topic, message

    def _raw(
        self, topics: list[str] | None, start: int | None = None, stop: int | None = None
    ) -> Iterator[tuple[Any, int, bytes]]:
        """Yields connection, recorded time and bytes; errors of reading become Sim2SGError."""
        with self._reader() as reader:
            connections = [c for c in reader.connections if topics is None or c.topic in topics]
            if not connections:  # rosbags takes an empty list for all
                return
            messages = reader.messages(connections, start=start, stop=stop)
            count = 0
            while True:
                try:
                    item = next(messages)
                except StopIteration:
                    return
                except Exception as error:  # of rosbags, sqlite3, zstd, lz4, struct …
                    raise Sim2SGError(
                        f"{self.path}: damaged after {count} messages ({first_line(error)}): {_remedy(self.path)}"
                    ) from None
                count += 1
                yield item

    @contextlib.contextmanager
    def _reader(self) -> Iterator[Any]:
        """Opens the bag for the length of a `with` block."""
        from rosbags import rosbag1, rosbag2

        check_complete(self.path)
        reader: Any = None
        try:
            reader = (rosbag1.Reader if self._ros1 else rosbag2.Reader)(self.path)
            reader.open()
        except FileNotFoundError:
            raise Sim2SGError(f"{self.path}: no such bag") from None
        except PermissionError:
            raise Sim2SGError(f"{self.path}: may not be read: check its permissions") from None
        except Exception as error:  # of rosbags, sqlite3, zstd, lz4, struct …
            readable = readable_messages(self.path)
            found = "" if readable is None else f"; {readable} of its messages are whole"
            raise Sim2SGError(
                f"{self.path}: truncated or damaged ({first_line(error)}){found}: {_remedy(self.path)}"
            ) from None
        try:
            yield reader
        finally:
            reader.close()


def base_topic(topic: str) -> str:
    """Returns an image topic without the suffix that image_transport appends."""
    for transport in ("/compressed", "/image_raw/ffmpeg", "/theora"):
        if topic.endswith(transport):
            return topic.removesuffix(transport)
    return topic


def camera_info_topic(topic: str) -> str:
    """Returns where image_transport looks for the CameraInfo of an image topic: beside it."""
    return f"{base_topic(topic).rpartition('/')[0]}/camera_info"


def check_complete(path: Path) -> None:
    """Raises Sim2SGError when an sqlite3 bag is shorter than its header says: sqlite would read zeros.

    Format: https://www.sqlite.org/fileformat.html, section 1.3: page size at 16, page count at 28, valid when
    the counters at 24 and 92 agree.
    """
    for file in sorted(path.glob("*.db3")) if path.is_dir() else [path] if path.suffix == ".db3" else []:
        with file.open("rb") as database:
            head = database.read(100)
        if len(head) < 100 or head[24:28] != head[92:96]:
            continue
        page_size, page_count = struct.unpack(">H", head[16:18])[0], struct.unpack(">I", head[28:32])[0]
        wanted = (65536 if page_size == 1 else page_size) * page_count
        if file.stat().st_size < wanted:
            raise Sim2SGError(f"{path}: truncated, {file.stat().st_size} of {wanted} bytes: {_remedy(path)}")


def readable_messages(path: Path) -> int | None:
    """Counts the whole messages of an MCAP file without its index; None for other formats.

    Follows the MCAP specification: after 8 bytes of magic come records of one byte opcode, an 8-byte length
    and a body. 0x05 is a message, 0x07 the message index behind a chunk, with 16 bytes for each message.
    """
    if path.is_dir():
        counts = [readable_messages(file) for file in sorted(path.glob("*.mcap"))]
        return sum(c for c in counts if c is not None) if counts else None
    if path.suffix != ".mcap":
        return None
    count, size = 0, path.stat().st_size
    with path.open("rb") as file:
        if file.read(8) != b"\x89MCAP0\r\n":
            return 0
        while len(head := file.read(9)) == 9:
            opcode, length = struct.unpack("<BQ", head)
            end = file.tell() + length
            if end > size:
                break
            if opcode == 0x05:
                count += 1
            elif opcode == 0x07:
                _, array = struct.unpack("<HI", file.read(6))
                count += array // 16
            file.seek(end)
    return count


@cache
def typestore(ros1: bool) -> Any:
    """Definitions of the standard messages.

    These, and not the bag's own: a bag then opens whatever else was recorded in it.
    """
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    if not ros1:
        return get_typestore(Stores.ROS2_HUMBLE)
    store = get_typestore(Stores.ROS1_NOETIC)
    store.register(get_types_from_msg("geometry_msgs/TransformStamped[] transforms", TRANSFORMS_TYPE))
    return store


def to_ros2(message: Any, store: Any) -> Any:
    """Returns a ROS 1 message as ROS 2's: no `seq` in headers, lower-case names (CameraInfo's K)."""
    if isinstance(message, list):
        return [to_ros2(item, store) for item in message]
    if not hasattr(message, "__msgtype__"):
        return message
    class_ = store.types[message.__msgtype__]
    names = [f.name for f in dataclasses.fields(class_) if f.name != "__msgtype__"]
    return class_(**{n: to_ros2(getattr(message, n if hasattr(message, n) else n.upper()), store) for n in names})


def _remedy(path: Path) -> str:
    """Names the tool that mends a damaged bag."""
    if path.suffix == ".bag":
        return "mend it with `rosbag reindex`"
    if path.suffix == ".mcap" or any(path.glob("*.mcap")):
        return "mend it with `mcap recover`"
    return "copy it again, or mend it with `ros2 bag reindex`"
