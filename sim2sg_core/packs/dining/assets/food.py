"""Food, as it lies on plates and in bowls. It carries no label.

Each lies on z = 0 about the origin, modelled at the size of a helping; metres.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from sim2sg_core.packs.dining.assets.furniture_parts import LodBuilder, ball, oval, put_lathe, slab
from sim2sg_core.packs.dining.assets.variants import build_variant
from sim2sg_core.render.meshes import Asset, Slot
from sim2sg_core.synthesis.assets import shapes
from sim2sg_core.synthesis.assets.shapes import Shape

_GRAINY = ("mottle", "speckle", "clouds")
FOOD_SLOTS = (
    Slot("pale", "food_pale", (0.75, 0.65, 0.42), 0.6, 0.2, textures=_GRAINY, texture_scale=0.06),
    Slot("brown", "food_brown", (0.22, 0.1, 0.04), 0.55, 0.3, textures=_GRAINY, texture_scale=0.06),
    Slot("green", "food_green", (0.1, 0.22, 0.03), 0.55, 0.25, textures=_GRAINY, texture_scale=0.05),
    Slot("red", "food_red", (0.5, 0.05, 0.02), 0.4, 0.4),
    Slot("yellow", "food_yellow", (0.75, 0.45, 0.05), 0.5, 0.3),
    Slot("white", "fixed", (0.82, 0.8, 0.74), 0.5, 0.25),
    Slot("dark", "fixed", (0.02, 0.02, 0.02), 0.5, 0.3),
)
PALE, BROWN, GREEN, RED, YELLOW, WHITE, DARK = range(len(FOOD_SLOTS))


def lump(radii: tuple[float, float, float], at: tuple[float, float], seed: int, rough: float = 0.12) -> Shape:
    """An uneven heap with its foot on z = 0, flat below."""
    rng = np.random.default_rng([815, seed])
    vertices, faces = shapes.icosphere(2)
    bumps = sum(np.cos(vertices @ rng.normal(0, 3.2, 3) + rng.uniform(0, 6)) for _ in range(4)) / 2
    vertices = np.array(vertices * (1 + rough * np.asarray(bumps))[:, None])
    vertices[:, 2] = np.maximum(vertices[:, 2], 0.0)
    return vertices * radii + [*at, 0.0], faces


def scatter(
    b: LodBuilder, count: int, reach: float, height: float, size: float, slots: tuple[int, ...], seed: int
) -> None:
    """Small round pieces over a heap of this radius and height, sunk in by half."""
    rng = np.random.default_rng([816, seed])
    for k in range(count):
        out, turn = np.sqrt((k + 0.5) / count), 2.4 * k
        z = height * np.sqrt(max(1 - out**2, 0.0)) + 0.3 * size
        radii = size * rng.uniform(0.6, 1.2, 3)
        ball(b, radii, (reach * out * np.cos(turn), reach * out * np.sin(turn), z), slots[k % len(slots)])


def pasta(b: LodBuilder, base: int, sauce: int) -> None:
    """A heap with sauce on it and a few leaves."""
    b.put(lump((0.08, 0.075, 0.03), (0, 0), base), base, 60)
    b.put(shapes.move(lump((0.05, 0.042, 0.016), (0, 0), 7), (0.004, 0, 0.021)), sauce, 60)
    scatter(b, 7, 0.035, 0.036, 0.006, (GREEN, WHITE), base)


def roast(b: LodBuilder, side: int) -> None:
    """A piece of meat, a heap of sticks and one of balls."""
    b.put(lump((0.05, 0.032, 0.016), (0.02, -0.035), side, 0.07), BROWN, 60)
    rng = np.random.default_rng([817, side])
    for _ in range(16):
        place = (*rng.normal((-0.03, -0.01), 0.016), float(rng.uniform(0, 0.018)))
        b.put(shapes.move(shapes.box(0.055, 0.008, 0.008), place, float(rng.uniform(0, np.pi))), side)
    for k in range(18):
        out = 0.026 * np.sqrt((k + 0.5) / 18)
        at = np.array([0.015 + out * np.cos(2.4 * k), 0.045 + out * np.sin(2.4 * k), 0.006 + 0.004 * (k < 6)])
        ball(b, (0.0065, 0.0065, 0.0065), at, GREEN)


def pizza(b: LodBuilder) -> None:
    """A pizza with its crust."""
    put_lathe(b, [(0.135, 0), (0.15, 0.006), (0.145, 0.018), (0.128, 0.012)], 30, (0, 0, 0), BROWN)
    put_lathe(b, [(0.13, 0.002), (0.13, 0.012)], 30, (0, 0, 0), YELLOW)
    rng = np.random.default_rng(818)
    for k in range(16):
        out, turn = 0.11 * np.sqrt((k + 0.5) / 16), 2.4 * k
        at = (out * np.cos(turn), out * np.sin(turn), 0.0115)
        if k % 3 == 0:
            b.put(shapes.move(lump((0.02, 0.012, 0.004), (0, 0), k), at, float(rng.uniform(0, np.pi))), GREEN, 60)
        else:
            put_lathe(b, [(0.018, 0), (0.018, 0.002)], 10, at, RED)


def salad(b: LodBuilder) -> None:
    """Leaves, tomatoes and slices."""
    rng = np.random.default_rng(819)
    b.put(lump((0.07, 0.065, 0.03), (0, 0), 3, 0.25), GREEN, 30)
    for k in range(14):
        out, turn = 0.062 * np.sqrt((k + 0.5) / 14), 2.4 * k
        z = 0.032 * np.sqrt(1 - (out / 0.075) ** 2)
        at = (out * np.cos(turn), out * np.sin(turn), z)
        if k % 3 == 0:
            ball(b, (0.011, 0.011, 0.011), at, RED)
        elif k % 3 == 1:
            put_lathe(b, [(0.016, 0), (0.016, 0.003)], 10, at, WHITE if k % 2 else GREEN)
        else:
            b.put(shapes.move(lump((0.026, 0.018, 0.006), (0, 0), k, 0.3), at, float(rng.uniform(0, 6))), GREEN, 30)


def curry(b: LodBuilder) -> None:
    """Rice beside something brown."""
    b.put(lump((0.055, 0.04, 0.026), (0, 0.036), 11, 0.06), WHITE, 60)
    b.put(lump((0.06, 0.042, 0.012), (0, -0.03), 12, 0.1), BROWN, 60)
    for k, (x, y) in enumerate([(-0.03, -0.03), (0.01, -0.04), (0.03, -0.015), (-0.01, -0.015)]):
        b.put(shapes.rounded_box(0.022, 0.018, 0.014, (x, y, 0.006), 0.004), (YELLOW, RED, BROWN, GREEN)[k])


def cake(b: LodBuilder, dough: int, cream: int) -> None:
    """A slice of a layered cake."""
    wedge = np.array([[-0.06, 0.0], [0.055, -0.032], [0.06, 0.0], [0.055, 0.032]])
    for k in range(3):
        b.put(slab(wedge, 0.017 * k, 0.017 * k + 0.013), dough)
        b.put(slab(wedge * 0.985, 0.017 * k + 0.001, 0.017 * k + 0.0175), cream)
    b.put(slab(wedge, 0.051, 0.057), cream)
    ball(b, (0.009, 0.009, 0.009), (0.03, 0, 0.064), RED)


def sandwich(b: LodBuilder) -> None:
    """Two halves of a sandwich."""
    half = np.array([[-0.05, -0.05], [0.05, -0.05], [-0.05, 0.05]])
    for turn, at in ((0.0, (-0.008, -0.006, 0)), (np.pi - 0.12, (0.008, 0.006, 0))):
        for k, (slot, grown) in enumerate([(PALE, 1.0), (GREEN, 1.06), (RED, 0.97), (YELLOW, 1.04), (PALE, 1.0)]):
            z = (0, 0.014, 0.018, 0.024, 0.027)[k]
            b.put(shapes.move(slab(half * grown, z, z + (0.014 if slot == PALE else 0.005)), at, turn), slot)


def burger(b: LodBuilder) -> None:
    """A burger and its sticks."""
    put_lathe(b, [(0.045, 0), (0.048, 0.008), (0.046, 0.016)], 20, (-0.02, 0, 0), BROWN)
    b.put(shapes.move(lump((0.056, 0.054, 0.008), (-0.02, 0), 5, 0.2), (0, 0, 0.015)), GREEN, 30)
    put_lathe(b, [(0.047, 0.02), (0.047, 0.034)], 20, (-0.02, 0, 0), BROWN)
    ball(b, (0.05, 0.05, 0.03), (-0.02, 0, 0.038), BROWN)
    rng = np.random.default_rng(820)
    for _ in range(16):
        at = (*rng.normal((0.055, 0), 0.014), float(rng.uniform(0, 0.02)))
        b.put(shapes.move(shapes.box(0.06, 0.008, 0.008), at, float(rng.uniform(0, np.pi))), YELLOW)


def eggs(b: LodBuilder) -> None:
    """Fried eggs, strips of bacon and bread."""
    for k, (x, y) in enumerate([(0.025, 0.02), (-0.03, 0.035)]):
        b.put(lump((0.036, 0.032, 0.004), (x, y), 30 + k, 0.2), WHITE, 60)
        ball(b, (0.014, 0.014, 0.009), (x, y, 0.003), YELLOW)
    for k in range(3):
        b.put(shapes.move(shapes.box(0.085, 0.016, 0.004), (0, -0.02 - 0.018 * k, 0.001), 0.15 * k), RED)
    b.put(shapes.rounded_box(0.06, 0.05, 0.013, (-0.06, -0.015, 0), 0.006), BROWN)


def rolls(b: LodBuilder, count: int, seed: int) -> None:
    """Bread rolls or biscuits, some on others."""
    rng = np.random.default_rng([821, seed])
    for k in range(count):
        out, turn = 0.055 * np.sqrt(k / count), 2.4 * k
        at = np.array([out * np.cos(turn), out * np.sin(turn), 0.018 + 0.014 * (k % 2)])
        ball(b, np.array([0.038, 0.026, 0.02]) * rng.uniform(0.85, 1.1), at, (BROWN, PALE)[seed % 2])


def sushi(b: LodBuilder) -> None:
    """Rolls of rice in rows."""
    for k in range(8):
        at = (0.034 * (k // 2) - 0.05, 0.036 * (k % 2) - 0.018, 0)
        put_lathe(b, [(0.015, 0), (0.015, 0.022)], 12, at, DARK)
        put_lathe(b, [(0.013, 0.02), (0.013, 0.0235)], 12, at, WHITE)
        put_lathe(b, [(0.006, 0.02), (0.006, 0.0245)], 8, at, (RED, GREEN, YELLOW)[k % 3])


def slices(b: LodBuilder) -> None:
    """Cut fruit or vegetables laid in a ring."""
    for k in range(10):
        turn = 2 * np.pi * k / 10
        piece = slab(oval(0.045, 0.03, 12), 0, 0.007)
        b.put(
            shapes.move(piece, (0.05 * np.cos(turn), 0.05 * np.sin(turn), 0.002 * (k % 2)), turn), (RED, YELLOW)[k % 2]
        )
    ball(b, (0.02, 0.02, 0.012), (0, 0, 0.008), WHITE)


def soup(b: LodBuilder, slot: int) -> None:
    """The surface of a soup with something in it; `bowl` foods are as wide as the bowl is at their height."""
    put_lathe(b, [(0.075, 0), (0.075, 0.004)], 28, (0, 0, 0), slot)
    scatter(b, 14, 0.06, 0.001, 0.007, (GREEN, WHITE, RED), slot)


def bowl_of_pieces(b: LodBuilder, slots: tuple[int, ...], size: float, seed: int) -> None:
    """A bowl full of pieces."""
    b.put(lump((0.075, 0.075, 0.02), (0, 0), seed, 0.04), slots[0], 60)
    scatter(b, 34, 0.064, 0.016, size, slots, seed)


def greens(b: LodBuilder) -> None:
    """A bowl full of salad."""
    b.put(lump((0.075, 0.075, 0.03), (0, 0), 50, 0.16), GREEN, 30)
    scatter(b, 16, 0.055, 0.03, 0.012, (RED, GREEN, WHITE, GREEN), 50)


PLATEFULS: dict[str, Callable[[LodBuilder], None]] = {
    "pasta_0": partial(pasta, base=PALE, sauce=RED),
    "pasta_1": partial(pasta, base=YELLOW, sauce=BROWN),
    "roast_0": partial(roast, side=YELLOW),
    "roast_1": partial(roast, side=PALE),
    "pizza_0": pizza,
    "salad_0": salad,
    "curry_0": curry,
    "cake_0": partial(cake, dough=PALE, cream=WHITE),
    "cake_1": partial(cake, dough=BROWN, cream=BROWN),
    "sandwich_0": sandwich,
    "burger_0": burger,
    "eggs_0": eggs,
    "rolls_0": partial(rolls, count=5, seed=0),
    "rolls_1": partial(rolls, count=7, seed=1),
    "sushi_0": sushi,
    "slices_0": slices,
}
BOWLFULS: dict[str, Callable[[LodBuilder], None]] = {
    "soup_0": partial(soup, slot=RED),
    "soup_1": partial(soup, slot=BROWN),
    "soup_2": partial(soup, slot=GREEN),
    "soup_3": partial(soup, slot=YELLOW),
    "pieces_0": partial(bowl_of_pieces, slots=(PALE, YELLOW), size=0.009, seed=0),
    "pieces_1": partial(bowl_of_pieces, slots=(RED, GREEN, YELLOW), size=0.014, seed=1),
    "pieces_2": partial(bowl_of_pieces, slots=(WHITE,), size=0.006, seed=2),
    "pieces_3": partial(bowl_of_pieces, slots=(BROWN, PALE), size=0.012, seed=3),
    "greens_0": greens,
}


BUILDERS: dict[str, Callable[[], Asset]] = {
    f"{kind}_{name}": partial(build_variant, f"{kind}_{name}", (make, FOOD_SLOTS))
    for kind, table in (("plateful", PLATEFULS), ("bowlful", BOWLFULS))
    for name, make in table.items()
}
