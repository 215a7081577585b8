"""What a pack is: a Python package that brings a domain, layout types, meshes or models to sim2sg.

A pack is found by an entry point of the group `sim2sg.packs` that names a `Pack`, so that anyone's package can bring
one. A domain that needs no code is one YAML file, and needs no pack.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol, cast

from sim2sg_core.errors import Sim2SGError

GROUP = "sim2sg.packs"


class SceneModule(Protocol):
    """Draws the scenes of one layout type. A module with these functions is one; it is imported when scenes are drawn.

    Randomness comes from the generator alone: the same state gives the same scene.
    """

    sample_layout: Callable[..., Any]
    """(domain, camera, rng) -> `scene.Layout`: a prior scene in front of the camera."""
    scenery: Callable[..., Any]
    """(domain, layout, appearance, rng) -> list of `render.render_scene.Instance`: what surrounds a layout, without
    labels. The layout may be a prior one or one rebuilt from a log."""
    appearance_prior: Callable[..., Any]
    """(domain) -> `synthesis.appearance.AppearancePrior`: light, sky and ground where the domain leaves them open."""


@dataclass(frozen=True)
class LayoutType:
    """One way to lay out scenes.

    Attributes:
        spec: Its keys in a domain's YAML: a `domains.LayoutSpec`, which also says the typical depth of objects and
            checks that domain and layout fit together.
        scenes: The `SceneModule`, as a dotted name.
    """

    spec: type
    scenes: str


@dataclass(frozen=True)
class Pack:
    """What a package brings.

    Attributes:
        name: Of the pack, and of the domain in it.
        folder: Holds, as far as there are any, `domain.yaml`, the models that ship (`model.onnx`, `checkpoint.pt`), the
            colour families of the pack's meshes (`palettes.yaml`, see `synthesis/palettes.py`), and for each layout
            type the part of a new domain's YAML that it fills (`template_TYPE.yaml.txt`).
        layouts: Layout types by the name that `layout: type` gives them.
        assets: Package whose modules list built-in meshes in `BUILDERS`, as a dotted name; "" for none.
        label_formats: Formats of labelled data (`sim2sg eval --format`) whose classes are those of the domain.
    """

    name: str
    folder: Path
    layouts: dict[str, LayoutType]
    assets: str = ""
    label_formats: tuple[str, ...] = ()

    def file(self, name: str) -> Path | None:
        """Returns the path of a file of the pack, None where it has none of that name."""
        path = self.folder / name
        return path if path.is_file() else None


@cache
def installed_packs() -> dict[str, Pack]:
    """Returns the packs of this environment by name, in alphabetical order.

    Raises:
        Sim2SGError: An entry point names no pack, or none is installed.
    """
    found: dict[str, Pack] = {}
    for entry in sorted(metadata.entry_points(group=GROUP), key=lambda e: e.name):
        try:
            pack = entry.load()
        except (ImportError, AttributeError) as error:
            raise Sim2SGError(f"pack {entry.name} ({entry.value}) cannot be loaded: {error}; reinstall it") from None
        if not isinstance(pack, Pack):
            raise Sim2SGError(f"the pack {entry.name} ({entry.value}) is no Pack; correct its entry point")
        found[pack.name] = pack
    if not found:
        raise Sim2SGError("no packs are installed: install sim2sg itself (pip install -e . in its folder, or colcon)")
    return found


def layout_types() -> dict[str, LayoutType]:
    """Returns the layout types of all packs by name."""
    return {name: kind for pack in installed_packs().values() for name, kind in pack.layouts.items()}


@cache
def scene_module(layout_type: str) -> SceneModule:
    """Imports what draws the scenes of a layout type.

    Raises:
        Sim2SGError: No pack has it.
    """
    known = layout_types()
    if layout_type not in known:
        raise Sim2SGError(
            f"no pack brings the layout type {layout_type!r}; install the one that does (here: {', '.join(known)})"
        )
    return cast(SceneModule, importlib.import_module(known[layout_type].scenes))


def shipped_files(name: str) -> dict[str, Path]:
    """Returns the files called `name` that packs bring, by the pack's name."""
    return {pack.name: path for pack in installed_packs().values() if (path := pack.file(name))}
