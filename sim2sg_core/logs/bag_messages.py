"""Messages of bags, decoded from CDR, ROS 1, protobuf and JSON into the few kinds that a camera log needs."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np

from sim2sg_core.errors import Sim2SGError, first_line, printable
from sim2sg_core.logs.storage import ZSTD_MAGIC, Channel, Stored, decompress

RAW_TYPES = ("sensor_msgs/msg/Image", "foxglove_msgs/msg/RawImage", "foxglove.RawImage")
COMPRESSED_TYPES = ("sensor_msgs/msg/CompressedImage", "foxglove_msgs/msg/CompressedImage", "foxglove.CompressedImage")
IMAGE_TYPES = (*RAW_TYPES, *COMPRESSED_TYPES)
INFO_TYPES = ("sensor_msgs/msg/CameraInfo", "foxglove_msgs/msg/CameraCalibration", "foxglove.CameraCalibration")
TRANSFORM_TYPES = (
    "tf2_msgs/msg/TFMessage",
    "tf/msg/tfMessage",
    "foxglove.FrameTransform",
    "foxglove.FrameTransforms",
)
VIDEO_TYPES = (
    "foxglove.CompressedVideo",
    "foxglove_msgs/msg/CompressedVideo",
    "ffmpeg_image_transport_msgs/msg/FFMPEGPacket",
    "theora_image_transport/msg/Packet",
)
"""Cameras whose images depend on each other: named, not read."""
ENCODINGS = ("cdr", "ros1", "protobuf", "json")

_FOXGLOVE = {
    "foxglove_msgs/msg/CompressedImage": "builtin_interfaces/Time timestamp\nstring frame_id\n"
    "uint8[] data\nstring format",
    "foxglove_msgs/msg/RawImage": "builtin_interfaces/Time timestamp\nstring frame_id\nuint32 width\nuint32 height\n"
    "string encoding\nuint32 step\nuint8[] data",
    "foxglove_msgs/msg/CameraCalibration": "builtin_interfaces/Time timestamp\nstring frame_id\nuint32 width\n"
    "uint32 height\nstring distortion_model\nfloat64[] D\nfloat64[9] K\nfloat64[9] R\nfloat64[12] P",
}


@dataclass(frozen=True, eq=False)
class ImageMessage:
    """An image of any type.

    Attributes:
        stamp: Time of exposure, ns; 0 where none is told.
        frame_id: Name of the camera's frame.
        data: Pixels, or a compressed file.
        encoding: Of raw pixels; the `format` of a compressed file.
        compressed: Which of the two.
        width: Of raw pixels.
        height: The same.
        step: The same, bytes of a row.
        is_bigendian: The same.
    """

    stamp: int
    frame_id: str
    data: np.ndarray | bytes
    encoding: str
    compressed: bool
    width: int = 0
    height: int = 0
    step: int = 0
    is_bigendian: bool = False


def decode_image_message(stored: Stored) -> ImageMessage:
    """Decodes an image. Raises Sim2SGError when its bytes are damaged."""
    return _guarded(stored, lambda message: _image(message, stored.channel.type in COMPRESSED_TYPES))


def decode_camera_info(stored: Stored) -> Any:
    """Decodes a calibration into what has the attributes of a sensor_msgs/CameraInfo. Raises as above."""
    return _guarded(stored, _camera_info)


def decode_transforms(stored: Stored) -> list[Any]:
    """Decodes transforms into what have the attributes of a geometry_msgs/TransformStamped. Raises as above."""
    return _guarded(stored, _transforms)


def plain_data(stored: Stored) -> bytes:
    """Returns the bytes of a message, decompressed where each was compressed by itself."""
    if stored.channel.encoding == "cdr" and stored.data[:4] == ZSTD_MAGIC:
        return decompress(stored.data, "zstd")
    return stored.data


def _guarded(stored: Stored, read: Callable[[Any], Any]) -> Any:
    try:
        return read(_decoded(stored.channel, plain_data(stored)))
    except Sim2SGError as error:
        raise Sim2SGError(f"a message of {printable(stored.channel.topic)}: {error}") from None
    except ImportError:  # a package is missing: no message is damaged
        raise
    except Exception as error:  # rosbags raises its own, struct's and numpy's errors on damaged data
        text = printable(first_line(error))
        raise Sim2SGError(f"a message of {printable(stored.channel.topic)} is damaged ({text})") from None


def _decoded(channel: Channel, data: bytes) -> Any:
    if channel.encoding == "protobuf":
        message = _protobuf_class(channel.schema, channel.type)()
        message.ParseFromString(data)
        return message
    if channel.encoding == "json":
        return json.loads(data, object_hook=lambda fields: SimpleNamespace(**fields))
    ros1 = channel.encoding == "ros1"
    store = typestore(ros1)
    return (store.deserialize_ros1 if ros1 else store.deserialize_cdr)(data, channel.type)


def _image(message: Any, compressed: bool) -> ImageMessage:
    stamp, frame_id = _header(message)
    data = message.data
    if isinstance(data, str):
        try:
            data = base64.b64decode(data, validate=True)
        except binascii.Error:
            raise Sim2SGError("its image is no base64") from None
    if compressed:
        return ImageMessage(stamp, frame_id, data, str(message.format), True)
    return ImageMessage(
        stamp,
        frame_id,
        data,
        str(message.encoding),
        False,
        int(message.width),
        int(message.height),
        int(getattr(message, "step", 0)),
        bool(getattr(message, "is_bigendian", False)),
    )


def _camera_info(message: Any) -> Any:
    if hasattr(message, "roi"):
        return message
    fields = {name: np.array(getattr(message, name.upper(), ()), float) for name in "dkrp"}
    roi = SimpleNamespace(x_offset=0, y_offset=0, width=0, height=0)
    return SimpleNamespace(
        header=SimpleNamespace(frame_id=_header(message)[1]),
        width=message.width,
        height=message.height,
        distortion_model=getattr(message, "distortion_model", ""),
        binning_x=0,
        binning_y=0,
        roi=roi,
        **fields,
    )


def _transforms(message: Any) -> list[Any]:
    items = list(getattr(message, "transforms", [message]))
    return [item if hasattr(item, "header") else _transform(item) for item in items]


def _transform(item: Any) -> Any:
    """Gives foxglove's FrameTransform the form of ROS's."""
    placed = getattr(item, "transform", item)  # nested in the first versions of the schema
    return SimpleNamespace(
        header=SimpleNamespace(frame_id=item.parent_frame_id),
        child_frame_id=item.child_frame_id,
        transform=SimpleNamespace(translation=placed.translation, rotation=placed.rotation),
    )


def _header(message: Any) -> tuple[int, str]:
    """Returns stamp and frame of a message with a header, or with foxglove's timestamp."""
    header = getattr(message, "header", message)
    time = getattr(header, "stamp", None) or getattr(header, "timestamp", None)
    stamp = 0
    if time is not None:
        seconds = next((getattr(time, name) for name in ("sec", "secs", "seconds") if hasattr(time, name)), 0)
        names = ("nanosec", "nsec", "nsecs", "nanos")
        stamp = int(seconds) * 10**9 + int(next((getattr(time, name) for name in names if hasattr(time, name)), 0))
    return stamp, str(getattr(header, "frame_id", ""))


@cache
def _protobuf_class(schema: bytes, type_: str) -> Any:
    """Builds the class of a message from the descriptors that an MCAP carries."""
    try:
        from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    except ImportError:
        raise Sim2SGError("is protobuf, which needs `pip install protobuf`") from None
    pool = descriptor_pool.DescriptorPool()
    left = {file.name: file for file in descriptor_pb2.FileDescriptorSet.FromString(schema).file}
    while left:  # a file goes in after those that it imports
        ready = [file for file in left.values() if not any(name in left for name in file.dependency)]
        for file in ready:
            pool.Add(left.pop(file.name))
        if not ready:
            raise Sim2SGError("its protobuf files import each other in a circle")
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(type_))


@cache
def typestore(ros1: bool) -> Any:
    """Definitions of the standard messages.

    These, and not the bag's own: a bag then opens whatever else was recorded in it.
    """
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    store = get_typestore(Stores.ROS1_NOETIC if ros1 else Stores.ROS2_HUMBLE)
    if ros1:
        for name in ("tf2_msgs/msg/TFMessage", "tf/msg/tfMessage"):
            store.register(get_types_from_msg("geometry_msgs/TransformStamped[] transforms", name))
    for name, text in _FOXGLOVE.items():
        store.register(get_types_from_msg(text, name))
    return store


def to_cdr(stored: Stored) -> bytes:
    """Turns a message into ROS 2's CDR.

    Raises:
        Sim2SGError: Damaged, or of a type that ROS 2 does not know.
    """
    type_, data = stored.channel.type, plain_data(stored)
    if stored.channel.encoding == "cdr":
        return data
    store = typestore(False)
    if stored.channel.encoding != "ros1" or type_ not in store.fielddefs:
        raise Sim2SGError(
            f"messages of {printable(type_)} ({stored.channel.encoding}) are not known to ROS 2: choose other topics"
        )
    try:
        message = to_ros2(typestore(True).deserialize_ros1(data, type_), store)
        return bytes(store.serialize_cdr(message, type_))
    except Exception as error:  # of rosbags, struct and numpy, on damaged data
        raise Sim2SGError(f"a {type_} is damaged ({first_line(error)})") from None


def to_ros2(message: Any, store: Any) -> Any:
    """Returns a ROS 1 message as ROS 2's: no `seq` in headers, lower-case names (CameraInfo's K)."""
    if isinstance(message, list):
        return [to_ros2(item, store) for item in message]
    if not hasattr(message, "__msgtype__"):
        return message
    class_ = store.types[message.__msgtype__]
    names = [f.name for f in dataclasses.fields(class_) if f.name != "__msgtype__"]
    return class_(**{n: to_ros2(getattr(message, n if hasattr(message, n) else n.upper()), store) for n in names})
