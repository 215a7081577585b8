"""What stands, hangs and lies in a dining room and carries no label.

Fronts face -x, and what hangs on a wall is thin along x: at yaw 0 before the far wall it faces the camera. The base
(z = 0) of a picture, a television or a radiator is its own lower edge, that of a pendant lamp the lowest point of its
shade, with the cord going up. Flat things (rugs, napkins, cloths, runners) lie on z = 0. Metres; sizes are in
`room_things.yaml`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np

from sim2sg_core.packs.dining.assets.furniture_parts import (
    CLOTH_TEXTURES,
    CORNERS,
    LodBuilder,
    ball,
    leg,
    padded,
    put_lathe,
    rectangle,
    rod,
    sheet,
    slab,
    steel,
    tilt,
    wooden,
)
from sim2sg_core.packs.dining.assets.variants import Outline, build_variant, read_variants
from sim2sg_core.render.meshes import Asset, Slot
from sim2sg_core.synthesis.assets import shapes
from sim2sg_core.synthesis.tables import names_row_of

_PATTERNS = ("print", "clouds", "mottle", "stripes", "checker")
_FABRICS = (*CLOTH_TEXTURES, "checker", "stripes")
ROOM_SLOTS = (
    wooden("wood"),
    steel("metal"),
    padded("cloth"),
    Slot("linen", "linen", (0.7, 0.68, 0.62), 0.95, 0.05, textures=_FABRICS, texture_scale=0.25),
    Slot("rug", "upholstery", (0.3, 0.2, 0.18), 1.0, 0.03, textures=("print", "weave", "stripes"), texture_scale=0.9),
    Slot("picture", "picture", (0.4, 0.35, 0.3), 0.6, 0.2, textures=_PATTERNS, texture_scale=0.8),
    Slot("paper", "pages", (0.8, 0.79, 0.76), 0.8, 0.1),
    Slot("leaf", "foliage", (0.06, 0.11, 0.03), 0.7, 0.2),
    Slot("pot", "shell", (0.4, 0.2, 0.12), 0.6, 0.3),
    Slot("soil", "soil", (0.05, 0.04, 0.03), 1.0, 0.0),
    Slot("shade", "linen", (0.7, 0.66, 0.56), 0.9, 0.05, textures=("weave",), texture_scale=0.2, emissive=0.35),
    Slot("bulb", "fixed", (0.95, 0.88, 0.7), 0.5, 0.2, emissive=1.0),
    Slot("dark", "fixed", (0.008, 0.008, 0.009), 0.12, 0.7),
    Slot("white", "fixed", (0.72, 0.71, 0.68), 0.45, 0.35),
    Slot("apple", "apple", (0.42, 0.04, 0.03), 0.35, 0.45),
    Slot("orange", "orange", (0.80, 0.26, 0.02), 0.55, 0.3, textures=("speckle",), texture_scale=0.05),
    Slot("flower", "flower", (0.6, 0.1, 0.12), 0.8, 0.1),
    Slot("box_1", "book_cover", (0.3, 0.2, 0.12), 0.8, 0.1, textures=CLOTH_TEXTURES, texture_scale=0.4),
    Slot("box_2", "linen", (0.5, 0.4, 0.3), 0.85, 0.1, textures=CLOTH_TEXTURES, texture_scale=0.4),
)
(WOOD, METAL, PADS, LINEN, RUG, PICTURE, PAPER, LEAF, POT, SOIL, SHADE, BULB, DARK, WHITE, APPLE, ORANGE, FLOWER,
 BOX_1, BOX_2) = range(len(ROOM_SLOTS))  # fmt: skip
RoomSlot = Annotated[int, names_row_of({slot.name: k for k, slot in enumerate(ROOM_SLOTS)})]
"""Index of a slot; a column of its name."""


def cabinet(b: LodBuilder, width: float, depth: float, height: float, doors: int, rows: int, foot: float) -> None:
    """A cabinet or sideboard with rows of doors (or drawers) and knobs, on feet."""
    b.put(shapes.box(depth - 0.02, width - 0.02, height - foot - 0.025, (0.01, 0, foot)), WOOD)
    b.put(shapes.box(depth, width, 0.025, (0, 0, height - 0.025)), WOOD)
    if foot:
        for sx, sy in CORNERS:
            x, y = sx * (depth / 2 - 0.05), sy * (width / 2 - 0.06)
            b.put(leg((x, y, 0), (x, y, foot + 0.005), 0.03, 0.045), METAL)
    wide, high = (width - 0.03) / doors, (height - foot - 0.045) / rows
    for i in range(doors):
        for k in range(rows):
            y, z = -width / 2 + 0.015 + (i + 0.5) * wide, foot + 0.012 + k * high
            b.put(shapes.box(0.018, wide - 0.012, high - 0.012, (-depth / 2 + 0.012, y, z)), WOOD)
            grip = y + wide * 0.4 * (1 if i % 2 == 0 else -1) if rows == 1 else y
            b.put(shapes.box(0.02, 0.03, 0.03, (-depth / 2 - 0.004, grip, z + high * 0.55)), METAL)


def shelf(b: LodBuilder, width: float, height: float, boards: int, seed: int) -> None:
    """An open shelf with boxes on its boards."""
    rng = np.random.default_rng([702, seed])
    depth = 0.3
    for y in (-width / 2 + 0.0125, width / 2 - 0.0125):
        b.put(shapes.box(depth, 0.025, height, (0, y, 0)), WOOD)
    b.put(shapes.box(0.01, width - 0.04, height - 0.02, (depth / 2 - 0.006, 0, 0.01)), WOOD)
    step = (height - 0.08) / (boards - 1)
    for k in range(boards):
        z = 0.05 + k * step
        b.put(shapes.box(depth - 0.006, width - 0.048, 0.024, (0, 0, z)), WOOD)
        y = -width / 2 + 0.06
        while k < boards - 1 and y < width / 2 - 0.2:
            w, h = float(rng.uniform(0.06, 0.2)), float(rng.uniform(0.35, 0.85)) * (step - 0.03)
            slot = int(rng.choice([BOX_1, BOX_2, WHITE, POT]))
            b.put(shapes.box(0.2, w, h, (float(rng.uniform(-0.03, 0.02)), y + w / 2, z + 0.024)), slot)
            y += w + float(rng.choice([0.01, 0.06, 0.16]))


def plant(b: LodBuilder, height: float, leaves: int, droop: float, seed: int) -> None:
    """A potted plant: arching pointed leaves."""
    rng = np.random.default_rng([703, seed])
    pot = 0.28 * height
    r = 0.55 * pot
    put_lathe(b, [(0.72 * r, 0), (r, pot), (0.86 * r, pot), (0.84 * r, pot * 0.9)], 14, (0, 0, 0), POT)
    put_lathe(b, [(0.86 * r, pot * 0.84), (0.86 * r, pot * 0.93)], 14, (0, 0, 0), SOIL)
    along = np.linspace(0, 1, 5)
    for k in range(leaves):
        angle = 2.4 * k + float(rng.uniform(-0.3, 0.3))
        reach, top = height * float(rng.uniform(0.2, 0.5)) * droop, (height - pot) * float(rng.uniform(0.6, 1.0))
        half = height * 0.055 * np.array([0.25, 0.8, 1.0, 0.75, 0.08])
        spine = np.stack([reach * along**1.5, top * (along - 0.35 * droop * along**3)], 1)
        rows = [[(x, w * u, pot * 0.9 + z) for u in (1, 0, -1)] for (x, z), w in zip(spine, half, strict=True)]
        shape = sheet(np.array(rows), 0.004)
        b.put(shapes.move((shape[0], shape[1]), (0, 0, 0), angle), LEAF, 80)


def floor_lamp(b: LodBuilder, height: float, arc: bool) -> None:
    """A lamp on a pole, its shade above it or at the end of an arm towards -x."""
    put_lathe(b, [(0.15, 0), (0.15, 0.02), (0.02, 0.035)], 16, (0, 0, 0), METAL)
    if arc:
        turn = np.linspace(0, np.pi * 0.8, 7)
        path = [(0, 0, 0.03), *[(-0.4 + 0.4 * np.cos(a), 0, height - 0.4 + 0.4 * np.sin(a)) for a in turn]]
        b.put(rod(path, 0.012, b.sides(7)), METAL, 60)
        put_lathe(b, [(0.17, -0.17), (0.06, 0.02)], 16, path[-1], SHADE)
    else:
        b.put(rod([(0, 0, 0.03), (0, 0, height - 0.1)], 0.012, b.sides(7)), METAL)
        put_lathe(b, [(0.22, height - 0.28), (0.15, height)], 18, (0, 0, 0), SHADE)


def pendant(b: LodBuilder, shape: str, cord: float) -> None:
    """A hanging lamp with its cord and ceiling rose; the shade is open below, with a glowing disc in it."""
    profile = {
        "cone": [(0.06, 0.012), (0.22, 0.0), (0.225, 0.01), (0.06, 0.17), (0.03, 0.20)],
        "dome": [(0.06, 0.012), (0.20, 0.0), (0.205, 0.01), (0.185, 0.10), (0.12, 0.17), (0.03, 0.20)],
        "drum": [(0.05, 0.012), (0.25, 0.0), (0.25, 0.20), (0.03, 0.202)],
        "globe": [(0.15 * np.sin(a), 0.15 - 0.15 * np.cos(a)) for a in np.linspace(0.15, np.pi - 0.15, 8)],
    }[shape]
    slot = {"cone": METAL, "dome": POT, "drum": SHADE, "globe": BULB}[shape]
    put_lathe(b, profile, 20, (0, 0, 0), slot)
    if shape != "globe":
        put_lathe(b, [(0.10, -0.004), (0.10, 0.02)], 14, (0, 0, 0.002), BULB)
    high = profile[-1][1]
    b.put(rod([(0, 0, high - 0.01), (0, 0, high + cord)], 0.004, 4), DARK)
    put_lathe(b, [(0.05, high + cord - 0.02), (0.05, high + cord)], 10, (0, 0, 0), METAL)


def picture(b: LodBuilder, width: float, height: float, frame: float, mat: float) -> None:
    """A framed picture, facing -x."""
    b.put(shapes.box(0.018, width, height, (0.004, 0, 0)), WOOD if frame else PICTURE)
    if frame:
        for side in (-1, 1):
            b.put(shapes.box(0.026, frame, height, (0, side * (width - frame) / 2, 0)), WOOD)
            z = 0.0 if side < 0 else height - frame
            b.put(shapes.box(0.0255, width - 2 * frame + 0.002, frame, (0, 0, z)), WOOD)
    for inset, x, slot in ((frame, -0.0055, PAPER), (frame + mat, -0.007, PICTURE)):
        b.put(shapes.box(0.002, width - 2 * inset, height - 2 * inset, (x, 0, inset)), slot)


def folded_curtain(b: LodBuilder, width: float, height: float, folds: int) -> None:
    """A curtain in folds under its rod."""
    y = np.linspace(width / 2, -width / 2, folds * 6 + 1)
    x = 0.04 * np.sin(2 * np.pi * folds * (y / width)) + 0.01 * np.sin(2 * np.pi * 1.7 * y / width)
    rows = [np.stack([x * k - 0.0, y, np.full(len(y), z)], 1) for z, k in ((height - 0.03, 0.8), (0.0, 1.15))]
    b.put(sheet(np.array(rows)[::-1], 0.004), LINEN, 70)
    b.put(rod([(0, -width / 2 - 0.08, height - 0.015), (0, width / 2 + 0.08, height - 0.015)], 0.014, 8), METAL)


def radiator(b: LodBuilder, width: float, height: float) -> None:
    """A panel radiator with ribs."""
    b.put(shapes.box(0.08, width, height, (0.012, 0, 0)), WHITE)
    for y in np.linspace(-width / 2 + 0.03, width / 2 - 0.03, int(width / 0.06)):
        b.put(leg((-0.03, y, 0.03), (-0.03, y, height - 0.03), 0.024), WHITE)


def door(b: LodBuilder, panels: int) -> None:
    """A closed door in its frame."""
    b.put(shapes.box(0.04, 0.82, 2.0, (0.01, 0, 0.005)), WOOD)
    for y in (-0.455, 0.455):
        b.put(shapes.box(0.09, 0.09, 2.1, (0, y, 0)), WHITE)
    b.put(shapes.box(0.09, 0.83, 0.09, (0, 0, 2.01)), WHITE)
    for k in range(panels):
        high = 1.7 / panels
        b.put(slab_up(0.56, high - 0.12, 0.014, (-0.009, 0, 0.18 + k * high)), WOOD)
    b.put(rod([(-0.01, -0.35, 1.02), (-0.055, -0.35, 1.02), (-0.06, -0.24, 1.02)], 0.009, 6), METAL)


def slab_up(width: float, height: float, thick: float, base: tuple[float, float, float]) -> shapes.Shape:
    """An upright board with bevelled edges, facing along x."""
    v, f = slab(rectangle(height, width), 0.0, thick, thick / 3)
    return np.stack([v[:, 2] - thick / 2, v[:, 1], height / 2 - v[:, 0]], 1) + np.asarray(base), f


def sofa(b: LodBuilder, width: float, seats: int) -> None:
    """A sofa that faces -x."""
    b.put(shapes.rounded_box(0.80, width, 0.24, (0, 0, 0.10), 0.03), PADS)
    b.put(tilt(shapes.rounded_box(0.2, width - 0.04, 0.62, (0.30, 0, 0.2), 0.06), -0.12, (0.4, 0.2)), PADS)
    for side in (-1, 1):
        b.put(shapes.rounded_box(0.82, 0.16, 0.5, (0, side * (width / 2 - 0.07), 0.1), 0.05), PADS)
        for x in (-0.34, 0.34):
            b.put(leg((x, side * (width / 2 - 0.1), 0), (x, side * (width / 2 - 0.1), 0.11), 0.03, 0.05), WOOD)
    wide = (width - 0.32) / seats
    for k in range(seats):
        y = -width / 2 + 0.16 + (k + 0.5) * wide
        b.put(shapes.rounded_box(0.6, wide - 0.01, 0.14, (-0.1, y, 0.33), 0.04), PADS)


def waste_bin(b: LodBuilder, height: float, lid: bool) -> None:
    """A round bin, open or with a lid."""
    r = 0.42 * height
    wall = [(0.8 * r, 0.0), (r, height)]
    inside = [] if lid else [(r * 0.96, height), (0.78 * r, 0.02)]
    put_lathe(b, wall + inside, 18, (0, 0, 0), METAL)
    if lid:
        put_lathe(b, [(r * 1.02, height - 0.01), (r, height + 0.02), (r * 0.5, height + 0.05)], 18, (0, 0, 0), DARK)


def carton(b: LodBuilder, length: float, width: float, height: float, slot: RoomSlot) -> None:
    """A box with a lid, or a taped carton."""
    b.put(shapes.box(length, width, height), slot)
    if slot == BOX_1:
        b.put(shapes.box(length + 0.008, width + 0.008, 0.25 * height, (0, 0, height * 0.76)), BOX_2)
    else:
        b.put(shapes.box(length + 0.002, 0.05, height * 0.2, (0, 0, height * 0.803)), PAPER)


def television(b: LodBuilder, width: float, stand: bool) -> None:
    """A flat screen, on a foot or for the wall."""
    height, z = width * 0.57, 0.06 if stand else 0.0
    b.put(shapes.box(0.03, width, height, (0.01, 0, z)), METAL)
    b.put(shapes.box(0.006, width - 0.02, height - 0.03, (-0.006, 0, z + 0.02)), DARK)
    if stand:
        b.put(shapes.box(0.22, width * 0.4, 0.012), METAL)
        b.put(shapes.box(0.03, 0.1, 0.06, (0.012, 0, 0.01)), METAL)


def flat(b: LodBuilder, outline: Outline, thick: float, slot: RoomSlot, border: float = 0.0) -> None:
    """A flat thing, with a border of another colour if wanted."""
    b.put(slab(outline, 0.0, thick), slot)
    if border:
        inner = outline * (1 - 2 * border / np.ptp(outline, axis=0))
        b.put(slab(inner, 0.0005, thick + 0.001), PADS if slot == LINEN else LINEN)


def napkin(b: LodBuilder, folded: bool) -> None:
    """A napkin, folded to a pad or laid down with a wave in it."""
    if folded:
        for k, size in enumerate((1.0, 0.985, 0.97)):
            b.put(shapes.box(0.2 * size, 0.1 * size, 0.0022, (0.001 * k, 0, 0.002 * k)), LINEN)
        return
    x, y = np.meshgrid(np.linspace(-0.15, 0.15, 7), np.linspace(-0.15, 0.15, 7), indexing="ij")
    z = 0.004 + 0.006 * (1 + np.sin(22 * x + 9 * y)) * (0.4 + 3 * np.abs(x))
    b.put(sheet(np.stack([x, y, z], -1), 0.002), LINEN, 60)


def vase(b: LodBuilder, height: float, stems: int, seed: int) -> None:
    """A vase with flowers."""
    rng = np.random.default_rng([704, seed])
    body = [(0.25, 0), (0.38, 0.25), (0.36, 0.5), (0.17, 0.85), (0.24, 1.0), (0.20, 1.0), (0.14, 0.85)]
    put_lathe(b, [(r * height * 0.45, z * height * 0.45) for r, z in body], 14, (0, 0, 0), POT)
    for k in range(stems):
        a, out = 2.4 * k, 0.30 * height * float(np.sqrt((k + 0.5) / stems))
        top = np.array([out * np.cos(a), out * np.sin(a), height * float(rng.uniform(0.78, 1.0)) - 0.4 * out])
        b.put(rod([(0, 0, 0.36 * height), top * [0.5, 0.5, 0.8], top], 0.003, 4), LEAF)
        size = height * float(rng.uniform(0.06, 0.1))
        ball(b, (size, size, size * 0.7), top, FLOWER)
        ball(b, (size * 1.3, size * 0.5, size * 0.25), top * [0.7, 0.7, 0.72], LEAF)


def fruit(b: LodBuilder, slot: RoomSlot, radius: float) -> None:
    """An apple with its stalk, or an orange."""
    if slot == ORANGE:
        ball(b, (radius, radius, radius * 0.96), (0, 0, radius), ORANGE)
        return
    line = [(0.25, 0.06), (0.55, 0.0), (0.85, 0.3), (1.0, 0.95), (0.9, 1.45), (0.6, 1.75), (0.3, 1.72), (0.08, 1.55)]
    put_lathe(b, [(r * radius, z * radius) for r, z in line], 14, (0, 0, 0), APPLE)
    b.put(rod([(0, 0, 1.5 * radius), (0.006, 0, 2.05 * radius)], 0.0018, 4), DARK)


def candle(b: LodBuilder, holder: bool) -> None:
    """A pillar candle, or a taper in a holder."""
    z, r, h = (0.11, 0.011, 0.22) if holder else (0.0, 0.035, 0.11)
    if holder:
        put_lathe(
            b, [(0.05, 0), (0.05, 0.008), (0.01, 0.02), (0.01, 0.09), (0.02, 0.1), (0.02, 0.12)], 14, (0, 0, 0), METAL
        )
    put_lathe(b, [(r, z), (r, z + h)], 12, (0, 0, 0), PAPER)
    b.put(rod([(0, 0, z + h - 0.003), (0, 0.002, z + h + 0.012)], 0.0012, 4), DARK)


def salt(b: LodBuilder, slot: RoomSlot) -> None:
    """A salt cellar with a metal cap."""
    put_lathe(b, [(0.020, 0), (0.022, 0.01), (0.015, 0.055)], 12, (0, 0, 0), slot)
    put_lathe(b, [(0.016, 0.054), (0.016, 0.068), (0.009, 0.078)], 12, (0, 0, 0), METAL)


_SHAPES = (
    cabinet, shelf, plant, floor_lamp, pendant, picture, folded_curtain, radiator, door, sofa, waste_bin, carton,
    television, flat, vase, fruit, napkin, candle, salt,
)  # fmt: skip
THINGS = {
    name: variant
    for make in _SHAPES
    for name, variant in read_variants(Path(__file__).with_name("room_things.yaml"), make, ROOM_SLOTS).items()
}
BUILDERS: dict[str, Callable[[], Asset]] = {
    f"room_{name}": partial(build_variant, f"room_{name}", variant) for name, variant in THINGS.items()
}
