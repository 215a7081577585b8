"""Writes the frames of a log as image files, and a manifest of where they come from."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.files import atomic_path
from sim2sg_core.images import encode_jpeg
from sim2sg_core.logs.camera_calibration import upright_camera, upright_extrinsics
from sim2sg_core.logs.camera_log import LogFrame
from sim2sg_core.logs.decoded import decoded
from sim2sg_core.logs.extraction_folder import ID, claimed, extraction_id
from sim2sg_core.logs.folders import INDEX
from sim2sg_core.logs.frame_flags import FrameFlags
from sim2sg_core.logs.names import UniqueNames, flat_name
from sim2sg_core.scene.graph import write_json

EXTRACTED_QUALITY = 95


def extract(
    frames: Iterable[LogFrame],
    out: Path | str,
    progress: Callable[[int], None] = lambda done: None,
    *,
    strict: bool = False,
    options: Mapping[str, Any] | None = None,
) -> list[dict[str, Any]]:
    """Writes frames and `frames.json`, which tells stamps, camera and origin; `open_log` reads the folder again.

    Recorded JPEGs are written byte by byte as they are, but for those that EXIF or `Log.rotate` turns; anything else
    is encoded as JPEG. Frames that are dark or blurred are flagged. No more than a few images are held, however many
    there are.

    Args:
        frames: See `select_frames`.
        out: Folder; made when missing. It must hold no images, unless the same extraction wrote them.
        progress: Called with the number of frames written.
        strict: The first damaged frame is an error; else damaged ones are left out (`decoded`).
        options: What the frames were chosen by: an extraction of the same log with the same is the same, and may be
            repeated into its folder. None: it may not.

    Returns:
        What frames.json tells of each frame: `file`, `stamp`, `recorded`, `width`, `height`, `source` (its name in the
        log), `log`, `sha256` (of the file), `why` (it was chosen) and `flags`.

    Raises:
        Sim2SGError: Most frames are damaged, the disk is full, or the folder holds other images.
    """
    out = Path(out)
    records: list[dict[str, Any]] = []
    try:
        out.mkdir(parents=True, exist_ok=True)
        whole = decoded(frames, strict=strict)
        first = next(whole, None)
        if first is None:
            write_json(out / INDEX, {**_origin(None), "frames": []}, indent=1)
            return records
        frame = first[0]
        same = None if options is None else extraction_id(frame.log, frame.topic, options)
        with claimed(out, same):
            flags, names = FrameFlags(), UniqueNames()
            for frame, image in itertools.chain([first], whole):
                records.append(_written(frame, image, out / names(flat_name(frame.name), ".jpg")))
                flags.look(image)
                progress(len(records))
            for record, found in zip(records, flags.flags(), strict=True):
                record["flags"] = found
            write_json(out / INDEX, {**_origin(first[0]), ID: same, "frames": records}, indent=1)
    except OSError as error:
        raise Sim2SGError(
            f"{printable(out)}: {error.strerror or error} after {len(records)} frames:"
            " make room or choose another folder, and run it again"
        ) from None
    return records


def _origin(first: LogFrame | None) -> dict[str, Any]:
    """What frames.json tells of the log."""
    if first is None:
        return {"log": "", "topic": "", "timed": False, "camera": None}
    log = first.log
    camera, extrinsics = log.camera(first.topic), upright_extrinsics(log.extrinsics(first.topic), log.rotate)
    camera = upright_camera(camera, log.rotate) if camera else None
    return {
        "log": log.name,
        "topic": printable(first.topic),
        "timed": log.timed,
        "rectified": log.rectified(first.topic),
        "camera": {"width": camera.width, "height": camera.height, **camera.to_json()} if camera else None,
        "over_ground": dict(zip(("height", "pitch", "roll"), extrinsics)) if extrinsics else None,
    }


def _written(frame: LogFrame, image: np.ndarray, path: Path) -> dict[str, Any]:
    """Writes a frame. Returns what frames.json tells of it, but for its flags."""
    data = _jpeg(frame, image)
    with atomic_path(path, durable=False) as temporary:
        temporary.write_bytes(data)
    return {
        "file": path.name,
        "stamp": frame.stamp,
        "recorded": frame.recorded,
        "width": image.shape[1],
        "height": image.shape[0],
        "source": frame.name,
        "log": printable(frame.log.path.name),
        "sha256": hashlib.sha256(data).hexdigest(),
        "why": frame.why,
    }


def _jpeg(frame: LogFrame, image: np.ndarray) -> bytes:
    """Returns a frame as JPEG."""
    recorded = frame.encoded()
    if recorded and recorded[1] == ".jpg":
        return recorded[0]
    return encode_jpeg(image, EXTRACTED_QUALITY)
