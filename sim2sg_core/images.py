"""Images in files and bytes as arrays: one decoder for all, which looks at the header before it decodes."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.image_headers import ImageHeader, read_header
from sim2sg_core.limits import IMAGE_BYTES

RANGES = (8, 10, 12, 14, 16)
"""Bits that sensors have, of the 16 that their values are stored in."""
BitRange = int | Callable[[np.ndarray], int] | None
"""Bits of values that are stored in 16; what tells them of the values; or None: as `bits_of` finds in this image."""
BRIGHT = 0.001
"""Share of an image's values from which a range is one that the sensor uses: fewer are hot pixels."""
_TURN_CODES = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}
_RGB = getattr(cv2, "IMREAD_COLOR_RGB", None)  # before OpenCV 4.11 colours are swapped after decoding


def read_image(path: Path | str) -> np.ndarray:
    """Reads an image file as (H, W, 3) uint8 RGB, turned as its EXIF says.

    Raises:
        Sim2SGError: No such file, or not a whole image.
    """
    try:
        return decode_image(read_bytes(path))
    except Sim2SGError as error:
        raise Sim2SGError(f"{printable(path)}: cannot be read as an image: {error}") from None


def read_bytes(path: Path | str) -> bytes:
    """Reads a file that should be an image.

    OpenCV is not given the path: it ends the process where a name is not UTF-8.

    Raises:
        Sim2SGError: No such file, no file, or one larger than any image; the message leaves out its name.
    """
    try:
        size = os.stat(path).st_size if os.path.isfile(path) else -1
        if size > IMAGE_BYTES:
            raise Sim2SGError(f"{size} bytes are more than an image has: make it smaller")
        if size < 0:
            raise Sim2SGError("missing or no file; put a whole image there")
        return Path(path).read_bytes()
    except OSError as error:
        raise Sim2SGError(f"{error.strerror}: put a whole image there") from None


def decode_image(data: bytes, bits: BitRange = None) -> np.ndarray:
    """Returns the bytes of an image file as (H, W, 3) uint8 RGB; otherwise as `decode_bgr`."""
    if _RGB is None:
        return cv2.cvtColor(decode_bgr(data, bits), cv2.COLOR_BGR2RGB)
    return to_8_bits(_imdecode(data, _RGB | cv2.IMREAD_ANYDEPTH, read_header(data)), bits)


def decode_bgr(data: bytes, bits: BitRange = None) -> np.ndarray:
    """Decodes an image file (JPEG, PNG, WebP, TIFF, BMP, GIF, PNM), turned as its EXIF says.

    Args:
        data: The file.
        bits: Of values that are stored in 16.

    Returns:
        (H, W, 3) uint8, blue, green, red.

    Raises:
        Sim2SGError: Damaged, cut short, too large, or of no known format.
    """
    header = read_header(data)
    image = _imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH, header)
    return to_8_bits(image, bits)


def decode_grey(data: bytes) -> np.ndarray:
    """Decodes an image file in grey at an eighth of its size, for JPEG at a fraction of the cost.

    Returns:
        (h, w) uint8.

    Raises:
        Sim2SGError: As `decode_bgr`.
    """
    header = read_header(data)
    if header.bits > 8:  # OpenCV would keep the upper 8 bits, of a 12-bit sensor next to nothing
        return to_8_bits(_imdecode(data, cv2.IMREAD_GRAYSCALE | cv2.IMREAD_ANYDEPTH, header))[::8, ::8]
    return _imdecode(data, cv2.IMREAD_REDUCED_GRAYSCALE_8, header)


def decode_values(data: bytes) -> np.ndarray:
    """Decodes an image file with the values that it stores, such as uint16, and its own channels."""
    return _imdecode(data, cv2.IMREAD_UNCHANGED, read_header(data))


def bits_of(values: np.ndarray) -> int:
    """Returns the range of a sensor, one of `RANGES`, from values that it stored in 16 bits.

    It is the smallest that holds all of them but a few (`BRIGHT`).
    """
    top = int(values.max(initial=0))
    bits = next(bits for bits in RANGES if top < 1 << bits)
    for smaller in reversed(RANGES[: RANGES.index(bits)]):
        if np.count_nonzero(values >= 1 << smaller) >= BRIGHT * values.size:
            break
        bits = smaller
    return bits


def to_8_bits(image: np.ndarray, bits: BitRange = None) -> np.ndarray:
    """Scales uint16 or float values to uint8; leaves uint8 as it is.

    Args:
        image: Any shape.
        bits: Of uint16 values; those above its range become white.
    """
    if image.dtype == np.uint8:
        return image
    if image.dtype != np.uint16:  # a float image: 0 to 1, or 0 to 255
        finite = np.nan_to_num(np.asarray(image, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        return np.clip(finite * (255.0 if finite.max(initial=0.0) <= 1.0 else 1.0), 0, 255).astype(np.uint8)
    bits = (bits(image) if callable(bits) else bits) or bits_of(image)
    scaled = image >> (bits - 8)
    return (scaled if bits == 16 else np.minimum(scaled, 255)).astype(np.uint8)


def turned_image(image: np.ndarray, degrees: int) -> np.ndarray:
    """Turns an (H, W, 3) image clockwise, by one of `camera.TURNS`."""
    return np.asarray(cv2.rotate(image, _TURN_CODES[degrees])) if degrees else image


def encode_jpeg(image: np.ndarray, quality: int = 92) -> bytes:
    """Returns (H, W, 3) uint8 RGB as the bytes of a JPEG file.

    Raises:
        Sim2SGError: More pixels on a side than JPEG knows.
    """
    done, coded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise Sim2SGError(f"an image of {image.shape[1]}x{image.shape[0]} is too large for JPEG: make it smaller")
    return coded.tobytes()


def write_jpeg(path: Path | str, image: np.ndarray, quality: int = 92) -> None:
    """Writes (H, W, 3) uint8 RGB as JPEG.

    Raises:
        Sim2SGError: See `encode_jpeg`.
        OSError: No space left, or no such folder. (cv2.imwrite would only return False.)
    """
    Path(path).write_bytes(encode_jpeg(image, quality))


def _imdecode(data: bytes, flags: int, header: ImageHeader) -> np.ndarray:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        image = None
    if image is None:
        raise Sim2SGError(f"a {header.format} of {len(data)} bytes cannot be decoded: it is damaged")
    return np.asarray(image)
