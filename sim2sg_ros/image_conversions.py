"""Images: from messages to pixels, without a copy where the encoding allows it, and back.

The core knows the encodings. Here is what only a live camera asks for: a clear error for everything
that can be wrong with a message, and cv_bridge for encodings that the core does not know. (It is not the
first choice: the version on PyPI fails with NumPy 2, and its conversions copy.)
"""

from __future__ import annotations

from array import array
from typing import NamedTuple

import cv2
import numpy as np
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs import image_decoding
from sim2sg_ros.error_text import one_line


class Pixels(NamedTuple):
    """An image as the network takes it.

    Attributes:
        image: (H, W, 3) uint8. May be a view of the message's buffer, with rows further apart.
        bgr: True for blue first, False for red first.
    """

    image: np.ndarray
    bgr: bool


def pixels_from_message(message: Image | CompressedImage) -> Pixels:
    """Reads an image of either kind.

    Raises:
        Sim2SGError: As for `pixels_from_image` and `pixels_from_compressed`.
    """
    return pixels_from_compressed(message) if isinstance(message, CompressedImage) else pixels_from_image(message)


def pixels_from_image(message: Image) -> Pixels:
    """Reads a raw image; 16-bit values are cut to their upper eight bits.

    Raises:
        Sim2SGError: Unknown encoding, or size, step and data do not fit together.
    """
    if not message.height or not message.width:
        raise Sim2SGError(f"image of {message.width}x{message.height} is empty: the driver sent no pixels")
    if message.encoding.lower() not in image_decoding.ENCODINGS:
        return _pixels_by_cv_bridge(message)
    try:
        image, bgr = image_decoding.decode_raw(
            message.data,
            message.width,
            message.height,
            message.encoding,
            message.step,
            bool(message.is_bigendian),
        )
    except cv2.error as error:  # Such as an odd width in yuv422.
        size = f"{message.width}x{message.height}"
        raise Sim2SGError(f"image of {size} {message.encoding} cannot be converted: {one_line(error)[:200]}") from None
    return Pixels(image, bgr)


def pixels_from_compressed(message: CompressedImage) -> Pixels:
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
        return Pixels(image_decoding.decode_compressed(data), bgr=True)
    except cv2.error as error:
        raise Sim2SGError(f"{len(data)} bytes of format {message.format!r}: {one_line(error)[:200]}") from None


def image_to_message(image: np.ndarray, header: Header) -> Image:
    """Puts an (H, W, 3) uint8 RGB image into a message."""
    height, width = image.shape[:2]
    # An array of bytes is taken as it is; anything else is checked byte by byte, for a hundred milliseconds.
    data = array("B")
    data.frombytes(np.ascontiguousarray(image).data.cast("B"))
    return Image(header=header, height=height, width=width, encoding="rgb8", step=3 * width, data=data)


def _pixels_by_cv_bridge(message: Image) -> Pixels:
    """Asks cv_bridge, where installed, for an encoding that the core does not know."""
    known = ", ".join(image_decoding.ENCODINGS)
    try:
        from cv_bridge import CvBridge
    except ImportError:
        raise Sim2SGError(f"encoding {message.encoding!r} is not known; known are {known}") from None
    try:
        return Pixels(CvBridge().imgmsg_to_cv2(message, "bgr8"), bgr=True)
    except Exception as error:  # cv_bridge raises its own type, cv2.error, KeyError and more.
        raise Sim2SGError(
            f"cv_bridge cannot convert encoding {message.encoding!r} ({one_line(error)[:200]}); known are {known}"
        ) from None
