"""Lorries and buses: those of `vehicles.yaml`; a lofted cab, what it carries, and what hangs on them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from sim2sg_core.domains.fields import Extent
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
    VEHICLE_TABLE,
)
from sim2sg_core.packs.drive.assets.car_parts import CARGO_BOX, VAN_SLOTS, add_body, add_wheels
from sim2sg_core.render.meshes import Asset, MeshBuilder
from sim2sg_core.synthesis.assets import shapes
from sim2sg_core.synthesis.tables import read_table


@dataclass(frozen=True)
class TruckKind:
    """A row of the trucks in `vehicles.yaml`, metres.

    Attributes:
        variants: How many meshes are made of it.
        length: Overall; the meshes' are 0.93 to 1.08 times as long.
        width: Range of the width.
        wheel: Radius of the wheels.
        cab_length: Of the cab.
        cab_floor: Height of the cab's lower edge.
        cab_height: Range of the cab's own height.
        load: What is behind the cab: a closed box, that of a trailer, an open bed of boards, or a refuse collector.
        box_height: Range of the cargo box's own height.
        rear_axle: Distance of the last axle from the rear end.
        sleeper: Range of the height of a cab to sleep in; None for none.
        boards: Height of the bed's side boards.
        third_axle: Share of those with a third axle.
        tanks: Whether tanks hang between the axles.
    """

    variants: int
    length: float
    width: Extent
    wheel: float
    cab_length: float
    cab_floor: float
    cab_height: Extent
    load: Literal["box", "trailer", "boards", "refuse"]
    box_height: Extent
    rear_axle: float
    sleeper: Extent | None = None
    boards: float = 0.0
    third_axle: float = 0.0
    tanks: bool = False


@dataclass(frozen=True)
class BusKind:
    """A row of the buses in `vehicles.yaml`: how many meshes are made of it, and ranges of its size, metres."""

    variants: int
    length: Extent
    height: Extent


TRUCKS = read_table(VEHICLE_TABLE, TruckKind, "trucks")
BUSES = read_table(VEHICLE_TABLE, BusKind, "buses")


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


def add_open_bed(
    builder: MeshBuilder, x0: float, x1: float, width: float, deck: float, boards: float, rng: np.random.Generator
) -> None:
    """Adds a bed with side boards from x0 (rear) to x1, and four boxes that lie on it."""
    builder.add(*shapes.box(x1 - x0, width, 0.16, ((x1 + x0) / 2, 0, deck - 0.08)), TRIM)
    for y in (1, -1):
        builder.add(*shapes.box(x1 - x0, 0.06, boards, ((x1 + x0) / 2, y * (width / 2 - 0.03), deck)), BODY)
    for x in (x0 + 0.03, x1 - 0.03):
        builder.add(*shapes.box(0.06, width, boards, (x, 0, deck)), BODY)
    for _ in range(4):
        l, w, h = (float(v) for v in rng.uniform([0.6, 0.6, 0.4], [1.6, 1.2, 1.1]))
        x = float(rng.uniform(x0 + 0.9, x1 - 0.9))
        builder.add(*shapes.box(l, w, h, (x, float(rng.uniform(-0.5, 0.5)), deck)), CARGO_BOX)


def add_refuse_collector(builder: MeshBuilder, x0: float, x1: float, width: float, deck: float) -> None:
    """Adds the closed body of a refuse collector from x0 (rear) to x1, with its tapered tailgate."""
    add_cargo(builder, x0 + 1.4, x1, width, deck, 2.2, BODY)
    outline = np.array([(x0 + 0.1, -1), (x0 + 1.6, -1), (x0 + 1.6, 1), (x0 + 0.1, 1)]) * [1, width / 2]
    builder.add(*shapes.prism(outline, deck - 0.25, deck + 2.25, 0.86), BODY)
    builder.add(*shapes.box(0.1, width * 0.7, 0.8, (x0 + 0.1, 0, deck + 0.1)), TRIM)


def make_truck(name: str, kind: TruckKind, rng: np.random.Generator, detail: bool) -> Asset:
    """Builds a lorry."""
    builder = MeshBuilder()
    width = float(rng.uniform(*kind.width))
    length = kind.length * float(rng.uniform(0.93, 1.08))
    cab_height = float(rng.uniform(*kind.cab_height))
    if kind.sleeper:
        cab_height = float(rng.uniform(*kind.sleeper))
    front, rear = length / 2, -length / 2
    bed, deck = front - kind.cab_length - 0.12, kind.wheel * 2 + 0.08
    add_cab(builder, front, kind.cab_length, width, kind.cab_floor, cab_height, kind.sleeper is not None)
    builder.add(*shapes.box(length - 0.5, 0.8, 0.28, (-0.1, 0, kind.wheel + 0.2)), TRIM)
    box_height = float(rng.uniform(*kind.box_height))
    if kind.load in ("box", "trailer"):
        gap = 0.6 if kind.load == "trailer" else 0.0
        add_cargo(builder, rear, bed - gap, width + 0.04, deck, box_height, CARGO_BOX)
    elif kind.load == "refuse":
        add_refuse_collector(builder, rear, bed, width, deck)
    else:
        add_open_bed(builder, rear, bed, width, deck, kind.boards, rng)
    axles = [front - 1.25, rear + kind.rear_axle]
    if kind.third_axle and rng.random() < kind.third_axle:
        axles.append(rear + 2.7)
    if kind.load == "trailer":
        axles += [rear + 2.8, rear + 4.1, bed - 1.1]
    add_wheels(builder, axles, kind.wheel, width / 2 - 0.02, rng, detail, tread=0.32)
    if kind.tanks:
        for y in (1, -1):
            builder.add(*shapes.box(1.4, 0.5, 0.45, (0.1, y * (width / 2 - 0.32), kind.wheel * 0.8)), CHROME)
    add_rear(builder, rear, width)
    return builder.build(name, VAN_SLOTS)


def make_bus(name: str, kind: BusKind, rng: np.random.Generator, detail: bool) -> Asset:
    """Builds a city bus."""
    builder = MeshBuilder()
    rng.random()  # Nothing uses it: it keeps the draws below those of the buses that shipped models were trained on.
    length, width, height = float(rng.uniform(*kind.length)), 2.5, float(rng.uniform(*kind.height))
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


def build_truck(kind: str, number: int, detail: bool) -> Asset:
    """Builds a truck of one of `TRUCKS` or `BUSES`, or its far version."""
    rng = np.random.default_rng([31, number, *kind.encode()])
    name = f"{'' if detail else 'lod_'}truck_{kind}_{number}"
    if kind in BUSES:
        return make_bus(name, BUSES[kind], rng, detail)
    return make_truck(name, TRUCKS[kind], rng, detail)


_VARIANTS = {name: kind.variants for table in (TRUCKS, BUSES) for name, kind in table.items()}
BUILDERS: dict[str, Callable[[], Asset]] = {
    f"{'' if detail else 'lod_'}truck_{name}_{number}": partial(build_truck, name, number, detail)
    for name, variants in _VARIANTS.items()
    for number in range(variants)
    for detail in (True, False)
}
