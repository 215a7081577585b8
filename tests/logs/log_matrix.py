"""Tries every kind of log with every encoding and every fault, and writes what happens into docs/logs.md.

    python -m tests.logs.log_matrix

A cell says what becomes of the frames. `test_log_matrix.py` fails where the page says something else.
"""

from __future__ import annotations

import logging
import shutil
import struct
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import encode_jpeg
from sim2sg_core.logs import decoded, open_logs, select_frames
from sim2sg_core.logs.bag_messages import typestore
from tests.logs.bag_writing import T0, bag, picture
from tests.logs.foxglove_writing import foxglove_channel, foxglove_message
from tests.logs.mcap_writing import Channel, McapFile

PAGE = Path(__file__).resolve().parents[2] / "docs" / "logs.md"
COUNT = 6
TOPIC = "/cam/image"

READ, TOLD, REST, LINE = "read", "read, warning", "intact frames read, warning", "error"

Image = tuple[str, bytes]
"""Encoding, or format of a compressed image, and bytes."""


def coded(suffix: str, i: int) -> bytes:
    return cv2.imencode(suffix, picture(i)[..., ::-1])[1].tobytes()


def planes(i: int, swap: bool) -> bytes:
    yuv = cv2.cvtColor(picture(i), cv2.COLOR_RGB2YUV_I420)
    u, v = yuv[48:60].ravel(), yuv[60:].ravel()
    return yuv[:48].tobytes() + np.stack([v, u] if swap else [u, v], axis=-1).tobytes()


def grey(i: int) -> np.ndarray:
    return cv2.cvtColor(picture(i), cv2.COLOR_RGB2GRAY)


COMPRESSED: dict[str, Callable[[int], Image]] = {
    "JPEG": lambda i: ("jpeg", encode_jpeg(picture(i))),
    "PNG": lambda i: ("png", coded(".png", i)),
    "WebP": lambda i: ("webp", coded(".webp", i)),
    "PNG, 12 bits in 16": lambda i: ("mono16; png", cv2.imencode(".png", grey(i).astype(np.uint16) << 4)[1].tobytes()),
    "compressedDepth": lambda i: ("16UC1; compressedDepth png", bytes(12) + coded(".png", i)),
    "H.264": lambda i: ("h264", b"\0\0\0\1\x67" + bytes(50)),
}
RAW: dict[str, Callable[[int], Image]] = {
    "rgb8, bgr8": lambda i: ("rgb8", picture(i).tobytes()),
    "rgba8, bgra8": lambda i: ("bgra8", cv2.cvtColor(picture(i), cv2.COLOR_RGB2BGRA).tobytes()),
    "mono8": lambda i: ("mono8", grey(i).tobytes()),
    "mono16, 12 bits in it": lambda i: ("mono16", (grey(i).astype(np.uint16) << 4).tobytes()),
    "bayer, 8 and 16 bits": lambda i: ("bayer_rggb16", (grey(i).astype(np.uint16) << 6).tobytes()),
    "yuv422, yuyv, yvyu": lambda i: ("yuv422_yuy2", np.full((48, 64, 2), 90 + i, np.uint8).tobytes()),
    "nv12, nv21": lambda i: ("nv21", planes(i, True)),
    "yuv420, i420": lambda i: ("i420", cv2.cvtColor(picture(i), cv2.COLOR_RGB2YUV_I420).tobytes()),
    "16UC1 (depth)": lambda i: ("16UC1", np.full((48, 64), 1500, np.uint16).tobytes()),
    "32FC1 (depth)": lambda i: ("32FC1", np.full((48, 64), 1.5, np.float32).tobytes()),
    "none named": lambda i: ("", picture(i).tobytes()),
}
ENCODINGS = {**COMPRESSED, **RAW}


def write_bag(path: Path, form: str, images: list[Image], compressed: bool) -> Path:
    """Writes a bag of one file, and returns the file."""
    made = path / "log.bag" if form == "ros1" else path / "made"
    with bag(made, form) as b:
        for i, (encoding, data) in enumerate(images):
            stamp, pixels = T0 + i * 10**8, np.frombuffer(data, np.uint8)
            if compressed:
                kind = "sensor_msgs/msg/CompressedImage"
                b.write(TOPIC, b.make(kind, b.header(stamp), encoding, pixels), stamp)
            else:
                b.raw(TOPIC, pixels, 64, 48, encoding, 0, stamp)
    if form == "ros1":
        return made
    file = path / f"log{'.mcap' if form == 'mcap' else '.db3'}"
    next(p for p in made.iterdir() if p.suffix == file.suffix).rename(file)
    shutil.rmtree(made)
    return file


def write_ros1_mcap(path: Path, images: list[Image], compressed: bool) -> Path:
    store, messages = typestore(True), []
    kind = "CompressedImage" if compressed else "Image"
    for i, (encoding, data) in enumerate(images):
        stamp, pixels = T0 + i * 10**8, np.frombuffer(data, np.uint8)
        time = store.types["builtin_interfaces/msg/Time"](*divmod(stamp, 10**9))
        header = store.types["std_msgs/msg/Header"](0, time, "cam")
        values = (encoding, pixels) if compressed else (48, 64, encoding, 0, 0, pixels)
        message = store.types[f"sensor_msgs/msg/{kind}"](header, *values)
        messages.append((1, stamp, bytes(store.serialize_ros1(message, f"sensor_msgs/msg/{kind}"))))
    channel = Channel(TOPIC, f"sensor_msgs/{kind}", "ros1", "ros1msg")
    return McapFile([channel], messages, "ros1", "zstd").write(path / "log.mcap")


def write_foxglove(path: Path, images: list[Image], compressed: bool, encoding: str) -> Path:
    kind, messages = "CompressedImage" if compressed else "RawImage", []
    for i, (name, data) in enumerate(images):
        stamp = T0 + i * 10**8
        values = {"format": name} if compressed else {"encoding": name, "width": 64, "height": 48, "step": 0}
        messages.append((1, stamp, foxglove_message(kind, encoding, timestamp=stamp, data=data, **values)))
    return McapFile([foxglove_channel(TOPIC, kind, encoding)], messages, "", "lz4").write(path / "log.mcap")


def write_folder(path: Path, images: list[Image], compressed: bool) -> Path | None:
    """Writes files; pixels without a file format are none."""
    if not compressed or not images[0][0].startswith(("jpeg", "png", "webp", "mono16")):
        return None
    (folder := path / "images").mkdir()
    for i, (format_, data) in enumerate(images):
        suffix = {"mono16; png": "png", "jpeg": "jpg"}.get(format_, format_)
        (folder / f"{T0 // 10**6 + 100 * i}.{suffix}").write_bytes(data)
    return folder


def write_video(path: Path, images: list[Image], compressed: bool, name: str = "log.avi") -> Path | None:
    """Writes a video, of JPEG images alone: an AVI of MJPEG, or an MP4 of MPEG-4."""
    if images[0][0] != "jpeg":
        return None
    codec = cv2.VideoWriter_fourcc(*("MJPG" if name.endswith(".avi") else "mp4v"))
    writer = cv2.VideoWriter(str(path / name), codec, 10, (64, 48))
    for i in range(len(images)):
        writer.write(picture(i)[..., ::-1])
    writer.release()
    return path / name


Writer = Callable[[Path, list[Image], bool], Path | None]
KINDS: dict[str, Writer] = {
    "MCAP": lambda path, images, compressed: write_bag(path, "mcap", images, compressed),
    "sqlite3": lambda path, images, compressed: write_bag(path, "sqlite3", images, compressed),
    "ROS 1 bag": lambda path, images, compressed: write_bag(path, "ros1", images, compressed),
    "ROS 1 in MCAP": write_ros1_mcap,
    "Foxglove protobuf": lambda path, images, compressed: write_foxglove(path, images, compressed, "protobuf"),
    "Foxglove JSON": lambda path, images, compressed: write_foxglove(path, images, compressed, "json"),
    "folder": write_folder,
    "video": write_video,
}

VIDEOS: dict[str, Writer] = {
    "AVI": write_video,
    "MP4": lambda path, images, compressed: write_video(path, images, compressed, "log.mp4"),
}
FAULT_KINDS = {name: write for name, write in KINDS.items() if name != "video"} | VIDEOS
"""Videos suffer from faults as their container does."""


def cut(path: Path, share: float) -> Path:
    """Cuts a file short; of a folder its last image."""
    file = path if path.is_file() else sorted(path.iterdir())[-1]
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    return path


def without_index(path: Path) -> Path | None:
    """Takes the index away, as of a recorder that was killed."""
    data = path.read_bytes() if path.is_file() else b""
    if path.suffix == ".bag":
        at = data.index(b"index_pos=") + 10
        active = path.with_name("log.bag.active")
        active.write_bytes(data[:at] + bytes(8) + data[at + 8 : struct.unpack_from("<Q", data, at)[0]])
        path.unlink()
        return active
    if path.suffix == ".mcap":
        at = data.index(b"\x0f\x04\0\0\0\0\0\0\0")  # the end of the data
        path.write_bytes(data[:at])
        return path
    if path.suffix == ".mp4":
        path.write_bytes(data[: data.index(b"moov") - 4])
        return path
    return None


def other_version(path: Path) -> Path | None:
    data = path.read_bytes() if path.is_file() else b""
    if not data.startswith((b"\x89MCAP0", b"#ROSBAG V2.0")):
        return None
    path.write_bytes(data.replace(b"\x89MCAP0", b"\x89MCAP7").replace(b"#ROSBAG V2.0", b"#ROSBAG V1.2"))
    return path


def renamed(path: Path) -> Path | None:
    return path.rename(path.with_name("recording.data")) if path.is_file() else None


def with_hidden(path: Path) -> Path:
    (path.parent if path.is_file() else path).joinpath("._log.mcap").write_bytes(b"\0\5\x16\7")
    (path.parent if path.is_file() else path).joinpath("._1.jpg").write_bytes(b"\0\5\x16\7")
    return path.parent if path.is_file() else path


FAULTS: dict[str, Callable[[Path], Path | None]] = {
    "cut off at 70 %": lambda path: cut(path, 0.7),
    "cut off to nothing": lambda path: cut(path, 0.0),
    "without its index (a killed recorder)": without_index,
    "of another version": other_version,
    "with another name": renamed,
    "hidden companions beside it": with_hidden,
}
IMAGE_FAULTS: dict[str, Callable[[int, Image], Image]] = {
    "one image cut in half": lambda i, image: (image[0], image[1][: len(image[1]) // 2]) if i == 2 else image,
    "half an image behind zeros": lambda i, image: (image[0], image[1][:400] + bytes(32768)) if i == 2 else image,
    "padding of 1 MiB behind an image": lambda i, image: (image[0], image[1] + bytes(1 << 20)) if i == 2 else image,
    "one image empty": lambda i, image: (image[0], b"") if i == 2 else image,
    "most images damaged": lambda i, image: (image[0], b"<html>") if i else image,
}


class Warnings(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def outcome(path: Path | None) -> str:
    """Returns what happens to a log of `COUNT` frames. Raises other errors than ours, or when frames go in silence."""
    if path is None:
        return ""
    warnings = Warnings()
    logger = logging.getLogger("sim2sg_core")
    logger.addHandler(warnings)
    try:
        count = sum(1 for _ in decoded(select_frames(open_logs(path)), workers=1))
    except Sim2SGError as error:
        assert "\n" not in str(error)
        return LINE
    finally:
        logger.removeHandler(warnings)
    if count == COUNT:
        return TOLD if warnings.lines else READ
    assert warnings.lines, f"{path}: {COUNT - count} frames went in silence"
    return REST


def tried(
    write: Writer, images: list[Image], compressed: bool, fault: Callable[[Path], Path | None] | None = None
) -> str:
    with tempfile.TemporaryDirectory() as temporary:
        (folder := Path(temporary, "log")).mkdir()
        path = write(folder, images, compressed)
        return outcome(fault(path) if fault and path else path)


def encoding_rows() -> dict[str, list[str]]:
    return {
        name: [tried(write, [make(i) for i in range(COUNT)], name in COMPRESSED) for write in KINDS.values()]
        for name, make in ENCODINGS.items()
    }


def fault_rows() -> dict[str, list[str]]:
    whole = [COMPRESSED["JPEG"](i) for i in range(COUNT)]
    rows = {
        name: [tried(write, whole, True, fault) for write in FAULT_KINDS.values()] for name, fault in FAULTS.items()
    }
    for name, damage in IMAGE_FAULTS.items():
        images = [damage(i, image) for i, image in enumerate(whole)]
        rows[name] = ["" if kind in VIDEOS else tried(write, images, True) for kind, write in FAULT_KINDS.items()]
    return rows


def table(rows: dict[str, list[str]], kinds: dict[str, Writer]) -> str:
    lines = [f"| | {' | '.join(kinds)} |", "|---|" + "---|" * len(kinds)]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(cells)} |" for name, cells in rows.items())])


def replaced(page: str, name: str, text: str) -> str:
    """Puts a table between its marks."""
    before, rest = page.split(f"<!-- table: {name} -->\n", 1)
    _, after = rest.split("<!-- end -->", 1)
    return f"{before}<!-- table: {name} -->\n{text}\n<!-- end -->{after}"


def written(page: str) -> str:
    """Returns the page with its tables as they are now."""
    return replaced(
        replaced(page, "encodings", table(encoding_rows(), KINDS)), "faults", table(fault_rows(), FAULT_KINDS)
    )


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
