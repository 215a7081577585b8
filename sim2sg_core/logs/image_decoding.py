"""Pixels of ROS image messages, without cv_bridge."""

from __future__ import annotations

import cv2
import numpy as np

from sim2sg_core.errors import Sim2SGError

_CHANNELS = {
    "rgb8": 3,
    "bgr8": 3,
    "rgba8": 4,
    "bgra8": 4,
    "mono8": 1,
    "8uc1": 1,
    "8uc3": 3,
    "8uc4": 4,
    "rgb16": 3,
    "bgr16": 3,
    "rgba16": 4,
    "bgra16": 4,
    "mono16": 1,
    "16uc1": 1,
    "yuv422": 2,
    "uyvy": 2,
    "yuv422_yuy2": 2,
    "yuyv": 2,
    "bayer_rggb8": 1,
    "bayer_bggr8": 1,
    "bayer_gbrg8": 1,
    "bayer_grbg8": 1,
    "bayer_rggb16": 1,
    "bayer_bggr16": 1,
    "bayer_gbrg16": 1,
    "bayer_grbg16": 1,
}

# OpenCV names Bayer patterns by the second row's second and third pixel.
_TO_BGR = {
    "rgba8": cv2.COLOR_RGBA2BGR,
    "bgra8": cv2.COLOR_BGRA2BGR,
    "rgba16": cv2.COLOR_RGBA2BGR,
    "bgra16": cv2.COLOR_BGRA2BGR,
    "8uc4": cv2.COLOR_BGRA2BGR,
    "mono8": cv2.COLOR_GRAY2BGR,
    "8uc1": cv2.COLOR_GRAY2BGR,
    "mono16": cv2.COLOR_GRAY2BGR,
    "16uc1": cv2.COLOR_GRAY2BGR,
    "yuv422": cv2.COLOR_YUV2BGR_UYVY,
    "uyvy": cv2.COLOR_YUV2BGR_UYVY,
    "yuv422_yuy2": cv2.COLOR_YUV2BGR_YUY2,
    "yuyv": cv2.COLOR_YUV2BGR_YUY2,
    "bayer_rggb": cv2.COLOR_BayerBG2BGR,
    "bayer_bggr": cv2.COLOR_BayerRG2BGR,
    "bayer_gbrg": cv2.COLOR_BayerGR2BGR,
    "bayer_grbg": cv2.COLOR_BayerGB2BGR,
}

ENCODINGS = tuple(_CHANNELS)
"""Encodings of sensor_msgs/Image that `decode_raw` knows, in lower case."""


def decode_raw(
    data: np.ndarray | bytes | memoryview,
    width: int,
    height: int,
    encoding: str,
    step: int = 0,
    is_bigendian: bool = False,
) -> tuple[np.ndarray, bool]:
    """Views or converts the pixels of a sensor_msgs/Image; rgb8 and bgr8 are never copied.

    Args:
        data: The message's bytes.
        width: Pixels.
        height: Pixels.
        encoding: As in sensor_msgs/image_encodings.hpp.
        step: Bytes of a row, padding included; 0 means no padding.
        is_bigendian: Of 16-bit encodings. Their upper 8 bits are used.

    Returns:
        (height, width, 3) uint8, and whether its channels are blue, green, red.

    Raises:
        Sim2SGError: Unknown encoding, or too few bytes.
    """
    key = encoding.lower()
    if key not in _CHANNELS:
        raise Sim2SGError(f"image encoding {encoding!r} is not known: use one of {', '.join(ENCODINGS)}")
    channels, depth = _CHANNELS[key], 2 if "16" in key else 1
    row = width * channels * depth
    step = step or row
    flat = np.frombuffer(data, np.uint8)
    if step < row or height < 1 or width < 1 or flat.size < step * (height - 1) + row:
        raise Sim2SGError(
            f"image of {width}x{height} {encoding} with step {step} has {flat.size} bytes: it is cut short"
        )
    pixels = np.lib.stride_tricks.as_strided(flat, (height, row), (step, 1), writeable=False)
    if depth == 2:
        pixels = pixels[:, (0 if is_bigendian else 1) :: 2]
    image = pixels.reshape(height, width, channels) if channels > 1 else pixels
    if channels == 3:
        return image, not key.startswith("rgb")
    code = _TO_BGR[key.removesuffix("16").removesuffix("8") if key.startswith("bayer") else key]
    try:
        return cv2.cvtColor(np.ascontiguousarray(image), code), True
    except cv2.error as error:  # such as an odd width in yuv422
        raise Sim2SGError(
            f"image of {width}x{height} {encoding} cannot be converted ({' '.join(str(error).split())[:120]})"
        ) from None


def decode_compressed(data: np.ndarray | bytes | memoryview) -> np.ndarray:
    """Decodes a sensor_msgs/CompressedImage (JPEG, PNG, …).

    Returns:
        (h, w, 3) uint8, blue, green, red.

    Raises:
        Sim2SGError: Damaged or of no known format.
    """
    # The EXIF orientation is ignored: intrinsics refer to the pixels as the sensor sent them.
    return _imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)


def decode_thumbnail(data: np.ndarray | bytes | memoryview) -> np.ndarray:
    """Decodes a compressed image in grey at an eighth of its size, for JPEG at a fraction of the cost."""
    return _imdecode(data, cv2.IMREAD_REDUCED_GRAYSCALE_8)


def _imdecode(data: np.ndarray | bytes | memoryview, flags: int) -> np.ndarray:
    buffer = np.frombuffer(data, np.uint8)
    if buffer[:2].tobytes() == b"\xff\xd8" and b"\xff\xd9" not in buffer[-4096:].tobytes():
        # OpenCV would fill the missing part with grey and call it an image.
        raise Sim2SGError(f"a JPEG of {buffer.size} bytes is cut short")
    try:
        image = cv2.imdecode(buffer, flags) if buffer.size else None
    except cv2.error:
        image = None
    if image is None:
        raise Sim2SGError(f"a compressed image of {buffer.size} bytes cannot be decoded: it is damaged")
    return np.asarray(image)


def to_rgb(image: np.ndarray, bgr: bool) -> np.ndarray:
    """Returns a contiguous RGB copy-if-needed of a (h, w, 3) uint8 image."""
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if bgr else np.ascontiguousarray(image)


def compressed_suffix(data: bytes) -> str:
    """Returns the file suffix by content: ".jpg", ".png" or ".img"."""
    head = bytes(data[:4])
    if head[:2] == b"\xff\xd8":
        return ".jpg"
    return ".png" if head == b"\x89PNG" else ".img"
