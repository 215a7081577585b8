"""What stands about near people and is none: posts, hydrants, prams, dogs, luggage, tables, printed people, topiary.

None of it carries a label. Posters face -x (towards the camera); prams and dogs head +x.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from sim2sg_core.packs.drive.assets.pedestrians import baked_figure, figure_names
from sim2sg_core.packs.drive.assets.street_furniture import (
    BRICK,
    CONCRETE,
    DARK,
    GLASS,
    PAINTED,
    POLE,
    POSTER,
    RED,
    SIGN,
    STREET_SLOTS,
    WHITE,
    WOOD,
    StreetMaker,
    pole,
)  # fmt: skip
from sim2sg_core.render.meshes import Asset, MeshBuilder, Slot
from sim2sg_core.synthesis.assets import shapes

CLUTTER_SLOTS = (
    *STREET_SLOTS,
    Slot("print_skin", "skin", (0.55, 0.33, 0.24), roughness=0.5),
    Slot("print_hair", "hair", (0.05, 0.035, 0.025), roughness=0.5),
    Slot("print_top", "cloth", (0.15, 0.17, 0.22), roughness=0.5),
    Slot("print_bottom", "trousers", (0.05, 0.065, 0.10), roughness=0.5),
    Slot("print_shoes", "leather", (0.03, 0.025, 0.022), roughness=0.5),
    Slot("bag", "cloth", (0.06, 0.06, 0.07), roughness=0.8, specular=0.15),
    Slot("fur", "hair", (0.1, 0.07, 0.05), roughness=0.9),
    Slot("leaves", "foliage", (0.05, 0.12, 0.03), roughness=0.9, textures=("leaves",), texture_scale=0.8),
)
PRINT = len(STREET_SLOTS)
BAG, FUR, LEAVES = PRINT + 5, PRINT + 6, PRINT + 7


def post(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A post as high and wide as a person may be: a parking meter, a stele, a gate post, a pipe with a box on it."""
    h, r = float(rng.uniform(1.2, 1.9)), float(rng.uniform(0.05, 0.16))
    slot = int(rng.choice([POLE, PAINTED, CONCRETE, WOOD, DARK]))
    pole(b, h, r, slot)
    kind = int(rng.integers(4))
    if kind == 0:
        b.add(*shapes.rounded_box(0.22, 0.3, 0.42, (0, 0, h - 0.1), 0.06), int(rng.choice([PAINTED, DARK, SIGN])))
    elif kind == 1:
        b.add(*shapes.ellipsoid((r * 1.7, r * 1.7, r * 1.6), (0, 0, h + r), 1), slot, 60)
    elif kind == 2:
        b.add(*shapes.rounded_box(0.3, 0.45, 0.6, (0, 0, h * 0.5), 0.05), int(rng.choice([PAINTED, WHITE, CONCRETE])))
    else:
        b.add(*shapes.box(r * 2.6, r * 2.6, 0.12, (0, 0, h - 0.01)), CONCRETE)


def hydrant(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A pillar hydrant."""
    h, slot = float(rng.uniform(0.7, 1.1)), int(rng.choice([RED, PAINTED, SIGN]))
    profile = [(0.16, 0.0), (0.16, 0.06), (0.1, 0.08), (0.1, h - 0.22), (0.15, h - 0.2), (0.13, h - 0.06), (0.03, h)]
    b.add(*shapes.lathe(profile, 10), slot, 40)
    b.add(*shapes.move(shapes.lathe([(0.06, -0.2), (0.06, 0.2)], 8, "y"), (0, 0, h * 0.62)), slot, 40)


def mailbox(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A letter box on a leg or a post, or a parcel locker."""
    h = float(rng.uniform(1.0, 1.4))
    if rng.random() < 0.6:
        pole(b, h - 0.4, 0.05)
    else:
        b.add(*shapes.box(0.3, 0.4, h - 0.45, (0, 0, 0)), DARK)
    b.add(*shapes.rounded_box(0.34, 0.46, 0.5, (0, 0, h - 0.5), 0.06), int(rng.choice([SIGN, PAINTED, RED])))
    b.add(*shapes.box(0.02, 0.3, 0.04, (-0.175, 0, h - 0.15)), DARK)


def pram(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A pram or buggy, handle at -x."""
    hood = rng.random() < 0.7
    for x, r in ((-0.25, 0.14), (0.3, 0.11)):
        for y in (-0.24, 0.24):
            v, f = shapes.ring(r - 0.02, 0.02, 12, 4)
            b.add(v + [x, y, r], f, DARK, 80)
    for y in (-0.22, 0.22):
        b.add(*shapes.tube(np.array([[0.3, y, 0.11], [-0.1, y, 0.5], [-0.5, y, 1.02]]), 0.014, 5), POLE, 60)
        b.add(*shapes.tube(np.array([[-0.25, y, 0.14], [0.05, y, 0.45]]), 0.014, 5), POLE, 60)
    b.add(*shapes.tube(np.array([[-0.5, -0.22, 1.02], [-0.5, 0.22, 1.02]]), 0.018, 5), DARK, 60)
    b.add(*shapes.rounded_box(0.7, 0.4, 0.24, (0.05, 0, 0.45), 0.08), BAG)
    if hood:
        b.add(*shapes.ellipsoid((0.26, 0.21, 0.26), (-0.12, 0, 0.74), 1), BAG, 60)


def dog(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A dog that stands or walks."""
    k = float(rng.uniform(0.5, 0.95))
    leg = 0.34 * k
    b.add(*shapes.ellipsoid((0.34 * k, 0.12 * k, 0.14 * k), (0, 0, leg + 0.1 * k), 1), FUR, 70)
    b.add(*shapes.ellipsoid((0.14 * k, 0.09 * k, 0.1 * k), (0.42 * k, 0, leg + 0.32 * k), 1), FUR, 70)
    b.add(*shapes.ellipsoid((0.09 * k, 0.045 * k, 0.045 * k), (0.56 * k, 0, leg + 0.28 * k), 1), FUR, 70)
    b.add(*shapes.tube(np.array([[0.24, 0, 0.12], [0.4, 0, 0.3]]) * k + [0, 0, leg], 0.075 * k, 6), FUR, 60)
    b.add(*shapes.tube(np.array([[-0.3, 0, 0.14], [-0.5, 0, 0.3]]) * k + [0, 0, leg], 0.025 * k, 5), FUR, 60)
    for x in (0.22 * k, -0.24 * k):
        for y, swing in ((0.07 * k, 0.08 * k), (-0.07 * k, -0.08 * k)):
            b.add(*shapes.tube(np.array([[x, y, leg + 0.06 * k], [x + swing, y, 0.0]]), 0.035 * k, 5), FUR, 60)


def luggage(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A suitcase on wheels, shopping bags or a rucksack put down."""
    kind = int(rng.integers(3))
    if kind == 0:
        h = float(rng.uniform(0.5, 0.75))
        b.add(*shapes.rounded_box(0.25, 0.42, h, (0, 0, 0.06), 0.05), int(rng.choice([BAG, PAINTED, DARK])))
        for y in (-0.12, 0.12):
            b.add(*shapes.tube(np.array([[-0.1, y, h], [-0.14, y, h + 0.4]]), 0.012, 4), POLE)
            b.add(*shapes.move(shapes.lathe([(0.04, -0.02), (0.04, 0.02)], 8, "y"), (-0.08, y, 0.04)), DARK)
        b.add(*shapes.tube(np.array([[-0.14, -0.12, h + 0.4], [-0.14, 0.12, h + 0.4]]), 0.016, 4), DARK)
    elif kind == 1:
        for y in (-0.2, 0.15):
            b.add(*shapes.rounded_box(0.2, 0.3, 0.38, (float(rng.uniform(-0.1, 0.1)), y, 0), 0.05), BAG)
    else:
        b.add(*shapes.ellipsoid((0.16, 0.2, 0.28), (0, 0, 0.27), 1), BAG, 60)
        b.add(*shapes.ellipsoid((0.08, 0.14, 0.14), (0.15, 0, 0.2), 1), BAG, 60)


def cafe(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A table and two to four empty chairs."""
    h, top = 0.73, float(rng.uniform(0.32, 0.42))
    slot = int(rng.choice([WOOD, WHITE, DARK, PAINTED]))
    pole(b, h, 0.03)
    b.add(*shapes.lathe([(top, h - 0.03), (top, h)], 14), slot, 40)
    b.add(*shapes.lathe([(0.24, 0.0), (0.2, 0.03)], 10), DARK, 40)
    seat = int(rng.choice([WOOD, DARK, PAINTED, SIGN]))
    count = int(rng.integers(2, 5))
    for k in range(count):
        chair(b, seat, 0.68, 2 * np.pi * (k + float(rng.uniform(-0.1, 0.1))) / count)


def chair(b: MeshBuilder, slot: int, away: float, angle: float) -> None:
    """A chair `away` from the origin that faces it, or of which it is the seat's middle where `away` is 0."""
    parts = [shapes.box(0.42, 0.42, 0.04, (away, 0, 0.42)), shapes.box(0.03, 0.4, 0.42, (away + 0.2, 0, 0.46))]
    parts += [shapes.box(0.03, 0.03, 0.42, (away + x, y, 0)) for x in (-0.18, 0.18) for y in (-0.18, 0.18)]
    for part in parts:
        b.add(*shapes.move(part, yaw=angle), slot)


def poster(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A panel or shop window with one or two printed people on it: flat, whole or cut, small or over life-size."""
    high, wide = float(rng.uniform(1.5, 2.4)), float(rng.uniform(1.1, 1.9))
    foot = float(rng.choice([0.1, 0.4, 0.8]))
    for y in (-wide / 2, wide / 2):
        b.add(*shapes.box(0.09, 0.09, foot + high, (0.04, y, 0)), POLE)
    face = int(rng.choice([WHITE, POSTER, POSTER, SIGN, PAINTED, GLASS]))
    b.add(*shapes.box(0.12, wide, high, (0.0, 0, foot)), face)
    people = figure_names("pedestrian")
    for k in range(count := int(rng.integers(1, 3))):
        vertices, faces, slots = baked_figure(f"{people[rng.integers(len(people))]}_lod")
        scale = high * float(rng.uniform(0.7, 0.97)) / float(vertices[:, 2].max())
        scale = min(scale, wide / count / float(np.ptp(vertices[:, 1])) * 0.95)
        turned = vertices @ _turn(float(rng.uniform(-0.9, 0.9))) * scale
        flat = np.stack([-0.062 - turned[:, 0] * 0.01, -turned[:, 1], turned[:, 2]], 1)  # Faces -x.
        flat[:, 1] += ((k + 0.5) / count - 0.5) * wide - (flat[:, 1].max() + flat[:, 1].min()) / 2
        flat[:, 2] += foot + 0.02
        index = len(b.faces)
        b.add(flat, faces, 0, 20)
        b.slots[index] = PRINT + slots


def _turn(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, s, 0], [-s, c, 0], [0, 0, 1.0]])


def mural(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A piece of wall with upright patches as large as people: stains, niches, doors, painted shapes."""
    h = float(rng.uniform(1.8, 2.5))
    b.add(*shapes.box(0.3, 4.0, h, (0, 0, 0)), int(rng.choice([BRICK, BRICK, CONCRETE])))
    for y in np.arange(-1.5, 1.6, float(rng.uniform(0.9, 1.5))):
        slot, high = int(rng.choice([DARK, SIGN, PAINTED, WOOD, POSTER, GLASS])), float(rng.uniform(0.9, h - 0.1))
        wide = float(rng.uniform(0.16, 0.4))
        if rng.random() < 0.5:
            b.add(*shapes.ellipsoid((0.02, wide, high / 2), (-0.15, float(y), high / 2), 1), slot, 80)
            if rng.random() < 0.5:
                b.add(*shapes.ellipsoid((0.02, 0.11, 0.13), (-0.15, float(y), high + 0.04), 1), slot, 80)
        else:
            b.add(*shapes.box(0.04, wide * 2, high, (-0.15, float(y), 0)), slot)


def topiary(b: MeshBuilder, rng: np.random.Generator) -> None:
    """A trimmed shrub as high and wide as a person: a column, a cone, a ball on a stem."""
    h, r = float(rng.uniform(1.3, 2.1)), float(rng.uniform(0.22, 0.42))
    kind = int(rng.integers(3))
    if kind == 0:
        parts = [shapes.lathe([(r * 0.8, 0.02), (r, h * 0.3), (r * 0.9, h * 0.75), (r * 0.35, h)], 9)]
    elif kind == 1:
        parts = [shapes.lathe([(r * 1.2, 0.02), (r, h * 0.25), (0.04, h)], 9)]
    else:
        pole(b, h - r, 0.04, WOOD)
        parts = [shapes.ellipsoid((r, r, r), (0, 0, h - r), 2)]
        if rng.random() < 0.4:
            parts.append(shapes.lathe([(r * 1.1, 0.0), (r * 1.3, 0.45)], 10))
    for vertices, faces in parts:
        b.add(vertices * (1 + rng.uniform(-0.07, 0.07, (len(vertices), 1)) * [1, 1, 0]), faces, LEAVES, 30)


CLUTTER_KINDS: dict[str, tuple[StreetMaker, int]] = {
    "post": (post, 8), "hydrant": (hydrant, 2), "mailbox": (mailbox, 3), "pram": (pram, 3), "dog": (dog, 3),
    "luggage": (luggage, 5), "cafe": (cafe, 4), "poster": (poster, 8), "mural": (mural, 4), "topiary": (topiary, 5),
}  # fmt: skip


def build_clutter(kind: str, seed: int) -> Asset:
    """Builds one piece."""
    builder = MeshBuilder()
    CLUTTER_KINDS[kind][0](builder, np.random.default_rng([611, seed, *kind.encode()]))
    return builder.build(f"street_{kind}_{seed}", CLUTTER_SLOTS)


BUILDERS: dict[str, Callable[[], Asset]] = {
    f"street_{kind}_{seed}": partial(build_clutter, kind, seed)
    for kind, (_, count) in CLUTTER_KINDS.items()
    for seed in range(count)
}
