"""Assets by name: built-in ones, those from mesh files (`file:…`) and those of libraries (`library:…`).

Packs bring the built-in ones: each module of a pack's assets lists its own in
`BUILDERS: dict[str, Callable[[], Asset]]`; meshes are built when first asked for. The assets of a class are those named
like it: `car`, or `car_…`. `lod_…` is the coarse twin of `…`.
"""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache

import numpy as np

from sim2sg_core.domains import ClassSpec, Domain
from sim2sg_core.domains.class_spec import SLACK
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.packs.pack import installed_packs
from sim2sg_core.render.meshes import Asset
from sim2sg_core.synthesis.assets.file_assets import PREFIX as FILE
from sim2sg_core.synthesis.assets.file_assets import file_asset, file_asset_name
from sim2sg_core.synthesis.assets.library_assets import PREFIX as LIBRARY
from sim2sg_core.synthesis.assets.library_assets import coarse_library_asset, library_asset, library_asset_name
from sim2sg_core.synthesis.assets.primitives import BUILDERS as PRIMITIVES

COARSE = "lod_"
MIN_CHOICES = 4  # meshes to choose among for a size, so that none is learnt by heart


def _modules() -> Iterator[dict[str, Callable[[], Asset]]]:
    """The modules' lists, one after another, imported when it comes to them."""
    yield PRIMITIVES
    for pack in installed_packs().values():
        if not pack.assets:
            continue
        for module in pkgutil.iter_modules(importlib.import_module(pack.assets).__path__):
            yield getattr(importlib.import_module(f"{pack.assets}.{module.name}"), "BUILDERS", {})


@lru_cache(maxsize=1)
def _all_names() -> tuple[str, ...]:
    return tuple(sorted(name for builders in _modules() for name in builders))


@cache
def asset_names(label: str | None = None) -> tuple[str, ...]:
    """Returns the names of all assets, or of those of the class `label`."""
    return tuple(n for n in _all_names() if label is None or n == label or n.startswith(f"{label}_"))


def named_assets(spec: ClassSpec) -> tuple[str, ...]:
    """Returns the names of the meshes that a class lists; none when it takes those that are named like it."""
    # A class with colours of its own is painted in them, whatever its files say.
    painted = bool(spec.colors)
    meshes = [
        file_asset_name(m, painted) if m.file is not None else library_asset_name(m, painted) for m in spec.meshes
    ]
    return (*spec.assets, *meshes)


def class_assets(domain: Domain, label: str) -> tuple[str, ...]:
    """Returns the names of the meshes of a class.

    Raises:
        Sim2SGError: There is none, or one of those that the domain names cannot be had.
    """
    named = named_assets(domain.class_spec(label))
    for name in named:
        try:
            load_asset(name)
        except Sim2SGError as error:
            raise Sim2SGError(f"domain {domain.name}: class {label}: {error}") from None
    names = named or asset_names(label)
    if not names:
        raise Sim2SGError(
            f"domain {domain.name}: class {label} has no assets: list some under `assets:`, or files under `meshes:`"
        )
    return names


def like_sized(names: Sequence[str], size: np.ndarray, measured: bool = False) -> tuple[str, ...]:
    """Returns the assets of about the proportions of a (3,) size, the nearest first: enough of them to choose among.

    A size says something of the kind: a tall car is no coupe, a tall plant no hedge.

    Args:
        names: Of the assets.
        size: Length, width, height, metres.
        measured: Whether sizes are those of the meshes (see `ClassSpec.measured`): then only the nearest and others
            whose own size is as good are chosen among, and none is drawn at the size of another.
    """
    apart = np.log([load_asset(name).size for name in names]) - np.log(np.maximum(size, 1e-3))
    order = np.argsort(np.abs(apart).sum(axis=1), kind="stable")
    if measured:
        fits = ((apart >= -np.log(1 + SLACK)) & (apart <= -np.log(1 - SLACK))).all(axis=1)
        return tuple(names[k] for n, k in enumerate(order) if n == 0 or fits[k])
    return tuple(names[k] for k in order[: max(MIN_CHOICES, len(names) // 3)])


@cache
def load_asset(name: str) -> Asset:
    """Builds an asset when first asked for, and returns the same object ever after.

    Raises:
        Sim2SGError: No such asset, or its file cannot be read.
    """
    if name.startswith(FILE):
        return file_asset(name)
    if name.startswith(LIBRARY):
        return library_asset(name)
    builders = next((b for b in _modules() if name in b), None)
    if builders is None:
        raise Sim2SGError(f"no asset {name!r}; {_like_named(name)}")
    return builders[name]()


def _like_named(name: str) -> str:
    """Says what an unknown name may have been meant to be; there are hundreds, of which the kinds will do."""
    known = [n for n in _all_names() if not n.startswith(COARSE)]
    close = difflib.get_close_matches(name, known, n=3) or [n for n in known if name in n][:3]
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    kinds = dict.fromkeys(n if n in PRIMITIVES else f"{n.split('_')[0]}_…" for n in known)
    return f"{hint}known: {', '.join(kinds)}"


@cache
def coarse_asset(name: str) -> Asset | None:
    """Returns the twin of an asset with fewer triangles and the same slots, if there is one."""
    if name.startswith(LIBRARY):
        return coarse_library_asset(name)
    if name.startswith(FILE):
        return None
    twin = f"{COARSE}{name}"
    if twin in PRIMITIVES or (name not in PRIMITIVES and twin in _all_names()):
        return load_asset(twin)
    return None
