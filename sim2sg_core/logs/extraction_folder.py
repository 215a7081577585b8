"""The folder of one extraction: frames of two would be taken for one log."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.json_reader import read_json
from sim2sg_core.logs.camera_log import Log
from sim2sg_core.logs.folders import IMAGE_SUFFIXES, INDEX

ID = "extraction"
"""Key of frames.json: which extraction it is of."""
MARK = ".extraction"
"""File that holds the same while frames are written, and after an extraction that was interrupted."""


def extraction_id(log: Log, topic: str, options: Mapping[str, Any]) -> str:
    """Returns what is equal for extractions of the same frames: a hash of where the log lies, topic and options."""
    told = json.dumps([os.fspath(log.path.resolve()), topic, dict(options)], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def check_free(out: Path, extraction: str | None) -> None:
    """Refuses a folder with images, unless this extraction wrote them, whole or interrupted.

    Args:
        out: The folder; it need not be there.
        extraction: See `extraction_id`; None where it is not known.

    Raises:
        Sim2SGError: It holds images of another extraction, or other ones.
    """
    if not out.is_dir():
        return
    images = {file.name for file in out.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES and file.name[0] != "."}
    if not images:
        return
    if extraction is not None:
        mark, (told, listed) = _read_mark(out / MARK), _read_index(out / INDEX)
        if mark == extraction or (mark is None and told == extraction and images <= listed):
            return
    raise Sim2SGError(
        f"{printable(out)}: holds images of another extraction, or other ones: give another folder, or empty this one"
    )


@contextlib.contextmanager
def claimed(out: Path, extraction: str | None) -> Iterator[None]:
    """Marks a folder as that of an extraction until its frames.json is written. Raises as `check_free`."""
    check_free(out, extraction)
    mark = out / MARK
    if extraction is not None:
        mark.write_text(extraction)
    yield
    mark.unlink(missing_ok=True)


def _read_mark(mark: Path) -> str | None:
    try:
        return mark.read_text(errors="replace")
    except OSError:
        return None


def _read_index(index: Path) -> tuple[str | None, set[str]]:
    """Returns which extraction a frames.json is of, and the names of its files; none where it cannot be read."""
    try:
        data = read_json(index)
        return data.text(ID, None), {frame.text("file") for frame in data.objects("frames")}
    except Sim2SGError:
        return None, set()
