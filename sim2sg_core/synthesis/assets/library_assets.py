"""Assets from libraries of meshes: whose parts are painted, whose keep their colours, and which brands are left out.

What such an asset is called says all there is to it, `library:sweethome3d/Scopia%23seat_leon?turn_deg=90`.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote, unquote, urlencode

import numpy as np
import yaml

from sim2sg_core.domains.class_spec import MeshSpec
from sim2sg_core.domains.mesh_library import library_model
from sim2sg_core.domains.sh3f_archives import LibraryModel, read_model
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.render.meshes import Asset
from sim2sg_core.synthesis.assets.asset_cache import cached_asset
from sim2sg_core.synthesis.assets.file_colors import is_textured
from sim2sg_core.synthesis.assets.mesh_assets import PAINT, build_asset, coarsened

if TYPE_CHECKING:
    import trimesh

PREFIX = "library:"
WORDS = "material_words.yaml"
DROP, OWN = "drop", "own"
VIVID = 0.15  # difference of the channels of a display colour from which it is not a grey


def library_asset_name(spec: MeshSpec, painted: bool = False) -> str:
    """Returns the name of a library mesh's asset; `painted` has the domain's paints in place of all its colours."""
    return _name(str(spec.library), str(spec.id), spec.turn_deg, painted)


@cache
def _name(library: str, model_id: str, turn_deg: float, painted: bool) -> str:
    options = {"turn_deg": f"{turn_deg:g}"} if turn_deg else {}
    if painted:
        options["painted"] = "yes"
    return f"{PREFIX}{library}/{quote(model_id, safe='')}" + (f"?{urlencode(options)}" if options else "")


def _parsed(name: str) -> tuple[LibraryModel, dict[str, str]]:
    """Returns what a name is of, and the options in it."""
    path, _, query = name.removeprefix(PREFIX).partition("?")
    library, _, model_id = path.partition("/")
    return library_model(library, unquote(model_id)), dict(parse_qsl(query))


@cache
def library_asset(name: str) -> Asset:
    """Builds the asset that `library_asset_name` named, once, and returns the same object ever after.

    Raises:
        Sim2SGError: The library or the mesh is not here, or it cannot be read.
    """
    model, options = _parsed(name)
    return cached_asset(name, model.source, lambda: _built(name, model, options))


@cache
def coarse_library_asset(name: str) -> Asset:
    """Builds the twin of an asset of few faces, once, and returns the same object ever after."""
    model, options = _parsed(name)
    twin = f"{name}{'&' if options else '?'}coarse=yes"
    return cached_asset(twin, model.source, lambda: coarsened(library_asset(name), twin))


def _built(name: str, model: LibraryModel, options: Mapping[str, str]) -> Asset:
    parts = read_model(model, float(options.get("turn_deg", 0.0)))
    palettes = [PAINT] * len(parts) if "painted" in options else part_palettes(model, parts)
    kept = [k for k, palette in enumerate(palettes) if palette != DROP]
    if not kept:
        raise Sim2SGError(
            f"{model.archive}: {model.id}: it consists of branded parts only, which are removed; leave it out"
        )
    is_opaque = model.category in _words()["painted"]
    return build_asset(name, [parts[k] for k in kept], [palettes[k] for k in kept], is_opaque=is_opaque)


def part_palettes(model: LibraryModel, parts: Sequence[trimesh.Trimesh]) -> list[str]:
    """Returns what the parts of a model are painted in: a palette, "" for their own colours, `DROP` for nothing."""
    words = _words()
    found = [_palette(_material_name(part), (words.get(model.category, {}), words["any"])) for part in parts]
    if model.category in words["painted"] and PAINT not in found:
        vivid = [
            (float(part.area), k)
            for k, part in enumerate(parts)
            if not found[k] and not is_textured(part) and _vividness(part) > VIVID
        ]
        if vivid:
            found[max(vivid)[1]] = PAINT
    return ["" if palette == OWN else palette for palette in found]


def _palette(name: str, tables: Sequence[dict[str, list[str]]]) -> str:
    for table in tables:
        for palette, patterns in table.items():
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
                return palette
    return ""


def _material_name(part: trimesh.Trimesh) -> str:
    name = getattr(getattr(part.visual, "material", None), "name", None) or ""
    return re.sub(r"[^a-z0-9]+", "_", str(name).lower()).strip("_")


def _vividness(part: trimesh.Trimesh) -> float:
    color: Any = getattr(getattr(part.visual, "material", None), "diffuse", None)
    return 0.0 if color is None else float(np.ptp(np.asarray(color, float)[:3])) / 255


@cache
def _words() -> dict[str, Any]:
    text = resources.files(__package__).joinpath(WORDS).read_text(encoding="utf-8")
    words: dict[str, Any] = yaml.safe_load(text)
    return words
