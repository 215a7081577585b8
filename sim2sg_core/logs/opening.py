"""Finds out what kind of log a path is, by content."""

from __future__ import annotations

import glob
import logging
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.logs.bag_files import BAG_SUFFIXES, METADATA, BagFiles, find_bag, group_parts, is_bag_file
from sim2sg_core.logs.bags import BagLog
from sim2sg_core.logs.camera_log import Log
from sim2sg_core.logs.folder_times import natural_key
from sim2sg_core.logs.folders import FOREIGN_SUFFIXES, IMAGE_SUFFIXES, FolderLog, image_files
from sim2sg_core.logs.stores import address_of, fetched
from sim2sg_core.logs.videos import VIDEO_SUFFIXES, VideoLog, is_video
from sim2sg_core.manifest import is_run

logger = logging.getLogger(__name__)

LIST_SUFFIX = ".txt"
DEPTH = 3
"""Levels of folders below the one that is given."""


def open_log(path: Path | str, rotate: int = 0) -> Log:
    """Opens one log: a bag file, a bag folder, a folder of images, one image, or a video; see `open_logs`.

    Raises:
        Sim2SGError: No such file, no log, a damaged one, or a folder of several (see `open_logs`).
    """
    logs = open_logs(path, rotate)
    if len(logs) > 1:
        names = ", ".join(printable(log.label or log.name) for log in logs)
        raise Sim2SGError(f"{printable(path)}: {len(logs)} logs ({names}): give one of them")
    return logs[0]


def open_logs(paths: Path | str | Iterable[Path | str], rotate: int = 0) -> list[Log]:
    """Opens logs, where a folder may also hold several, up to three levels down.

    Args:
        paths: One path or several, or patterns with `*` and `?` that files fit, or addresses of stores, which are
            copied first (see `stores`). Parts of a split bag among them become one log.
        rotate: Turns the frames of all, see `Log`.

    Returns:
        The logs, in the order given, those of one folder in natural order. What is named more than once is read once.

    Raises:
        Sim2SGError: No such file, no log in it, or a damaged one.
    """
    matches = [found for path in ([paths] if isinstance(paths, (str, Path)) else paths) for found in _matches(path)]
    places: dict[str, Path] = {}
    for path in matches:
        places.setdefault(os.path.realpath(path), path)
    given = list(places.values())
    parts, images = _parts_of(given), _images_of(given)
    logs: list[Log] = []
    for path in given:
        if path in parts:
            if (bag := parts[path]) is not None:
                logs.append(BagLog(bag))
            continue
        if path in images:
            if files := images[path]:
                logs.append(FolderLog(path.parent, files=files))
            continue
        try:
            if not path.exists():
                raise Sim2SGError(f"{printable(path)}: no such file or folder: give a bag or a folder of images")
            found = _open_file(path) if path.is_file() else _open_folder(path, path, DEPTH)
        except OSError as error:
            raise Sim2SGError(f"{printable(path)}: {error.strerror}: check its permissions") from None
        if not found:
            raise Sim2SGError(
                f"{printable(path)}: no log: no images in it (.jpg, .png, …), no video (.mp4, …) and no bag"
                f" ({', '.join(BAG_SUFFIXES[:3])})"
            )
        logs += found
    apart = _without_repeats(logs)
    if repeats := len(matches) - len(given) + len(logs) - len(apart):
        logger.warning("%d of the images or logs are named more than once: each is read once", repeats)
    logs = apart
    _label(logs, given)
    for log in logs:
        log.rotate = rotate
    return logs


def listed_logs(paths: Iterable[Path | str]) -> list[Path]:
    """Returns the paths that are meant: of a list (`.txt`, a path on each line) its lines, of a pattern what fits it.

    What is an address of a store is copied, and the copies are returned.

    Lines may be relative to the list's folder, and patterns; empty ones and those that begin with `#` do not count.

    Raises:
        Sim2SGError: Nothing fits a pattern, or a list is empty or no text.
    """
    found: list[Path] = []
    for given in paths:
        path = Path(given)
        if path.suffix.lower() != LIST_SUFFIX or not path.is_file():
            found += _matches(given)
            continue
        try:
            lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        except ValueError:
            raise Sim2SGError(f"{printable(path)}: not a list of logs: UTF-8 text with a path on each line") from None
        named = [
            line if address_of(line) else path.parent / line for line in lines if line and not line.startswith("#")
        ]
        if not named:
            raise Sim2SGError(f"{printable(path)}: lists no logs: write a path on each line")
        found += [match for name in named for match in _matches(name)]
    return found


def _matches(given: Path | str) -> list[Path]:
    """Returns the path, or what fits where it is no file but a pattern, or copies where it is an address."""
    if given == "":  # Path("") would be the current folder
        raise Sim2SGError("the path of a log is empty: give a bag or a folder of images (. is the current folder)")
    if address := address_of(given):
        return fetched(address)
    path = Path(given)
    if not glob.has_magic(str(path)) or path.exists():
        return [path]
    letters = str(path).replace("[", "[[]")  # brackets are common in names of folders
    found = glob.glob(letters, recursive=True) or glob.glob(str(path), recursive=True)
    if not found:
        raise Sim2SGError(f"{printable(path)}: no file fits this pattern")
    return sorted(map(Path, found), key=lambda p: natural_key(str(p)))


def _parts_of(given: Sequence[Path]) -> dict[Path, BagFiles | None]:
    """Maps the first part of each split bag among the paths to the bag, and the others to None."""
    files = [path for path in given if path.name.lower().endswith(BAG_SUFFIXES) and path.is_file()]
    found: dict[Path, BagFiles | None] = {}
    for bag in group_parts(files):
        if len(bag.parts) > 1:
            first = next(path for path in given if path in bag.parts)
            found |= {**dict.fromkeys(bag.parts), first: bag}
    return found


def _images_of(given: Sequence[Path]) -> dict[Path, list[Path]]:
    """Maps the first of several images of one folder among the paths to all of them, and the others to none."""
    found: dict[Path, list[Path]] = {}
    files = [path for path in given if path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()]
    for folder in dict.fromkeys(path.parent for path in files):
        of_one = [path for path in files if path.parent == folder]
        if len(of_one) > 1:
            found |= {path: [] for path in of_one}
            found[of_one[0]] = sorted(of_one, key=lambda path: natural_key(path.name))
    return found


def _open_file(path: Path) -> list[Log]:
    suffix = path.suffix.lower()
    if suffix in FOREIGN_SUFFIXES or suffix in IMAGE_SUFFIXES:
        return [FolderLog(path)]
    if is_bag_file(path):
        return [BagLog(path)]
    return [VideoLog(path)] if is_video(path) else []


def _open_folder(path: Path, root: Path, depth: int) -> list[Log]:
    """Opens all logs in a folder: its bag, its bags, its images, its videos, or those of the folders in it.

    Folders of runs are passed over: users put them beside the log that they were made from.
    """
    if (path / METADATA).is_file() and (bag := find_bag(path)):
        return [BagLog(bag)]
    label = "" if path == root else path.relative_to(root).as_posix()
    children = sorted((p for p in path.iterdir() if p.name[0] != "."), key=lambda p: natural_key(p.name))
    skip = (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES, ".json", ".yaml", ".txt")
    if bags := [p for p in children if p.suffix.lower() not in skip and is_bag_file(p)]:
        if others := sum(p.suffix.lower() in (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES) for p in children):
            logger.warning("%s: its bags are read, and %d images or videos are left out", printable(path), others)
        _warn_of_logs_below(path, children, "bags")
        return [BagLog(bag) for bag in group_parts(bags)]
    videos = [p for p in children if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file()]
    if images := image_files(path):
        if videos:
            logger.warning("%s: its images are read, and %d videos are left out", printable(path), len(videos))
        _warn_of_logs_below(path, children, "images")
        return [FolderLog(path, printable(label), images)]
    if videos:
        _warn_of_logs_below(path, children, "videos")
        return [VideoLog(video, printable(label)) for video in videos]
    if not depth:
        return []
    below = [child for child in children if child.is_dir() and not is_run(child)]
    return [log for child in below for log in _open_folder(child, root, depth - 1)]


def _without_repeats(logs: Sequence[Log]) -> list[Log]:
    """Leaves out logs all of whose files are read by others too: an image beside its folder, a bag beside its own."""
    files = [{os.path.abspath(file) for file in log.files} for log in logs]
    readers = Counter(file for of_log in files for file in of_log)
    kept = set(range(len(logs)))
    for i in sorted(kept, key=lambda i: (len(files[i]), -i)):  # of equal ones the first is kept
        if all(readers[file] > 1 for file in files[i]):
            kept.remove(i)
            readers.subtract(files[i])
    return [logs[i] for i in sorted(kept)]


def _label(logs: Sequence[Log], given: Sequence[Path]) -> None:
    """Puts the folder's name before the names of images where several logs are read together."""
    if len(logs) < 2:
        for log in logs:
            log.label = ""
        return
    for log in logs:
        if isinstance(log, FolderLog) and len(given) > 1:
            # A single image has the name of its folder, as several of one folder have.
            name = printable(log.path.resolve().parent.name) if log.path.is_file() else log.name
            log.label = f"{name}/{log.label}".rstrip("/") if log.label else name


def _warn_of_logs_below(path: Path, children: Iterable[Path], read: str) -> None:
    """Warns where folders in a folder are logs too, while what lies in the folder itself is read."""
    if below := sum(map(_holds_log, children)):
        what = "folders of bags, images or videos below are left out: give each as a log of its own"
        logger.warning("%s: its %s are read, and %d %s", printable(path), read, below, what)


def _holds_log(folder: Path) -> bool:
    """Whether a bag, images or videos lie in a folder, not looking into the folders in it."""
    if not folder.is_dir() or is_run(folder):
        return False
    kinds = (*IMAGE_SUFFIXES, *VIDEO_SUFFIXES, *BAG_SUFFIXES)
    return any(p.name == METADATA or p.suffix.lower() in kinds for p in folder.iterdir() if p.name[0] != ".")
