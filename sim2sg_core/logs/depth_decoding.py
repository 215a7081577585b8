"""Depth images of ROS messages: raw, and as `compressedDepth` sends them (REP 118)."""

from __future__ import annotations

import struct

import numpy as np

from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.images import decode_values
from sim2sg_core.logs.image_decoding import view_rows
from sim2sg_core.scene.depth_image import DepthImage

MILLIMETRES = 1e-3
_TYPES = {"16uc1": ("u2", MILLIMETRES), "mono16": ("u2", MILLIMETRES), "32fc1": ("f4", 1.0)}
_HEADER = struct.Struct("<iff")
"""In front of the PNG of a compressedDepth image: its kind, and the two numbers of `_from_inverse`."""


def decode_depth(
    data: np.ndarray | bytes | memoryview,
    width: int,
    height: int,
    encoding: str,
    step: int = 0,
    is_bigendian: bool = False,
) -> DepthImage:
    """Views the depths of a sensor_msgs/Image; they are never copied.

    Args:
        data: The message's bytes.
        width: Pixels.
        height: Pixels.
        encoding: 16UC1, in millimetres, or 32FC1, in metres.
        step: Bytes of a row, padding included; 0 means no padding.
        is_bigendian: Of the values.

    Raises:
        Sim2SGError: No depth image, or too few bytes.
    """
    known = _TYPES.get(encoding.lower())
    if known is None:
        raise Sim2SGError(
            f"encoding {printable(encoding)!r} is no depth image: choose a topic of 16UC1 (millimetres) or"
            " 32FC1 (metres)"
        )
    type_, scale = known
    flat = np.frombuffer(data, np.uint8)
    rows = view_rows(flat, width * int(type_[1]), width, height, encoding, step)
    return DepthImage(rows.view((">" if is_bigendian else "<") + type_), scale)


def decode_compressed_depth(data: np.ndarray | bytes | memoryview, format_: str) -> DepthImage:
    """Decodes the depths of a sensor_msgs/CompressedImage: of compressedDepth, or a plain PNG of 16 bits.

    Raises:
        Sim2SGError: Damaged, or no depth image that can be read.
    """
    encoding, _, how = (part.strip() for part in format_.lower().partition(";"))
    if encoding not in ("16uc1", "32fc1"):
        raise Sim2SGError(f"format {printable(format_)!r} is no depth image: choose a topic of compressedDepth")
    if "rvl" in how:
        raise Sim2SGError(
            f"format {printable(format_)!r} is not read: set the depth camera's compressedDepth format to png"
        )
    raw = bytes(data)
    headed = "compresseddepth" in how
    if headed and len(raw) < _HEADER.size:
        raise Sim2SGError(f"a depth image of {len(raw)} bytes is cut short")
    values = decode_values(raw[_HEADER.size if headed else 0 :])
    if values.ndim != 2 or values.dtype != np.uint16:
        raise Sim2SGError(f"a {values.dtype} PNG of shape {values.shape} is no depth image: 16 bits, grey, are wanted")
    if encoding == "16uc1":
        return DepthImage(values, MILLIMETRES)
    if not headed:
        raise Sim2SGError(f"format {printable(format_)!r} is not read: send 32FC1 by compressedDepth")
    _, a, b = _HEADER.unpack(raw[: _HEADER.size])
    return DepthImage(_from_inverse(values, a, b))


def _from_inverse(values: np.ndarray, a: float, b: float) -> np.ndarray:
    """Returns metres of quantised inverse depths, a / (value - b), as compressedDepth packs 32FC1; 0 stays unknown."""
    with np.errstate(divide="ignore", invalid="ignore"):
        metres = np.float32(a) / (values.astype(np.float32) - np.float32(b))
    return np.where(values > 0, metres, np.float32(0))
