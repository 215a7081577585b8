"""Pixels of ROS image messages, raw and compressed, without cv_bridge."""

from __future__ import annotations

import cv2
import numpy as np

from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.images import BitRange, bits_of, decode_bgr, to_8_bits
from sim2sg_core.logs.packed_bits import GROUPS, packed_row, unpack

_PATTERNS = ("rggb", "bggr", "gbrg", "grbg")
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
    "16uc3": 3,
    "mono10": 1,
    "mono12": 1,
    "mono14": 1,
    "mono16": 1,
    "16uc1": 1,
    "yuv422": 2,
    "uyvy": 2,
    "yuv422_yuy2": 2,
    "yuyv": 2,
    "yuy2": 2,
    "yvyu": 2,
    **{f"bayer_{pattern}{bits}": 1 for bits in (8, 10, 12, 14, 16) for pattern in _PATTERNS},
}

# OpenCV names Bayer patterns by the second row's second and third pixel.
_TO_BGR = {
    "rgba": cv2.COLOR_RGBA2BGR,
    "bgra": cv2.COLOR_BGRA2BGR,
    "8uc4": cv2.COLOR_BGRA2BGR,
    "mono": cv2.COLOR_GRAY2BGR,
    "8uc1": cv2.COLOR_GRAY2BGR,
    "16uc1": cv2.COLOR_GRAY2BGR,
    "yuv422": cv2.COLOR_YUV2BGR_UYVY,
    "uyvy": cv2.COLOR_YUV2BGR_UYVY,
    "yuv422_yuy2": cv2.COLOR_YUV2BGR_YUY2,
    "yuyv": cv2.COLOR_YUV2BGR_YUY2,
    "yuy2": cv2.COLOR_YUV2BGR_YUY2,
    "yvyu": cv2.COLOR_YUV2BGR_YVYU,
    "bayer_rggb": cv2.COLOR_BayerBG2BGR,
    "bayer_bggr": cv2.COLOR_BayerRG2BGR,
    "bayer_gbrg": cv2.COLOR_BayerGR2BGR,
    "bayer_grbg": cv2.COLOR_BayerGB2BGR,
}

# A plane of luma, then chroma of half the size.
_PLANAR = {
    "nv12": cv2.COLOR_YUV2BGR_NV12,
    "nv21": cv2.COLOR_YUV2BGR_NV21,
    "yuv420": cv2.COLOR_YUV2BGR_I420,
    "i420": cv2.COLOR_YUV2BGR_I420,
    "yv12": cv2.COLOR_YUV2BGR_YV12,
}

# Bits of a value, and whether they are packed as CSI-2 does.
_PACKED = {
    f"{kind}{bits}{way}": (bits, way == "_csi2p")
    for kind in ("mono", *(f"bayer_{pattern}" for pattern in _PATTERNS))
    for bits in GROUPS
    for way in ("p", "_csi2p")
}

ENCODINGS = (*_CHANNELS, *_PACKED, *_PLANAR)
"""Encodings of sensor_msgs/Image that `decode_raw` knows, in lower case."""

DEPTH_ENCODINGS = ("16uc1", "32fc1", "64fc1", "16sc1", "32sc1")
"""Encodings of depth images (REP 118). 16uc1 can also be read as a grey picture, when asked for."""

_VIDEO = ("h264", "h265", "hevc", "avc", "av1", "vp8", "vp9", "theora")


def is_depth(encoding: str) -> bool:
    """Whether an encoding, or the `format` of a CompressedImage (`16UC1; png compressed`), is that of depth images."""
    lower = encoding.lower()
    return "compresseddepth" in lower or lower.split(";")[0].strip() in DEPTH_ENCODINGS


def check_format(format_: str) -> None:
    """Raises Sim2SGError when the `format` of a CompressedImage is one that cannot be decoded image by image."""
    lower = format_.lower()
    if "compresseddepth" in lower:
        raise Sim2SGError(
            f"format {printable(format_)!r} is a depth image: choose the colour camera's topic, or convert it with"
            " `ros2 run image_transport republish compressedDepth raw`"
        )
    if video := next((name for name in _VIDEO if name in lower), None):
        raise Sim2SGError(
            f"format {printable(format_)!r} is {video} video, whose images depend on each other: play the bag beside"
            " `ros2 run image_transport republish ffmpeg raw` and record what comes out"
        )


def decode_raw(
    data: np.ndarray | bytes | memoryview,
    width: int,
    height: int,
    encoding: str,
    step: int = 0,
    is_bigendian: bool = False,
    bits: BitRange = None,
) -> tuple[np.ndarray, bool]:
    """Views or converts the pixels of a sensor_msgs/Image; rgb8 and bgr8 are never copied.

    Args:
        data: The message's bytes.
        width: Pixels.
        height: Pixels.
        encoding: As in sensor_msgs/image_encodings.hpp.
        step: Bytes of a row, padding included; 0 means no padding, as does a step in pixels.
        is_bigendian: Of 16-bit encodings.
        bits: Of values that are stored in 16; encodings that name them, such as mono12, need none.

    Returns:
        (height, width, 3) uint8, and whether its channels are blue, green, red.

    Raises:
        Sim2SGError: Unknown encoding, depth, or too few bytes.
    """
    key = encoding.lower()
    flat = np.frombuffer(data, np.uint8)
    if key in _PLANAR:
        return _convert(_planes(flat, width, height, encoding, step), _PLANAR[key], encoding), True
    if key in _PACKED:
        width_of, csi2 = _PACKED[key]
        packed = view_rows(flat, packed_row(width, width_of), width, height, encoding, step)
        grey = to_8_bits(unpack(packed, width_of, csi2), width_of)
        return _convert(grey, _TO_BGR[key[:10] if key.startswith("bayer") else "mono"], encoding), True
    if key not in _CHANNELS:
        if is_depth(key):
            raise Sim2SGError(f"encoding {encoding} is a depth image, not a picture: choose the colour camera's topic")
        raise Sim2SGError(f"image encoding {printable(encoding)!r} is not known: use one of {', '.join(ENCODINGS)}")
    told = next((n for n in (10, 12, 14) if key.endswith(str(n))), None)
    channels, depth = _CHANNELS[key], 2 if told or "16" in key else 1
    rows = view_rows(flat, width * channels * depth, width, height, encoding, step)
    if depth == 2:
        values = np.ascontiguousarray(rows).view(">u2" if is_bigendian else "<u2").astype(np.uint16)
        rows = to_8_bits(values, told or bits)
    image = rows.reshape(height, width, channels) if channels > 1 else rows
    if channels == 3:
        return image, not key.startswith("rgb")
    named = key if key in _TO_BGR else key.rstrip("0123456789")
    return _convert(np.ascontiguousarray(image), _TO_BGR[named], encoding), True


def decode_compressed(data: np.ndarray | bytes | memoryview, format_: str = "", bits: BitRange = None) -> np.ndarray:
    """Decodes a sensor_msgs/CompressedImage (JPEG, PNG, …), turned as its EXIF says.

    Args:
        data: The message's bytes.
        format_: As the message tells it; the bytes decide, it only names what they cannot be.
        bits: See `images.decode_bgr`.

    Returns:
        (h, w, 3) uint8, blue, green, red.

    Raises:
        Sim2SGError: Damaged or of no known format.
    """
    check_format(format_)
    image = decode_bgr(bytes(data), bits)
    pattern = mosaic_of(format_)
    if pattern and np.array_equal(image[..., 0], image[..., 2]):  # grey: nobody has made colours of it yet
        return _convert(np.ascontiguousarray(image[..., 0]), _TO_BGR[pattern], format_)
    return image


def mosaic_of(format_: str) -> str:
    """Returns the Bayer pattern of a camera whose driver compresses the mosaic itself; "" for other formats.

    The format is `bayer_rggb8; jpeg compressed`, with an encoding behind where image_transport made colours of it.
    """
    encoding, _, how = format_.lower().partition(";")
    pattern = encoding.strip().rstrip("0123456789")
    return (
        pattern if pattern in _TO_BGR and pattern.startswith("bayer_") and "gr8" not in how and "gb8" not in how else ""
    )


def to_rgb(image: np.ndarray, bgr: bool) -> np.ndarray:
    """Returns a contiguous RGB copy-if-needed of a (h, w, 3) uint8 image."""
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB) if bgr else np.ascontiguousarray(image)


def compressed_suffix(data: bytes) -> str:
    """Returns the file suffix by content: ".jpg", ".png" or ".img"."""
    head = bytes(data[:4])
    if head[:2] == b"\xff\xd8":
        return ".jpg"
    return ".png" if head == b"\x89PNG" else ".img"


class ValueRange:
    """The range of a live camera's 16-bit values: the largest of any image, so that brightness does not jump.

    Attributes:
        bits: One of `images.RANGES`.
    """

    def __init__(self) -> None:
        self.bits = 8

    def __call__(self, values: np.ndarray) -> int:
        """Looks at the values of one image; returns the bits of all so far."""
        self.bits = max(self.bits, bits_of(values))
        return self.bits


def view_rows(flat: np.ndarray, row: int, width: int, height: int, encoding: str, step: int) -> np.ndarray:
    """Views bytes as (height, row), without the padding behind each row."""
    if step in (0, width) and step < row:
        step = row  # none given, or in pixels
    if step < row or height < 1 or width < 1 or flat.size < step * (height - 1) + row:
        raise Sim2SGError(
            f"image of {width}x{height} {printable(encoding)} with step {step} has {flat.size} bytes: it is cut short"
        )
    return np.lib.stride_tricks.as_strided(flat, (height, row), (step, 1), writeable=False)


def _planes(flat: np.ndarray, width: int, height: int, encoding: str, step: int) -> np.ndarray:
    """Returns the planes of a 4:2:0 image as OpenCV takes them: (3/2 height, width)."""
    if width % 2 or height % 2:
        raise Sim2SGError(f"image of {width}x{height} {encoding}: width and height must be even")
    if flat.size == width * height * 3 // 2:
        step = width  # drivers tell all kinds of steps
    luma = view_rows(flat[: step * height], width, width, height, encoding, step)
    chroma = flat[step * height :]
    if encoding.lower() in ("nv12", "nv21"):
        return np.concatenate([luma, view_rows(chroma, width, width, height // 2, encoding, step)])
    half = view_rows(chroma, width // 2, width, height, encoding, step // 2)
    return np.concatenate([luma, half.reshape(height // 2, width)])


def _convert(image: np.ndarray, code: int, encoding: str) -> np.ndarray:
    try:
        return cv2.cvtColor(image, code)
    except cv2.error as error:  # such as an odd width in yuv422
        why = " ".join(str(error).split())[:120]
        raise Sim2SGError(f"image of {image.shape} {encoding} cannot be converted ({why})") from None
