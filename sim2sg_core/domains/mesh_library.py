"""Libraries of meshes that a machine may have. Their models are read where they are installed, never copied."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sim2sg_core.domains.sh3f_archives import SUFFIX, LibraryModel, read_catalogue
from sim2sg_core.errors import Sim2SGError

FOLDERS = "SIM2SG_ASSETS"
"""Environment variable: folders to look for archives in before the usual ones, separated as in PATH."""


@dataclass(frozen=True)
class Library:
    """A collection of models that can be installed.

    Attributes:
        name: What it is called here.
        folder: Where its package puts it.
        copyright: Where its package says whose it is, in Debian's format.
        install: The command that installs it.
    """

    name: str
    folder: Path
    copyright: Path
    install: str


LIBRARIES = {
    "sweethome3d": Library(
        "sweethome3d",
        Path("/usr/share/sweethome3d/furniture"),
        Path("/usr/share/doc/sweethome3d-furniture/copyright"),
        "apt-get install sweethome3d-furniture",
    )
}


def library_models(name: str) -> dict[str, LibraryModel]:
    """Returns the models of a library by their ids, in its order.

    Raises:
        Sim2SGError: No such library, it is not installed, or one of its archives is damaged.
    """
    library = _library(name)
    archives = _archives(library)
    if not archives:
        raise Sim2SGError(
            f"the mesh library {name} is not here: {library.install}, or give the folder of its {SUFFIX} files with"
            f" --library-path or {FOLDERS}"
        )
    return _models(tuple((archive, archive.stat().st_mtime_ns) for archive in archives))


def library_model(name: str, model_id: str) -> LibraryModel:
    """Returns one model of a library. Raises Sim2SGError when there is none, or no library."""
    models = library_models(name)
    if model_id not in models:
        close = difflib.get_close_matches(model_id, models, n=2)
        hint = f"did you mean {' or '.join(close)}? " if close else ""
        raise Sim2SGError(f"the library {name} has no {model_id!r}; {hint}`sim2sg assets list` lists what it has")
    return models[model_id]


def is_installed(name: str) -> bool:
    """Whether a library is here."""
    return bool(_archives(_library(name)))


def _library(name: str) -> Library:
    if name not in LIBRARIES:
        raise Sim2SGError(f"no mesh library is called {name!r}; known: {', '.join(LIBRARIES)}")
    return LIBRARIES[name]


def _archives(library: Library) -> list[Path]:
    """The archives of the first folder that has any."""
    named = [Path(folder) for folder in os.environ.get(FOLDERS, "").split(os.pathsep) if folder]
    for folder in (*named, library.folder):
        if folder.is_dir() and (found := sorted(p for p in folder.iterdir() if p.suffix == SUFFIX)):
            return found
    return []


@cache
def _models(archives: tuple[tuple[Path, int], ...]) -> dict[str, LibraryModel]:
    models: dict[str, LibraryModel] = {}
    for archive, _ in archives:
        for model in read_catalogue(archive):
            models.setdefault(model.id, model)
    return models


def mesh_key(library: str, model_id: str) -> str:
    """Returns what stands for a library's model where a file's path would stand."""
    return f"{library}:{model_id}"


def used_models(domain: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Returns library and id of the models that the JSON form of a domain names, each once."""
    meshes = [mesh for spec in domain["classes"] for mesh in spec["meshes"] if "library" in mesh]
    return sorted({(mesh["library"], mesh["id"]) for mesh in meshes})


def library_digests(models: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Returns checksums of models (library, id) by their `mesh_key`."""
    return {mesh_key(*model): library_model(*model).checksum for model in models}


def credits_of(models: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    """Returns whom models (library, id) are owed to: their catalogue with its license, and its models with authors."""
    found: dict[str, tuple[str, ...]] = {}
    for library, model_id in models:
        model = library_model(library, model_id)
        owners = _owners(_library(library).copyright).get(model.archive.stem, "")
        head = f"{model.catalogue} (library {library}). License: {model.license or 'see its archive'}"
        head += f". Copyright: {owners}" if owners else ""
        line = f"{model.name} ({model.id}), by {model.creator or 'an unnamed author'}"
        found[head] = (*found.get(head, ()), line)
    return found


@cache
def _owners(copyright_file: Path) -> dict[str, str]:
    """Returns the holders of the copyright by the catalogue's name, where a package names them."""
    try:
        text = copyright_file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    owners = {}
    for paragraph in text.split("\n\n"):
        fields: dict[str, str] = {}
        key = ""
        for line in paragraph.splitlines():
            if line[:1].isspace():
                fields[key] = f"{fields.get(key, '')} {line.strip()}"
            else:
                key, _, value = line.partition(":")
                fields[key] = value.strip()
        if "Files" in fields and "Copyright" in fields:
            owners[fields["Files"].split("/")[0]] = " ".join(fields["Copyright"].split())
    return owners
