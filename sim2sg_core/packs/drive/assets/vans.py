"""Vans, lorries and buses: a lofted cab or body, cargo boxes, and what hangs on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from sim2sg_core.packs.drive.assets.car_body import (
    BODY,
    CABIN,
    CHROME,
    GLASS,
    GRILLE,
    HEADLIGHT,
    PLATE,
    TAILLIGHT,
    TRIM,
    CarProfile,
    body,
)
from sim2sg_core.packs.drive.assets.car_parts import VEHICLE_SLOTS, add_body, add_wheels
from sim2sg_core.render.meshes import Asset, MeshBuilder, Slot
from sim2sg_core.synthesis.assets import shapes

CARGO_BOX = len(VEHICLE_SLOTS)
"""Slot of a lorry's cargo box: painted apart from the cab."""
VAN_SLOTS = (
    *VEHICLE_SLOTS,
    Slot("box", "box_paint", (0.55, 0.55, 0.53), roughness=0.5, specular=0.3, textures=("print",), texture_scale=4.0),
)

_PANEL = CarProfile(
    5.3,
    1.95,
    2.35,
    0.95,
    4.2,
    0.34,
    1.02,
    (0.62, 1.22),
    1.42,
    5.0,
    (5.22, 1.35),
    1.28,
    1.18,
    0.0,
    0.12,
    0.24,
    (2.15,),
    (0.8, 2.1),
    tip=0.9,
    black_bumpers=True,
    roof_drop=0.03,
)
_SMALL_VAN = CarProfile(
    4.3,
    1.80,
    1.85,
    0.86,
    3.5,
    0.315,
    0.86,
    (0.95, 1.10),
    1.62,
    4.0,
    (4.22, 1.15),
    1.1,
    1.05,
    0.02,
    0.13,
    0.21,
    (2.2,),
    (1.05, 2.15),
    tip=0.86,
    black_bumpers=True,
    roof_drop=0.02,
)
_TALL_VAN = replace(_PANEL, length=6.2, height=2.65, rear_axle=4.75, rear_header=5.9, rear_base=(6.12, 1.4))
_TRANSPORTER = CarProfile(
    4.9,
    1.90,
    1.96,
    0.93,
    3.93,
    0.33,
    0.92,
    (0.72, 1.12),
    1.46,
    4.55,
    (4.82, 1.17),
    1.12,
    1.08,
    0.03,
    0.14,
    0.22,
    (2.08, 3.2),
    (0.88, 4.55),
    tip=0.88,
    roof_drop=0.03,
)
_MPV = CarProfile(
    4.8,
    1.88,
    1.75,
    0.92,
    3.8,
    0.325,
    0.86,
    (0.84, 1.08),
    1.75,
    4.3,
    (4.68, 1.15),
    1.06,
    1.03,
    0.06,
    0.17,
    0.2,
    (1.22, 2.5, 3.5),
    (0.98, 4.45),
    tip=0.84,
)
VANS: dict[str, tuple[CarProfile, int]] = {
    "panel": (_PANEL, 2),
    "tall": (_TALL_VAN, 2),
    "small": (_SMALL_VAN, 3),
    "transporter": (_TRANSPORTER, 3),
    "mpv": (_MPV, 2),
    "minibus": (replace(_PANEL, pillars=(2.15, 3.2, 4.2), side_glass=(0.8, 5.0), height=2.45), 1),
}


def make_van(name: str, p: CarProfile, rng: np.random.Generator, detail: bool) -> Asset:
    """Builds a van: the loft of a car with taller sides, ladder racks and rear doors."""
    builder = MeshBuilder()
    shape, slots = body(p, detail)
    add_body(builder, shape, slots)
    axles = [p.length / 2 - p.front_axle, p.length / 2 - p.rear_axle]
    add_wheels(builder, axles, p.wheel, p.width / 2 - 0.015, rng, detail)
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


def add_cab(
    builder: MeshBuilder, front: float, length: float, width: float, base: float, height: float, sleeper: bool
) -> None:
    """Adds a forward-control cab whose nose is at x = `front`: rounded loft, screen, doors, bumper, lamps."""
    s = np.array([0.0, 0.05, 0.16, 0.42, 0.6, length * 0.72, length * 0.74, length - 0.05, length])
    shrink = np.array([0.93, 0.975, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.97])
    levels = np.array([0.0, 0.06, 0.30, 0.40, 0.47, 0.66, 0.82, 0.93, 1.0])
    narrow = np.array([0.90, 0.97, 1.0, 1.0, 0.995, 0.975, 0.955, 0.90, 0.70])
    slope = np.array([0.0, -0.02, 0.0, 0.0, 0.02, 0.07, 0.15, 0.26, 0.5]) * (0.5 if sleeper else 1.0)
    outline = []
    for k, level in enumerate(levels):
        lean = slope[k] * np.clip(1 - s / (length * 0.7), 0, 1)
        half = width / 2 * shrink * narrow[k]
        xs, z = front - s - lean, np.full(len(s), base + level * height)
        left = np.stack([xs, half, z], 1)
        outline.append(np.concatenate([left, left[::-1] * [1, -1, 1]]))
    grid = np.array(outline)
    n = grid.shape[1]
    row = np.repeat(np.arange(len(grid) + 1), n)
    column = np.tile(np.arange(n), len(grid) + 1)
    cell = np.minimum(column, 2 * len(s) - 2 - column)  # Cell along s; -1 (seen as 2S-1) spans the nose.
    nose = column == n - 1
    slot = np.full(len(row), BODY)
    slot[(row <= 1)] = TRIM
    window = (row >= 5) & (row <= 6)
    slot[window & (cell >= 3) & (cell <= 4)] = CABIN
    slot[(nose | (cell == 0)) & (row >= 5) & (row <= 6)] = GLASS
    slot[nose & (row == 3)] = GRILLE
    slot[(cell == 5) & (row >= 2) & (row <= 7)] = TRIM
    vertices, faces, kept = shapes.welded_loft(grid, *grid.mean(1)[[0, -1]])
    add_body(builder, (vertices, faces), np.repeat(slot, 2)[kept])
    for side in (1, -1):
        y = side * width / 2
        builder.add(*shapes.box(0.06, 0.42, 0.2, (front - 0.02, y * 0.66, base + 0.05)), HEADLIGHT)
        builder.add(*shapes.rounded_box(0.12, 0.16, 0.5, (front - 0.25, y * 0.99, base + height * 0.52), 0.03), TRIM)
    builder.add(*shapes.rounded_box(0.16, width * 0.97, 0.26, (front - 0.06, 0, base - 0.12), 0.05), TRIM)
    builder.add(*shapes.box(0.02, 0.52, 0.11, (front + 0.02, 0, base - 0.06)), PLATE)


def add_rear(builder: MeshBuilder, x: float, width: float) -> None:
    """Adds an under-run bar, lamps and plate at the rear end x."""
    builder.add(*shapes.box(0.1, width * 0.9, 0.12, (x + 0.06, 0, 0.45)), TRIM)
    for side in (1, -1):
        builder.add(*shapes.box(0.06, 0.42, 0.16, (x + 0.02, side * width * 0.36, 0.62)), TAILLIGHT)
    builder.add(*shapes.box(0.03, 0.52, 0.11, (x + 0.0, 0, 0.64)), PLATE)


def add_cargo(builder: MeshBuilder, x0: float, x1: float, width: float, base: float, height: float, slot: int) -> None:
    """Adds a cargo box from x0 (rear) to x1 with edge rails, rear door gap and locking bars."""
    mid, length = (x0 + x1) / 2, x1 - x0
    builder.add(*shapes.rounded_box(length, width, height, (mid, 0, base), 0.05), slot)
    for z in (base - 0.02, base + height - 0.04):
        builder.add(*shapes.box(length + 0.02, width + 0.03, 0.07, (mid, 0, z)), CHROME if slot == CARGO_BOX else TRIM)
    for y in (-0.3, -0.02, 0.02, 0.3):
        builder.add(*shapes.box(0.04, 0.03, height * 0.92, (x0 - 0.005, y * width, base + 0.05)), TRIM)


def make_truck(name: str, kind: str, rng: np.random.Generator, detail: bool) -> Asset:
    """Builds a lorry or a bus of one of `TRUCKS`."""
    builder = MeshBuilder()
    width = float(rng.uniform(2.2, 2.35) if kind == "light" else rng.uniform(2.45, 2.55))
    if kind == "bus":
        return make_bus(name, rng, detail)
    light = kind == "light"
    length = {"light": 6.3, "box": 8.6, "flatbed": 8.2, "garbage": 8.8, "semi": 15.0, "tipper": 7.8}[kind]
    length *= float(rng.uniform(0.93, 1.08))
    wheel = 0.38 if light else 0.5
    cab_length, base = (1.75, 0.5) if light else (2.1, 0.62)
    cab_height = float(rng.uniform(1.75, 1.95) if light else rng.uniform(2.1, 2.35))
    front = length / 2
    if kind == "semi":
        cab_height = float(rng.uniform(2.6, 3.0))
    add_cab(builder, front, cab_length, width, base, cab_height, kind == "semi")
    rear, bed = -front, front - cab_length - 0.12
    builder.add(*shapes.box(length - 0.5, 0.8, 0.28, (-0.1, 0, wheel + 0.2)), TRIM)
    deck = wheel * 2 + 0.08
    top = float(rng.uniform(2.1, 2.4) if light else rng.uniform(2.35, 2.75))
    if kind in ("light", "box", "semi"):
        add_cargo(builder, rear, bed - (0.6 if kind == "semi" else 0.0), width + 0.04, deck, top, CARGO_BOX)
    elif kind == "garbage":
        add_cargo(builder, rear + 1.4, bed, width, deck, 2.2, BODY)
        outline = np.array([(rear + 0.1, -1), (rear + 1.6, -1), (rear + 1.6, 1), (rear + 0.1, 1)]) * [1, width / 2]
        builder.add(*shapes.prism(outline, deck - 0.25, deck + 2.25, 0.86), BODY)
        builder.add(*shapes.box(0.1, width * 0.7, 0.8, (rear + 0.1, 0, deck + 0.1)), TRIM)
    else:
        side = 0.45 if kind == "flatbed" else 0.95
        builder.add(*shapes.box(bed - rear, width, 0.16, ((bed + rear) / 2, 0, deck - 0.08)), TRIM)
        for y in (1, -1):
            builder.add(*shapes.box(bed - rear, 0.06, side, ((bed + rear) / 2, y * (width / 2 - 0.03), deck)), BODY)
        for x in (rear + 0.03, bed - 0.03):
            builder.add(*shapes.box(0.06, width, side, (x, 0, deck)), BODY)
        for _ in range(4):
            l, w, h = (float(v) for v in rng.uniform([0.6, 0.6, 0.4], [1.6, 1.2, 1.1]))
            x = float(rng.uniform(rear + 0.9, bed - 0.9))
            builder.add(*shapes.box(l, w, h, (x, float(rng.uniform(-0.5, 0.5)), deck)), CARGO_BOX)
    axles = [front - 1.25, rear + (1.5 if not light else 1.3)]
    if kind in ("box", "garbage", "tipper") and rng.random() < 0.6:
        axles.append(rear + 2.7)
    if kind == "semi":
        axles += [rear + 2.8, rear + 4.1, bed - 1.1]
    add_wheels(builder, axles, wheel, width / 2 - 0.02, rng, detail, tread=0.32)
    if not light:
        for y in (1, -1):
            builder.add(*shapes.box(1.4, 0.5, 0.45, (0.1, y * (width / 2 - 0.32), wheel * 0.8)), CHROME)
    add_rear(builder, rear, width)
    return builder.build(name, VAN_SLOTS)


def make_bus(name: str, rng: np.random.Generator, detail: bool) -> Asset:
    """Builds a city bus."""
    builder = MeshBuilder()
    length, width, height = float(rng.uniform(10.5, 12.2)), 2.5, float(rng.uniform(2.75, 2.95))
    builder.add(*shapes.rounded_box(length, width, height, (0, 0, 0.3), 0.12), BODY, smooth_deg=50)
    builder.add(*shapes.box(length - 0.9, width + 0.03, 1.05, (0.1, 0, 1.35)), GLASS)
    for x in np.arange(-length / 2 + 1.4, length / 2 - 0.6, 1.5):
        builder.add(*shapes.box(0.09, width + 0.05, 1.05, (float(x), 0, 1.35)), TRIM)
    builder.add(*shapes.box(0.1, width * 0.9, 1.5, (length / 2 - 0.02, 0, 1.15)), GLASS)
    builder.add(*shapes.box(0.1, width * 0.7, 0.3, (length / 2, 0, 2.75)), GRILLE)
    builder.add(*shapes.box(0.1, width * 0.8, 0.8, (-length / 2 + 0.02, 0, 1.7)), GLASS)
    for side in (1, -1):
        builder.add(*shapes.box(0.1, 0.4, 0.2, (length / 2, side * 0.9, 0.75)), HEADLIGHT)
        builder.add(*shapes.box(0.1, 0.16, 0.5, (-length / 2, side * 1.08, 0.9)), TAILLIGHT)
        builder.add(*shapes.rounded_box(0.15, 0.14, 0.4, (length / 2 + 0.05, side * 1.24, 1.9), 0.03), TRIM)
    for x in (length / 2 - 1.9, length / 2 - 3.4, 0.0):
        builder.add(*shapes.box(1.1, 0.04, 2.1, (x, -width / 2, 0.45)), CABIN)
    add_wheels(builder, [length / 2 - 2.7, -length / 2 + 3.2], 0.48, width / 2 - 0.0, rng, detail, tread=0.32)
    return builder.build(name, VAN_SLOTS)


TRUCKS: dict[str, int] = {"light": 3, "box": 2, "semi": 2, "flatbed": 1, "tipper": 1, "garbage": 1, "bus": 2}


def _build_van_or_truck(kind: str, number: int, detail: bool) -> Asset:
    rng = np.random.default_rng([31, number, *kind.encode()])
    prefix = "" if detail else "lod_"
    if kind in TRUCKS:
        return make_truck(f"{prefix}truck_{kind}_{number}", kind, rng, detail)
    p = replace(VANS[kind][0], tall_lamps=True)
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
    return make_van(f"{prefix}van_{kind}_{number}", p, rng, detail)


VAN_BUILDERS: dict[str, Callable[[], Asset]] = {
    f"{'' if detail else 'lod_'}{label}_{kind}_{number}": partial(_build_van_or_truck, kind, number, detail)
    for label, kinds in (("van", {k: n for k, (_, n) in VANS.items()}), ("truck", TRUCKS))
    for kind, count in kinds.items()
    for number in range(count)
    for detail in (True, False)
}
