"""Writes the frames of a log as image files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import atomic_path
from sim2sg_core.images import encode_jpeg
from sim2sg_core.logs.camera_log import Log, LogFrame
from sim2sg_core.logs.folders import INDEX
from sim2sg_core.scene.graph import write_json

EXTRACTED_QUALITY = 95


def extract(
    log: Log,
    frames: Sequence[LogFrame],
    out: Path | str,
    progress: Callable[[int], None] = lambda done: None,
) -> list[Path]:
    """Writes frames and `frames.json`, which tells stamps and camera; `open_log` reads the folder again.

    Recorded JPEGs are written byte by byte as they are; anything else is encoded as JPEG.

    Args:
        log: Where the frames come from.
        frames: See `sample_frames`.
        out: Folder; made when missing. Files of the same names are replaced.
        progress: Called with the number of frames written.

    Returns:
        The image files.

    Raises:
        Sim2SGError: A damaged frame, or the disk is full.
    """
    out = Path(out)
    written: list[Path] = []
    records: list[dict[str, Any]] = []
    width = height = 0
    try:
        out.mkdir(parents=True, exist_ok=True)
        for frame in frames:
            data, (width, height) = _jpeg(frame)
            path = out / Path(frame.name).with_suffix(".jpg").name
            with atomic_path(path) as temporary:
                temporary.write_bytes(data)
            written.append(path)
            records.append({"file": path.name, "stamp": frame.stamp, "width": width, "height": height})
            progress(len(written))
        topic = frames[0].topic if frames else ""
        camera = log.camera(topic) if frames else None
        write_json(
            out / INDEX,
            {
                "log": log.name,
                "topic": topic,
                "camera": {"width": camera.width, "height": camera.height, **camera.to_json()} if camera else None,
                "frames": records,
            },
            indent=1,
        )
    except OSError as error:
        raise Sim2SGError(
            f"{out}: {error.strerror or error} after {len(written)} of {len(frames)} frames:"
            " make room or choose another folder, and run it again"
        ) from None
    return written


def _jpeg(frame: LogFrame) -> tuple[bytes, tuple[int, int]]:
    """Returns a frame as JPEG, and its width and height."""
    image = frame.decode()  # also of a recorded JPEG: a damaged one is found here, not by the next tool
    size = (image.shape[1], image.shape[0])
    recorded = frame.encoded()
    if recorded and recorded[1] == ".jpg":
        return recorded[0], size
    return encode_jpeg(image, EXTRACTED_QUALITY), size
