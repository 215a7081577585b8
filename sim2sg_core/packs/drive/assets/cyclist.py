"""Bicycles, and people riding them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from sim2sg_core.packs.drive.assets.pedestrians import PEOPLE_SLOTS, add_figure, baked, figure_names
from sim2sg_core.render.meshes import Asset, MeshBuilder, Slot
from sim2sg_core.synthesis.assets import shapes

BICYCLE_SLOTS = (
    Slot("frame", "paint", (0.1, 0.1, 0.12), roughness=0.35, specular=0.6),
    Slot("bike_tyre", "rubber", (0.012, 0.012, 0.012), roughness=0.85),
    Slot("bike_metal", "fixed", (0.22, 0.22, 0.23), roughness=0.4, specular=0.6),
    Slot("saddle", "fixed", (0.014, 0.013, 0.012), roughness=0.6),
)
FRAME, TYRE, METAL, SADDLE = range(4)


def add_bicycle(builder: MeshBuilder, first: int, rng: np.random.Generator, detail: bool = True) -> None:
    """Adds a bicycle about the origin, wheels on z = 0, heading +x.

    Args:
        builder: Where to.
        first: Index of the first of `BICYCLE_SLOTS` in the asset's slots.
        rng: Draws its kind.
        detail: Spokes and accessories.
    """
    r, base = 0.34, 0.53
    segments, sides = (20, 5) if detail else (10, 3)
    for x in (-base, base):
        v, f = shapes.ring(r - 0.018, 0.018, segments, sides)
        builder.add(v + [x, 0, r], f, first + TYRE, 80)
        builder.add(*shapes.move(shapes.lathe([(0.035, -0.05), (0.035, 0.05)], 8, "y"), (x, 0, r)), first + METAL)
        if detail:
            for angle in np.arange(8) * np.pi / 8 + rng.uniform(0, 0.3):
                d = np.array([np.cos(angle), 0, np.sin(angle)]) * (r - 0.03)
                builder.add(*shapes.tube(np.array([[x, 0, r] - d, [x, 0, r] + d]), 0.0022, 3), first + METAL)
            guard = np.linspace(0.35, np.pi - 0.1, 8) if x < 0 else np.linspace(0.25, 2.2, 7)
            if rng.random() < 0.7:
                arc = np.stack(
                    [x + (r + 0.03) * np.cos(guard), np.zeros_like(guard), r + (r + 0.03) * np.sin(guard)], 1
                )
                builder.add(*shapes.tube(arc, 0.022, 4), first + SADDLE)
    city = rng.random() < 0.55  # A step-through frame
    crank, seat = np.array([-0.06, 0, 0.29]), np.array([-0.22, 0, 0.83])
    head_top, head_low = np.array([0.36, 0, 0.86]), np.array([0.40, 0, 0.66])
    join = crank + (seat - crank) * (0.35 if city else 0.86)
    bars = [
        ([crank, seat + [-0.02, 0, 0.08]], 0.017),
        ([join, head_low + [0, 0, 0.02] if city else head_top], 0.018),
        ([crank, head_low], 0.02),
        ([head_low, head_top + [-0.01, 0, 0.1]], 0.019),
    ]
    for side in (0.05, -0.05):
        axle = np.array([-base, side, r])
        bars += [
            ([crank + [0, side, 0], axle], 0.011),
            ([join + [0, side * 0.5, 0], axle], 0.009),
            ([head_low + [0, side * 0.6, 0], [base, side, r]], 0.013),
        ]
    for path, radius in bars:
        builder.add(*shapes.tube(np.array(path), radius, 6 if detail else 4), first + FRAME, 70)
    builder.add(*shapes.ellipsoid((0.14, 0.08, 0.04), seat + [-0.04, 0, 0.12], 1), first + SADDLE, 80)
    grip = head_top + [-0.02, 0, 0.17]
    bar = [
        grip + [-0.14, 0.29, 0.0],
        grip + [0.02, 0.2, 0.02],
        grip,
        grip + [0.02, -0.2, 0.02],
        grip + [-0.14, -0.29, 0],
    ]
    builder.add(*shapes.tube(np.array(bar), 0.013, 5), first + METAL)
    for side, sign in ((0.09, 1), (-0.09, -1)):
        pedal = crank + np.array([0.14 * sign, side, -0.08 * sign])
        builder.add(*shapes.tube(np.array([crank + [0, side * 0.8, 0], pedal]), 0.012, 4), first + METAL)
        builder.add(*shapes.box(0.09, 0.07, 0.025, pedal + [0, 0.03 * sign, 0]), first + SADDLE)
    if detail and rng.random() < 0.6:
        builder.add(*shapes.box(0.34, 0.13, 0.02, (-base - 0.02, 0, 0.74)), first + METAL)
        if rng.random() < 0.4:
            builder.add(*shapes.rounded_box(0.34, 0.26, 0.24, (-base, 0, 0.76), 0.03), first + SADDLE)
    if detail and rng.random() < 0.3:
        builder.add(*shapes.rounded_box(0.28, 0.36, 0.24, (0.6, 0, 0.82), 0.03), first + METAL)
    if detail and rng.random() < 0.3:  # Panniers
        for side in (0.15, -0.15) if rng.random() < 0.6 else (0.15,):
            builder.add(*shapes.rounded_box(0.36, 0.15, 0.34, (-base, side, 0.38), 0.04), first + SADDLE)
    if detail and rng.random() < 0.12:  # A child's seat
        builder.add(*shapes.rounded_box(0.28, 0.3, 0.12, (-base, 0, 0.76), 0.03), first + SADDLE)
        builder.add(*shapes.rounded_box(0.08, 0.3, 0.5, (-base - 0.17, 0, 0.78), 0.03), first + SADDLE)


def build_bicycle(name: str, seed: int, detail: bool = True) -> Asset:
    """Builds a parked bicycle."""
    builder = MeshBuilder()
    add_bicycle(builder, 0, np.random.default_rng([77, seed]), detail)
    return builder.build(name, BICYCLE_SLOTS)


def build_cyclist(
    source: str, name: str, seed: int, detail: bool = True, *, mirrored: bool = False, size: float = 1.0
) -> Asset:
    """Builds a rider on a bicycle: the hips of the baked body come to rest over the saddle.

    Args:
        source: Baked body.
        name: Of the asset.
        seed: Draws the bicycle.
        detail: Spokes and accessories.
        mirrored: Whether left and right change places, so that the other leg is down and the other way is looked.
        size: Of all, relative to a grown-up's; below 1 a child on a child's bicycle.
    """
    builder = MeshBuilder()
    scale = 0.94
    seat = np.array([-0.24, 0.0, 1.03])  # The hip joints sit this high above the saddle's tip.
    hips = baked()[f"{source.removesuffix('_lod')}.h"] * ((1, -1, 1) if mirrored else (1, 1, 1))
    add_figure(builder, source, tuple(seat - hips * scale), scale, mirrored)
    add_bicycle(builder, len(PEOPLE_SLOTS), np.random.default_rng([78, seed]), detail)
    builder.vertices = [vertices * size for vertices in builder.vertices]
    return builder.build(name, (*PEOPLE_SLOTS, *BICYCLE_SLOTS))


CHILDREN = {3: 0.88, 6: 0.86, 2: 0.87, 1: 0.9}  # who rides as a child too, and how large
BUILDERS: dict[str, Callable[[], Asset]] = {}
for _seed in range(6):
    BUILDERS[f"bicycle_{_seed}"] = partial(build_bicycle, f"bicycle_{_seed}", _seed)
    BUILDERS[f"lod_bicycle_{_seed}"] = partial(build_bicycle, f"lod_bicycle_{_seed}", _seed, False)


def _list_cyclist(source: str, number: int, mirrored: bool = False, size: float = 1.0) -> None:
    """Lists a cyclist and its coarse twin."""
    name = f"cyclist_{number:02d}"
    build = partial(build_cyclist, mirrored=mirrored, size=size)
    BUILDERS[name] = partial(build, source, name, number)
    BUILDERS[f"lod_{name}"] = partial(build, f"{source}_lod", f"lod_{name}", number, False)


_riders = figure_names("rider")
for _index, _rider in enumerate(_riders):
    _list_cyclist(_rider, _index * 2)
    _list_cyclist(_rider, _index * 2 + 1)
    _list_cyclist(_rider, len(_riders) * 2 + _index, mirrored=True)
for _index, (_child, _size) in enumerate(CHILDREN.items()):
    _list_cyclist(_riders[_child], len(_riders) * 3 + _index, mirrored=_index % 2 == 1, size=_size)
