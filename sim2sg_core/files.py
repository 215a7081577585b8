"""Files that are there whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sim2sg_core.errors import Sim2SGError

PART = ".part"  # ends the names of files that are being written
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
LOST = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOTCONN, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.EREMOTEIO)


def user_cache(name: str) -> Path:
    """Returns a folder of the user's cache, by the XDG base directory specification; it need not be there."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sim2sg" / name


def make_folder(folder: Path) -> None:
    """Makes a folder, and those above it, where they are missing.

    Raises:
        Sim2SGError: A file of that name, or of one above it, is there.
        OSError: It cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        file = next(p for p in (folder, *folder.parents) if p.exists())
        raise Sim2SGError(f"{file}: is a file, not a folder; give another path, or move it away") from None


def writable_place(path: Path) -> Path:
    """Returns the file that writing to a path would make or replace: links are followed, and stay.

    Raises:
        Sim2SGError: It is a folder, a device, a pipe or a socket, or `-`.
    """
    if str(path) == "-":
        raise Sim2SGError("-: results cannot be written to standard output; give the path of a file")
    try:
        mode = path.stat().st_mode
    except OSError:  # not there, or it cannot be looked at: writing tells why
        mode = stat.S_IFREG
    if stat.S_ISDIR(mode):
        raise Sim2SGError(f"{path}: is a folder; give the path of a file")
    if not stat.S_ISREG(mode):
        raise Sim2SGError(f"{path}: is a device, a pipe or a socket, which a result would replace; give another path")
    return Path(os.path.realpath(path)) if path.is_symlink() else path


@contextlib.contextmanager
def atomic_path(path: Path | str, *, durable: bool = True) -> Iterator[Path]:
    """Gives an empty file beside `path` to write; it replaces `path` only when the block ends well.

    A crash leaves the old file or the new one, never half of one; after an error nothing is left of the new one.
    The folder is made where it is missing.

    Args:
        path: The file. Where it is a link, what it leads to is written.
        durable: Whether file and folder are on the disk when this returns, so that a power cut keeps them. Without, it
            may leave a cut file: for files by the thousand that are checked before they are used.

    Raises:
        Sim2SGError: The path is no place for a file, see `writable_place`, or a file lies where its folder should.
        OSError: The folder cannot be made or written to. It names `path`, not the file that is being written.
    """
    path = writable_place(Path(path))
    make_folder(path.parent)
    with _naming(path):
        # Hidden and without the suffix: what a killed process leaves is not taken for a result.
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=PART)
        os.close(handle)
        temporary = Path(name)
        try:
            yield temporary
            os.chmod(temporary, 0o644)  # mkstemp makes it private
            if durable:
                _sync(temporary)
            os.replace(temporary, path)
            if durable:
                _sync(path.parent)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Puts a file's name, with its folder, in place of that of the hidden one beside it into errors."""
    try:
        yield
    except OSError as error:
        if Path(os.fsdecode(error.filename or "")).name.startswith(f".{path.name}."):
            error.filename, error.filename2 = str(path.absolute()), None
        raise


@contextlib.contextmanager
def naming_store(folder: Path) -> Iterator[None]:
    """Names the folder where its disk or mount fails a block that writes there: a machine may have several.

    Raises:
        Sim2SGError: It is full, or does not answer.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise Sim2SGError(
                f"{folder}: no space left on device, or the limit of a file's size is reached: free some and run the"
                " same command again; finished work is kept"
            ) from None
        if error.errno in LOST:
            raise Sim2SGError(
                f"{folder}: the store fails ({error.strerror}): see that it is mounted and answers, and run the same"
                " command again; finished work is kept"
            ) from None
        raise


def remove_leftovers(folder: Path) -> None:
    """Removes what killed processes left half written by `atomic_path`, in a folder and those below it.

    Nobody else may be writing there, see `folder_lock.locked`.
    """
    for path in folder.rglob(f".*{PART}"):
        path.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Waits until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def path_within(folder: Path, name: str, *, allow_outside: bool = False) -> Path:
    """Returns the path of a file that another file names, which must not leave the folder.

    Links are followed, but for the folder itself, which may be one.

    Args:
        folder: The folder.
        name: A relative path from it, or an absolute one into it.
        allow_outside: Whether it may lie anywhere.

    Raises:
        Sim2SGError: It lies elsewhere.
    """
    path = folder / name
    if not allow_outside and not is_within(path, folder):
        raise Sim2SGError(
            f"{path}: lies outside {folder}, where a file of somebody else could read anything; move it there, or"
            " give --allow-outside if you trust it"
        )
    return path


def is_within(path: Path, folder: Path) -> bool:
    """Whether a path lies in a folder, all links followed; what cannot be followed does not."""
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a circle of links, a NUL, a name that is too long
        return False
