"""People on foot: posed, dressed bodies that `tools/bake_people.py` made once and the package ships."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from importlib import resources

import numpy as np

from sim2sg_core.render.meshes import Asset, MeshBuilder, Slot
from sim2sg_core.synthesis.assets.shapes import weld

UNIT = 1 / 2000
"""Metres of one step of the quantised vertices."""
PEOPLE_SLOTS = (
    Slot("skin", "skin", (0.55, 0.33, 0.24), roughness=0.6, specular=0.3),
    Slot("hair", "hair", (0.05, 0.035, 0.025), roughness=0.7, specular=0.25, textures=("bark",), texture_scale=0.3),
    Slot(
        "top",
        "cloth",
        (0.15, 0.17, 0.22),
        roughness=0.9,
        specular=0.1,
        textures=("folds", "folds", "folds", "striped_cloth", "checked_cloth", "printed_cloth", "print"),
        texture_scale=1.0,
    ),
    Slot(
        "bottom",
        "trousers",
        (0.05, 0.065, 0.10),
        roughness=0.9,
        specular=0.1,
        textures=("folds", "jeans", "jeans"),
        texture_scale=0.8,
    ),
    Slot("shoes", "leather", (0.03, 0.025, 0.022), roughness=0.6, specular=0.3),
    Slot("bag", "cloth", (0.06, 0.06, 0.07), roughness=0.8, specular=0.15, textures=("folds",), texture_scale=0.5),
)


@lru_cache(maxsize=1)
def baked() -> dict[str, np.ndarray]:
    """Returns the arrays of people.npz: `<name>.v` vertices, `.f` faces, `.p` part of each face."""
    with resources.files(__package__).joinpath("people.npz").open("rb") as file:
        return dict(np.load(file, allow_pickle=False))


def baked_figure(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns one baked body: (V, 3) metres (x forward, feet at z = 0), (F, 3) faces and (F,) slots."""
    arrays = baked()
    vertices, faces, kept = weld(arrays[f"{name}.v"] * UNIT, arrays[f"{name}.f"].astype(int))
    return vertices, faces, arrays[f"{name}.p"].astype(int)[kept]


def add_figure(
    builder: MeshBuilder,
    name: str,
    offset: tuple[float, float, float] = (0, 0, 0),
    scale: float = 1.0,
    mirrored: bool = False,
) -> None:
    """Adds a baked body, or its mirror image, to an asset whose first slots are `PEOPLE_SLOTS`."""
    vertices, faces, slots = baked_figure(name)
    if mirrored:
        vertices, faces = vertices * [1, -1, 1], faces[:, ::-1]
    index = len(builder.faces)
    builder.add(vertices * scale + np.asarray(offset, float), faces, 0, smooth_deg=75)
    builder.slots[index] = slots


def build_pedestrian(source: str, name: str) -> Asset:
    """Builds a pedestrian from a baked body."""
    builder = MeshBuilder()
    add_figure(builder, source)
    return builder.build(name, PEOPLE_SLOTS)


def figure_names(kind: str) -> tuple[str, ...]:
    """Names of the baked bodies of a kind: "pedestrian" or "rider"."""
    keys = sorted(k.removesuffix(".v") for k in baked() if k.startswith(kind) and k.endswith(".v"))
    return tuple(k for k in keys if not k.endswith("_lod"))


BUILDERS: dict[str, Callable[[], Asset]] = {}
for _name in figure_names("pedestrian"):
    BUILDERS[_name] = partial(build_pedestrian, _name, _name)
    BUILDERS[f"lod_{_name}"] = partial(build_pedestrian, f"{_name}_lod", f"lod_{_name}")
