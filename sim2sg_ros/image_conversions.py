"""Pixels out of sensor_msgs/Image and CompressedImage, without a copy where the encoding allows it.

The core knows the encodings. Here is what only a live camera asks for: a clear error for everything
that can be wrong with a message, and cv_bridge for encodings that the core does not know. (It is not the
first choice: the version on PyPI fails with NumPy 2, and its conversions copy.)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs import image_decoding as decoding

if TYPE_CHECKING:
    from sensor_msgs.msg import CompressedImage, Image


class Pixels(NamedTuple):
    """An image as the network takes it.

    Attributes:
        image: (H, W, 3) uint8. May be a view of the message's buffer, with rows further apart.
        bgr: True for blue first, False for red first.
    """

    image: np.ndarray
    bgr: bool


def decode_image(message: Image) -> Pixels:
    """Reads a raw image; 16-bit values are cut to their upper eight bits.

    Raises:
        Sim2SGError: Unknown encoding, or size, step and data do not fit together.
    """
    if not message.height or not message.width:
        raise Sim2SGError(f"image of {message.width}x{message.height} is empty: the driver sent no pixels")
    if message.encoding.lower() not in decoding.ENCODINGS:
        return _decode_by_cv_bridge(message)
    try:
        image, bgr = decoding.decode_raw(
            message.data,
            message.width,
            message.height,
            message.encoding,
            message.step,
            bool(message.is_bigendian),
        )
    except cv2.error as error:  # Such as an odd width in yuv422.
        size = f"{message.width}x{message.height}"
        raise Sim2SGError(f"image of {size} {message.encoding} cannot be converted: {_line(error)}") from None
    return Pixels(image, bgr)


def decode_compressed(message: CompressedImage) -> Pixels:
    """Decodes JPEG, PNG and whatever else OpenCV reads.

    Raises:
        Sim2SGError: Not an image, or a JPEG that was cut short.
    """
    data = np.frombuffer(message.data, np.uint8)
    if "compressedDepth" in message.format:
        raise Sim2SGError(f"format {message.format!r} is a depth image: remap `image` to the colour camera")
    if data[:2].tobytes() == b"\xff\xd8" and b"\xff\xd9" not in data[-4096:].tobytes():
        # OpenCV would fill the missing part with grey and call it an image.
        raise Sim2SGError(f"JPEG of {len(data)} bytes is cut short: it was lost in part on the way")
    try:
        return Pixels(decoding.decode_compressed(data), bgr=True)
    except cv2.error as error:
        raise Sim2SGError(f"{len(data)} bytes of format {message.format!r}: {_line(error)}") from None


def _decode_by_cv_bridge(message: Image) -> Pixels:
    """Asks cv_bridge, where installed, for an encoding that the core does not know."""
    known = ", ".join(decoding.ENCODINGS)
    try:
        from cv_bridge import CvBridge
    except ImportError:
        raise Sim2SGError(f"encoding {message.encoding!r} is not known; known are {known}") from None
    try:
        return Pixels(CvBridge().imgmsg_to_cv2(message, "bgr8"), bgr=True)
    except Exception as error:  # cv_bridge raises its own type, cv2.error, KeyError and more.
        raise Sim2SGError(
            f"cv_bridge cannot convert encoding {message.encoding!r} ({_line(error)}); known are {known}"
        ) from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
