"""Values of 10 and 12 bits that cameras pack without gaps.

Two ways are common. `p`, the Pixel Format Naming Convention of GenICam (GigE and USB3 Vision): one stream of bits, the
lowest first. `_csi2p`, MIPI CSI-2 (V4L2's SRGGB10P, libcamera): the upper eight bits of each value in a byte of its
own, the lower bits of the group in one byte behind.
"""

from __future__ import annotations

import numpy as np

from sim2sg_core.errors import Sim2SGError

GROUPS = {10: (5, 4), 12: (3, 2)}
"""Bytes of a group, and its values, by the bits of a value."""


def packed_row(width: int, bits: int) -> int:
    """Returns the bytes that a row of packed values takes.

    Raises:
        Sim2SGError: The width is no multiple of a group.
    """
    size, count = GROUPS[bits]
    if width % count:
        raise Sim2SGError(f"rows of {width} packed {bits}-bit values: the width must be a multiple of {count}")
    return width // count * size


def unpack(rows: np.ndarray, bits: int, csi2: bool) -> np.ndarray:
    """Returns (h, w) uint16 values of (h, bytes) packed rows."""
    size, count = GROUPS[bits]
    b = rows.reshape(len(rows), -1, size).astype(np.uint16)
    values = np.empty((*b.shape[:2], count), np.uint16)
    for i in range(count):
        if csi2:
            low = b[..., -1] >> (bits - 8) * i & (1 << bits - 8) - 1
            values[..., i] = b[..., i] << bits - 8 | low
        else:
            first, shift = divmod(bits * i, 8)
            values[..., i] = (b[..., first] >> shift | b[..., first + 1] << 8 - shift) & (1 << bits) - 1
    return values.reshape(len(rows), -1)
