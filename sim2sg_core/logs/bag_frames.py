"""Frames of image messages: encoded until they are asked for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import bits_of, decode_grey, decode_image, decode_values
from sim2sg_core.logs.bag_messages import ImageMessage, decode_image_message
from sim2sg_core.logs.camera_log import Log, LogFrame, StoredDepth
from sim2sg_core.logs.depth_decoding import decode_compressed_depth, decode_depth
from sim2sg_core.logs.folders import upright_jpeg
from sim2sg_core.logs.image_decoding import check_format, decode_compressed, decode_raw, mosaic_of, to_rgb
from sim2sg_core.logs.names import frame_name
from sim2sg_core.logs.storage import Stored
from sim2sg_core.scene.depth_image import DepthImage


def make_frame(
    log: Log, stored: Stored, frozen: bool, bits: Callable[[np.ndarray], int], again: Callable[[], LogFrame]
) -> LogFrame:
    """Wraps an image message; its pixels stay encoded. A damaged one becomes a frame whose `decode` tells why.

    Args:
        log: Theirs.
        stored: The message.
        frozen: Its header's stamp tells no time: that of recording is taken.
        bits: Tells the range of 16-bit values of its topic.
        again: Reads the frame from the log once more.
    """
    topic = stored.channel.topic
    try:
        message = decode_image_message(stored)
    except Sim2SGError as error:
        return _damaged(frame_name(topic, stored.stamp), stored.stamp, log, topic, str(error))
    stamp = stored.stamp if frozen else message.stamp
    name = frame_name(topic, stamp)
    if message.compressed:
        data = bytes(message.data)

        def decode() -> np.ndarray:
            check_format(message.encoding)
            if mosaic_of(message.encoding):
                return to_rgb(decode_compressed(data, message.encoding, bits), bgr=True)
            return decode_image(data, bits)

        def thumbnail() -> np.ndarray:
            check_format(message.encoding)
            return decode_grey(data)

        def encoded() -> tuple[bytes, str] | None:
            check_format(message.encoding)
            return None if mosaic_of(message.encoding) else upright_jpeg(data)

        frame = LogFrame(name, stamp, log, topic, decode, thumbnail, encoded)
    else:

        def decode() -> np.ndarray:
            return to_rgb(*_pixels(message, bits))

        def thumbnail() -> np.ndarray:
            return np.asarray(_pixels(message, bits)[0][::8, ::8].mean(axis=2))

        frame = LogFrame(name, stamp, log, topic, decode, thumbnail)
    return dataclasses.replace(frame, recorded=stored.stamp, size=len(message.data), _detach=again)


def _pixels(message: ImageMessage, bits: Callable[[np.ndarray], int]) -> tuple[np.ndarray, bool]:
    size = message.width, message.height
    return decode_raw(message.data, *size, message.encoding, message.step, message.is_bigendian, bits)


def stored_depth(stored: Stored) -> StoredDepth:
    """Wraps a depth image message. Raises Sim2SGError when its bytes are damaged."""
    message = decode_image_message(stored)

    def decode() -> DepthImage:
        if message.compressed:
            return decode_compressed_depth(message.data, message.encoding)
        size = message.width, message.height
        return decode_depth(message.data, *size, message.encoding, message.step, message.is_bigendian)

    return StoredDepth(message.stamp or stored.stamp, stored.stamp, decode)


def value_bits(message: ImageMessage) -> int:
    """Returns the range of the values of one image; 8 where it has none of 16 bits."""
    found = [8]

    def look(values: np.ndarray) -> int:
        found.append(bits_of(values))
        return 16

    try:
        if message.compressed:
            values = decode_values(bytes(message.data))
            return bits_of(values) if values.dtype == np.uint16 else 8
        _pixels(message, look)
    except Sim2SGError:
        pass
    return found[-1]


def _damaged(name: str, stamp: int, log: Log, topic: str, reason: str) -> LogFrame:
    """Returns a frame that cannot be decoded."""

    def fail() -> np.ndarray:
        raise Sim2SGError(reason)

    return LogFrame(name, stamp, log, topic, fail, fail)
