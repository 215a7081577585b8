"""Assets from mesh files.

What such an asset is called says all there is to it, `file:/meshes/crate.obj?unit=mm&up=y`: layouts can name it, and
any process can build it.
"""

from __future__ import annotations

from functools import cache
from urllib.parse import parse_qsl, quote, unquote, urlencode

from sim2sg_core.domains.class_spec import MeshSpec
from sim2sg_core.domains.mesh_files import is_gltf, read_parts
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.render.meshes import Asset
from sim2sg_core.synthesis.assets.mesh_assets import PAINT, build_asset

PREFIX = "file:"


def file_asset_name(spec: MeshSpec, painted: bool = False) -> str:
    """Returns the name of a mesh file's asset; `painted` has the domain's paints in place of its own colours."""
    assert spec.file is not None
    options: dict[str, str] = {}
    if spec.unit:
        options["unit"] = spec.unit
    if spec.up:
        options["up"] = spec.up
    if spec.turn_deg:
        options["turn_deg"] = f"{spec.turn_deg:.10g}"
    if spec.scale != 1:
        options["scale"] = f"{spec.scale:.10g}"
    if painted:
        options["painted"] = "yes"
    return PREFIX + quote(spec.file) + (f"?{urlencode(options)}" if options else "")


@cache
def file_asset(name: str) -> Asset:
    """Builds the asset that `file_asset_name` named, once, and returns the same object ever after.

    Raises:
        Sim2SGError: The file is missing or no mesh.
    """
    path, _, query = name.removeprefix(PREFIX).partition("?")
    options = dict(parse_qsl(query))
    turn = float(options.pop("turn_deg", 0.0))
    scale = float(options.pop("scale", 1.0))
    painted = options.pop("painted", "") == "yes"
    file = unquote(path)
    spec = MeshSpec.model_validate({"file": file, "turn_deg": turn, "scale": scale, **options})
    parts = read_parts(file, spec.unit, spec.up, spec.turn_deg, spec.scale)
    try:
        return build_asset(name, parts, [PAINT if painted else ""] * len(parts), is_linear=is_gltf(file))
    except Sim2SGError as error:
        raise Sim2SGError(f"{file}: {error}") from None
