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
    ValueRange,
    compressed_suffix,
    decode_compressed,
    decode_raw,
    is_depth,
    to_rgb,
)
from tests.logs.bag_writing import picture

FLAT = np.full((8, 12, 3), (200, 90, 30), np.uint8)
PACKED_YUV = ("yuv422", "uyvy", "yuv422_yuy2", "yuyv", "yuy2", "yvyu")
PLANAR = ("nv12", "nv21", "yuv420", "i420", "yv12")
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
    if encoding in PACKED_YUV:  # BT.601, limited range
        y = 16 + 0.257 * r + 0.504 * g + 0.098 * b
        u = 128 - 0.148 * r - 0.291 * g + 0.439 * b
        v = 128 + 0.439 * r - 0.368 * g - 0.071 * b
        chroma = np.where(np.arange(rgb.shape[1]) % 2 != (encoding == "yvyu"), v, u)
        order = (chroma, y) if encoding in ("yuv422", "uyvy") else (y, chroma)
        return np.stack(order, axis=-1).round().astype(np.uint8)
    alpha = np.full_like(grey, 7)
    planes = {"r": rgb[..., 0], "g": rgb[..., 1], "b": rgb[..., 2], "a": alpha}
    letters = {"8uc1": "", "16uc1": "", "8uc3": "bgr", "16uc3": "bgr", "8uc4": "bgra"}
    order = "" if encoding.startswith("mono") else letters.get(encoding, encoding.rstrip("0123456789"))
    return np.stack([planes[c] for c in order], axis=-1) if order else grey


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("encoding", [e for e in ENCODINGS if e not in PLANAR and not e.endswith("p")])
def test_every_encoding(encoding, big):
    values = encode(FLAT, encoding)
    bits = next((b for b in (10, 12, 14, 16) if str(b) in encoding), 8)
    if bits > 8:
        lower = (1 << (bits - 8)) - 1  # these bits must not matter
        values = (values.astype(np.uint16) << (bits - 8)) + lower
        values = values.astype(">u2" if big else "<u2")
    rows = np.ascontiguousarray(values).view(np.uint8).reshape(8, -1)
    padded = np.pad(rows, ((0, 0), (0, 5)), constant_values=99)
    image, bgr = decode_raw(padded.tobytes(), 12, 8, encoding.upper(), padded.shape[1], big, 16 if bits == 16 else None)
    rgb = to_rgb(image, bgr)
    grey = encoding.startswith("mono") or encoding in ("8uc1", "16uc1")
    expected = np.repeat(encode(FLAT, "mono8")[..., None], 3, axis=2) if grey else FLAT
    assert rgb.shape == FLAT.shape and rgb.dtype == np.uint8 and rgb.flags.c_contiguous
    tolerance = 3 if encoding in PACKED_YUV else 0
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
    for unknown in ("float", ""):
        with pytest.raises(Sim2SGError, match=rf"'{unknown}' is not known: use one of rgb8, bgr8"):
            decode_raw(b"", 1, 1, unknown)


@pytest.mark.parametrize("encoding", PLANAR)
@pytest.mark.parametrize("padding", [0, 6])
def test_planes_of_luma_and_chroma(encoding, padding):
    r, g, b = FLAT[0, 0].astype(float)
    y = 16 + 0.257 * r + 0.504 * g + 0.098 * b
    u, v = 128 - 0.148 * r - 0.291 * g + 0.439 * b, 128 + 0.439 * r - 0.368 * g - 0.071 * b
    luma = np.pad(np.full((8, 12), round(y), np.uint8), ((0, 0), (0, padding)))
    first, second = (round(v), round(u)) if encoding in ("nv21", "yv12") else (round(u), round(v))
    if encoding.startswith("nv"):
        chroma = np.pad(np.tile(np.array([first, second], np.uint8), (4, 6)), ((0, 0), (0, padding)))
    else:
        halves = [np.full((4, 6), value, np.uint8) for value in (first, second)]
        chroma = np.concatenate([np.pad(half, ((0, 0), (0, padding // 2))) for half in halves])
    data = luma.tobytes() + chroma.tobytes()
    image, bgr = decode_raw(data, 12, 8, encoding.upper(), 12 + padding)
    assert np.abs(to_rgb(image, bgr).astype(int) - FLAT).max() <= 3
    with pytest.raises(Sim2SGError, match="cut short"):
        decode_raw(data[: len(data) // 2], 12, 8, encoding, 12 + padding)
    with pytest.raises(Sim2SGError, match="must be even"):
        decode_raw(data, 11, 8, encoding)


def test_a_step_in_pixels_is_no_padding():
    image, _ = decode_raw(picture().tobytes(), 64, 48, "rgb8", 64)
    np.testing.assert_array_equal(image, picture())


@pytest.mark.parametrize("encoding", ["mono16", "16UC1", "bayer_rggb16", "rgb16"])
def test_twelve_bits_in_sixteen_are_not_black(encoding):
    channels = 3 if encoding == "rgb16" else 1
    values = np.full((8, 12, channels), 150 << 4, np.uint16)
    values[0] = 255 << 4
    image, _ = decode_raw(values.tobytes(), 12, 8, encoding)
    assert np.median(image) == 150
    live = ValueRange()
    decode_raw(values.tobytes(), 12, 8, encoding, bits=live)
    dark, _ = decode_raw((values // 16).tobytes(), 12, 8, encoding, bits=live)
    assert live.bits == 12 and np.median(dark) == 9, "a dark image of the same camera stays dark"


def test_hot_pixels_darken_nothing():
    """Values above a range count as those of a larger one from one in a thousand on."""
    values = np.random.default_rng(0).integers(0, 4096, (48, 64), dtype=np.uint16)
    values[0, :3] = 65535  # of 3072
    live = ValueRange()
    image, _ = decode_raw(values.tobytes(), 64, 48, "mono16", bits=live)
    assert live.bits == 12 and image.mean() > 120
    assert (image[0, :3] == 255).all()
    values[0, 3] = 65535
    decode_raw(values.tobytes(), 64, 48, "mono16", bits=live)
    assert live.bits == 16


@pytest.mark.parametrize(("encoding", "depth"), [("32FC1", True), ("16UC1", True), ("mono16", False), ("rgb8", False)])
def test_depth_is_told_by_its_encoding(encoding, depth):
    assert is_depth(encoding) == is_depth(f"{encoding}; png compressed") == depth
    if encoding == "32FC1":
        with pytest.raises(Sim2SGError, match="depth image"):
            decode_raw(b"", 1, 1, encoding)


@pytest.mark.parametrize(
    ("name", "reason"),
    [("h264", "h264 video.*republish"), ("hevc", "hevc video"), ("16UC1; compressedDepth png", "depth image")],
)
def test_formats_are_refused_by_name(name, reason):
    with pytest.raises(Sim2SGError, match=reason):
        decode_compressed(bytes(50), name)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_compressed(suffix):
    data = cv2.imencode(suffix, picture()[..., ::-1])[1].tobytes()
    assert np.abs(decode_compressed(data)[..., ::-1].astype(int) - picture()).mean() < 3
    assert compressed_suffix(data) == suffix


@pytest.mark.parametrize("data", [b"", b"hello world", b"\xff\xd8" + bytes(300), b"\x89PNG" + bytes(50)])
def test_damaged_compressed_images(data):
    with pytest.raises(Sim2SGError, match=r"damaged|cut short|empty"):
        decode_compressed(data)


@pytest.mark.parametrize("pattern", ["RGGB", "BGGR", "GBRG", "GRBG"])
def test_a_mosaic_that_the_driver_compressed_gets_its_colours(pattern):
    code = cv2.imencode(".png", mosaic(np.full((16, 24, 3), (200, 120, 40), np.uint8), pattern))[1].tobytes()
    image = decode_compressed(code, f"bayer_{pattern.lower()}8; png compressed ")
    np.testing.assert_array_equal(image[4:-4, 4:-4], np.broadcast_to((40, 120, 200), (8, 16, 3)))
    grey = decode_compressed(code, "mono8; png compressed ")
    assert np.array_equal(grey[..., 0], grey[..., 2])


def test_colours_that_image_transport_made_of_a_mosaic_stay():
    picture = np.full((16, 24, 3), (40, 120, 200), np.uint8)
    code = cv2.imencode(".png", picture)[1].tobytes()
    np.testing.assert_array_equal(decode_compressed(code, "bayer_rggb8; png compressed bgr8"), picture)
