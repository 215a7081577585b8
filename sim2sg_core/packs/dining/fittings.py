"""Kitchens and screens: what real rooms have many of, and what laptops, books and tables are mistaken for."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from sim2sg_core.packs.dining.room import Wall
from sim2sg_core.packs.dining.room_shapes import block
from sim2sg_core.packs.dining.surroundings import Surroundings
from sim2sg_core.render.meshes import Slot
from sim2sg_core.render.render_scene import Material
from sim2sg_core.scene import Placement

UNIT = 0.6  # metres: width and depth of what kitchens are built of
WORKTOP = (0.86, 0.04)  # metres: its underside, its thickness
WALL_UNIT = (0.34, 1.42, 0.7)  # metres: depth, height of its underside, its own height
TALL = 1.9
CROWDED = 1.2  # metres: the top of what stands on a worktop
FRONT = Slot("front", "trim", (0.6, 0.58, 0.55), roughness=0.45, specular=0.35)
WOODEN = Slot("front", "wood", roughness=0.5, specular=0.3, textures=("wood",), texture_scale=1.0)
STONE = Slot(
    "worktop", "trim", (0.35, 0.34, 0.33), roughness=0.35, specular=0.5, textures=("clouds",), texture_scale=0.3
)
SHOWN = Slot("shown", "cloth", textures=("print", "clouds"), texture_scale=0.7)
GLASS = Material((0.012, 0.012, 0.014), 0.12, 0.6)
STEEL = Material((0.5, 0.5, 0.52), 0.35, 0.6)
PLINTH = Material((0.05, 0.05, 0.05), 0.8, 0.1)


def screen(room: Surroundings) -> None:
    """A television or monitor on a wall, mostly dark."""
    rng = room.rng
    wide = float(rng.uniform(0.5, 1.6))
    high = wide * float(rng.uniform(0.5, 0.65))
    found = room.stretch(wide, (0, 1, 2, 3), (3.0, 2.0, 2.0, 0.3))
    z = float(rng.uniform(0.75, 1.9)) - high / 2
    if not found or z + high > room.room.height:
        return
    wall, along = room.walls[found[0]], found[1]
    rim = float(rng.uniform(0.008, 0.03))
    case = Material((0.02,) * 3 if rng.random() < 0.8 else (0.5,) * 3, 0.4, 0.4)
    room.before(
        wall, block(), np.array([*wall.point(along, 0.04), z]), np.array([wide, 0.05, high]), (case,), shadow=False
    )
    picture = room.painter.material(SHOWN, rng) if rng.random() < 0.3 else GLASS
    room.on_wall(wall, along, z + rim, (wide - 2 * rim, 0.004, high - 2 * rim), picture, out=0.066)


def kitchen(room: Surroundings) -> None:
    """A row of kitchen units along a wall: never before what is placed, and with gaps where it would be."""
    rng = room.rng
    wall = room.walls[int(rng.choice(4, p=[0.5, 0.25, 0.25, 0.0]))]
    count = min(int(rng.integers(2, 8)), int((wall.length - 0.1) / UNIT))
    if count < 2:
        return
    start = float(rng.uniform(-1, 1)) * (wall.length - count * UNIT - 0.1) / 2 - (count - 1) * UNIT / 2
    front = room.painter.material(FRONT if rng.random() < 0.6 else WOODEN, rng)
    top = room.painter.material(STONE if rng.random() < 0.6 else WOODEN, rng)
    hung = rng.random() < 0.7
    for k in range(count):
        along = start + k * UNIT
        kind = "tall" if k in (0, count - 1) and rng.random() < 0.35 else "oven" if rng.random() < 0.25 else "door"
        if _stands(room, wall, along, TALL if kind == "tall" else CROWDED):
            _unit(room, wall, along, kind, front, top)
            if hung and kind != "tall":
                _wall_unit(room, wall, along, front)


def _stands(room: Surroundings, wall: Wall, along: float, high: float) -> bool:
    """Claims the floor for a unit, where it is free and hides nothing that is placed."""
    size = np.array([UNIT, UNIT, high])
    x, y = wall.point(along, UNIT / 2)
    index = room.walls.index(wall)
    if (high > CROWDED and room.hung(index, along, UNIT)) or not room.free(x, y, wall.yaw, size):
        return False
    return bool(room.taken.claim(x, y, wall.yaw, size, 0.0))


def _unit(room: Surroundings, wall: Wall, along: float, kind: str, front: Material, top: Material) -> None:
    """One base unit with its worktop and what stands on it, or a tall cupboard or fridge."""
    rng, gap = room.rng, 0.004
    room.on_wall(wall, along, 0.0, (UNIT, UNIT - 0.06, 0.1), PLINTH)
    high = TALL if kind == "tall" else WORKTOP[0]
    body = STEEL if kind == "tall" and rng.random() < 0.4 else front
    room.on_wall(wall, along, 0.1, (UNIT, UNIT - 0.03, high - 0.1), body)
    splits = [0.1, float(rng.uniform(0.9, 1.3)) if kind == "tall" else float(rng.choice([0.1, 0.45, 0.68])), high]
    for low, up in pairwise(splits):
        if up - low > 0.05:
            room.on_wall(wall, along, low + gap, (UNIT - 2 * gap, 0.02, up - low - 2 * gap), body, out=UNIT - 0.03)
            room.on_wall(wall, along, up - 0.08, (UNIT * 0.4, 0.02, 0.015), STEEL, out=UNIT - 0.01)
    if kind == "oven":
        room.on_wall(wall, along, 0.2, (UNIT - 0.08, 0.01, 0.42), GLASS, out=UNIT - 0.01)
    if kind == "tall":
        return
    room.on_wall(wall, along, WORKTOP[0], (UNIT, UNIT, WORKTOP[1]), top)
    if rng.random() < 0.3:  # A microwave, a toaster, a bread bin.
        size = np.array([rng.uniform(0.2, 0.48), rng.uniform(0.2, 0.36), rng.uniform(0.16, 0.3)])
        z, out = sum(WORKTOP), 0.06
        room.on_wall(
            wall, along, z, tuple(size), room.painter.material(FRONT, rng) if rng.random() < 0.5 else STEEL, out=out
        )
        if size[0] > 0.35:
            room.on_wall(
                wall, along - 0.05, z + 0.03, (size[0] * 0.66, 0.008, size[2] - 0.06), GLASS, out=out + size[1]
            )


def _wall_unit(room: Surroundings, wall: Wall, along: float, front: Material) -> None:
    """A cupboard on the wall, where no window or picture is."""
    index = room.walls.index(wall)
    depth, z, high = WALL_UNIT
    box = Placement("", np.array([*wall.point(along, depth / 2), z]), wall.yaw, np.array([UNIT, depth, high]))
    if room.hung(index, along, UNIT) or z + high > room.room.height or room.sight.blocked(box.corners()):
        return
    room.on_walls.append((index, along - UNIT / 2, along + UNIT / 2))
    room.on_wall(wall, along, z, (UNIT, depth, high), front)
    room.on_wall(wall, along, z + 0.004, (UNIT - 0.008, 0.02, high - 0.008), front, out=depth)
    room.on_wall(wall, along, z + 0.05, (0.015, 0.02, 0.12), STEEL, out=depth + 0.02)
