"""Vans: those of `vehicles.yaml`, the loft of a car with taller sides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from sim2sg_core.packs.drive.assets.car_body import PLATE, TRIM, VEHICLE_TABLE, CarKind, CarProfile
from sim2sg_core.packs.drive.assets.car_parts import VAN_SLOTS, add_car
from sim2sg_core.render.meshes import Asset, MeshBuilder
from sim2sg_core.synthesis.assets import shapes
from sim2sg_core.synthesis.tables import read_table

VANS = read_table(VEHICLE_TABLE, CarKind, "vans")


def make_van(name: str, p: CarProfile, rng: np.random.Generator, detail: bool) -> Asset:
    """Builds a van: the body of a car, with rear doors and, on some, ladder racks."""
    builder = MeshBuilder()
    add_car(builder, p, 0.015, rng, detail)
    if detail:
        nose = p.length / 2
        x = nose - p.side_glass[0] - 0.12
        for side in (1, -1):
            base = (x, side * (p.width / 2 + 0.0), p.belt + 0.02)
            builder.add(*shapes.rounded_box(0.09, 0.15, 0.24, base, 0.03), TRIM)
            builder.add(
                *shapes.box(
                    p.rear_axle - p.front_axle - 0.9,
                    0.03,
                    0.09,
                    (nose - (p.front_axle + p.rear_axle) / 2, side * (p.width / 2 - 0.004), p.clearance + 0.3),
                ),
                TRIM,
            )
        low = p.clearance + 0.3 * (p.belt - p.clearance)
        builder.add(*shapes.box(0.03, 0.52, 0.11, (nose + 0.135, 0, low)), PLATE)
        builder.add(*shapes.box(0.03, 0.52, 0.11, (-nose - 0.14, 0, low + 0.05)), PLATE)
        builder.add(*shapes.box(0.02, 0.015, 0.8 * (p.height - low), (-nose - 0.085, 0, low + 0.15)), TRIM)
        if rng.random() < 0.35:
            for k in np.linspace(-0.36, 0.12, 3):
                builder.add(*shapes.box(0.06, p.width * 0.8, 0.07, (k * p.length, 0, p.height - 0.01)), TRIM)
    return builder.build(name, VAN_SLOTS)


def build_van(kind: str, number: int, detail: bool) -> Asset:
    """Builds a van of one of `VANS`, or its far version; number 0 is as the table says, others are drawn near it."""
    rng = np.random.default_rng([31, number, *kind.encode()])
    p = VANS[kind]
    if number:
        scale = rng.uniform(0.97, 1.05)
        p = replace(
            p,
            width=p.width * float(rng.uniform(0.97, 1.03)),
            height=p.height * float(scale),
            tumblehome=p.tumblehome * float(rng.uniform(0.8, 1.2)),
            belt=p.belt + float(rng.uniform(-0.03, 0.03)),
            black_bumpers=bool(rng.random() < 0.5),
        )
        if kind == "transporter" and number == 2:  # The goods version: no windows behind the doors.
            p = replace(p, side_glass=(0.88, 2.05), pillars=(2.08,))
    return make_van(f"{'' if detail else 'lod_'}van_{kind}_{number}", p, rng, detail)


BUILDERS: dict[str, Callable[[], Asset]] = {
    f"{'' if detail else 'lod_'}van_{name}_{number}": partial(build_van, name, number, detail)
    for name, kind in VANS.items()
    for number in range(kind.variants)
    for detail in (True, False)
}
