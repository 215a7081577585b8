"""Finds out what kind of log a path is."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs.bags import BAG_SUFFIXES, BagLog
from sim2sg_core.logs.camera_log import Log
from sim2sg_core.logs.folders import FolderLog, image_files


def open_log(path: Path | str) -> Log:
    """Opens one log: a bag file, a bag folder or a folder of images.

    Raises:
        Sim2SGError: No such file, no log, a damaged one, or a folder of several (see `open_logs`).
    """
    logs = open_logs(path)
    if len(logs) > 1:
        names = ", ".join(log.path.name for log in logs)
        raise Sim2SGError(f"{path}: {len(logs)} logs ({names}): give one of them")
    return logs[0]


def open_logs(paths: Path | str | Iterable[Path | str]) -> list[Log]:
    """Opens logs, where a folder may also hold several bags or folders of images, one level down.

    Args:
        paths: One path or several.

    Returns:
        The logs, in the order given, those of one folder sorted by name.

    Raises:
        Sim2SGError: No such file, no log in it, or a damaged one.
    """
    if isinstance(paths, (str, Path)):
        paths = [paths]
    logs: list[Log] = []
    for path in map(Path, paths):
        if not path.exists():
            raise Sim2SGError(f"{path}: no such file or folder: give a bag or a folder of images")
        found = _open(path, nested=True)
        if not found:
            raise Sim2SGError(
                f"{path}: no log: wants a bag ({', '.join(BAG_SUFFIXES)} or its folder)"
                " or a folder of images (.jpg, .png, …)"
            )
        logs += found
    return logs


def _open(path: Path, nested: bool) -> list[Log]:
    """Opens all logs at a path; `nested` looks one level down."""
    if path.is_file():
        return [BagLog(path)] if path.suffix in BAG_SUFFIXES else []
    if (path / "metadata.yaml").is_file():
        return [BagLog(path)]
    children = sorted(path.iterdir())
    if bags := [child for child in children if child.suffix in BAG_SUFFIXES and child.is_file()]:
        return [BagLog(bag) for bag in bags]
    if image_files(path):
        return [FolderLog(path)]
    if not nested:
        return []
    return [log for child in children if child.is_dir() for log in _open(child, nested=False)]
