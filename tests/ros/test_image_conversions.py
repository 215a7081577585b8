from __future__ import annotations

import array
import time

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sensor_msgs.msg", reason="the ROS messages are not installed")
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import Header

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs.image_decoding import ENCODINGS
from sim2sg_ros.image_conversions import (
    Pixels,
    image_to_message,
    pixels_from_compressed,
    pixels_from_image,
    pixels_from_message,
    why_odd,
)

pytestmark = pytest.mark.ros


def message(encoding: str, values: np.ndarray, padding: int = 0, bigendian: bool = False, cut: int = 0) -> Image:
    """An Image of (H, W, C) values, rows padded with rubbish."""
    height, width = values.shape[:2]
    if values.dtype == np.uint16:
        values = values.astype(">u2" if bigendian else "<u2")
    rows = np.ascontiguousarray(values).view(np.uint8).reshape(height, -1)
    rows = np.pad(rows, ((0, 0), (0, padding)), constant_values=0xA5)
    data = array.array("B")
    data.frombytes(rows.tobytes()[: rows.size - cut])
    return Image(
        height=height,
        width=width,
        encoding=encoding,
        step=rows.shape[1],
        is_bigendian=int(bigendian),
        data=data,
    )


def rgb(pixels: Pixels) -> np.ndarray:
    return pixels.image[..., ::-1] if pixels.bgr else pixels.image


def sizes() -> st.SearchStrategy[tuple[int, int]]:
    return st.tuples(st.integers(1, 9), st.integers(1, 9))


@given(sizes(), st.integers(0, 7), st.sampled_from(["rgb8", "bgr8"]), st.integers(0, 2**32 - 1))
def test_three_channel_images_honour_step_and_order(
    size: tuple[int, int], padding: int, encoding: str, seed: int
) -> None:
    values = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    pixels = pixels_from_image(message(encoding, values, padding))
    assert pixels.bgr == (encoding == "bgr8")
    np.testing.assert_array_equal(pixels.image, values)


@given(sizes(), st.integers(0, 7), st.sampled_from(["rgba8", "bgra8"]), st.integers(0, 2**32 - 1))
def test_alpha_is_dropped(size: tuple[int, int], padding: int, encoding: str, seed: int) -> None:
    values = np.random.default_rng(seed).integers(0, 256, (*size, 4), dtype=np.uint8)
    expected = values[..., :3] if encoding == "rgba8" else values[..., 2::-1]
    np.testing.assert_array_equal(rgb(pixels_from_image(message(encoding, values, padding))), expected)


@given(sizes(), st.integers(0, 7), st.booleans(), st.sampled_from(["mono16", "16UC1"]), st.integers(0, 2**32 - 1))
def test_sixteen_bits_honour_endianness(
    size: tuple[int, int], padding: int, bigendian: bool, encoding: str, seed: int
) -> None:
    values = np.random.default_rng(seed).integers(0, 2**16, (*size, 1)).astype(np.uint16)
    values.flat[0] = 2**16 - 1  # Else few pixels may all be dark enough for a sensor of 14 bits.
    pixels = pixels_from_image(message(encoding, values, padding, bigendian))
    np.testing.assert_array_equal(pixels.image, np.repeat(values >> 8, 3, axis=2))


@pytest.mark.parametrize("encoding", ["rgb8", "bgr8"])
def test_color_is_not_copied(encoding: str) -> None:
    image = message(encoding, np.zeros((4, 5, 3), np.uint8), padding=3)
    assert np.shares_memory(pixels_from_image(image).image, np.frombuffer(image.data, np.uint8))


def test_mono_is_grey() -> None:
    values = np.arange(12, dtype=np.uint8).reshape(3, 4, 1)
    np.testing.assert_array_equal(pixels_from_image(message("mono8", values)).image, np.repeat(values, 3, axis=2))


@pytest.mark.parametrize(
    ("encoding", "order"), [("uyvy", (1, 0, 2, 0)), ("yuv422", (1, 0, 2, 0)), ("yuyv", (0, 1, 0, 2))]
)
def test_yuv422_gives_back_the_color(encoding: str, order: tuple[int, ...]) -> None:
    color = np.array([200, 90, 40])
    # ITU-R BT.601, studio range, written out: what video cameras send.
    r, g, b = color / 255
    y = 16 + 65.481 * r + 128.553 * g + 24.966 * b
    u = 128 - 37.797 * r - 74.203 * g + 112.0 * b
    v = 128 + 112.0 * r - 93.786 * g - 18.214 * b
    two_pixels = np.round(np.array([y, u, v])[list(order)]).astype(np.uint8)
    values = np.tile(two_pixels, (4, 3, 1)).reshape(4, 6, 2)
    np.testing.assert_allclose(
        rgb(pixels_from_image(message(encoding, values, padding=4))), np.tile(color, (4, 6, 1)), atol=3
    )


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("pattern", ["rggb", "bggr", "gbrg", "grbg"])
def test_bayer_gives_back_the_color(pattern: str, bits: int) -> None:
    color = {"r": 220, "g": 120, "b": 30}
    tile = np.array([color[letter] for letter in pattern], np.uint16).reshape(2, 2)
    values = np.tile(tile, (6, 7))[..., None]
    values = (values << 8 | 0x55).astype(np.uint16) if bits == 16 else values.astype(np.uint8)
    pixels = pixels_from_image(message(f"bayer_{pattern}{bits}", values))
    np.testing.assert_array_equal(rgb(pixels)[2:-2, 2:-2], np.tile([220, 120, 30], (8, 10, 1)))


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (message("rgb8", np.zeros((4, 5, 3), np.uint8), cut=1), "cut short"),
        (Image(height=4, width=5, encoding="rgb8", step=14, data=bytes(60)), "step 14"),
        (Image(height=0, width=5, encoding="rgb8", step=15), "empty"),
        (Image(height=4, width=0, encoding="rgb8", step=15), "empty"),
        (Image(height=2, width=2, encoding="32FC7", step=2, data=bytes(4)), "32FC7"),
    ],
)
def test_what_is_wrong_is_said(image: Image, reason: str) -> None:
    with pytest.raises(Sim2SGError, match=reason):
        pixels_from_image(image)


def test_the_last_row_may_lack_its_padding() -> None:
    values = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    image = message("rgb8", values, padding=4, cut=4)
    np.testing.assert_array_equal(pixels_from_image(image).image, values)


@given(
    st.integers(0, 20),
    st.integers(0, 20),
    st.integers(0, 70),
    st.sampled_from([*ENCODINGS, "", "jpeg"]),
    st.binary(max_size=400),
    st.booleans(),
)
def test_any_image_gives_pixels_or_a_clear_error(
    height: int, width: int, step: int, encoding: str, data: bytes, bigendian: bool
) -> None:
    image = Image(height=height, width=width, step=step, encoding=encoding, data=data, is_bigendian=int(bigendian))
    try:
        pixels = pixels_from_image(image)
    except Sim2SGError as error:
        assert "\n" not in str(error)
    else:
        assert pixels.image.shape == (height, width, 3)
        assert pixels.image.dtype == np.uint8


def jpeg(width: int = 64, height: int = 48, suffix: str = ".jpg") -> bytes:
    image = np.zeros((height, width, 3), np.uint8)
    image[:, : width // 2] = (0, 0, 255)  # OpenCV writes blue first: the left half is red.
    return bytes(cv2.imencode(suffix, image)[1])


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_compressed_images(suffix: str) -> None:
    pixels = pixels_from_compressed(CompressedImage(format="rgb8; jpeg compressed bgr8", data=jpeg(suffix=suffix)))
    assert rgb(pixels).shape == (48, 64, 3)
    np.testing.assert_allclose(rgb(pixels)[24, 10], [255, 0, 0], atol=4)
    np.testing.assert_allclose(rgb(pixels)[24, 50], [0, 0, 0], atol=4)


@pytest.mark.parametrize(
    ("data", "format_", "reason"),
    [
        (jpeg()[:-300], "jpeg", "cut short"),
        (b"", "jpeg", "0 bytes"),
        (b"not an image", "jpeg", "12 bytes"),
        (jpeg(), "16UC1; compressedDepth png", "depth image"),
    ],
)
def test_damaged_compressed_images(data: bytes, format_: str, reason: str) -> None:
    with pytest.raises(Sim2SGError, match=reason):
        pixels_from_compressed(CompressedImage(format=format_, data=data))


@given(st.binary(max_size=200), st.sampled_from([b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n"]))
def test_garbage_is_an_error_not_a_crash(data: bytes, start: bytes) -> None:
    with pytest.raises(Sim2SGError):
        pixels_from_compressed(CompressedImage(format="jpeg", data=start + data))


def test_an_image_becomes_a_message_and_back() -> None:
    image = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)[:, ::2]
    made = image_to_message(image, Header(frame_id="eye"))
    assert (made.header.frame_id, made.width, made.height, made.step) == ("eye", 5, 6, 15)
    read = pixels_from_message(made)
    assert not read.bgr
    np.testing.assert_array_equal(read.image, image)
    assert pixels_from_message(CompressedImage(format="jpeg", data=jpeg())).image.shape == (48, 64, 3)


def test_pixels_get_into_the_message_as_a_block() -> None:
    image = np.zeros((720, 1280, 3), np.uint8)
    times = []
    for _ in range(3):
        start = time.thread_time()  # Of this thread's own work, whatever else the machine does.
        image_to_message(image, Header())
        times.append(time.thread_time() - start)
    assert min(times) < 0.1  # Byte by byte it takes half a second.


def test_what_is_odd_is_told() -> None:
    plain = Image(header=Header(frame_id="eye"), encoding="rgb8")
    assert why_odd(plain) == ""
    assert "empty frame_id" in why_odd(Image(encoding="rgb8"))
    assert "as depth images are" in why_odd(Image(header=plain.header, encoding="16UC1"))
    assert "as depth images are" in why_odd(CompressedImage(header=plain.header, format="16UC1; png compressed"))
