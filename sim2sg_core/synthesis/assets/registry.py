"""Built-in assets by name.

A module of this package lists its assets in `BUILDERS: dict[str, Callable[[], Asset]]`; meshes are built when first
asked for. The assets of a class are those named like it: `car`, or `car_…`. `lod_…` is the coarse twin of `…`.
"""

from __future__ import annotations

import importlib
import itertools
import pkgutil
from collections.abc import Callable, Iterator
from functools import cache, lru_cache

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.synthesis import assets
from sim2sg_core.synthesis.assets.primitives import BUILDERS as PRIMITIVES
from sim2sg_core.synthesis.meshes import Asset

COARSE = "lod_"


def _modules() -> Iterator[dict[str, Callable[[], Asset]]]:
    """The modules' lists, one after another, imported when it comes to them."""
    for module in pkgutil.iter_modules(assets.__path__):
        if module.name != "registry":
            loaded = importlib.import_module(f"{assets.__name__}.{module.name}")
            yield getattr(loaded, "BUILDERS", {})


@lru_cache(maxsize=1)
def _all_names() -> tuple[str, ...]:
    return tuple(sorted(name for builders in _modules() for name in builders))


def asset_names(label: str | None = None) -> tuple[str, ...]:
    """Returns the names of all assets, or of those of the class `label`."""
    return tuple(n for n in _all_names() if label is None or n == label or n.startswith(f"{label}_"))


@cache
def load_asset(name: str) -> Asset:
    """Builds an asset when first asked for, and returns the same object ever after.

    Raises:
        Sim2SGError: No such asset.
    """
    builders = next((b for b in itertools.chain([PRIMITIVES], _modules()) if name in b), None)
    if builders is None:
        raise Sim2SGError(f"no asset {name!r}; known: {', '.join(_all_names())}")
    return builders[name]()


@cache
def coarse_asset(name: str) -> Asset | None:
    """Returns the twin of an asset with fewer triangles and the same slots, if there is one."""
    twin = f"{COARSE}{name}"
    if twin in PRIMITIVES or (name not in PRIMITIVES and twin in _all_names()):
        return load_asset(twin)
    return None
