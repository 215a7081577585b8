"""Every encoding of sensor_msgs/Image gives back the picture it was made from."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs.image_decoding import (
    ENCODINGS,
    compressed_suffix,
    decode_compressed,
    decode_raw,
    decode_thumbnail,
    to_rgb,
)
from tests.logs.bag_writing import picture

FLAT = np.full((8, 12, 3), (200, 90, 30), np.uint8)
PATTERNS = {"rggb": "RGGB", "bggr": "BGGR", "gbrg": "GBRG", "grbg": "GRBG"}


def mosaic(rgb: np.ndarray, pattern: str) -> np.ndarray:
    """Samples a Bayer mosaic whose first two rows repeat the pattern."""
    result = np.empty(rgb.shape[:2], np.uint8)
    for i, color in enumerate(pattern):
        y, x = divmod(i, 2)
        result[y::2, x::2] = rgb[y::2, x::2, "RGB".index(color)]
    return result


def encode(rgb: np.ndarray, encoding: str) -> np.ndarray:
    """Encodes a colourful flat picture without OpenCV's own conversions."""
    grey = rgb.mean(axis=2).astype(np.uint8)
    r, g, b = (rgb[..., i].astype(float) for i in range(3))
    if encoding.startswith("bayer"):
        return mosaic(rgb, PATTERNS[encoding[6:10]])
    if encoding in ("yuv422", "uyvy", "yuv422_yuy2", "yuyv"):  # BT.601, limited range
        y = 16 + 0.257 * r + 0.504 * g + 0.098 * b
        u = 128 - 0.148 * r - 0.291 * g + 0.439 * b
        v = 128 + 0.439 * r - 0.368 * g - 0.071 * b
        chroma = np.where(np.arange(rgb.shape[1]) % 2, v, u)
        order = (chroma, y) if encoding in ("yuv422", "uyvy") else (y, chroma)
        return np.stack(order, axis=-1).round().astype(np.uint8)
    alpha = np.full_like(grey, 7)
    planes = {"r": rgb[..., 0], "g": rgb[..., 1], "b": rgb[..., 2], "a": alpha}
    letters = {"8uc1": "", "mono8": "", "mono16": "", "16uc1": "", "8uc3": "bgr", "8uc4": "bgra"}
    order = letters.get(encoding, encoding.rstrip("0123456789"))
    return np.stack([planes[c] for c in order], axis=-1) if order else grey


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_encoding(encoding, big):
    values = encode(FLAT, encoding)
    if "16" in encoding:
        values = values.astype(np.uint16) * 256 + 255  # the lower byte must not matter
        values = values.astype(">u2" if big else "<u2")
    rows = np.ascontiguousarray(values).view(np.uint8).reshape(8, -1)
    padded = np.pad(rows, ((0, 0), (0, 5)), constant_values=99)
    image, bgr = decode_raw(padded.tobytes(), 12, 8, encoding.upper(), padded.shape[1], big)
    rgb = to_rgb(image, bgr)
    grey = encoding in ("mono8", "8uc1", "mono16", "16uc1")
    expected = np.repeat(encode(FLAT, "mono8")[..., None], 3, axis=2) if grey else FLAT
    assert rgb.shape == FLAT.shape and rgb.dtype == np.uint8 and rgb.flags.c_contiguous
    tolerance = 3 if "yuv" in encoding or encoding in ("uyvy", "yuyv") else 0
    assert np.abs(rgb.astype(int) - expected)[1:-1, 1:-1].max() <= tolerance


def test_bayer_colors_are_told_apart_in_the_corner_that_matters():
    image, bgr = decode_raw(mosaic(FLAT, "RGGB").tobytes(), 12, 8, "bayer_bggr8")
    assert to_rgb(image, bgr)[4, 4].tolist() == [30, 90, 200], "the wrong pattern swaps red and blue"


def test_rgb_and_bgr_are_views():
    data = picture().copy()
    image, _ = decode_raw(data.data, 64, 48, "bgr8")
    assert np.shares_memory(image, data)


@given(width=st.integers(1, 40), height=st.integers(1, 30), padding=st.integers(0, 9), short=st.integers(1, 50))
def test_any_size_and_step(width, height, padding, short):
    rng = np.random.default_rng(width * 100 + height)
    pixels = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    rows = np.pad(pixels.reshape(height, -1), ((0, 0), (0, padding)))
    data = rows.tobytes()[: len(rows.tobytes()) - padding]  # the last row may lack its padding
    image, _ = decode_raw(data, width, height, "rgb8", rows.shape[1])
    np.testing.assert_array_equal(image, pixels)
    with pytest.raises(Sim2SGError, match="cut short"):
        decode_raw(data[:-short] if short < len(data) else b"", width, height, "rgb8", rows.shape[1])


def test_unknown_encodings_list_the_known_ones():
    with pytest.raises(Sim2SGError, match=r"'32FC1' is not known: use one of rgb8, bgr8"):
        decode_raw(b"", 1, 1, "32FC1")


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_compressed(suffix):
    data = cv2.imencode(suffix, picture()[..., ::-1])[1].tobytes()
    assert np.abs(decode_compressed(data)[..., ::-1].astype(int) - picture()).mean() < 3
    assert compressed_suffix(data) == suffix
    thumbnail = decode_thumbnail(data)
    assert thumbnail.shape == (6, 8)
    assert abs(thumbnail.mean() - cv2.cvtColor(picture(), cv2.COLOR_RGB2GRAY).mean()) < 3


@pytest.mark.parametrize("data", [b"", b"hello world", b"\xff\xd8" + bytes(300), b"\x89PNG" + bytes(50)])
def test_damaged_compressed_images(data):
    with pytest.raises(Sim2SGError, match=r"damaged|cut short"):
        decode_compressed(data)


@given(share=st.floats(0.05, 0.99))
def test_a_cut_jpeg_is_never_taken_for_an_image(share):
    data = cv2.imencode(".jpg", picture(1, 320, 240))[1].tobytes()
    with pytest.raises(Sim2SGError):
        decode_compressed(data[: int(len(data) * share)])
