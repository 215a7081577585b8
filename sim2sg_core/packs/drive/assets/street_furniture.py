"""Street furniture that carries no label: poles, signs, lamps, fences, walls, bins, boxes and the like.

Signs and lamps face -x (towards the camera) and lamp arms reach towards +y; fences and walls run along x.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from sim2sg_core.render.meshes import Asset, MeshBuilder, Slot
from sim2sg_core.synthesis.assets import shapes

STREET_SLOTS = (
    Slot("pole", "metal", (0.25, 0.26, 0.27), roughness=0.5, specular=0.4),
    Slot("sign", "sign", (0.6, 0.05, 0.05), roughness=0.4, specular=0.4),
    Slot("white", "fixed", (0.68, 0.68, 0.66), roughness=0.5, specular=0.3),
    Slot("dark", "plastic", (0.02, 0.021, 0.022), roughness=0.6, specular=0.3),
    Slot("concrete", "concrete", (0.3, 0.29, 0.28), roughness=0.95, textures=("concrete",), texture_scale=2.0),
    Slot("wood", "wood", (0.18, 0.12, 0.07), roughness=0.8, textures=("wood", "planks"), texture_scale=1.0),
    Slot("painted", "street_paint", (0.10, 0.12, 0.14), roughness=0.5, specular=0.4),
    Slot("red", "fixed", (0.45, 0.02, 0.02), roughness=0.4, specular=0.4),
    Slot("lit", "fixed", (0.7, 0.68, 0.55), roughness=0.3, emissive=0.4),
    Slot("glass", "window", (0.04, 0.045, 0.05), roughness=0.1, specular=0.8),
    Slot(
        "brick", "wall", (0.4, 0.3, 0.22), roughness=0.95, textures=("brick", "plaster", "concrete"), texture_scale=2.5
    ),
    Slot("poster", "poster", (0.4, 0.35, 0.3), roughness=0.5, textures=("print",), texture_scale=1.4),
)
POLE, SIGN, WHITE, DARK, CONCRETE, WOOD, PAINTED, RED, LIT, GLASS, BRICK, POSTER = range(12)
StreetMaker = Callable[[MeshBuilder, np.random.Generator], None]


def pole(b: MeshBuilder, height: float, radius: float, slot: int = POLE, x: float = 0.0, y: float = 0.0) -> None:
    """Adds an upright pole."""
    b.add(*shapes.move(shapes.lathe([(radius, 0.0), (radius * 0.85, height)], 8), (x, y, 0)), slot, 60)


def sign_plate(b: MeshBuilder, kind: str, size: float, z: float, y: float = 0.0, face: int = SIGN) -> None:
    """Adds a sign: a coloured plate with a smaller white (or red) field before it."""
    turn = {
        "round": (14, 0.0),
        "triangle": (3, np.pi / 2),
        "yield": (3, -np.pi / 2),
        "square": (4, np.pi / 4),
        "diamond": (4, 0.0),
        "octagon": (8, np.pi / 8),
    }[kind]
    angle = turn[1] + np.arange(turn[0]) * 2 * np.pi / turn[0]
    for scale, depth, slot in ((1.0, 0.03, face), (0.66, 0.02, WHITE if face != WHITE else RED)):
        ring = np.stack([np.cos(angle), np.sin(angle)], 1) * size / 2 * scale
        v, f = shapes.prism(ring, 0.0, depth)
        x = -0.05 if scale == 1.0 else -0.07  # Towards the camera.
        b.add(np.stack([v[:, 2] + x, v[:, 0] + y, v[:, 1] + z], 1), f, slot)


def lamp(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A street lamp with an arm over the road, or a post-top lantern."""
    if rng.random() < 0.6:
        h, reach = float(rng.uniform(6.5, 9.5)), float(rng.uniform(0.8, 2.4))
        pole(b, h * 0.25, 0.09)
        path = np.array([[0, 0, h * 0.25], [0, 0, h * 0.8], [0, reach * 0.25, h * 0.97], [0, reach, h]])
        b.add(*shapes.tube(path, np.array([0.07, 0.055, 0.045, 0.035]), 7), POLE, 60)
        b.add(*shapes.rounded_box(0.24, 0.7, 0.14, (0, reach + 0.3, h - 0.08), 0.05), PAINTED)
    else:
        h = float(rng.uniform(3.6, 5.0))
        pole(b, h, 0.06)
        b.add(*shapes.lathe([(0.12, h), (0.24, h + 0.4)], 8), LIT)
        b.add(*shapes.lathe([(0.32, h + 0.4), (0.05, h + 0.56)], 8), PAINTED)


def sign(b: MeshBuilder, rng: np.random.Generator) -> None:
    """One or two traffic signs on a post."""
    h = float(rng.uniform(2.3, 3.2))
    pole(b, h, 0.035)
    kind = str(rng.choice(["round", "round", "triangle", "yield", "square", "diamond", "octagon"]))
    size = float(rng.uniform(0.6, 0.85)) * (1.25 if kind in ("triangle", "yield") else 1.0)
    sign_plate(b, kind, size, h - 0.35, face=RED if kind in ("triangle", "yield", "octagon") else SIGN)
    if rng.random() < 0.4:
        b.add(*shapes.box(0.03, 0.6, 0.3, (-0.05, 0, h - 1.1)), WHITE)


def low_sign(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A low bollard with a round arrow sign, as on islands."""
    h = float(rng.uniform(0.9, 1.2))
    pole(b, h, 0.05)
    sign_plate(b, "round", float(rng.uniform(0.6, 0.75)), h + 0.1)


def board(b: MeshBuilder, rng: np.random.Generator) -> None:
    """Direction boards on two posts."""
    width = float(rng.uniform(1.2, 2.6))
    for y in (-0.35, 0.35):
        pole(b, 2.9, 0.04, y=y * width)
    for k in range(int(rng.integers(1, 4))):
        b.add(*shapes.box(0.05, width, 0.4, (-0.06, 0, 2.5 - 0.46 * k)), SIGN if rng.random() < 0.4 else WHITE)


def crossing_sign(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A blue square sign, by the kerb or on a mast arm over the road."""
    if rng.random() < 0.5:
        path = np.array([[0, 0, 0], [0, 0, 4.2], [0, 0.8, 5.0], [0, 3.0, 5.2]])
        b.add(*shapes.tube(path, 0.06, 7), POLE, 60)
        b.add(*shapes.box(0.1, 0.7, 0.7, (0, 3.0, 4.4)), SIGN)
    else:
        pole(b, 2.9, 0.04)
        b.add(*shapes.box(0.03, 0.65, 0.65, (-0.06, 0, 2.2)), SIGN)
        v, f = shapes.prism(np.array([[-0.22, -0.2], [0.22, -0.2], [0.0, 0.22]]), 0, 0.02)
        b.add(np.stack([v[:, 2] - 0.09, v[:, 0], v[:, 1] + 2.52], 1), f, WHITE)


def traffic_light(b: MeshBuilder, rng: np.random.Generator) -> None:
    """Signal heads on a post."""
    pole(b, 3.3, 0.065)
    lit = int(rng.integers(3))
    for z in (2.3, 0.0) if rng.random() < 0.3 else (2.3,):
        b.add(*shapes.rounded_box(0.2, 0.3, 0.9, (-0.14, 0, z if z else 1.5), 0.05), DARK)
        for k in range(3):
            spot = shapes.move(
                shapes.lathe([(0.09, 0.0), (0.09, 0.03)], 8, "x"), (-0.27, 0, (z or 1.5) + 0.16 + 0.29 * k)
            )
            b.add(*spot, [RED, LIT, PAINTED][k] if k == lit else DARK)
    if rng.random() < 0.4:
        b.add(*shapes.rounded_box(0.2, 0.25, 0.6, (0.14, 0.1, 2.1), 0.05), DARK)


def bollard(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A bollard."""
    r, h = float(rng.uniform(0.04, 0.11)), float(rng.uniform(0.75, 1.1))
    slot = int(rng.choice([POLE, PAINTED, CONCRETE, DARK, WOOD]))
    b.add(*shapes.lathe([(r, 0), (r, h * 0.9), (r * 0.6, h)], 8), slot, 50)
    if rng.random() < 0.5:
        b.add(*shapes.lathe([(r * 1.06, h * 0.66), (r * 1.06, h * 0.78)], 8), WHITE if rng.random() < 0.6 else RED, 50)


def delineator(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A white roadside marker post with a black band."""
    outline = np.array([[-0.05, -0.06], [0.06, 0.0], [-0.05, 0.06]])
    b.add(*shapes.prism(outline, 0, 0.72), WHITE)
    b.add(*shapes.prism(outline * 1.03, 0.72, 0.92), DARK)
    b.add(*shapes.prism(outline, 0.92, 1.02), WHITE)


def fence(b: MeshBuilder, rng: np.random.Generator) -> None:
    """Four metres of fence: pickets, planks, bars or railing."""
    h, kind = float(rng.uniform(0.8, 1.6)), int(rng.integers(4))
    slot = [WOOD, WHITE, PAINTED, POLE][kind]
    for x in np.linspace(-1.95, 1.95, 3):
        b.add(*shapes.box(0.08, 0.08, h, (x, 0, 0)), slot)
    for z in (0.15, h - 0.2):
        b.add(*shapes.box(4.0, 0.04, 0.06, (0, 0, z)), slot)
    if kind < 2:
        for x in np.arange(-1.9, 1.95, 0.2 if kind else 0.16):
            b.add(*shapes.box(0.11, 0.025, h - 0.05, (float(x), 0.03, 0.03)), slot)
    else:
        for x in np.arange(-1.9, 1.95, 0.26):
            b.add(*shapes.box(0.022, 0.022, h - 0.25, (float(x), 0, 0.15)), slot)


def wall(b: MeshBuilder, rng: np.random.Generator) -> None:
    """Four metres of garden wall with a coping and, on some, pillars."""
    h = float(rng.uniform(0.5, 2.1))
    slot = BRICK if rng.random() < 0.7 else CONCRETE
    b.add(*shapes.box(4.0, 0.25, h, (0, 0, 0)), slot)
    b.add(*shapes.box(4.0, 0.34, 0.07, (0, 0, h)), CONCRETE)
    if rng.random() < 0.5:
        b.add(*shapes.box(0.45, 0.45, h + 0.2, (-1.77, 0, 0)), slot)
        b.add(*shapes.box(0.55, 0.55, 0.08, (-1.77, 0, h + 0.2)), CONCRETE)


def wheelie_bin(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A refuse bin on wheels, or a large container."""
    big = rng.random() < 0.3
    l, w, h = (0.85, 1.25, 1.25) if big else (0.62, 0.55, 1.0)
    outline = np.array([[-l, -w], [l, -w], [l, w], [-l, w]]) / 2 * 0.88
    b.add(*shapes.prism(outline, 0.06, h * 0.9, 1.13), PAINTED)
    b.add(
        *shapes.rounded_box(l * 1.05, w * 1.05, 0.12, (0, 0, h * 0.88), 0.04), PAINTED if rng.random() < 0.6 else SIGN
    )
    for y in (-w * 0.4, w * 0.4):
        b.add(*shapes.move(shapes.lathe([(0.1, -0.03), (0.1, 0.03)], 8, "y"), (l * 0.4, y, 0.1)), DARK)


def bench(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A park bench facing -y."""
    for x in (-0.75, 0.75):
        b.add(*shapes.box(0.07, 0.5, 0.42, (x, 0, 0)), DARK)
    for y in (-0.18, 0.0, 0.18):
        b.add(*shapes.box(1.8, 0.13, 0.05, (0, y, 0.42)), WOOD)
    for z in (0.58, 0.76):
        b.add(*shapes.box(1.8, 0.05, 0.13, (0, 0.26, z)), WOOD)


def street_cabinet(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A telephone or power cabinet, a parcel box or a ticket machine: an upright box."""
    l, w, h = rng.uniform([0.35, 0.4, 0.9], [0.6, 1.4, 1.9])
    b.add(
        *shapes.rounded_box(float(l), float(w), float(h), (0, 0, 0.05), 0.03),
        int(rng.choice([PAINTED, CONCRETE, SIGN, POSTER])),
    )
    b.add(*shapes.box(float(l) * 1.1, float(w) * 1.06, 0.1, (0, 0, 0)), CONCRETE)
    b.add(*shapes.box(0.03, 0.02, float(h) * 0.9, (-float(l) / 2, 0, 0.1)), DARK)


def advertising(b: MeshBuilder, rng: np.random.Generator) -> None:
    """An advertising column or a poster panel."""
    if rng.random() < 0.5:
        b.add(*shapes.lathe([(0.62, 0), (0.62, 0.3), (0.58, 0.3), (0.58, 2.6)], 14), POSTER, 40)
        b.add(*shapes.lathe([(0.72, 2.6), (0.6, 2.85), (0.1, 3.0)], 14), PAINTED, 40)
    else:
        for y in (-0.9, 0.9):
            b.add(*shapes.box(0.1, 0.1, 2.4, (0, y, 0)), POLE)
        b.add(*shapes.box(0.16, 2.4, 1.6, (0, 0, 0.9)), PAINTED)
        b.add(*shapes.box(0.2, 2.2, 1.42, (0, 0, 0.99)), POSTER)


def power_pole(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A wooden pole with a cross-arm, or a tram mast with a bracket."""
    h = float(rng.uniform(7.0, 9.5))
    pole(b, h, 0.14, WOOD if rng.random() < 0.5 else PAINTED)
    b.add(*shapes.box(0.1, 2.0, 0.12, (0, 0.5, h - 0.7)), POLE)
    for y in (-0.3, 0.5, 1.3):
        b.add(*shapes.lathe([(0.05, h - 0.58), (0.07, h - 0.35)], 6), WHITE) if y == 0.5 else None


def shelter(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A bus shelter open to -y."""
    for x in (-1.8, 0.0, 1.8):
        b.add(*shapes.box(0.08, 0.08, 2.4, (x, 0.6, 0)), POLE)
    b.add(*shapes.box(3.8, 0.05, 1.7, (0, 0.6, 0.4)), GLASS)
    b.add(*shapes.box(0.05, 1.2, 1.7, (1.88, 0.0, 0.4)), POSTER)
    b.add(*shapes.rounded_box(4.1, 1.7, 0.16, (0, 0.0, 2.4), 0.05), PAINTED)
    b.add(*shapes.box(2.4, 0.35, 0.06, (-0.3, 0.35, 0.45)), WOOD)


def barrier(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A red and white road-works barrier."""
    for x in (-1.0, 1.0):
        b.add(*shapes.box(0.3, 0.6, 0.12, (x, 0, 0)), DARK)
        b.add(*shapes.box(0.06, 0.06, 1.0, (x, 0, 0.1)), POLE)
    for k in range(6):
        b.add(*shapes.box(0.4, 0.06, 0.25, (-1.0 + 0.4 * k, 0, 0.8)), RED if k % 2 else WHITE)


def planter(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A concrete planter or a boulder."""
    if rng.random() < 0.7:
        b.add(
            *shapes.prism(np.array([[-0.6, -0.5], [0.6, -0.5], [0.6, 0.5], [-0.6, 0.5]]) * 0.8, 0, 0.5, 1.2), CONCRETE
        )
        b.add(*shapes.rounded_box(0.9, 0.75, 0.12, (0, 0, 0.45), 0.05), WOOD)
    else:
        v, f = shapes.icosphere(1)
        b.add(v * (1 + rng.uniform(-0.15, 0.15, (len(v), 1))) * [0.5, 0.4, 0.3] + [0, 0, 0.25], f, CONCRETE, 20)


def parasol(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A sunshade over a table, as before cafés."""
    pole(b, 2.4, 0.03)
    b.add(*shapes.lathe([(1.4, 1.95), (1.4, 2.0), (0.08, 2.55)], 8), SIGN, 20)
    b.add(*shapes.lathe([(0.4, 0.7), (0.4, 0.74)], 10), WOOD)
    for y in (-0.7, 0.7):
        b.add(*shapes.box(0.42, 0.42, 0.05, (0.1, y, 0.45)), DARK)
        b.add(*shapes.box(0.42, 0.05, 0.5, (0.1, y * 1.28, 0.45)), DARK)
        b.add(*shapes.box(0.3, 0.3, 0.45, (0.1, y, 0)), DARK)


def scooter(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A parked motor-cycle or scooter."""
    for x in (-0.62, 0.62):
        v, f = shapes.ring(0.24, 0.06, 14, 5)
        b.add(v + [x, 0, 0.3], f, DARK, 80)
    b.add(*shapes.ellipsoid((0.5, 0.14, 0.2), (-0.1, 0, 0.6), 1), PAINTED, 60)
    b.add(*shapes.ellipsoid((0.42, 0.13, 0.09), (-0.35, 0, 0.82), 1), DARK, 60)
    b.add(*shapes.tube(np.array([[0.62, 0, 0.3], [0.42, 0, 0.95], [0.38, 0, 1.05]]), 0.05, 6), POLE, 60)
    b.add(*shapes.tube(np.array([[0.3, -0.33, 1.05], [0.4, 0, 1.03], [0.3, 0.33, 1.05]]), 0.02, 5), DARK, 60)
    b.add(*shapes.ellipsoid((0.1, 0.1, 0.12), (0.52, 0, 0.9), 1), WHITE, 60)


def crates(b: MeshBuilder, rng: np.random.Generator) -> None:
    """Stacked crates, pallets or paving stones by the roadside."""
    for _ in range(4):
        l, w, h = (float(v) for v in rng.uniform(0.4, 0.9, 3))
        at = rng.uniform(-0.7, 0.7, 2)
        slot = int(rng.choice([WOOD, CONCRETE, PAINTED, WHITE]))
        b.add(*shapes.box(l, w, h, (float(at[0]), float(at[1]), 0)), slot)


STREET_KINDS: dict[str, tuple[StreetMaker, int]] = {
    "lamp": (lamp, 4), "sign": (sign, 8), "low_sign": (low_sign, 2), "board": (board, 3),
    "crossing_sign": (crossing_sign, 3), "traffic_light": (traffic_light, 3), "bollard": (bollard, 5),
    "delineator": (delineator, 1), "fence": (fence, 6), "wall": (wall, 6), "bin": (wheelie_bin, 4), "bench": (bench, 1),
    "cabinet": (street_cabinet, 6), "advertising": (advertising, 3), "power_pole": (power_pole, 3),
    "shelter": (shelter, 1), "barrier": (barrier, 1), "planter": (planter, 3), "parasol": (parasol, 1),
    "scooter": (scooter, 1), "crates": (crates, 3),
}  # fmt: skip


def build_street_thing(kind: str, seed: int) -> Asset:
    """Builds one piece of street furniture."""
    builder = MeshBuilder()
    STREET_KINDS[kind][0](builder, np.random.default_rng([601, seed, *kind.encode()]))
    return builder.build(f"street_{kind}_{seed}", STREET_SLOTS)


BUILDERS: dict[str, Callable[[], Asset]] = {
    f"street_{kind}_{seed}": partial(build_street_thing, kind, seed)
    for kind, (_, count) in STREET_KINDS.items()
    for seed in range(count)
}
