"""One process at a time works in a folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import make_folder, remove_leftovers

LOCK = ".lock"
ORPHANS_S = 15.0  # How long forked workers of a killed process hold its lock, at most: torch's look every 5 s.


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps a folder to this process while the block runs; the folder is made where it is missing.

    What a killed process left half written in it is removed. The lock is the kernel's: it ends with its process,
    however that ends.

    Raises:
        Sim2SGError: Another process has the folder, or it is a file.
        OSError: The folder cannot be made or written to.
    """
    make_folder(folder)
    file = folder / LOCK
    handle = _take(folder, file)
    try:
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        remove_leftovers(folder)
        yield
    finally:
        file.unlink(missing_ok=True)
        os.close(handle)


def _take(folder: Path, file: Path) -> int:
    """Returns the open, locked file."""
    deadline = time.monotonic() + ORPHANS_S
    while True:
        handle = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 20).decode(errors="replace").strip()
            os.close(handle)
            if _has_ended(holder) and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            who = f"process {holder}" if holder else "another process"
            raise Sim2SGError(
                f"{folder}: {who} is at work in it; wait for it, or stop it, or give another --out"
            ) from None
        except OSError:
            print(f"note: {folder}: no locks on this file system: see that nobody else works in it", file=sys.stderr)
            return handle
        # Whoever had the lock removes the file: then this one is locked, but not the one that others find.
        if _same(handle, file):
            return handle
        os.close(handle)


def _same(handle: int, file: Path) -> bool:
    """Whether an open file is still the one of that name."""
    try:
        return os.path.samestat(os.fstat(handle), file.stat())
    except FileNotFoundError:
        return False


def _has_ended(pid: str) -> bool:
    """Whether a process is known to be gone, so that only its workers can hold what it held."""
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
