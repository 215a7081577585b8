"""Keeps assets that take long to build in the user's cache, so that every process but the first only reads them."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import zipfile
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import atomic_path, user_cache
from sim2sg_core.render.meshes import Asset, Mesh, Picture, Slot

ARRAYS = ("vertices", "faces", "normals", "slots", "tints", "uvs")


def cached_asset(name: str, source: str, build: Callable[[], Asset]) -> Asset:
    """Returns an asset from the cache, else builds it and keeps it there.

    A cache that cannot be read or written is done without.

    Args:
        name: The asset's name.
        source: Changes whenever what it is built from does.
        build: Builds it.
    """
    key = hashlib.sha256("\n".join([name, source, _code()]).encode()).hexdigest()[:32]
    path = cache_folder() / f"{key}.npz"
    asset = _read(path)
    if asset is None or asset.name != name:
        asset = build()
        _write(path, asset)
    return asset


def cache_folder() -> Path:
    """Returns the folder of built meshes, by the XDG base directory specification."""
    return user_cache("meshes")


@cache
def _code() -> str:
    """A digest of what builds assets: another version of it builds others."""
    digest = hashlib.sha256()
    for folder in ("sim2sg_core.synthesis.assets", "sim2sg_core.domains", "sim2sg_core.render"):
        for file in sorted(resources.files(folder).iterdir(), key=lambda f: f.name):
            if file.name.endswith((".py", ".yaml")):
                digest.update(file.read_bytes())
    return digest.hexdigest()


def _read(path: Path) -> Asset | None:
    try:
        with np.load(path, allow_pickle=False) as stored:
            about = json.loads(str(stored["about"]))
            arrays = {key: stored[key] for key in ARRAYS if key in stored}
            shown = {k: Picture(stored[_picture(k)]) for k in sorted({k for k in about["pictures"] if k >= 0})}
        mesh = Mesh(**arrays, sheets=bool(about["sheets"]))
        slots = tuple(Slot(**{**slot, "color": tuple(slot["color"]), "textures": ()}) for slot in about["slots"])
        length, width, height = about["size"]
        pictures = tuple(shown.get(k) for k in about["pictures"])
        return Asset(about["name"], mesh, slots, (length, width, height), pictures)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None


def _write(path: Path, asset: Asset) -> None:
    pictures = list({id(p): p for p in asset.pictures if p is not None}.values())
    about = {
        "name": asset.name,
        "size": asset.size,
        "sheets": asset.mesh.sheets,
        "slots": [dataclasses.asdict(slot) for slot in asset.slots],
        "pictures": [-1 if p is None else pictures.index(p) for p in asset.pictures],
    }
    arrays = {key: getattr(asset.mesh, key) for key in ARRAYS if getattr(asset.mesh, key) is not None}
    arrays |= {_picture(k): picture.pixels for k, picture in enumerate(pictures)}
    try:
        with atomic_path(path) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, about=np.array(json.dumps(about)), **arrays)
    except (OSError, Sim2SGError):
        return


def _picture(index: int) -> str:
    return f"picture_{index}"
