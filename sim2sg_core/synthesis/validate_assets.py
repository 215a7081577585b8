"""What of a domain cannot be drawn: told when its file is read, at its line, and not when a scene first needs it."""

from __future__ import annotations

from collections.abc import Iterator

from sim2sg_core.domains import AppearanceSpec, ClassSpec, Domain
from sim2sg_core.domains.fields import nearest
from sim2sg_core.domains.loading import Place
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import read_image
from sim2sg_core.render.textures import SPARE_LAYERS
from sim2sg_core.synthesis.appearance import patch_surfaces
from sim2sg_core.synthesis.assets.registry import asset_names, load_asset, named_assets
from sim2sg_core.synthesis.layouts.hollows import hollow_floor, hollow_region


def validate_assets(domain: Domain) -> list[tuple[Place, str]]:
    """Finds what a domain names that is not there or cannot be read, see `load_domain`.

    Args:
        domain: Sound in itself. The meshes and images that it names are read; meshes are kept for drawing.

    Returns:
        Keys and indices from the top of the domain's file, and what is wrong there; nothing when all can be drawn.
    """
    return [*_classes(domain), *_patches(domain.appearance)]


def _classes(domain: Domain) -> Iterator[tuple[Place, str]]:
    for i, spec in enumerate(domain.classes):
        names = named_assets(spec)
        for j, name in enumerate(names):
            try:
                load_asset(name)
            except Sim2SGError as error:
                # A folder in the file has become many meshes: their indices are not the file's.
                yield ("classes", i, "assets", j) if j < len(spec.assets) else ("classes", i, "meshes"), str(error)
        if spec.inside is not None:
            yield from _hollows(i, spec)
        if not names and not asset_names(spec.name):
            text = f"no built-in asset is called {spec.name}; list some under assets:, or files under meshes:"
            yield ("classes", i), text


def _hollows(index: int, spec: ClassSpec) -> Iterator[tuple[Place, str]]:
    """Finds meshes of a class with `inside` in which nothing can stand at that height."""
    assert spec.inside is not None
    for name in named_assets(spec) or asset_names(spec.name):
        try:
            asset = load_asset(name)
        except Sim2SGError:
            continue  # Told already.
        if len(hollow_region(asset, spec.inside)):
            continue
        floor = hollow_floor(asset)
        found = "it holds nothing (turn it, see up:, or delete this key)" if floor is None else f"write {floor:.2g}"
        yield (
            ("classes", index, "inside"),
            f"{name} has no hollow that is {spec.inside:g} of its height above its base; {found}",
        )


def _patches(spec: AppearanceSpec) -> Iterator[tuple[Place, str]]:
    count = sum(map(len, spec.patches.values()))
    if count > SPARE_LAYERS:
        yield ("appearance", "patches"), f"{count} texture patches, room for {SPARE_LAYERS}; give fewer"
    for surface, files in spec.patches.items():
        at: Place = ("appearance", "patches", surface)
        if surface not in patch_surfaces():
            yield at, f"unknown surface; {nearest(surface, patch_surfaces())}"
        for j, file in enumerate(files):
            try:
                read_image(file)
            except Sim2SGError as error:
                yield (*at, j), str(error)
