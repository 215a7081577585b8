"""Cars of all common kinds, several proportions each: those of `vehicles.yaml`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from sim2sg_core.packs.drive.assets.car_body import (
    BODY,
    CHROME,
    PLATE,
    TRIM,
    VEHICLE_TABLE,
    CarKind,
    CarProfile,
    profile_curves,
)
from sim2sg_core.packs.drive.assets.car_parts import VEHICLE_SLOTS, add_car
from sim2sg_core.render.meshes import Asset, MeshBuilder
from sim2sg_core.synthesis.assets import shapes
from sim2sg_core.synthesis.tables import read_table

CARS = read_table(VEHICLE_TABLE, CarKind, "cars")


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
    add_car(builder, p, 0.012, rng, detail)
    if detail:
        add_details(builder, p, rng)
    return builder.build(name, VEHICLE_SLOTS)


def car_names() -> tuple[str, ...]:
    """Names of every car."""
    return tuple(f"car_{name}_{i}" for name, kind in CARS.items() for i in range(kind.variants))


def build_car(index: int, detail: bool) -> Asset:
    """Builds the car `car_names()[index]`, or its far version."""
    name = car_names()[index]
    kind, number = name.removeprefix("car_").rsplit("_", 1)
    base = CARS[kind]
    p = base if number == "0" else vary(base, np.random.default_rng(1000 + index))
    return make_car(name if detail else f"lod_{name}", p, np.random.default_rng(2000 + index), detail)


BUILDERS: dict[str, Callable[[], Asset]] = {
    ("" if detail else "lod_") + name: partial(build_car, index, detail)
    for index, name in enumerate(car_names())
    for detail in (True, False)
}
