"""The files of a bag: which of a folder belong together, in which order, and what format each has."""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
import weakref
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Any, NamedTuple

import yaml

from sim2sg_core.errors import Sim2SGError, first_line, printable
from sim2sg_core.logs import mcap_storage, ros1_storage, sqlite_storage
from sim2sg_core.logs.folder_times import natural_key
from sim2sg_core.logs.storage import ZSTD_MAGIC, Storage, zstd_module

logger = logging.getLogger(__name__)

BAG_SUFFIXES = (".mcap", ".db3", ".bag", ".active", ".zstd")
METADATA = "metadata.yaml"
KNOWN_VERSIONS = range(1, 10)
MAX_METADATA_BYTES = 64 << 20
MAX_RATIO = 100
"""Of the size of a decompressed file to that of the compressed one: bags hold images, which shrink little."""

_PART = re.compile(r"(.+)_(\d+)")
_SPLIT_TIME = re.compile(r"_?\d{4}(-\d\d){5}$")
"""`rosbag record --split` (ROS 1) puts the time at which each part began before its number."""


class BagFiles(NamedTuple):
    """The files of one bag.

    Attributes:
        path: What the user calls the bag.
        name: Short name, for reports.
        parts: Its files in order.
        claimed: Messages by topic, as metadata.yaml has it; None without it.
    """

    path: Path
    name: str
    parts: tuple[Path, ...]
    claimed: dict[str, int] | None


def is_bag_file(path: Path) -> bool:
    """Whether a file is a part of a bag, by its first bytes; empty and damaged ones by their name."""
    if path.name.startswith(".") or not path.is_file():
        return False
    name = path.name.lower()
    if name.endswith(BAG_SUFFIXES):
        return not name.endswith(".zstd") or name.endswith((".mcap.zstd", ".db3.zstd"))
    with path.open("rb") as file:
        head = file.read(16)
    return head[:5] == mcap_storage.MAGIC[:5] or head[:9] == ros1_storage.MAGIC[:9] or head == sqlite_storage.MAGIC


def find_bag(folder: Path) -> BagFiles | None:
    """Reads the metadata.yaml of a folder; None where there is none.

    Raises:
        Sim2SGError: It is damaged, or names files that are missing.
    """
    path = folder / METADATA
    if not path.is_file():
        return None
    information = _read_metadata(path)
    names = [PurePath(str(name)).name for name in information.get("relative_file_paths") or ()]
    if not names:
        raise Sim2SGError(f"{printable(path)}: names no files: write it anew with `ros2 bag reindex`")
    parts, missing = [], []
    for name in names:
        plain = folder / name.removesuffix(".zstd")
        found = folder / name if (folder / name).is_file() else plain if plain.is_file() else None
        if found is None:
            missing.append(name)
        else:
            parts.append(found)
    if missing:
        raise Sim2SGError(
            f"{printable(folder)}: {', '.join(map(printable, missing))} is missing, which its metadata.yaml names: copy"
            " it there, or write metadata.yaml anew with `ros2 bag reindex`"
        )
    return BagFiles(folder, folder.resolve().name, tuple(parts), _claims(information))


def group_parts(files: Iterable[Path]) -> list[BagFiles]:
    """Puts the parts of split bags together; each other file is a bag of its own.

    They are named `X_0.mcap`, `X_1.mcap`, …, or with times, `X_2024-03-01-10-00-00_0.bag`, where the next number that
    does not rise begins another bag.
    """
    groups: dict[tuple[Path, str, str], list[Path]] = {}
    for file in files:
        stem, dot, rest = file.name.partition(".")
        key = (file.parent, file.name, "")
        if found := _PART.fullmatch(stem):
            key = (file.parent, _SPLIT_TIME.sub("", found[1]), dot + rest.removesuffix(".active"))
        groups.setdefault(key, []).append(file)
    runs = [run for parts in groups.values() for run in _rising(sorted(parts, key=lambda p: natural_key(p.name)))]
    bags: list[BagFiles] = []
    for run in runs:
        if len(run) > 1 and _number(run[0]) <= 1:
            name = run[0].name.partition(".")[0].rpartition("_")[0]
            bags.append(BagFiles(run[0].parent if len(runs) == 1 else run[0].parent / name, name, tuple(run), None))
        else:
            bags += [BagFiles(part, part.name.partition(".")[0] or part.name, (part,), None) for part in run]
    return bags


def _rising(parts: Iterable[Path]) -> list[list[Path]]:
    """Cuts a sequence of parts where their numbers do not rise."""
    runs: list[list[Path]] = []
    for part in parts:
        if runs and _number(part) > _number(runs[-1][-1]):
            runs[-1].append(part)
        else:
            runs.append([part])
    return runs


def _number(part: Path) -> int:
    """Returns the number of a part; -1 where its name has none."""
    found = _PART.fullmatch(part.name.partition(".")[0])
    return int(found[2]) if found else -1


def open_storage(path: Path, compressed: bool) -> Storage:
    """Opens a file of a bag by its content.

    Args:
        path: The file.
        compressed: Files compressed as a whole are opened too, by way of a temporary one.

    Raises:
        Sim2SGError: Of no known format or version, damaged, or not to be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except FileNotFoundError:
        raise Sim2SGError(f"{printable(path)}: no such bag") from None
    except PermissionError:
        raise Sim2SGError(f"{printable(path)}: may not be read: check its permissions") from None
    name = path.name.lower()
    if head[:4] == ZSTD_MAGIC:
        if not compressed:
            raise Sim2SGError(
                f"{printable(path)}: is compressed as a whole: unpack it with `zstd -d {printable(path.name)}`"
            )
        return _decompressed(path)
    if not head:
        raise Sim2SGError(f"{printable(path)}: is empty, so damaged: copy it again")
    if head[:5] == mcap_storage.MAGIC[:5] or name.endswith(".mcap"):
        return mcap_storage.McapStorage(path)
    if head[:8] == ros1_storage.MAGIC[:8] or name.endswith((".bag", ".bag.active")):
        return ros1_storage.Ros1Storage(path)
    if head == sqlite_storage.MAGIC or name.endswith(".db3"):
        return sqlite_storage.SqliteStorage(path)
    raise Sim2SGError(f"{printable(path)}: not an MCAP, sqlite3 or ROS 1 bag, or damaged; copy it again")


def _decompressed(path: Path) -> Storage:
    """Unpacks a file into a temporary one, which lives as long as the storage."""
    folder = tempfile.mkdtemp(prefix="sim2sg-")
    try:
        target = Path(folder, path.name.removesuffix(".zstd"))
        limit = path.stat().st_size * MAX_RATIO + (64 << 20)
        with zstd_module().open(path, "rb") as packed, target.open("wb") as file:
            while block := packed.read(1 << 20):
                if file.tell() > limit:
                    raise Sim2SGError(f"{printable(path)}: unpacks to more than {MAX_RATIO} times its size: no bag")
                file.write(block)
        storage = open_storage(target, False)
    except (Sim2SGError, ImportError):
        shutil.rmtree(folder)
        raise
    except Exception as error:  # of zstd, and disks
        shutil.rmtree(folder)
        raise Sim2SGError(
            f"{printable(path)}: cannot be unpacked ({first_line(error)}): make room, or copy it again"
        ) from None
    weakref.finalize(storage, shutil.rmtree, folder, ignore_errors=True)
    return storage


def _read_metadata(path: Path) -> dict[str, Any]:
    remedy = "write it anew with `ros2 bag reindex`, or delete it"
    try:
        if path.stat().st_size > MAX_METADATA_BYTES:
            raise ValueError("too large")
        information = yaml.safe_load(path.read_bytes())["rosbag2_bagfile_information"]
        version = int(information["version"])
    except (yaml.YAMLError, OSError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise Sim2SGError(f"{printable(path)}: damaged ({printable(first_line(error))}): {remedy}") from None
    if version not in KNOWN_VERSIONS:
        logger.warning("%s: version %d is not known (1 to 9 are): its files are read all the same", path, version)
    return dict(information)


def _claims(information: dict[str, Any]) -> dict[str, int] | None:
    """Returns how many messages each topic has by metadata.yaml; None when it does not tell."""
    try:
        topics = information["topics_with_message_count"]
        return {str(topic["topic_metadata"]["name"]): int(topic["message_count"]) for topic in topics}
    except (KeyError, TypeError, ValueError):
        return None
