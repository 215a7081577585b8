"""Logs in stores (`s3://bucket/log`, `gs://…`, `sftp://…`, `https://…`): copied to this machine, by fsspec."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sim2sg_core.errors import Sim2SGError, first_line, printable
from sim2sg_core.extras import pip_command
from sim2sg_core.files import FULL, PART, atomic_path, is_within, naming_store, user_cache

# A path of one slash is what pathlib makes of an address. One letter alone would be a drive.
_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+):/+(.*)", re.DOTALL)
LOCAL = ("file", "local")
LEFT_S = 3600.0  # without a byte, after which nobody is copying there any more
_PASSWORD = re.compile(r"(?<=//)([^/@:\s]*):[^/@\s]*@")
_QUERY = re.compile(r"\?[^/?=]+=.*", re.DOTALL)
# What a store says of a file that is no word about its contents: when it was read last, and where it was found.
PASSING = {"time", "atime", "url", "last_accessed_on"}


def address_of(path: Path | str) -> str | None:
    """Returns the address that a path is meant to be, None where it is one of this machine."""
    match = _ADDRESS.fullmatch(str(path))
    if match is None or os.path.exists(path):
        return None
    protocol, rest = match.groups()
    return f"{protocol}://{'/' * (protocol in LOCAL)}{rest}"


def default_cache() -> Path:
    """Returns where copies lie."""
    return user_cache("logs")


def fetched(address: str, cache: Path | None = None) -> list[Path]:
    """Copies logs out of a store, and returns where the copies lie.

    A file is copied again only where the store says that it is another one than before. Copies are whole or not there,
    and go when what they are of has gone.

    Args:
        address: A file, a folder, or a pattern with `*` and `?`.
        cache: Folder for the copies, under which they lie as in the store, those of each host and account by
            themselves; default `default_cache()`.

    Raises:
        Sim2SGError: fsspec, or what it needs for this kind of store, is not installed; nothing is there; the store
            cannot be read; or the cache is full.
    """
    store, root = _opened(address)
    base = (cache or default_cache()) / address.partition("://")[0] / _owner(store, address)
    with _naming(address):
        roots = sorted(store.glob(root)) if glob.has_magic(root) and not store.exists(root) else [root]
        files = {path: [path] if store.isfile(path) else sorted(store.find(path)) for path in roots}
    if not any(files.values()):
        raise Sim2SGError(f"{_shown(address)}: nothing is there in the store: check the address")
    versions: dict[str, str] = {}
    with _naming(address):
        for file in (file for of_one in files.values() for file in of_one):
            versions[file] = _version(store.info(file))
    changed = [file for file, version in versions.items() if not _is_there(_place(base, file), version)]
    if changed:
        print(f"copying {len(changed)} files of {_shown(address)} to {printable(base)}", file=sys.stderr, flush=True)
    for file in changed:
        _copy(store, file, versions[file], _place(base, file), address)
    for path, of_one in files.items():
        _drop_others(_place(base, path), {_place(base, file) for file in of_one})
    return [_place(base, path) for path in roots if files[path]]


def _opened(address: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ModuleNotFoundError:
        raise Sim2SGError(
            f"{_shown(address)}: needs fsspec: {pip_command('stores', 'fsspec')}, or give a path of this machine"
        ) from None
    try:
        store, root = url_to_fs(address)
    except ImportError as error:  # s3fs for s3://, gcsfs for gs://
        raise Sim2SGError(f"{_shown(address)}: {first_line(error)}, with pip into this environment") from None
    except Exception as error:  # a driver may look for credentials already, and raise anything
        raise _unread(address, error) from None
    store.invalidate_cache()  # fsspec keeps stores, and what they listed, as long as the process lives
    return store, str(root)


def _shown(address: str) -> str:
    """Returns an address as it may be printed: without a password, and without the query that may be a signature."""
    return printable(_QUERY.sub("?***", _PASSWORD.sub(r"\1:***@", address)))


def _owner(store: Any, address: str) -> str:
    """Returns the folder of what an address names beside the path, such as a host: "" where the path says all."""
    told = store._get_kwargs_from_urls(address)  # fsspec's own: of s3://bucket/key nothing, of sftp://host/key the host
    words = [str(told[key]) for key in sorted(told) if key != "password"]
    return quote("_".join(words), safe="").lstrip(".")


def _version(info: dict[str, Any]) -> str:
    """Returns a hash of what a store says of a file. fsspec's own takes what lies at https:// for unchanging."""
    told = sorted((key, str(value)) for key, value in info.items() if key not in PASSING)
    return hashlib.sha256(repr(told).encode(errors="surrogatepass")).hexdigest()


def _place(base: Path, file: str) -> Path:
    """Returns where the copy of a file lies. Raises Sim2SGError where its name would lead elsewhere."""
    _, is_web, rest = _PASSWORD.sub(r"\1@", file).partition("://")
    path, _, query = rest.partition("?")
    if query:  # Of a signed address it is longer than a name may be, and behind the suffix that tells the kind of log.
        path = f"{path.rpartition('/')[0]}/{hashlib.sha256(query.encode()).hexdigest()[:16]}/{path.rpartition('/')[2]}"
    place = base / (path if is_web else file.lstrip("/"))
    if not is_within(place, base):
        raise Sim2SGError(f"{printable(file)}: would be copied out of {base}: give the file another name in the store")
    return place


def _mark(place: Path) -> Path:
    """Returns the hidden file beside a copy that says which version of the file in the store it is."""
    return place.with_name(f".{place.name}.version")


def _is_there(place: Path, version: str) -> bool:
    mark = _mark(place)
    return place.is_file() and mark.is_file() and mark.read_text() == version


def _copy(store: Any, file: str, version: str, place: Path, address: str) -> None:
    """Copies a file, in pieces; what killed processes left of it goes."""
    for part in place.parent.glob(f".{glob.escape(place.name)}.*{PART}"):
        with contextlib.suppress(OSError):  # Another process may be faster.
            if time.time() - part.stat().st_mtime > LEFT_S:
                part.unlink()
    with naming_store(place.parent), atomic_path(place) as temporary, _naming(address):
        store.get_file(file, str(temporary))
    with naming_store(place.parent), atomic_path(_mark(place)) as temporary:
        temporary.write_text(version)


def _drop_others(folder: Path, kept: set[Path]) -> None:
    """Removes copies from a folder of what is no longer in the store."""
    for file in folder.rglob("[!.]*"):
        if file.is_file() and file not in kept:
            file.unlink()


@contextlib.contextmanager
def _naming(address: str) -> Iterator[None]:
    """Names the store where it fails; a full disk is one of this machine."""
    try:
        yield
    except Exception as error:  # drivers raise what their libraries do
        if isinstance(error, OSError) and error.errno in FULL:
            raise
        raise _unread(address, error) from None


def _unread(address: str, error: Exception) -> Sim2SGError:
    what = _PASSWORD.sub(r"\1:***@", first_line(error)).replace(address, _shown(address))
    return Sim2SGError(
        f"{_shown(address)}: the store cannot be read ({type(error).__name__}: {what}): check the address, your"
        " credentials and the network"
    )
