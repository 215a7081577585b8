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
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise Sim2SGError(f"{path}: not an image that OpenCV reads, or not there: make it again")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def write_jpeg(path: Path | str, image: np.ndarray, quality: int = 92) -> None:
    """Writes (H, W, 3) uint8 RGB as JPEG.

    Raises:
        OSError: No space left, or no such folder. (cv2.imwrite would only return False.)
    """
    done, coded = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise ValueError(f"an image of shape {image.shape} and type {image.dtype} cannot be JPEG")
    Path(path).write_bytes(coded.tobytes())
