"""Logs are known by what is in them, not by where they lie."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.manifest import is_run

SAMPLED = 64 << 20  # bytes read of a log at most, ends of all its files together; at least `LEAST` of each end
LEAST, MOST = 4 << 10, 1 << 20


class Input(NamedTuple):
    """A log, or the file of a camera: where it lies and what is in it."""

    path: str
    digest: str
    """"" where there is nothing"""


def read_inputs(paths: Sequence[str]) -> list[Input]:
    """Looks at logs and files; what is not there has no digest."""
    return [Input(path, contents_digest(Path(path))) for path in paths]


def contents_digest(path: Path) -> str:
    """Returns a hash of a file or folder: names within, sizes, and the first and last bytes of every file.

    Reading hours of log whole would take minutes at every start. Hidden files do not count, nor do folders of runs,
    which may lie in that of their log. "" where there is no file.
    """
    files = [path] if path.is_file() else sorted(_files_below(path))
    if not files:
        return ""
    end = min(max(SAMPLED // (2 * len(files)), LEAST), MOST)
    digest = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        name = b"" if file == path else file.relative_to(path).as_posix().encode(errors="surrogateescape")
        digest.update(b"%s\0%d\0" % (name, size))
        with file.open("rb") as stream:
            digest.update(stream.read(end))
            if size > end:
                stream.seek(max(size - end, end))
                digest.update(stream.read(end))
    return digest.hexdigest()[:16]


def _files_below(folder: Path) -> Iterator[Path]:
    for path in folder.glob("[!.]*"):
        if path.is_dir() and not path.is_symlink() and not is_run(path):
            yield from _files_below(path)
        elif path.is_file():
            yield path


def same_inputs(folder: Path, begun: Sequence[Input], given: Sequence[Input]) -> list[Input]:
    """Compares what a run is given with what it was begun with.

    Args:
        folder: The run's.
        begun: What it was begun with.
        given: What it is given now; what lies nowhere any more is taken to be what it was.

    Returns:
        What it is given, with the digests of `begun`.

    Raises:
        Sim2SGError: Something else lies there now, or nothing where there was nothing of the run's.
    """
    if len(begun) != len(given):
        raise Sim2SGError(
            f"{folder} was begun with other logs, or with another --camera: repeat these options, or give another --out"
        )
    found = []
    for old, new in zip(begun, given, strict=True):
        if not new.digest and new.path != old.path:
            raise _missing(new.path)
        if new.digest not in ("", old.digest):
            if os.path.realpath(new.path) != os.path.realpath(old.path):
                raise Sim2SGError(f"{folder} was begun with {old.path}: give that, or another --out for {new.path}")
            raise Sim2SGError(
                f"{new.path}: has changed since {folder} was begun with it: bring its contents back, or give another"
                " --out"
            )
        found.append(Input(new.path, old.digest))
    return found


def require_logs(paths: Sequence[str]) -> None:
    """Raises Sim2SGError when a log is not there."""
    for path in paths:
        if not Path(path).exists():
            raise _missing(path)


def _missing(path: str) -> Sim2SGError:
    return Sim2SGError(
        f"{path}: no such log; give a bag (.mcap, .db3, .bag), a video, or a folder of bags or of images"
    )
