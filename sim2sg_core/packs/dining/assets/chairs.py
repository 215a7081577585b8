"""Dining chairs. The sitter looks along +x; the back is at -x. Metres."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from sim2sg_core.packs.dining.assets.furniture_parts import (
    CORNERS,
    LodBuilder,
    bar,
    leg,
    oval,
    padded,
    rectangle,
    rod,
    sheet,
    slab,
    steel,
    tilt,
    wooden,
)
from sim2sg_core.packs.dining.assets.variants import build_variant, read_variants
from sim2sg_core.render.meshes import Asset, Slot
from sim2sg_core.synthesis.assets import shapes

SEAT, BACK, FRAME = range(3)
_SHELL = (Slot("seat", "shell", (0.6, 0.6, 0.58), 0.4, 0.5), Slot("back", "shell", (0.6, 0.6, 0.58), 0.4, 0.5))
CHAIR_LOOKS = {
    "wood": (wooden("seat", 0.5), wooden("back", 0.5), wooden("frame", 0.5)),
    "padded": (padded("seat"), padded("back"), wooden("frame", 0.5)),
    "padded_seat": (padded("seat"), wooden("back", 0.5), wooden("frame", 0.5)),
    "padded_metal": (padded("seat"), padded("back"), steel("frame")),
    "wood_metal": (wooden("seat", 0.5), wooden("back", 0.5), steel("frame")),
    "shell_wood": (*_SHELL, wooden("frame", 0.5)),
    "shell_metal": (*_SHELL, steel("frame")),
}


def framed(
    b: LodBuilder,
    back: str,
    depth: float = 0.43,
    width: float = 0.44,
    seat: float = 0.45,
    total: float = 0.92,
    pad: float = 0.0,
    arms: bool = False,
) -> None:
    """A joiner's chair on four legs.

    Args:
        b: Where to.
        back: "slats" (upright), "ladder" (level), "cross", "panel" or "pad".
        depth: Of the seat, along x.
        width: Of the seat, along y.
        seat: Height of the seat.
        total: Height of the back.
        pad: Thickness of the seat's cushion; 0 leaves a board.
        arms: Whether it has arm-rests.
    """
    x, y = depth / 2 - 0.025, width / 2 - 0.02
    board = seat - pad
    lean = 0.16 * (total - seat) + 0.02
    for side in (-y, y):
        b.put(leg((x, side, 0), (x, side, board - 0.02), 0.030, 0.042), FRAME)
        b.put(leg((-x - 0.05, side, 0), (-x, side, board - 0.01), 0.034, 0.042), FRAME)
        b.put(leg((-x, side, board - 0.012), (-x - lean, side, total), 0.042, 0.028), FRAME)
        b.put(shapes.box(2 * x, 0.02, 0.06, (0, side, board - 0.085)), FRAME)
    for at in (-x, x):
        b.put(shapes.box(0.02, 2 * y, 0.06, (at, 0, board - 0.085)), FRAME)
    b.put(slab(rectangle(depth, width, 0.03), board - 0.025, board, 0.005), FRAME if pad else SEAT)
    if pad:
        b.put(shapes.rounded_box(depth - 0.02, width - 0.02, pad, (0.004, 0, board), 0.02), SEAT)
    fill_back(b, back, y, seat, total, lambda z: -x - lean * (z - board) / (total - board))
    if arms:
        for side in (-y - 0.02, y + 0.02):
            z = seat + 0.21
            b.put(bar((-x - lean * 0.4, side, z), (x + 0.01, side, z - 0.01), 0.05, 0.024), FRAME)
            b.put(leg((x - 0.03, side * 0.97, board - 0.04), (x - 0.04, side, z), 0.032), FRAME)


def fill_back(b: LodBuilder, kind: str, y: float, seat: float, total: float, x: Callable[[float], float]) -> None:
    """Adds what is between the rear posts: at ±y, leaning along x(z)."""
    if kind == "pad":
        low, high = seat + 0.14, total - 0.01
        shape = shapes.rounded_box(0.055, 2 * y - 0.02, high - low, (x(low), 0, low), 0.022)
        b.put(tilt(shape, np.arctan2(x(low) - x(high), high - low), (x(low), low)), BACK)
        return
    rows = {"panel": [(seat + 0.12, total - 0.005)], "ladder": [], "slats": [(total - 0.085, total - 0.005)],
            "cross": [(total - 0.07, total - 0.005), (seat + 0.10, seat + 0.14)]}[kind]  # fmt: skip
    if kind == "ladder":
        step = (total - seat) / 4
        rows = [(seat + k * step + 0.04, seat + k * step + 0.10) for k in (1, 2, 3)]
    for low, high in rows:
        side = np.linspace(y, -y, 5 if b.fine else 3)
        bow = -0.03 * (1 - (side / y) ** 2)
        line = [np.stack([x(z) + bow + 0.009, side, np.full(len(side), z)], 1) for z in (low, high)]
        b.put(sheet(np.array(line)[::-1], 0.018), BACK)
    top = total - 0.05
    if kind == "slats":
        for side in np.linspace(-0.72, 0.72, 5) * y:
            bow = -0.03 * (1 - (side / y) ** 2)
            b.put(bar((x(seat - 0.02), side, seat - 0.02), (x(top) + bow, side, top), 0.032, 0.012, (1, 0, 0)), BACK)
    if kind == "cross":
        for sign in (-1, 1):
            ends = (x(seat + 0.12) - 0.01, -sign * y, seat + 0.12), (x(top) - 0.01 - 0.004 * sign, sign * y, top)
            b.put(bar(*ends, 0.032, 0.012, (1, 0, 0)), BACK)


def parsons(b: LodBuilder, total: float, width: float = 0.46) -> None:
    """Upholstered all over, on four tapered legs."""
    depth = 0.5
    for sx, sy in CORNERS:
        x, y = sx * (depth / 2 - 0.04), sy * (width / 2 - 0.04)
        b.put(leg((x + (0 if sx > 0 else -0.04), y, 0), (x, y, 0.36), 0.026, 0.044), FRAME)
    b.put(shapes.rounded_box(depth, width, 0.13, (0, 0, 0.35), 0.03), SEAT)
    shape = shapes.rounded_box(0.085, width, total - 0.36, (-depth / 2 + 0.045, 0, 0.35), 0.03)
    b.put(tilt(shape, 0.13, (-depth / 2, 0.40)), BACK)


def splayed(b: LodBuilder, spread: float, height: float, seat: float, radius: float, inset: float = 0.6) -> None:
    """Adds four round legs that spread outwards, from `inset` of it under the seat to `spread` on the floor."""
    for sx, sy in CORNERS:
        foot, top = np.array([sx * spread, sy * spread, 0.0]), np.array([sx, sy, 0.0]) * spread * inset
        b.put(rod([foot + [0, 0, 0.0], (foot + top) / 2 + [0, 0, height / 2], top + [0, 0, height]],
                  [radius * 0.75, radius * 1.15, radius], b.sides(7)), FRAME)  # fmt: skip
    half = inset * 0.5 + 0.5
    if seat > 0:
        for side in (-1, 1):
            y = side * spread * half
            b.put(
                rod([(-spread * half, y, height / 2), (spread * half, y, height / 2)], radius * 0.7, b.sides(5)), FRAME
            )


def low_stool(b: LodBuilder, seat: float, total: float) -> None:
    """A round seat on splayed legs with a low, bent back rest."""
    splayed(b, 0.19, seat - 0.02, 0.0, 0.018)
    b.put(slab(oval(0.39, 0.40, b.sides(20)), seat - 0.035, seat, 0.01), SEAT)
    arc = np.linspace(1.1, -1.1, 9 if b.fine else 5)
    line = [np.stack([0.04 - r * np.cos(arc), r * np.sin(arc), np.full(len(arc), z)], 1)
            for r, z in ((0.235, total), (0.225, total - 0.12))]  # fmt: skip
    b.put(sheet(np.array(line), 0.016), BACK)
    for a in (-0.75, 0.75):
        ends = (
            (-0.155 * np.cos(a), 0.17 * np.sin(a), seat - 0.02),
            (0.028 - 0.23 * np.cos(a), 0.235 * np.sin(a), total - 0.03),
        )
        b.put(rod(ends, 0.011, b.sides(6)), FRAME)


def shell_grid(columns: int, arms: float, wide: float) -> np.ndarray:
    """(11, columns, 3) front of a moulded seat: along the middle from the front lip over the seat up the back."""
    line = np.array([(0.225, 0.425), (0.19, 0.445), (0.10, 0.44), (0.0, 0.43), (-0.10, 0.428), (-0.165, 0.45),
                     (-0.205, 0.51), (-0.23, 0.60), (-0.25, 0.69), (-0.265, 0.77), (-0.275, 0.82)])  # fmt: skip
    half = np.array([0.17, 0.205, 0.215, 0.22, 0.225, 0.23, 0.23, 0.225, 0.215, 0.19, 0.13]) * wide
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    curl = np.array([0.02, 0.03, 0.05, 0.08, 0.11, 0.12, 0.11, 0.08, 0.06, 0.04, 0.02]) * (1 + arms)
    u = np.linspace(1, -1, columns)
    lift = curl[:, None] * np.abs(u) ** 3
    x = line[:, :1] + along[:, 1:] * lift
    z = line[:, 1:] - along[:, :1] * lift
    return np.stack([x, half[:, None] * u, z], -1)


def shell(b: LodBuilder, arms: float = 0.0, wide: float = 1.0) -> None:
    """A moulded shell on four splayed legs."""
    b.put(sheet(shell_grid(9 if b.fine else 5, arms, wide), 0.012), SEAT, 60)
    splayed(b, 0.22, 0.42, 0.0, 0.014, 0.55)
    for x in (-0.12, 0.12):
        b.put(rod([(x, -0.125, 0.405), (x, 0.125, 0.405)], 0.012, b.sides(5)), FRAME)


def cantilever(b: LodBuilder, total: float, pads: bool) -> None:
    """A bent steel tube that leaves the rear of the seat free; leather, cloth or wood on it."""
    side = [(-0.24, total - 0.02), (-0.185, 0.52), (-0.15, 0.45), (-0.08, 0.425), (0.17, 0.425), (0.215, 0.40),
            (0.225, 0.35), (0.215, 0.07), (0.19, 0.02), (0.14, 0.012), (-0.22, 0.012)]  # fmt: skip
    for y in (-0.21, 0.21):
        b.put(rod([(x, y, z) for x, z in side], 0.012, b.sides(8)), FRAME, 60)
    for x, z in ((-0.22, 0.012), (-0.10, 0.425), (0.16, 0.415)):
        b.put(rod([(x, -0.21, z), (x, 0.21, z)], 0.011, b.sides(6)), FRAME, 60)
    thick = 0.05 if pads else 0.014
    b.put(shapes.rounded_box(0.40, 0.43, thick, (0.035, 0, 0.434), 0.02 if pads else 0.005), SEAT)
    lean = np.arctan2(0.055, total - 0.52)
    back = shapes.rounded_box(thick, 0.43, total - 0.64, (-0.205 + thick / 2, 0, 0.64), 0.02 if pads else 0.005)
    b.put(tilt(back, lean, (-0.205, 0.64)), BACK)


def folding(b: LodBuilder, slats: bool) -> None:
    """Crossed legs; a folding seat of slats or of one board."""
    for y in (-0.20, 0.20):
        b.put(bar((0.22, y, 0.0), (-0.21, y, 0.82), 0.03, 0.018, (0, 1, 0)), FRAME)
        b.put(bar((-0.23, y * 0.89, 0.0), (0.17, y * 0.89, 0.435), 0.03, 0.018, (0, 1, 0)), FRAME)
    for x, z in ((0.19, 0.055), (-0.19, 0.055)):
        y = 0.20 if x > 0 else 0.178
        b.put(rod([(x, -y, z), (x, y, z)], 0.008, b.sides(6)), FRAME)
    if slats:
        for x in np.linspace(-0.14, 0.17, 6):
            b.put(shapes.box(0.045, 0.40, 0.016, (float(x), 0, 0.434)), SEAT)
    else:
        b.put(slab(rectangle(0.39, 0.38, 0.04), 0.432, 0.452, 0.006), SEAT)
    for z in (0.62, 0.74) if slats else (0.68,):
        x, high = -0.21 + (0.82 - z) * 0.524 + 0.012, 0.05 if slats else 0.12
        b.put(tilt(shapes.box(0.012, 0.40, high, (x, 0, z)), 0.48, (x, z)), BACK)


def windsor(b: LodBuilder, total: float, spindles: int) -> None:
    """A saddle seat, splayed turned legs, and spindles in a bent bow."""
    seat = 0.45
    splayed(b, 0.20, seat - 0.02, seat, 0.018, 0.66)
    b.put(slab(oval(0.42, 0.44, b.sides(20), 2.6), seat - 0.042, seat, 0.012), SEAT)

    def bow(angle: np.ndarray | float) -> np.ndarray:
        up = (total - seat + 0.02) * np.sin(angle) ** 0.7
        return np.stack([-0.14 - 0.05 * np.sin(angle) - 0.2 * up, 0.19 * np.cos(angle), seat - 0.02 + up], -1)

    b.put(rod(list(bow(np.linspace(0, np.pi, 13 if b.fine else 9))), 0.011, b.sides(6)), BACK, 60)
    for angle in np.linspace(0.6, np.pi - 0.6, spindles):
        end = bow(angle)
        b.put(rod([(-0.165 + 0.02 * np.cos(angle) ** 2, end[1] * 0.75, seat - 0.02), end], 0.0065, 5), BACK)


CHAIRS = {
    name: variant
    for make in (framed, parsons, low_stool, shell, cantilever, folding, windsor)
    for name, variant in read_variants(Path(__file__).with_name("furniture.yaml"), make, CHAIR_LOOKS).items()
}
WITH_COARSE_TWIN = ("chair_low", "chair_shell", "chair_cantilever", "chair_windsor")
BUILDERS: dict[str, Callable[[], Asset]] = {name: partial(build_variant, name, made) for name, made in CHAIRS.items()}
BUILDERS.update(
    {
        f"lod_{name}": partial(build_variant, f"lod_{name}", made, fine=False)
        for name, made in CHAIRS.items()
        if name.startswith(WITH_COARSE_TWIN)
    }
)
