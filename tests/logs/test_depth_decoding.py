"""Depth images of messages give back the depths they were made from."""

from __future__ import annotations

import struct

import cv2
import numpy as np
import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs.depth_decoding import decode_compressed_depth, decode_depth

DEPTHS = np.random.default_rng(0).uniform(0.5, 9.0, (6, 8))
DEPTHS[0, 0] = 0.0


def metres(image):
    return image.values * np.float64(image.scale)


def png(values: np.ndarray, header: tuple[float, float] | None = None) -> bytes:
    data = cv2.imencode(".png", values)[1].tobytes()
    return data if header is None else struct.pack("<iff", 0, *header) + data


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize(("encoding", "kind", "unit"), [("16UC1", "u2", 1e-3), ("32FC1", "f4", 1.0)])
def test_raw(encoding, kind, unit, big):
    values = (DEPTHS / unit).astype((">" if big else "<") + kind)
    rows = np.pad(values.view(np.uint8), ((0, 0), (0, 4)), constant_values=77)
    image = decode_depth(rows.tobytes(), 8, 6, encoding, rows.shape[1], big)
    np.testing.assert_allclose(metres(image), DEPTHS, atol=1e-3)
    assert np.shares_memory(decode_depth(rows, 8, 6, encoding, rows.shape[1], big).values, rows), "not copied"
    with pytest.raises(Sim2SGError, match="cut short"):
        decode_depth(rows.tobytes()[:-8], 8, 6, encoding, rows.shape[1], big)


def test_compressed_millimetres():
    values = (DEPTHS * 1000).round().astype(np.uint16)
    for format_, header in (
        ("16UC1; compressedDepth png", (0.0, 0.0)),
        ("16UC1; compressedDepth", (0.0, 0.0)),
        ("16UC1; png compressed", None),
    ):
        np.testing.assert_allclose(metres(decode_compressed_depth(png(values, header), format_)), DEPTHS, atol=6e-4)


def test_compressed_metres_are_inverse():
    # As compressed_depth_image_transport: quantA = q (q + 1), quantB = 1 - quantA / depth_max.
    a = 100.0 * 101.0
    b = 1.0 - a / 10.0
    values = np.where(DEPTHS > 0, a / np.maximum(DEPTHS, 1e-9) + b, 0).astype(np.uint16)
    found = decode_compressed_depth(png(values, (a, b)), "32FC1; compressedDepth png")
    np.testing.assert_allclose(metres(found), DEPTHS, rtol=2e-2)
    assert found.values[0, 0] == 0


@pytest.mark.parametrize(
    ("data", "format_", "reason"),
    [
        (b"\0" * 40, "16UC1; compressedDepth rvl", "set the depth camera's compressedDepth format to png"),
        (b"\0" * 4, "16UC1; compressedDepth png", "cut short"),
        (png(np.zeros((4, 4), np.uint8), (0, 0)), "16UC1; compressedDepth png", "16 bits, grey"),
        (b"\xff\xd8", "bgr8; jpeg compressed bgr8", "no depth image"),
        (png(np.zeros((4, 4), np.uint16)), "32FC1; png", "send 32FC1 by compressedDepth"),
    ],
)
def test_what_cannot_be_read_is_told(data, format_, reason):
    with pytest.raises(Sim2SGError, match=reason):
        decode_compressed_depth(data, format_)


def test_a_picture_is_no_depth_image():
    with pytest.raises(Sim2SGError, match="'rgb8' is no depth image"):
        decode_depth(bytes(300), 10, 10, "rgb8")
