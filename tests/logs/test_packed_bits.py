"""Packed 10- and 12-bit values, and the pictures that are made of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs.image_decoding import decode_raw, to_rgb
from sim2sg_core.logs.packed_bits import packed_row, unpack


def pack(values: np.ndarray, bits: int, csi2: bool) -> np.ndarray:
    """Packs rows of values, digit by digit as the standards draw them."""
    rows = []
    for row in values.tolist():
        if csi2:
            count, data = {10: 4, 12: 2}[bits], []
            for i in range(0, len(row), count):
                group = row[i : i + count]
                low = "".join(f"{value:016b}"[-(bits - 8) :] for value in group[::-1])
                data += [value >> (bits - 8) for value in group] + [int(low, 2)]
        else:
            stream = "".join(f"{value:016b}"[-bits:] for value in row[::-1])
            data = [int(stream[i : i + 8], 2) for i in range(0, len(stream), 8)][::-1]
        rows.append(data)
    return np.array(rows, np.uint8)


@given(st.sampled_from([10, 12]), st.booleans(), st.integers(0, 2**32 - 1), st.integers(1, 5), st.integers(1, 5))
def test_what_was_packed_is_unpacked(bits, csi2, seed, height, groups):
    values = np.random.default_rng(seed).integers(0, 1 << bits, (height, 4 * groups), dtype=np.uint16)
    packed = pack(values, bits, csi2)
    assert packed.shape[1] == packed_row(4 * groups, bits)
    np.testing.assert_array_equal(unpack(packed, bits, csi2), values)


def test_examples_written_out():
    # 1, 2, 3, 4 of 10 bits: lowest first 0000000100 0000000011 0000000010 0000000001, read from the end.
    lsb = np.array([[0b00000001, 0b00001000, 0b00110000, 0b00000000, 0b00000001]], np.uint8)
    assert unpack(lsb, 10, csi2=False).tolist() == [[1, 2, 3, 4]]
    csi2 = np.array([[0, 0, 0, 1, 0b00111001]], np.uint8)
    assert unpack(csi2, 10, csi2=True).tolist() == [[1, 2, 3, 4]]
    assert unpack(np.array([[0xAB, 0xCD, 0xEF]], np.uint8), 12, csi2=False).tolist() == [[0xDAB, 0xEFC]]
    assert unpack(np.array([[0xAB, 0xCD, 0xEF]], np.uint8), 12, csi2=True).tolist() == [[0xABF, 0xCDE]]


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("way", ["p", "_csi2p"])
def test_packed_and_unpacked_images_are_one_picture(bits, way):
    values = np.random.default_rng(0).integers(0, 1 << bits, (8, 12), dtype=np.uint16)
    packed = np.pad(pack(values, bits, way == "_csi2p"), ((0, 0), (0, 3)), constant_values=99)
    for kind in ("mono", "bayer_grbg"):
        plain = to_rgb(*decode_raw(values.astype("<u2").tobytes(), 12, 8, f"{kind}{bits}"))
        found = to_rgb(*decode_raw(packed.tobytes(), 12, 8, f"{kind}{bits}{way}", packed.shape[1]))
        np.testing.assert_array_equal(found, plain)
    with pytest.raises(Sim2SGError, match="cut short"):
        decode_raw(packed.tobytes()[:-4], 12, 8, f"mono{bits}{way}", packed.shape[1])
    with pytest.raises(Sim2SGError, match="multiple of"):
        decode_raw(packed.tobytes(), 11, 8, f"mono{bits}{way}")
