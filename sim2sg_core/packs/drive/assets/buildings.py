"""Houses, rows of town houses, apartment blocks, shops, halls and garages. The street front faces +y."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from sim2sg_core.render.meshes import Asset, MeshBuilder, Slot
from sim2sg_core.synthesis.assets import shapes

BUILDING_SLOTS = (
    Slot(
        "wall",
        "wall",
        (0.55, 0.5, 0.42),
        roughness=0.9,
        specular=0.08,
        textures=("plaster", "brick", "plaster", "concrete"),
        texture_scale=3.0,
    ),
    Slot("roof", "roof", (0.25, 0.1, 0.07), roughness=0.85, textures=("roof_tiles",), texture_scale=3.5),
    Slot("window", "window", (0.03, 0.035, 0.04), roughness=0.08, specular=0.8),
    Slot("frame", "fixed", (0.62, 0.61, 0.58), roughness=0.6),
    Slot("door", "door", (0.12, 0.08, 0.05), roughness=0.6, textures=("planks",), texture_scale=1.2),
    Slot("base", "concrete", (0.22, 0.21, 0.2), roughness=0.95, textures=("concrete",), texture_scale=3.0),
    Slot("metal", "metal", (0.2, 0.2, 0.21), roughness=0.5),
    Slot("sign", "sign", (0.4, 0.1, 0.1), roughness=0.5, textures=("print",), texture_scale=1.5),
    Slot("shutter", "door", (0.2, 0.16, 0.12), roughness=0.8, textures=("planks",), texture_scale=0.8),
)
WALL, ROOF, WINDOW, FRAME, DOOR, BASE, METAL, SIGN, SHUTTER = range(9)


def add_window(
    builder: MeshBuilder,
    x: float,
    y: float,
    z: float,
    width: float,
    height: float,
    facing: float,
    style: int,
    rng: np.random.Generator,
) -> None:
    """Adds a window on the wall y (facing +1 or -1): surround, panes, sill, and by style shutters or a blind.

    Style -1 is the far version: a single pane.
    """
    if style < 0:
        builder.add(*shapes.box(width, 0.1, height, (x, y, z)), WINDOW)
        return
    builder.add(*shapes.box(width + 0.16, 0.10, height + 0.16, (x, y, z - 0.08)), FRAME)
    half = width / 2 - 0.02
    for side in (-1, 1) if width > 0.7 else (0,):
        w = half if side else width - 0.06
        builder.add(*shapes.box(w, 0.06, height - 0.06, (x + side * width / 4, y + facing * 0.035, z + 0.03)), WINDOW)
    if style == 1 and width < 1.6:
        for side in (-1, 1):
            builder.add(*shapes.box(0.42, 0.08, height, (x + side * (width / 2 + 0.32), y + facing * 0.04, z)), SHUTTER)
    elif style == 2 and rng.random() < 0.5:
        drop = height * float(rng.uniform(0.2, 0.9))
        builder.add(*shapes.box(width, 0.08, drop, (x, y + facing * 0.04, z + height - drop)), FRAME)
    elif style == 3:
        builder.add(*shapes.box(width + 0.3, 0.22, 0.09, (x, y + facing * 0.05, z + height + 0.1)), BASE)
    builder.add(*shapes.box(width + 0.2, 0.2, 0.06, (x, y + facing * 0.04, z - 0.12)), BASE)


def add_facade(
    builder: MeshBuilder,
    length: float,
    y: float,
    floors: int,
    storey: float,
    facing: float,
    style: int,
    rng: np.random.Generator,
    doors: bool = True,
    spacing: float | None = None,
    ground: float = 0.35,
) -> None:
    """Adds rows of windows, and doors, on one long wall."""
    spacing = spacing or float(rng.uniform(2.1, 3.1))
    count = max(int((length - 1.0) / spacing), 1)
    width = float(rng.uniform(0.9, min(1.7, spacing - 0.8)))
    height = storey * float(rng.uniform(0.45, 0.58))
    door = int(rng.integers(count)) if doors else -1
    for floor in range(floors):
        for k in range(count):
            x = (k - (count - 1) / 2) * spacing
            z = ground + floor * storey + (storey - height) * 0.55
            if floor == 0 and k == door:
                builder.add(*shapes.box(1.25, 0.12, 2.3, (x, y, ground - 0.2)), FRAME)
                builder.add(*shapes.box(1.0, 0.1, 2.1, (x, y + facing * 0.04, ground - 0.2)), DOOR)
                builder.add(*shapes.box(1.7, 0.9, 0.16, (x, y + facing * 0.3, 0)), BASE)
                if rng.random() < 0.5:
                    builder.add(*shapes.box(1.9, 1.0, 0.09, (x, y + facing * 0.45, ground + 2.3)), METAL)
            elif rng.random() < 0.95:
                add_window(builder, x, y, z, width, height, facing, style, rng)


def add_gable_roof(
    builder: MeshBuilder, length: float, width: float, base: float, pitch: float, along: bool, overhang: float = 0.45
) -> float:
    """Adds the gable walls and two roof slabs; `along` puts the ridge along x. Returns the ridge's height."""
    run = (width if along else length) / 2
    rise = run * np.tan(pitch)
    across, long = (width, length) if along else (length, width)
    ends = np.array([-0.5, 0.5]) * (long - 0.02)
    wedge = np.array([(e, s, z) for e in ends for s, z in ((-across / 2, base), (across / 2, base), (0, base + rise))])
    faces = np.array([[0, 2, 1], [3, 4, 5], [0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4], [2, 0, 3], [2, 3, 5]])
    slabs = []
    thick = 0.18
    for side in (1, -1):
        eave = np.array([side * (run + overhang), base - overhang * np.tan(pitch)])
        ridge = np.array([0.0, base + rise])
        section = [eave, ridge, ridge + [0, thick], eave + [0, thick]]
        e = np.array([-0.5, 0.5]) * (long + 2 * overhang)
        v = np.array([(x, s, z) for x in e for s, z in section])
        f = shapes.quads_to_triangles(
            np.array([[0, 3, 2, 1], [4, 5, 6, 7], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]])
        )
        slabs.append((v, f if side == 1 else f[:, ::-1]))
    turn = 0.0 if along else np.pi / 2
    builder.add(*shapes.move((wedge, faces), yaw=turn), WALL)
    for v, f in slabs:
        builder.add(*shapes.move((v, f[:, ::-1] if _volume(v, f) < 0 else f), yaw=turn), ROOF)
    return float(base + rise)


def _volume(v: np.ndarray, f: np.ndarray) -> float:
    a, b, c = (v[f[:, k]] for k in range(3))
    return float(np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6)


def add_chimney(builder: MeshBuilder, length: float, ridge: float, rng: np.random.Generator) -> None:
    """Adds a chimney near the ridge."""
    x, y = float(rng.uniform(-0.3, 0.3)) * length, float(rng.uniform(-0.8, 0.8))
    builder.add(*shapes.box(0.6, 0.6, 1.7, (x, y, ridge - 0.9)), WALL)
    builder.add(*shapes.box(0.72, 0.72, 0.12, (x, y, ridge + 0.75)), BASE)


def build_house(name: str, seed: int, detail: bool = True) -> Asset:
    """Builds a detached house with a gabled roof, dormers and, on some, a garage."""
    rng = np.random.default_rng([501, seed])
    builder = MeshBuilder()
    length, width = float(rng.uniform(8, 13)), float(rng.uniform(8, 10.5))
    floors, storey = int(rng.choice([1, 2, 2, 2])), float(rng.uniform(2.7, 3.0))
    height = floors * storey + float(rng.uniform(0.4, 1.0))
    style = int(rng.integers(4))
    style = style if detail else -1
    builder.add(*shapes.box(length, width, height, (0, 0, 0)), WALL)
    builder.add(*shapes.box(length + 0.06, width + 0.06, 0.45, (0, 0, 0)), BASE)
    along = bool(rng.random() < 0.65)
    pitch = float(np.radians(rng.uniform(32, 50)))
    ridge = add_gable_roof(builder, length, width, height, pitch, along)
    add_facade(builder, length, width / 2, floors, storey, 1, style, rng)
    add_facade(builder, length, -width / 2, floors, storey, -1, style, rng, doors=False)
    for side in (1, -1):
        start = len(builder.vertices)
        add_facade(builder, width, length / 2, floors, storey, 1, style, rng, doors=False)
        _turn_parts(builder, start, -side * np.pi / 2)
    if not along:
        add_window(builder, 0.0, width / 2, height + 0.6, 1.1, 1.2, 1, style, rng)
    if along and rng.random() < 0.6:
        for x in np.linspace(-0.28, 0.28, int(rng.integers(1, 4))) * length:
            builder.add(*shapes.box(1.5, 2.2, 1.45, (x, width / 2 - 1.7, height + 0.5)), ROOF)
            add_window(builder, float(x), width / 2 - 0.62, height + 0.75, 0.95, 0.95, 1, min(style, 0), rng)
    add_chimney(builder, length, ridge, rng)
    if rng.random() < 0.45:
        builder.add(*shapes.box(3.2, 5.5, 2.5, (length / 2 + 1.6, 0.6, 0)), WALL)
        builder.add(*shapes.box(3.4, 5.7, 0.2, (length / 2 + 1.6, 0.6, 2.5)), BASE)
        builder.add(*shapes.box(2.5, 0.1, 2.1, (length / 2 + 1.6, 3.35, 0.02)), SHUTTER)
    return builder.build(name, BUILDING_SLOTS)


def _turn_parts(builder: MeshBuilder, start: int, yaw: float) -> None:
    """Turns everything added since `start` about z."""
    c, s = np.cos(yaw), np.sin(yaw)
    R = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    for k in range(start, len(builder.vertices)):
        builder.vertices[k] = builder.vertices[k] @ R
        builder.normals[k] = builder.normals[k] @ R


def build_block(name: str, seed: int, detail: bool = True) -> Asset:
    """Builds an apartment block: flat or low roof, balconies, stair-wells."""
    rng = np.random.default_rng([502, seed])
    builder = MeshBuilder()
    floors, storey = int(rng.integers(3, 7)), float(rng.uniform(2.75, 3.0))
    length, width = float(rng.uniform(16, 30)), float(rng.uniform(10, 13))
    height = floors * storey + 0.8
    style = int(rng.choice([0, 2, 2, 3]))
    style = style if detail else -1
    builder.add(*shapes.box(length, width, height, (0, 0, 0)), WALL)
    builder.add(*shapes.box(length + 0.08, width + 0.08, 0.7, (0, 0, 0)), BASE)
    if rng.random() < 0.5:
        builder.add(*shapes.box(length + 0.5, width + 0.5, 0.3, (0, 0, height)), BASE)
    else:
        add_gable_roof(builder, length, width, height, float(np.radians(rng.uniform(20, 38))), True)
    spacing = float(rng.uniform(2.4, 3.2))
    add_facade(builder, length, width / 2, floors, storey, 1, style, rng, spacing=spacing, ground=0.7)
    start = len(builder.vertices)
    add_facade(builder, width, length / 2, floors, storey, 1, style, rng, doors=False, spacing=3.6, ground=0.7)
    _turn_parts(builder, start, -np.pi / 2)
    start = len(builder.vertices)
    add_facade(builder, width, length / 2, floors, storey, 1, style, rng, doors=False, spacing=3.6, ground=0.7)
    _turn_parts(builder, start, np.pi / 2)
    if rng.random() < 0.75:
        columns = np.arange(-length / 2 + 2.5, length / 2 - 2, spacing * 2)
        for x in columns:
            for floor in range(1, floors):
                z = 0.7 + floor * storey
                builder.add(*shapes.box(2.6, 1.3, 0.16, (x, width / 2 + 0.6, z)), BASE)
                slot = [METAL, SHUTTER, FRAME][seed % 3]
                builder.add(*shapes.box(2.6, 0.06, 0.85, (x, width / 2 + 1.22, z + 0.16)), slot)
    return builder.build(name, BUILDING_SLOTS)


def build_row(name: str, seed: int, detail: bool = True) -> Asset:
    """Builds an old town house of a closed row: cornices, tall windows, shop below on some."""
    rng = np.random.default_rng([503, seed])
    builder = MeshBuilder()
    floors, storey = int(rng.integers(2, 6)), float(rng.uniform(2.9, 3.7))
    length, width = float(rng.uniform(9, 17)), float(rng.uniform(9, 12))
    height = floors * storey + 0.5
    builder.add(*shapes.box(length, width, height, (0, 0, 0)), WALL)
    builder.add(*shapes.box(length + 0.05, width + 0.10, float(rng.uniform(0.5, 1.1)), (0, 0, 0)), BASE)
    builder.add(*shapes.box(length + 0.2, width + 0.55, 0.3, (0, 0, height - 0.15)), BASE)
    if floors > 2:
        builder.add(*shapes.box(length + 0.02, width + 0.22, 0.18, (0, 0, storey + 0.35)), BASE)
    add_gable_roof(builder, length, width, height + 0.15, float(np.radians(rng.uniform(35, 52))), True, 0.2)
    shop = rng.random() < 0.45
    upper = floors - 1 if shop else floors
    style = int(rng.choice([0, 1, 3, 3]))
    style = style if detail else -1
    start = len(builder.vertices)
    add_facade(
        builder, length, width / 2, upper, storey, 1, style, rng, doors=not shop, spacing=float(rng.uniform(1.8, 2.5))
    )
    if shop:
        for k in range(start, len(builder.vertices)):
            builder.vertices[k] = builder.vertices[k] + [0, 0, storey]
        bays = max(int(length / 3.4), 1)
        for k in range(bays):
            x = (k - (bays - 1) / 2) * length / bays
            builder.add(*shapes.box(length / bays - 0.7, 0.12, 2.4, (x, width / 2, 0.35)), METAL)
            builder.add(*shapes.box(length / bays - 0.95, 0.12, 2.15, (x, width / 2 + 0.03, 0.5)), WINDOW)
        builder.add(*shapes.box(length * 0.8, 0.2, 0.6, (0, width / 2 + 0.05, 2.9)), SIGN)
        if rng.random() < 0.6:
            awning = np.array([(width / 2, 2.85), (width / 2 + 1.5, 2.35), (width / 2 + 1.5, 2.25), (width / 2, 2.6)])
            v = np.array([(x, y, z) for x in (-0.35 * length, 0.35 * length) for y, z in awning])
            f = shapes.quads_to_triangles(
                np.array([[0, 1, 2, 3], [7, 6, 5, 4], [0, 4, 5, 1], [1, 5, 6, 2], [2, 6, 7, 3], [3, 7, 4, 0]])
            )
            builder.add(v, f if _volume(v, f) > 0 else f[:, ::-1], SIGN)
    if floors > 2 and rng.random() < 0.5:
        x = float(rng.uniform(-0.25, 0.25)) * length
        for floor in range(1, floors):
            builder.add(*shapes.box(2.2, 1.0, 0.15, (x, width / 2 + 0.5, 0.3 + floor * storey)), BASE)
            builder.add(*shapes.box(2.2, 0.05, 0.9, (x, width / 2 + 0.98, 0.45 + floor * storey)), METAL)
    return builder.build(name, BUILDING_SLOTS)


def build_hall(name: str, seed: int, detail: bool = True) -> Asset:
    """Builds a low hall, garages or a supermarket."""
    rng = np.random.default_rng([504, seed])
    builder = MeshBuilder()
    length, width, height = float(rng.uniform(10, 24)), float(rng.uniform(7, 12)), float(rng.uniform(3.0, 5.5))
    builder.add(*shapes.box(length, width, height, (0, 0, 0)), WALL)
    builder.add(*shapes.box(length + 0.3, width + 0.3, 0.35, (0, 0, height)), METAL)
    doors = int(length / 3.2)
    for k in range(doors):
        x = (k - (doors - 1) / 2) * length / doors
        if seed % 2:
            builder.add(*shapes.box(length / doors - 0.7, 0.1, 2.3, (x, width / 2, 0.02)), SHUTTER)
        else:
            builder.add(*shapes.box(length / doors - 0.4, 0.1, height * 0.55, (x, width / 2, 0.5)), WINDOW)
    if rng.random() < 0.6:
        builder.add(*shapes.box(length * 0.35, 0.2, 0.8, (0, width / 2 + 0.06, height - 0.9)), SIGN)
    return builder.build(name, BUILDING_SLOTS)


BUILDING_KINDS: dict[str, tuple[Callable[..., Asset], int]] = {
    "house": (build_house, 8),
    "block": (build_block, 5),
    "row": (build_row, 8),
    "hall": (build_hall, 3),
}
BUILDERS: dict[str, Callable[[], Asset]] = {
    f"{prefix}building_{kind}_{seed}": partial(
        make, name=f"{prefix}building_{kind}_{seed}", seed=seed, detail=not prefix
    )
    for kind, (make, count) in BUILDING_KINDS.items()
    for seed in range(count)
    for prefix in ("", "lod_")
    if not (prefix and kind == "hall")
}
