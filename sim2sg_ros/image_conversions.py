"""Images: from messages to pixels, without a copy where the encoding allows it, and back.

The core knows the encodings. Here is what only a live camera asks for: a clear error for everything
that can be wrong with a message, and cv_bridge for encodings that the core does not know. (It is not the
first choice: the version on PyPI fails with NumPy 2, and its conversions copy.)
"""

from __future__ import annotations

from array import array
from typing import NamedTuple

import numpy as np
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import BitRange
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


def pixels_from_message(message: Image | CompressedImage, bits: BitRange = None) -> Pixels:
    """Reads an image of either kind.

    Args:
        message: The image.
        bits: Of values that are stored in 16 (`images.BitRange`).

    Raises:
        Sim2SGError: As for `pixels_from_image` and `pixels_from_compressed`.
    """
    read = pixels_from_compressed if isinstance(message, CompressedImage) else pixels_from_image
    return read(message, bits)


def pixels_from_image(message: Image, bits: BitRange = None) -> Pixels:
    """Reads a raw image.

    Raises:
        Sim2SGError: Unknown encoding, or size, step and data do not fit together.
    """
    if not message.height or not message.width:
        raise Sim2SGError(f"image of {message.width}x{message.height} is empty: the driver sent no pixels")
    if message.encoding.lower() not in image_decoding.ENCODINGS:
        return _pixels_by_cv_bridge(message)
    image, bgr = image_decoding.decode_raw(
        message.data,
        message.width,
        message.height,
        message.encoding,
        message.step,
        bool(message.is_bigendian),
        bits,
    )
    return Pixels(image, bgr)


def pixels_from_compressed(message: CompressedImage, bits: BitRange = None) -> Pixels:
    """Decodes JPEG, PNG and what else `images.decode_bgr` reads.

    Raises:
        Sim2SGError: Not an image, or one that was cut short.
    """
    return Pixels(image_decoding.decode_compressed(message.data, message.format, bits), bgr=True)


def why_odd(message: Image | CompressedImage) -> str:
    """Says, in one line, what is odd about an image that can be used all the same; "" where nothing is."""
    if not message.header.frame_id:
        return "images have an empty frame_id: set it in the camera's driver, or tf cannot place poses"
    encoding = message.format if isinstance(message, CompressedImage) else message.encoding
    if image_decoding.is_depth(encoding):
        return f"images are {encoding}, as depth images are: remap `image` to the colour camera"
    return ""


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
