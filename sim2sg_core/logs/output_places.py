"""Where nothing may be written: it would replace files of a log that is read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.logs.camera_log import Log
from sim2sg_core.logs.folders import FolderLog


def check_apart(out: Path, logs: Iterable[Log], option: str) -> None:
    """Refuses a file that belongs to a log, and a folder for pictures in which those of a log lie. Links are followed.

    Args:
        out: What is to be written; it need not be there.
        logs: What is read.
        option: Which names `out`, for the error.

    Raises:
        Sim2SGError: Files of a log could be overwritten.
    """
    for log in logs:
        if out.is_dir() and any(folder.is_dir() and out.samefile(folder) for folder in _folders(log)):
            what, fix = f"is where the log {log.name} is read from", "folder"
        elif out.is_file() and any(file.exists() and out.samefile(file) for file in log.files):
            what, fix = f"is a file of the log {log.name}", "file"
        else:
            continue
        raise Sim2SGError(f"{printable(out)}: {what}, which would be overwritten: give {option} another {fix}")


def _folders(log: Log) -> set[Path]:
    """Returns a log's own folder, and those in which its images lie."""
    found = {log.path} if log.path.is_dir() else set()
    if isinstance(log, FolderLog):
        found |= {(file.resolve() if file.is_symlink() else file).parent for file in log.files}
    return found
