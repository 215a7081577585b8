"""Image files as RGB arrays. OpenCV reports failures by return values; here they are errors."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from sim2sg_core.errors import Sim2SGError


def read_image(path: Path | str) -> np.ndarray:
    """Reads an image file as (H, W, 3) uint8 RGB.

    Raises:
        Sim2SGError: No such file, or not an image.
    """
    try:
        return cv2.cvtColor(load_pixels(path), cv2.COLOR_BGR2RGB)
    except Sim2SGError as error:
        raise Sim2SGError(f"{path}: {error}") from None


def load_pixels(path: Path | str, flags: int = cv2.IMREAD_COLOR) -> np.ndarray:
    """Reads an image file as OpenCV has it: (H, W, 3) uint8 BGR, or what other `flags` ask for.

    Raises:
        Sim2SGError: No such file, or not an image; the message leaves the file's name to the caller.
    """
    image = cv2.imread(str(path), flags)
    if image is None:
        raise Sim2SGError("cannot be read as an image: it is damaged, missing or not one; put a whole one there")
    return image


def decode_jpeg(data: bytes) -> np.ndarray:
    """Returns the bytes of a JPEG file as (H, W, 3) uint8 RGB.

    Raises:
        Sim2SGError: Not an image.
    """
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None:
        raise Sim2SGError(f"{len(data)} bytes cannot be read as an image: they are damaged or none; make it again")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


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
