"""Pictures for tests of what reads images."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from sim2sg_core.images import encode_jpeg


@pytest.fixture
def photos(tmp_path):
    """A folder of two photographs."""
    (folder := tmp_path / "photos").mkdir()
    for name in ("a.jpg", "b.jpg"):
        (folder / name).write_bytes(encode_jpeg(noise(48, 64)))
    return folder


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A (height, width, 3) uint8 image that compresses badly, so that half of its file is half of it."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """Puts an EXIF orientation (1 to 8) into a JPEG."""
    exif = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<HHHII", 1, 0x112, 3, 1, orientation) + bytes(4)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]
