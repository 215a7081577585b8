"""Cars of all common kinds, several proportions each. Vans and trucks are in `vans.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from sim2sg_core.packs.drive.assets.car_body import BODY, CHROME, PLATE, TRIM, CarProfile, body, profile_curves
from sim2sg_core.packs.drive.assets.car_parts import VEHICLE_SLOTS, add_body, add_wheels
from sim2sg_core.packs.drive.assets.vans import VAN_BUILDERS
from sim2sg_core.render.meshes import Asset, MeshBuilder
from sim2sg_core.synthesis.assets import shapes

_HATCH = CarProfile(
    4.05,
    1.72,
    1.48,
    0.82,
    3.38,
    0.305,
    0.78,
    (1.02, 0.97),
    1.72,
    3.45,
    (3.93, 1.03),
    0.95,
    0.93,
    0.07,
    0.23,
    0.20,
    (2.22, 3.05),
    (1.18, 3.62),
)
_MINI = replace(
    _HATCH,
    length=3.55,
    width=1.62,
    height=1.49,
    front_axle=0.66,
    rear_axle=2.98,
    wheel=0.285,
    hood=0.81,
    cowl=(0.78, 0.98),
    header=1.42,
    rear_header=3.02,
    rear_base=(3.44, 1.04),
    pillars=(2.05,),
    side_glass=(0.94, 3.2),
    tail=0.96,
)
_COMPACT = replace(
    _HATCH,
    length=4.25,
    width=1.77,
    height=1.48,
    front_axle=0.87,
    rear_axle=3.5,
    wheel=0.315,
    cowl=(1.1, 0.97),
    header=1.86,
    rear_header=3.6,
    rear_base=(4.14, 1.04),
    pillars=(2.32, 3.2),
    side_glass=(1.28, 3.84),
)
_SEDAN = CarProfile(
    4.62,
    1.79,
    1.44,
    0.87,
    3.62,
    0.315,
    0.76,
    (1.28, 0.96),
    2.02,
    3.28,
    (3.92, 1.02),
    1.0,
    0.93,
    0.06,
    0.25,
    0.19,
    (2.48, 3.32),
    (1.46, 3.72),
)
_OLD_SEDAN = replace(
    _SEDAN,
    length=4.5,
    width=1.70,
    height=1.40,
    hood=0.76,
    cowl=(1.34, 0.94),
    header=1.98,
    rear_header=3.22,
    rear_base=(3.66, 0.97),
    tail=0.93,
    tumblehome=0.21,
    tip=0.9,
    black_bumpers=True,
    wheel=0.295,
    pillars=(2.42, 3.2),
    side_glass=(1.5, 3.5),
)
_ESTATE = CarProfile(
    4.65,
    1.79,
    1.47,
    0.88,
    3.6,
    0.315,
    0.77,
    (1.26, 0.96),
    2.0,
    4.1,
    (4.55, 1.02),
    0.95,
    0.93,
    0.05,
    0.23,
    0.19,
    (2.46, 3.32),
    (1.44, 4.28),
)
_COUPE = CarProfile(
    4.45,
    1.80,
    1.36,
    0.86,
    3.45,
    0.325,
    0.71,
    (1.36, 0.91),
    2.08,
    2.85,
    (4.0, 0.98),
    0.98,
    0.88,
    0.06,
    0.29,
    0.16,
    (2.75,),
    (1.58, 3.5),
)
_SUV = CarProfile(
    4.45,
    1.85,
    1.70,
    0.88,
    3.5,
    0.355,
    0.96,
    (1.12, 1.12),
    1.78,
    3.78,
    (4.32, 1.18),
    1.1,
    1.08,
    0.07,
    0.22,
    0.28,
    (2.32, 3.2),
    (1.3, 4.0),
    arch_trim=True,
    tip=0.84,
)
_BIG_SUV = replace(
    _SUV,
    length=4.8,
    width=1.93,
    height=1.78,
    wheel=0.38,
    rear_axle=3.75,
    header=1.86,
    rear_header=4.2,
    rear_base=(4.68, 1.2),
    pillars=(2.45, 3.4),
    side_glass=(1.36, 4.4),
    tip=0.88,
    arch_trim=False,
)
_COMPACT_MPV = CarProfile(
    4.4,
    1.79,
    1.63,
    0.84,
    3.55,
    0.315,
    0.85,
    (0.86, 1.04),
    1.78,
    3.78,
    (4.28, 1.1),
    1.02,
    1.0,
    0.08,
    0.21,
    0.20,
    (1.24, 2.4, 3.22),
    (0.98, 4.0),
)
_SMALL_COUPE = replace(
    _COUPE,
    length=4.1,
    height=1.32,
    rear_base=(3.35, 0.95),
    rear_header=2.75,
    tail=0.93,
    rear_axle=3.25,
    pillars=(2.7,),
    side_glass=(1.56, 2.95),
)

BASES: dict[str, tuple[CarProfile, int]] = {
    "hatchback": (_HATCH, 4),
    "compact": (_COMPACT, 5),
    "mini": (_MINI, 3),
    "sedan": (_SEDAN, 5),
    "old_sedan": (_OLD_SEDAN, 2),
    "estate": (_ESTATE, 5),
    "coupe": (_COUPE, 2),
    "suv": (_SUV, 3),
    "big_suv": (_BIG_SUV, 2),
    "mpv": (_COMPACT_MPV, 3),
    "small_coupe": (_SMALL_COUPE, 1),
}
"""Base proportions of each kind of car, and how many variants are made of it."""


def vary(base: CarProfile, rng: np.random.Generator) -> CarProfile:
    """Samples a car near a base, keeping the profile's points in order."""
    jitter = lambda spread: float(rng.uniform(-spread, spread))  # noqa: E731
    shift = jitter(0.06)
    return replace(
        base,
        height=base.height + jitter(0.04),
        width=base.width + jitter(0.04),
        wheel=base.wheel + jitter(0.012),
        hood=base.hood + jitter(0.035),
        cowl=(base.cowl[0] + jitter(0.07), base.cowl[1] + jitter(0.02)),
        header=base.header + shift,
        rear_header=base.rear_header + jitter(0.07),
        rear_base=(base.rear_base[0], base.rear_base[1] + jitter(0.025)),
        belt=base.belt + jitter(0.025),
        wedge=base.wedge + jitter(0.03),
        tumblehome=base.tumblehome + jitter(0.025),
        tip=min(base.tip + jitter(0.05), 0.93),
        black_bumpers=base.black_bumpers or bool(rng.random() < 0.15),
        roof_drop=base.roof_drop + float(rng.uniform(0, 0.05)),
        tall_lamps=bool(rng.random() < (0.7 if base.rear_base[0] > base.length - 0.15 else 0.1)),
    )


def add_details(builder: MeshBuilder, p: CarProfile, rng: np.random.Generator) -> None:
    """Adds mirrors, plates, door handles, badge and, on some, roof rails, aerial and exhaust."""
    mirror_s = p.side_glass[0] + 0.13
    w, belt, _, _ = (float(v[0]) for v in profile_curves(p, np.array([mirror_s])))
    x = p.length / 2 - mirror_s
    colored = BODY if rng.random() < 0.7 else TRIM
    for side in (1, -1):
        builder.add(*shapes.ellipsoid((0.055, 0.085, 0.065), (x, side * (w - 0.02), belt + 0.06), 1), colored, 60)
        for s in p.pillars[:2]:
            wh, bh, _, _ = (float(v[0]) for v in profile_curves(p, np.array([s - 0.2])))
            builder.add(*shapes.box(0.17, 0.03, 0.025, (p.length / 2 - s + 0.2, side * wh * 0.995, bh - 0.12)), BODY)
    low = p.clearance + 0.42 * (p.belt - p.clearance)
    nose = p.length / 2
    builder.add(*shapes.box(0.03, 0.52, 0.11, (nose + 0.135, 0, low - 0.13)), PLATE)
    high = p.rear_base[0] > p.length - 0.12 and rng.random() < 0.6
    z = p.belt - 0.24 if high else low - 0.10
    builder.add(*shapes.box(0.03, 0.52, 0.11, (-nose - (0.085 if high else 0.14), 0, z)), PLATE)
    builder.add(*shapes.box(0.03, 0.11, 0.08, (nose + 0.07, 0, p.hood - 0.13)), CHROME)
    if rng.random() < 0.5:
        builder.add(*shapes.box(0.03, 0.62, 0.02, (nose + 0.075, 0, p.hood - 0.16)), CHROME)
    if p.rear_header > p.length - 0.75 and rng.random() < 0.5:
        y = p.width / 2 - p.tumblehome - 0.07
        mid = p.length / 2 - (p.header + p.rear_header) / 2
        for side in (1, -1):
            rail = np.array(
                [
                    [mid + k * (p.rear_header - p.header) * 0.46, side * y, p.height + h]
                    for k, h in ((-1, -0.10), (-0.85, -0.03), (0.85, -0.04), (1, -0.10))
                ]
            )
            builder.add(*shapes.tube(rail, 0.02, 4), TRIM)
    if p.rear_base[0] > p.length - 0.15:  # Hatchbacks carry a small spoiler with the third brake lamp.
        builder.add(
            *shapes.box(
                0.16,
                2 * (p.width / 2 - p.tumblehome) * 0.86,
                0.03,
                (p.length / 2 - p.rear_header - 0.03, 0, p.height - p.roof_drop - 0.05),
            ),
            BODY,
        )


def make_car(name: str, p: CarProfile, rng: np.random.Generator, detail: bool = True) -> Asset:
    """Builds one car; `detail=False` gives the far version of a few hundred faces."""
    builder = MeshBuilder()
    shape, slots = body(p, detail)
    add_body(builder, shape, slots)
    axles = [p.length / 2 - p.front_axle, p.length / 2 - p.rear_axle]
    add_wheels(builder, axles, p.wheel, p.width / 2 - 0.012, rng, detail)
    if detail:
        add_details(builder, p, rng)
    return builder.build(name, VEHICLE_SLOTS)


def car_names() -> tuple[str, ...]:
    """Names of every car."""
    return tuple(f"car_{kind}_{i}" for kind, (_, count) in BASES.items() for i in range(count))


def build_car(index: int, detail: bool) -> Asset:
    """Builds the car `car_names()[index]`, or its far version."""
    name = car_names()[index]
    kind, number = name.removeprefix("car_").rsplit("_", 1)
    base = BASES[kind][0]
    p = base if number == "0" else vary(base, np.random.default_rng(1000 + index))
    return make_car(name if detail else f"lod_{name}", p, np.random.default_rng(2000 + index), detail)


BUILDERS: dict[str, Callable[[], Asset]] = {
    ("" if detail else "lod_") + name: partial(build_car, index, detail)
    for index, name in enumerate(car_names())
    for detail in (True, False)
}
BUILDERS.update(VAN_BUILDERS)
