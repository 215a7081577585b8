"""What an image file tells before anything is decoded: format, size, depth, and whether it is whole."""

from __future__ import annotations

import struct
from typing import NamedTuple

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.limits import IMAGE_PIXELS

CONVERT = {
    "HEIC": "`heif-convert IMAGE.heic IMAGE.jpg`",
    "AVIF": "`avifdec IMAGE.avif IMAGE.png`",
    "JPEG XL": "`djxl IMAGE.jxl IMAGE.png`",
    "JPEG 2000": "`opj_decompress -i IMAGE.jp2 -o IMAGE.png`",
    "camera raw": "`rawtherapee-cli -o FOLDER -c IMAGE`",
    "OpenEXR": "`magick IMAGE.exr IMAGE.png`",
    "Targa": "`magick IMAGE.tga IMAGE.png`",
    "Photoshop": "`magick IMAGE.psd[0] IMAGE.png`",
}
"""Formats that are known by name alone, and what makes an image that can be read of them."""
FOREIGN_STARTS = {
    "JPEG XL": (b"\xff\x0a", b"\0\0\0\x0cJXL "),
    "JPEG 2000": (b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"),
    "OpenEXR": (b"\x76\x2f\x31\x01",),
    "Photoshop": (b"8BPS",),
}
IMAGE_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "HEIC"),
    **dict.fromkeys((b"avif", b"avis"), "AVIF"),
    b"crx ": "camera raw",
}
"""Formats of images by their brand, in the container that MP4 and QuickTime videos have too."""


class ImageHeader(NamedTuple):
    """What an image says of itself.

    Attributes:
        format: Name, such as "JPEG".
        width: Pixels, as stored (before a turn by EXIF).
        height: The same.
        bits: Of one value.
        channels: Values of a pixel; 3 where the format leaves it open.
    """

    format: str
    width: int
    height: int
    bits: int = 8
    channels: int = 3


def read_header(data: bytes) -> ImageHeader:
    """Reads the header of an image file.

    Raises:
        Sim2SGError: Not an image of a known format, one that must be converted first, cut short, of no pixels,
            or of more than `limits.IMAGE_PIXELS`.
    """
    try:
        header = _read(data)
    except (struct.error, IndexError, ValueError):
        raise Sim2SGError(f"an image of {len(data)} bytes is cut short: its header ends too early") from None
    if header.width < 1 or header.height < 1:
        raise Sim2SGError(f"a {header.format} of {header.width}x{header.height} has no pixels")
    if header.width * header.height > IMAGE_PIXELS:
        size = f"{header.width}x{header.height}"
        raise Sim2SGError(
            f"a {header.format} of {size} has more than {IMAGE_PIXELS // 10**6} million pixels: make it smaller"
        )
    return header


def jpeg_end(data: bytes) -> int:
    """Returns where a JPEG ends, behind its end marker; -1 when it is cut short.

    The marker is looked for behind the start of the scan, where it cannot be image data, so that neither the
    thumbnail in the metadata nor padding behind the image misleads.
    """
    position = 2
    while position + 4 <= len(data):
        marker, length = data[position + 1], struct.unpack_from(">H", data, position + 2)[0]
        if data[position] != 0xFF or marker == 0xD9:
            return -1
        if marker == 0xFF:  # fill
            position += 1
            continue
        position += 2 + length
        if marker == 0xDA:
            whole = data if data[-1:] != b"\0" else data.rstrip(b"\0")
            if len(whole) > position and whole.endswith(b"\xff\xd9"):
                return len(whole)  # nearly always; a search takes as long as a tenth of the decoding
            end = data.find(b"\xff\xd9", position)
            return -1 if end < 0 else end + 2
    return -1


def exif_orientation(data: bytes) -> int:
    """Returns the EXIF orientation of a JPEG, 1 (upright) to 8; 1 where none is told."""
    start = data.find(b"Exif\0\0", 0, 65536)
    if data[:2] != b"\xff\xd8" or start < 0:
        return 1
    tiff = data[start + 6 : start + 6 + 65536]
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    try:
        if order is None:
            return 1
        (offset,) = struct.unpack_from(f"{order}I", tiff, 4)
        (count,) = struct.unpack_from(f"{order}H", tiff, offset)
        for i in range(count):
            tag, _, _, value = struct.unpack_from(f"{order}HHIH", tiff, offset + 2 + 12 * i)
            if tag == 0x112:
                return value if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


def further_frames(data: bytes) -> int:
    """Returns how many frames an animation (GIF, WebP), or pages a TIFF, holds behind the first one."""
    count = {b"GIF8": _gif_frames, b"RIFF": _webp_frames, b"II*\0": _tiff_pages, b"MM\0*": _tiff_pages}.get(data[:4])
    try:
        return max(0, count(data) - 1) if count else 0
    except (struct.error, IndexError):  # cut short
        return 0


def _gif_frames(data: bytes) -> int:
    def table(flags: int) -> int:
        return 3 << (flags & 7) + 1 if flags & 0x80 else 0

    position, frames = 13 + table(data[10]), 0
    while data[position] != 0x3B:
        if data[position] == 0x2C:
            frames += 1
            position += 11 + table(data[position + 9])
        elif data[position] == 0x21:  # an extension
            position += 2
        else:
            break
        while data[position]:  # blocks of the image or the extension
            position += 1 + data[position]
        position += 1
    return frames


def _webp_frames(data: bytes) -> int:
    if data[12:16] != b"VP8X" or not data[20] & 2:
        return 1
    position, frames = 12, 0
    while position + 8 <= len(data):
        name, length = struct.unpack_from("<4sI", data, position)
        frames += name == b"ANMF"
        position += 8 + length + length % 2
    return frames


def _tiff_pages(data: bytes) -> int:
    order = "<" if data[:2] == b"II" else ">"
    pages, position, left = 0, 4, len(data)
    while offset := struct.unpack_from(f"{order}I", data, position)[0]:
        (count,) = struct.unpack_from(f"{order}H", data, offset)
        left -= 6 + 12 * count
        if left < 0:  # a circle, or lists of tags over each other
            break
        tags = (struct.unpack_from(f"{order}HHII", data, offset + 2 + 12 * i) for i in range(count))
        pages += not any(tag == 254 and value & 1 for tag, _, _, value in tags)  # a smaller copy, as of maps
        position = offset + 2 + 12 * count
    return pages


def _read(data: bytes) -> ImageHeader:
    if data[:2] == b"\xff\xd8":
        return _jpeg(data)
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return _png(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return _webp(data)
    if data[:4] in (b"II*\0", b"MM\0*"):
        return _tiff(data)
    if data[:2] == b"BM":
        width, height = struct.unpack_from("<ii", data, 18)
        return ImageHeader("BMP", width, abs(height))
    if data[:4] == b"GIF8":
        return ImageHeader("GIF", *struct.unpack_from("<HH", data, 6))
    if data[:1] == b"P" and data[1:2] in b"123456" and data[2:3].isspace():
        return _pnm(data)
    if data[4:8] == b"ftyp":
        if data[8:12] not in IMAGE_BRANDS:
            raise Sim2SGError("is a video, not an image: name it .mp4, and give it with --log (Python: model.log)")
        name = IMAGE_BRANDS[data[8:12]]
        raise Sim2SGError(f"is a {name} image, which cannot be read: convert it with {CONVERT[name]}")
    for name, starts in FOREIGN_STARTS.items():
        if data.startswith(starts):
            raise Sim2SGError(f"is a {name} image, which cannot be read: convert it with {CONVERT[name]}")
    if not data.strip(b"\0"):
        raise Sim2SGError(f"{len(data)} bytes hold no image, all are empty: it was lost on the way")
    if data[:4] == b"\0\0\0\1" or data[:3] == b"\0\0\1":
        raise Sim2SGError("is a piece of an H.264 or H.265 video, not an image: play it into JPEG images first")
    raise Sim2SGError(f"{len(data)} bytes are no image of a known format (JPEG, PNG, …): damaged, or something else")


def _jpeg(data: bytes) -> ImageHeader:
    if jpeg_end(data) < 0:
        # OpenCV would fill the missing part with grey and call it an image.
        raise Sim2SGError(f"a JPEG of {len(data)} bytes is cut short: its end is missing")
    position = 2
    while True:
        marker, length = data[position + 1], struct.unpack_from(">H", data, position + 2)[0]
        if marker == 0xFF:
            position += 1
            continue
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            bits, height, width, channels = struct.unpack_from(">BHHB", data, position + 4)
            return ImageHeader("JPEG", width, height, bits, channels)
        if marker == 0xDA:
            raise Sim2SGError(f"a JPEG of {len(data)} bytes is damaged: it does not tell its size")
        position += 2 + length


def _png(data: bytes) -> ImageHeader:
    width, height, bits, kind = struct.unpack_from(">IIBB", data, 16)
    position = 8
    while position < len(data):
        length, name = struct.unpack_from(">I4s", data, position)
        position += 12 + length
        if position > len(data):
            break
        if name == b"IEND":
            return ImageHeader("PNG", width, height, bits, {0: 1, 4: 2, 6: 4}.get(kind, 3))
    raise Sim2SGError(f"a PNG of {len(data)} bytes is cut short: its end is missing")


def _webp(data: bytes) -> ImageHeader:
    if struct.unpack_from("<I", data, 4)[0] + 8 > len(data):
        raise Sim2SGError(f"a WebP of {len(data)} bytes is cut short: its end is missing")
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[i : i + 3], "little") + 1 for i in (24, 27))
    elif kind == b"VP8L":
        (packed,) = struct.unpack_from("<I", data, 21)
        width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    else:
        width, height = (value & 0x3FFF for value in struct.unpack_from("<HH", data, 26))
    return ImageHeader("WebP", width, height)


def _tiff(data: bytes) -> ImageHeader:
    order = "<" if data[:2] == b"II" else ">"
    (offset,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, offset)
    tags: dict[int, int] = {}
    for i in range(count):
        tag, kind, values = struct.unpack_from(f"{order}HHI", data, offset + 2 + 12 * i)
        at = offset + 10 + 12 * i
        if kind == 3 and values > 2:  # several short values lie elsewhere
            (at,) = struct.unpack_from(f"{order}I", data, at)
        if kind in (3, 4):
            (tags[tag],) = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", data, at)
    return ImageHeader("TIFF", tags.get(256, 0), tags.get(257, 0), tags.get(258, 8), tags.get(277, 1))


def _pnm(data: bytes) -> ImageHeader:
    words: list[int] = []
    for line in data[2:512].splitlines():
        words += [int(word) for word in line.split(b"#")[0].split()[: 3 - len(words)]]
        if len(words) >= (2 if data[1:2] in b"14" else 3):
            break
    bits = 16 if len(words) > 2 and words[2] > 255 else 8
    return ImageHeader("PNM", words[0], words[1], bits, 3 if data[1:2] in b"36" else 1)
