"""Which files a domain names, and what is in them: an edited mesh makes another domain, a moved folder does not."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from sim2sg_core.domains.mesh_library import mesh_key

BLOCK = 1 << 20  # bytes read at a time


def file_digest(file: str | Path) -> str:
    """Returns 16 hex digits of a file's contents; "" when it cannot be read.

    Files that a mesh names in turn, an OBJ's .mtl or a GLTF's .bin and pictures, are left out: finding them takes
    a parser for each format.
    """
    digest = hashlib.sha256()
    try:
        with open(file, "rb") as stream:
            while block := stream.read(BLOCK):
                digest.update(block)
    except OSError:
        return ""
    return digest.hexdigest()[:16]


def digests_of(files: Iterable[str]) -> dict[str, str]:
    """Returns {file: digest} of those that can be read, each read once."""
    found = {file: file_digest(file) for file in sorted(set(files))}
    return {file: digest for file, digest in found.items() if digest}


def named_files(domain: Mapping[str, Any]) -> list[str]:
    """Returns the meshes and pictures that the JSON form of a domain names."""
    meshes = [mesh["file"] for spec in domain["classes"] for mesh in spec["meshes"] if "file" in mesh]
    look = domain["appearance"]
    around = look.get("environment")  # Models of before have none.
    return meshes + [file for files in look["patches"].values() for file in files] + ([around] if around else [])


def without_folders(domain: Mapping[str, Any], digests: Mapping[str, str]) -> dict[str, Any]:
    """Returns the JSON form of a domain with names and digests, `crate.obj 0f3a…`, in place of paths.

    Args:
        domain: The JSON form.
        digests: Of its files and of its libraries' meshes; files that are not there are read.
    """

    def known(file: str) -> str:
        return f"{Path(file).name} {digests.get(file) or file_digest(file)}"

    def known_mesh(mesh: dict[str, Any]) -> dict[str, Any]:
        if "file" in mesh:
            return {**mesh, "file": known(mesh["file"])}
        return {**mesh, "digest": digests.get(mesh_key(mesh["library"], mesh["id"]), "")}

    classes = [{**spec, "meshes": [known_mesh(mesh) for mesh in spec["meshes"]]} for spec in domain["classes"]]
    look = dict(domain["appearance"])
    look["patches"] = {surface: [known(f) for f in files] for surface, files in look["patches"].items()}
    if look.get("environment"):
        look["environment"] = known(look["environment"])
    return {**domain, "classes": classes, "appearance": look}


def relative_files(domain: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the JSON form of a domain with files named from the folder that holds them all, not from the root.

    Models and checkpoints carry it: folders say who made them. The hash stays the same.
    """
    files = sorted(set(named_files(domain)))
    absolute = [file for file in files if Path(file).is_absolute()]
    if not absolute:
        return dict(domain)
    folder = os.path.commonpath([str(Path(file).parent) for file in absolute])
    short = {file: os.path.relpath(file, folder) if file in absolute else file for file in files}
    meshes = [
        [{**mesh, "file": short[mesh["file"]]} if "file" in mesh else mesh for mesh in spec["meshes"]]
        for spec in domain["classes"]
    ]
    look = dict(domain["appearance"])
    look["patches"] = {surface: [short[file] for file in files] for surface, files in look["patches"].items()}
    if look.get("environment"):
        look["environment"] = short[look["environment"]]
    made = {**domain, "appearance": look}
    made["classes"] = [{**spec, "meshes": entry} for spec, entry in zip(domain["classes"], meshes, strict=True)]
    if "digests" in domain:
        made["digests"] = {short.get(file, file): digest for file, digest in domain["digests"].items()}
    return made
