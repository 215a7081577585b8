"""One decoder for image files and messages: what is whole is read, what is not is refused in one line."""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.image_headers import exif_orientation, further_frames, read_header
from sim2sg_core.images import decode_bgr, decode_grey, decode_image, encode_jpeg, read_image, write_jpeg
from tests.pictures import noise, with_orientation


def test_jpeg_keeps_the_order_of_colors(tmp_path: Path) -> None:
    image = np.full((16, 24, 3), (200, 30, 90), np.uint8)
    write_jpeg(tmp_path / "a.jpg", image)
    np.testing.assert_allclose(read_image(tmp_path / "a.jpg"), image, atol=6)
    np.testing.assert_array_equal(decode_image(encode_jpeg(image)), read_image(tmp_path / "a.jpg"))


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    (tmp_path / "folder.jpg").mkdir()
    for name in ("b.jpg", "missing.jpg", "folder.jpg"):
        with pytest.raises(Sim2SGError, match=f"{name}: cannot be read as an image"):
            read_image(tmp_path / name)


def test_names_that_are_not_utf8_are_read_and_printed_escaped(tmp_path: Path) -> None:
    good, bad = (os.fsencode(tmp_path) + b"/\xff\xfe_\n%d.jpg" % i for i in (1, 2))
    Path(os.fsdecode(good)).write_bytes(encode_jpeg(noise(16, 24)))
    Path(os.fsdecode(bad)).write_bytes(b"no picture")
    assert read_image(os.fsdecode(good)).shape == (16, 24, 3)
    with pytest.raises(Sim2SGError, match=r"\\xff\\xfe_\\n2\.jpg: cannot") as caught:
        read_image(os.fsdecode(bad))
    str(caught.value).encode()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "0 bytes hold no image"),
        (b"no picture", "no image of a known format"),
        (bytes(5000), "5000 bytes hold no image"),
        (b"\0\0\0\1\x67\x42\0\x1e" + bytes(range(200)), "H.264"),
        (b"\0\0\0\x1cftypheic" + bytes(40), "HEIC.*heif-convert"),
        (b"\0\0\0\x1cftypavif" + bytes(40), "AVIF.*avifdec"),
        (b"\0\0\0\x1cftypmif1" + bytes(40), "HEIC.*heif-convert"),
        (b"\0\0\0\x18ftypcrx " + bytes(40), "camera raw.*rawtherapee"),
        *((b"\0\0\0\x20ftyp" + brand + bytes(40), "is a video.*--log") for brand in (b"isom", b"mp42", b"qt  ")),
        (b"\xff\xd8", "cut short"),
        (b"\x89PNG\r\n\x1a\n" + bytes(4), "cut short"),
        (b"II*\0\xff\xff\xff\xff", "cut short"),
        (b"P6 a b c", "cut short"),
    ],
)
def test_what_is_no_image(data: bytes, reason: str) -> None:
    for decode in (decode_image, decode_grey):
        with pytest.raises(Sim2SGError, match=reason) as caught:
            decode(data)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tiff", ".bmp", ".gif", ".ppm", ".pgm"])
def test_headers_tell_the_size_of_every_format(suffix: str) -> None:
    image = noise(34, 50)[..., :1] if suffix == ".pgm" else noise(34, 50)
    data = cv2.imencode(suffix, image)[1].tobytes()
    header = read_header(data)
    assert (header.width, header.height, header.bits) == (50, 34, 8)
    assert decode_bgr(data).shape == (34, 50, 3)
    assert decode_grey(data).ndim == 2


@given(share=st.floats(0.02, 0.98), zeros=st.sampled_from([0, 100, 32 * 1024]))
@settings(max_examples=40, deadline=None)
def test_a_part_of_a_jpeg_is_never_an_image_whatever_pads_it(share: float, zeros: int) -> None:
    thumbnail = encode_jpeg(noise(16, 16))
    whole = encode_jpeg(noise(240, 320))
    # A thumbnail in the metadata has an end marker of its own.
    whole = whole[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + whole[2:]
    with pytest.raises(Sim2SGError, match="cut short"):
        decode_image(whole[: int(len(whole) * share)] + bytes(zeros))


@pytest.mark.parametrize("zeros", [0, 1, 8192, 1 << 20])
def test_padding_behind_a_whole_jpeg_does_not_matter(zeros: int) -> None:
    whole = encode_jpeg(noise(48, 64))
    np.testing.assert_array_equal(decode_image(whole + bytes(zeros)), decode_image(whole))


@pytest.mark.parametrize("suffix", [".png", ".webp", ".bmp", ".tiff", ".gif", ".ppm"])
def test_half_of_other_formats(suffix: str) -> None:
    data = cv2.imencode(suffix, noise(48, 64))[1].tobytes()
    with pytest.raises(Sim2SGError, match=r"cut short|damaged"):
        decode_image(data[: len(data) // 2])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_way_of_decoding_turns_by_exif(orientation: int) -> None:
    data = with_orientation(encode_jpeg(noise(40, 80)), orientation)
    turned = orientation > 4
    assert exif_orientation(data) == orientation
    assert decode_bgr(data).shape == ((80, 40, 3) if turned else (40, 80, 3))
    assert decode_grey(data).shape == ((10, 5) if turned else (5, 10))


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("suffix", [".png", ".tiff"])
def test_sixteen_bits_are_read_by_the_range_of_the_sensor(bits: int, suffix: str) -> None:
    grey = np.linspace(0, 255, 64).round().astype(np.uint16)
    data = cv2.imencode(suffix, np.tile(grey << (bits - 8), (48, 1)))[1].tobytes()
    np.testing.assert_array_equal(decode_bgr(data)[0, :, 0], grey)
    assert abs(decode_grey(data).mean() - 127) < 20
    assert decode_bgr(data, 16).mean() == pytest.approx((grey << (bits - 8) >> 8).mean())


def png_claiming(width: int, height: int) -> bytes:
    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    body = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", body) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def jpeg_claiming(width: int, height: int) -> bytes:
    data = bytearray(encode_jpeg(noise(16, 16)))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (png_claiming(32000, 32000), "32000x32000 has more than 120 million pixels"),
        (png_claiming(2**31 - 1, 2**31 - 1), "more than"),
        (jpeg_claiming(65000, 65000), "65000x65000 has more than"),
        (png_claiming(0, 5), "has no pixels"),
        (jpeg_claiming(0, 0), "no pixels"),
        (b"BM" + bytes(16) + struct.pack("<ii", 50000, -50000) + bytes(40), "more than"),
        (b"GIF89a" + struct.pack("<HH", 65000, 65000) + bytes(10), "more than"),
        (b"P5 90000 90000 255\n" + bytes(10), "more than"),
        (
            b"II*\0\x08\0\0\0\2\0" + struct.pack("<HHII", 256, 4, 1, 90000) + struct.pack("<HHII", 257, 4, 1, 90000),
            "more",
        ),
    ],
)
def test_sizes_are_refused_by_the_header(data: bytes, reason: str) -> None:
    with pytest.raises(Sim2SGError, match=reason):
        decode_image(data)


def test_a_png_chunk_that_claims_more_than_there_is() -> None:
    data = bytearray(cv2.imencode(".png", noise(16, 16))[1].tobytes())
    data[33:37] = struct.pack(">I", 2**31 - 1)
    with pytest.raises(Sim2SGError, match="cut short"):
        decode_image(bytes(data))


@given(
    st.binary(max_size=300), st.sampled_from([b"", b"\xff\xd8", b"\x89PNG\r\n\x1a\n", b"RIFF", b"II*\0", b"BM", b"P6 "])
)
@settings(deadline=None)
def test_any_bytes_give_an_image_or_a_line(data: bytes, head: bytes) -> None:
    try:
        assert decode_bgr(head + data).ndim == 3
    except Sim2SGError as error:
        assert "\n" not in str(error)


def test_too_large_for_jpeg() -> None:
    with pytest.raises(Sim2SGError, match="70000x1 is too large for JPEG"):
        encode_jpeg(np.zeros((1, 70000, 3), np.uint8))


def test_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_jpeg(tmp_path / "none" / "a.jpg", np.zeros((8, 8, 3), np.uint8))


def test_counting_frames_ends_whatever_the_file_says() -> None:
    circle = struct.pack("<2sHIH12sI", b"II", 42, 8, 1, bytes(12), 8)
    assert further_frames(circle) == 0
    over_each_other = struct.pack("<2sHI", b"II", 42, 8) + b"\xff\xff" * 10**6
    for data in (over_each_other, b"GIF89a" + bytes(10**6), b"GIF8", b"RIFF1234WEBPVP8X"):
        assert further_frames(data) == 0
