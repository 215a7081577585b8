"""What tests look at of a cluster: its processes on this machine, and the files that it makes."""

from __future__ import annotations

import os
from pathlib import Path

MARK = f"SIM2SG_TEST_CLUSTER={os.getpid()}"
"""In the environment of this session's nodes: a developer's own cluster, or that of another session, is not ours."""


def at_task() -> list[int]:
    """Returns the workers that are at a task of a pool."""
    return _titled(b"ray::do_item")


def training() -> list[int]:
    """Returns the processes that train together."""
    return _titled(b"ray::_Member")


def _titled(title: bytes) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cmdline").read_bytes().startswith(title) and _is_ours(entry):
                found.append(int(entry.name))
        except OSError:
            continue
    return sorted(found)


def _is_ours(process: Path) -> bool:
    """Whether the node that started a worker belongs to this session. Workers' own environments are overwritten."""
    parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
    return MARK.encode() in (Path("/proc") / parent / "environ").read_bytes().split(b"\0")


def contents(folder: Path) -> dict[str, bytes]:
    """Returns the bytes of all files of a folder by name, hidden ones included."""
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
