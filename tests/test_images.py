from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import decode_jpeg, encode_jpeg, read_image, write_jpeg


def test_jpeg_keeps_the_order_of_colors(tmp_path: Path) -> None:
    image = np.full((16, 24, 3), (200, 30, 90), np.uint8)
    write_jpeg(tmp_path / "a.jpg", image)
    np.testing.assert_allclose(read_image(tmp_path / "a.jpg"), image, atol=6)
    np.testing.assert_array_equal(decode_jpeg(encode_jpeg(image)), read_image(tmp_path / "a.jpg"))


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    for name in ("b.jpg", "missing.jpg"):
        with pytest.raises(Sim2SGError, match=f"{name}: cannot be read as an image"):
            read_image(tmp_path / name)


@pytest.mark.parametrize("data", [b"", b"no picture"])
def test_what_is_no_jpeg(data: bytes) -> None:
    with pytest.raises(Sim2SGError, match="cannot be read as an image"):
        decode_jpeg(data)


def test_too_large_for_jpeg() -> None:
    with pytest.raises(Sim2SGError, match="70000x1 is too large for JPEG"):
        encode_jpeg(np.zeros((1, 70000, 3), np.uint8))


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_jpeg(tmp_path / "none" / "a.jpg", np.zeros((8, 8, 3), np.uint8))
