"""Meshes of a library beside a built-in domain's own. Which ones fit, says `library.yaml` in the domain's pack."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from sim2sg_core.domains import Domain, MeshSpec
from sim2sg_core.domains.mesh_library import library_models
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.packs.pack import shipped_files
from sim2sg_core.synthesis.assets.registry import asset_names

FILE = "library.yaml"  # of a pack: {library: {class: [id or {id, turn_deg}, …]}}


@dataclass(frozen=True)
class Mix:
    """A domain with meshes of a library.

    Attributes:
        domain: The domain.
        library: The library.
        counts: How many meshes of it each class has.
        missing: Ids of those that would fit and are not in the library as it is installed.
    """

    domain: Domain
    library: str
    counts: dict[str, int]
    missing: tuple[str, ...]

    def __str__(self) -> str:
        """What is used, in a line."""
        classes = ", ".join(f"{label} {count}" for label, count in self.counts.items())
        lacking = f"; this version of it has no {', '.join(self.missing)}" if self.missing else ""
        count = sum(self.counts.values())
        return f"{count} mesh{'es' * (count != 1)} of {self.library} beside the domain's own: {classes}{lacking}"


def with_library(domain: Domain, library: str) -> Mix:
    """Gives the classes of a built-in domain the meshes of a library that fit them, beside their own.

    Raises:
        Sim2SGError: The library is not here, or nobody has said which of its meshes fit the domain.
    """
    models = library_models(library)
    listed = _listed(domain, library)
    counts: dict[str, int] = {}
    missing: list[str] = []
    classes = []
    for spec in domain.classes:
        wanted = listed.get(spec.name, ())
        found = tuple(mesh for mesh in wanted if mesh.id in models)
        missing += [str(mesh.id) for mesh in wanted if mesh.id not in models]
        if found:
            counts[spec.name] = len(found)
            own = spec.assets or (() if spec.meshes else asset_names(spec.name))
            spec = spec.model_copy(update={"assets": own, "meshes": (*spec.meshes, *found)})
        classes.append(spec)
    mixed = domain.model_copy(update={"classes": tuple(classes)}).with_sources()
    return Mix(mixed, library, counts, tuple(missing))


def _listed(domain: Domain, library: str) -> dict[str, tuple[MeshSpec, ...]]:
    """Reads which meshes fit which class of a domain."""
    files = shipped_files(FILE)
    file = files.get(domain.name)
    tables = _table(file, yaml.safe_load(file.read_text(encoding="utf-8"))) if file else {}
    if file is None or library not in tables:
        known = ", ".join(files)
        raise Sim2SGError(
            f"nothing says which meshes of {library} fit the domain {domain.name} (known: {known}); list them in its"
            f" file instead: meshes: [{{library: {library}, id: …}}]"
        )
    found = {}
    for label, entries in _table(file, tables[library]).items():
        if label not in domain.class_names:
            raise Sim2SGError(f"{file}: {label} is no class of {domain.name}; correct it")
        if not isinstance(entries, list):
            raise Sim2SGError(f"{file}: {label}: write a list of ids")
        found[label] = tuple(_mesh(file, library, entry) for entry in entries)
    return found


def _table(file: Path, data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise Sim2SGError(f"{file}: write {{library: {{class: [id, …]}}}}")
    return data


def _mesh(file: Path, library: str, entry: Any) -> MeshSpec:
    keys = entry if isinstance(entry, dict) else {"id": entry}
    try:
        return MeshSpec.model_validate({**keys, "library": library})
    except ValidationError as error:
        raise Sim2SGError(f"{file}: {entry}: {error.errors()[0]['msg']}") from None
