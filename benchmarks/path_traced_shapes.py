"""The meshes of the path-traced target, in metres, each thing with its base near z = 0 and its front along +x.

Made apart from the package's own assets: other outlines, other proportions, other parts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass
class Part:
    """A closed mesh of one material.

    Attributes:
        name: For messages.
        vertices: (V, 3).
        faces: Lists of vertex indices, counter-clockwise from outside.
        material: Of Blender.
        smooth: Smooth shading.
        bevel: Width of rounded edges, metres.
    """

    name: str
    vertices: np.ndarray
    faces: list
    material: Any
    smooth: bool = False
    bevel: float = 0.0

    @classmethod
    def box(cls, low: Sequence[float], high: Sequence[float], material: Any, bevel: float = 0.0) -> Part:
        """An axis-aligned box."""
        (a, b, c), (d, e, f) = low, high
        vertices = np.array([(x, y, z) for z in (c, f) for x, y in ((a, b), (d, b), (d, e), (a, e))], float)
        faces = [[3, 2, 1, 0], [4, 5, 6, 7], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]]
        return cls("box", vertices, faces, material, bevel=bevel)

    @classmethod
    def turned(cls, profile: Sequence[tuple[float, float]], material: Any, rounds: int = 2, segments: int = 56) -> Part:
        """A solid of revolution about z; the outline runs from the axis at the bottom, outside, back to the axis."""
        line = np.array(profile, float)
        for _ in range(rounds):  # Corner cutting (Chaikin 1974); the ends stay.
            a, b = line[:-1], line[1:]
            cut = np.stack([0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b], 1).reshape(-1, 2)
            line = np.concatenate([line[:1], cut[1:-1], line[-1:]])
        angle = np.arange(segments) * 2 * np.pi / segments
        ring = np.stack([np.cos(angle), np.sin(angle)], 1)
        inner = line[1:-1]
        vertices = [np.column_stack([ring * r, np.full(segments, z)]) for r, z in inner]
        vertices.append(np.array([[0, 0, line[0, 1]], [0, 0, line[-1, 1]]]))
        faces, count = [], len(inner)
        for k in range(count - 1):
            for i in range(segments):
                j = (i + 1) % segments
                faces.append([k * segments + i, k * segments + j, (k + 1) * segments + j, (k + 1) * segments + i])
        bottom, top = count * segments, count * segments + 1
        for i in range(segments):
            j = (i + 1) % segments
            faces.append([bottom, j, i])
            faces.append([top, (count - 1) * segments + i, (count - 1) * segments + j])
        return cls("turned", np.concatenate(vertices), faces, material, smooth=True)

    @classmethod
    def swept(cls, path: np.ndarray, halves: np.ndarray, material: Any, sides: int = 12) -> Part:
        """A tube along (N, 3) points with (N, 2) half-axes, across and upwards, of its elliptic section."""
        path, halves = np.asarray(path, float), np.asarray(halves, float)
        along = np.gradient(path, axis=0)
        along /= np.maximum(np.linalg.norm(along, axis=1, keepdims=True), 1e-9)
        helper = np.array([0, 0, 1.0]) if np.abs(along[:, 2]).max() < 0.9 else np.array([1.0, 0.2, 0.1])
        across = np.cross(helper, along)
        across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-9)
        up = np.cross(along, across)
        angle = np.arange(sides) * 2 * np.pi / sides
        c, s = np.cos(angle)[None, :, None], np.sin(angle)[None, :, None]
        grid = path[:, None] + c * across[:, None] * halves[:, :1, None] + s * up[:, None] * halves[:, 1:, None]
        n, faces = len(path), []
        for k in range(n - 1):
            for i in range(sides):
                j = (i + 1) % sides
                faces.append([k * sides + i, k * sides + j, (k + 1) * sides + j, (k + 1) * sides + i])
        faces += [list(range(sides))[::-1], [(n - 1) * sides + i for i in range(sides)]]
        return cls("swept", grid.reshape(-1, 3), faces, material, smooth=True)

    def moved(self, offset: Sequence[float], tilt: float = 0.0) -> Part:
        """Tilts about y (radians, +x end down) and shifts."""
        c, s = np.cos(tilt), np.sin(tilt)
        self.vertices = self.vertices @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]) + np.asarray(offset, float)
        return self

    def triangles(self) -> np.ndarray:
        """(T, 3) indices of its faces as fans."""
        return np.array([(f[0], f[i], f[i + 1]) for f in self.faces for i in range(1, len(f) - 1)])


def build(thing: dict, rng: np.random.Generator, surfaces: Any) -> list[Part]:
    """Returns the parts of a thing, about as large as it will be."""
    length, width, height = thing["size"]
    if thing["label"] == "table":
        return table(thing["kind"], length, width, height, rng, surfaces)
    return MAKERS[thing["label"]](length, width, height, rng, surfaces)


def table(kind: str, length: float, width: float, height: float, rng: np.random.Generator, s: Any) -> list[Part]:
    """A table with four legs, trestles, or a round one on a column."""
    top, legs, thick = s.table_top(), s.wood(), float(rng.uniform(0.022, 0.045))
    if kind == "round":
        plate = Part.turned(
            [(0, height - thick), (length / 2, height - thick), (length / 2, height), (0, height)], top, 1
        )
        foot = [(0, 0), (0.3, 0), (0.28, 0.03), (0.05, 0.08), (0.04, height - 0.1), (0.15, height - thick)]
        return [plate, Part.turned([*foot, (0, height - thick)], legs, 2)]
    parts = [Part.box((-length / 2, -width / 2, height - thick), (length / 2, width / 2, height), top, 0.006)]
    x, y, t = length / 2 - 0.07, width / 2 - 0.07, float(rng.uniform(0.02, 0.04))
    if kind == "trestle":
        for end in (-1, 1):
            parts.append(Part.box((end * x - t, -y, 0), (end * x + t, y, 0.05), legs, 0.004))
            parts.append(Part.box((end * x - t, -0.07, 0.05), (end * x + t, 0.07, height - thick), legs, 0.004))
        return [*parts, Part.box((-x, -0.02, 0.3), (x, 0.02, 0.4), legs, 0.004)]
    taper = float(rng.uniform(0.55, 1.0))
    for a in (-x, x):
        for b in (-y, y):
            ends = np.array([[a, b, 0], [a, b, height - thick]])
            parts.append(Part.swept(ends, np.array([[t * taper] * 2, [t] * 2]), legs, sides=4 if t > 0.03 else 14))
    if rng.random() < 0.5:
        for b in (-y, y):
            parts.append(Part.box((-x, b - 0.01, height - thick - 0.08), (x, b + 0.01, height - thick), legs))
    return parts


def chair(length: float, width: float, height: float, rng: np.random.Generator, s: Any) -> list[Part]:
    """A chair: legs that splay, a seat, and a back of one board, of bars, or upholstered."""
    frame, cover = s.wood() if rng.random() < 0.65 else s.metal(), s.seat()
    seat, x, y, r = 0.45, length / 2 - 0.03, width / 2 - 0.03, float(rng.uniform(0.010, 0.019))
    parts = [Part.box((-x, -y, seat - 0.03), (x, y, seat), cover, 0.012)]
    splay = float(rng.uniform(0, 0.03))
    for a in (-1, 1):
        for b in (-1, 1):
            ends = np.array(
                [[a * (x - 0.02 + splay), b * (y - 0.02 + splay), 0], [a * (x - 0.04), b * (y - 0.04), seat - 0.02]]
            )
            parts.append(Part.swept(ends, np.array([[r, r], [r * 1.3, r * 1.3]]), frame))
    lean = float(rng.uniform(0.02, 0.09))

    def post(b: float) -> np.ndarray:
        z = np.linspace(seat - 0.02, height, 6)
        return np.column_stack(
            [-x + 0.01 - lean * (np.clip(z - seat, 0, None) / (height - seat)) ** 1.5, np.full(6, b), z]
        )

    kind = int(rng.integers(3))
    for b in (-y + 0.02, y - 0.02):
        parts.append(Part.swept(post(b), np.full((6, 2), r * 1.1), frame))
    if kind == 0:
        z0 = float(rng.uniform(seat + 0.05, height - 0.25))
        parts.append(
            Part.box((-x - 0.012, -y, z0), (-x + 0.012, y, height - 0.02), cover, 0.01).moved((-lean * 0.6, 0, 0))
        )
    elif kind == 1:
        for b in np.linspace(-y + 0.08, y - 0.08, int(rng.integers(3, 7))):
            parts.append(Part.swept(post(float(b)), np.full((6, 2), r * 0.6), frame))
        parts.append(
            Part.box((-x - 0.012, -y, height - 0.07), (-x + 0.012, y, height), frame, 0.008).moved((-lean, 0, 0))
        )
    else:
        for z in np.linspace(seat + 0.12, height - 0.04, int(rng.integers(2, 4))):
            at = -lean * ((z - seat) / (height - seat)) ** 1.5
            parts.append(
                Part.box((-x - 0.008, -y, z - 0.03), (-x + 0.008, y, z + 0.03), frame, 0.006).moved((at, 0, 0))
            )
    return parts


def plate(length: float, width: float, height: float, rng: np.random.Generator, s: Any) -> list[Part]:
    """A plate with a flat or a rising rim."""
    r, well, t = length / 2, float(rng.uniform(0.55, 0.75)), 0.004
    outside = [(0, 0), (r * 0.5, 0), (r * 0.55, 0.003), (r * well, 0.004), (r, height - t), (r, height)]
    return [Part.turned([*outside, (r * well, 0.004 + t), (r * well * 0.9, 0.003 + t), (0, 0.003 + t)], s.ceramic())]


def bowl(length: float, width: float, height: float, rng: np.random.Generator, s: Any) -> list[Part]:
    """A bowl, sometimes with something in it."""
    r, t, belly = length / 2, 0.005, float(rng.uniform(0.7, 0.95))
    outside = [(0, 0), (r * 0.5, 0), (r * 0.5, 0.006), (r * belly, height * 0.4), (r, height), (r - t, height)]
    inside = [(r * belly - t, height * 0.4 + t), (r * 0.45, 0.012), (0, 0.012)]
    parts = [Part.turned(outside + inside, s.ceramic() if rng.random() < 0.75 else s.wood())]
    if rng.random() < 0.4:
        fill = r * belly * 0.86
        parts.append(
            Part.turned([(0, 0.02), (fill * 0.5, 0.02), (fill, height * 0.45), (0, height * 0.6)], s.food(), 1)
        )
    return parts


def cup(length: float, width: float, height: float, rng: np.random.Generator, s: Any) -> list[Part]:
    """A mug or a tea cup with a handle along +x."""
    r, t, foot = width / 2, 0.004, float(rng.uniform(0.5, 0.98))
    outside = [
        (0, 0),
        (r * foot, 0),
        (r * foot, 0.004),
        (r * (0.6 + 0.4 * foot), height * 0.5),
        (r, height),
        (r - t, height),
    ]
    inside = [(r * (0.6 + 0.4 * foot) - t, height * 0.5), (r * foot - t, 0.008), (0, 0.008)]
    material = s.ceramic()
    parts = [Part.turned(outside + inside, material, 1)]
    turn = np.linspace(-np.pi / 2, np.pi / 2, 12)
    reach = max(length - width, 0.02)
    path = np.column_stack([r * 0.92 + reach * np.cos(turn), np.zeros(12), height * (0.52 + 0.28 * np.sin(turn))])
    parts.append(Part.swept(path, np.full((12, 2), 0.005), material))
    if rng.random() < 0.6:
        level = height * float(rng.uniform(0.55, 0.85))
        wide = (r * (0.6 + 0.4 * foot) - t) * 0.98
        parts.append(Part.turned([(0, level - 0.002), (wide, level - 0.002), (wide, level), (0, level)], s.drink(), 0))
    return parts


def bottle(length: float, width: float, height: float, rng: np.random.Generator, s: Any) -> list[Part]:
    """A bottle with a neck, a cap and, on most, a label."""
    r, neck, shoulder = length / 2, float(rng.uniform(0.25, 0.45)), float(rng.uniform(0.5, 0.72))
    n, cap = r * neck, height * 0.94
    outline = [
        (0, 0),
        (r, 0),
        (r, height * 0.05),
        (r, height * shoulder),
        (n, height * (shoulder + 0.17)),
        (n, cap),
        (0, cap),
    ]
    parts = [Part.turned(outline, s.bottle())]
    parts.append(Part.turned([(0, cap), (n * 1.1, cap), (n * 1.1, height), (0, height)], s.cap(), 1))
    if rng.random() < 0.75:
        a, b = height * 0.12, height * (shoulder - float(rng.uniform(0.06, 0.2)))
        parts.append(Part.turned([(0, a), (r * 1.012, a), (r * 1.012, b), (0, b)], s.label(), 0))
    return parts


def wine_glass(length: float, width: float, height: float, rng: np.random.Generator, s: Any) -> list[Part]:
    """A glass on a stem, empty or with wine."""
    r, t, stem = length / 2, 0.0016, float(rng.uniform(0.38, 0.5)) * height
    mouth = float(rng.uniform(0.68, 0.98))
    outside = [
        (0, 0),
        (r * 0.85, 0),
        (r * 0.8, 0.004),
        (0.006, 0.012),
        (0.0045, stem * 0.5),
        (0.006, stem),
        (r, stem + (height - stem) * 0.42),
    ]
    inside = [(r * mouth - t, height), (r - t, stem + (height - stem) * 0.42), (0.012, stem + 0.008), (0, stem + 0.008)]
    parts = [Part.turned([*outside, (r * mouth, height), *inside], s.glass())]
    if rng.random() < 0.5:
        level = stem + (height - stem) * float(rng.uniform(0.25, 0.5))
        wine = [(0, stem + 0.01), (0.012, stem + 0.011), (r * 0.86, level - 0.004), (r * 0.88, level), (0, level)]
        parts.append(Part.turned(wine, s.wine(), 1))
    return parts


def _blade(stations: Sequence[tuple[float, float, float, float]], material: Any) -> Part:
    """A flat bar: (x, half width, height of its middle, half thickness) from the handle's end."""
    table = np.array(stations, float)
    path = np.column_stack([table[:, 0], np.zeros(len(table)), table[:, 2]])
    return Part.swept(path, table[:, [1, 3]], material, sides=14)


def fork(length: float, width: float, height: float, rng: np.random.Generator, s: Any) -> list[Part]:
    """A fork with three or four tines, tips along +x."""
    steel, w, h = s.metal(), width / 2, height
    handle = [
        (-length / 2, w * 0.5, 0.3 * h, 0.0014),
        (-length * 0.3, w * 0.55, 0.25 * h, 0.0013),
        (0.05 * length, w * 0.25, 0.55 * h, 0.0015),
    ]
    neck = [
        (0.16 * length, w * 0.4, 0.4 * h, 0.0012),
        (0.22 * length, w, 0.2 * h, 0.001),
        (0.27 * length, w, 0.15 * h, 0.001),
    ]
    parts = [_blade(handle + neck, steel)]
    tines = int(rng.integers(3, 5))
    for y in np.linspace(-w * 0.82, w * 0.82, tines):
        x = np.linspace(0.26, 0.5, 5) * length
        path = np.column_stack([x, np.full(5, y), h * np.array([0.15, 0.1, 0.12, 0.3, 0.55])])
        parts.append(
            Part.swept(path, np.column_stack([[0.0017, 0.0016, 0.0015, 0.0013, 0.0006], [0.0009] * 5]), steel, 8)
        )
    return parts


def knife(length: float, width: float, height: float, rng: np.random.Generator, s: Any) -> list[Part]:
    """A knife, its tip along +x."""
    steel, w, h = s.metal(), width / 2, height / 2
    grip = steel if rng.random() < 0.6 else s.grip()
    blade = [
        (0.0, w * 0.6, h, 0.001),
        (0.1 * length, w, h, 0.0009),
        (0.38 * length, w, h, 0.0008),
        (0.5 * length, w * 0.3, h, 0.0006),
    ]
    handle = [(-length / 2, w * 0.7, h, h * 0.8), (-0.2 * length, w * 0.8, h, h), (0.01 * length, w * 0.5, h, h * 0.7)]
    return [_blade(handle, grip), _blade(blade, steel)]


def spoon(length: float, width: float, height: float, rng: np.random.Generator, s: Any) -> list[Part]:
    """A spoon, its bowl along +x."""
    steel, w, h = s.metal(), width / 2, height
    handle = [
        (-length / 2, w * 0.35, 0.55 * h, 0.0014),
        (-0.1 * length, w * 0.2, 0.6 * h, 0.0015),
        (0.2 * length, w * 0.2, 0.75 * h, 0.0016),
    ]
    turn = np.linspace(0, np.pi, 9)
    bowl_part = [
        (
            0.2 * length + 0.15 * length * (1 - np.cos(a)),
            max(w * np.sin(a) ** 0.8, w * 0.2),
            0.75 * h - 0.55 * h * np.sin(a),
            0.0012,
        )
        for a in turn
    ]
    return [_blade([*handle[:-1], *bowl_part], steel)]


def laptop(length: float, width: float, height: float, rng: np.random.Generator, s: Any) -> list[Part]:
    """An open laptop; who uses it sits at -x. Its length runs across, so it is turned a quarter at the end."""
    deep, wide, t = width * 0.72, length, 0.016
    body, dark = s.casing(), s.matt((0.03, 0.03, 0.035))
    tilt = float(rng.uniform(np.radians(8), np.radians(32)))
    tall = min(height, width) * 0.95
    parts = [Part.box((-deep / 2, -wide / 2, 0), (deep / 2, wide / 2, t), body, 0.004)]
    parts.append(Part.box((-deep * 0.1, -wide * 0.43, t - 0.001), (deep * 0.42, wide * 0.43, t + 0.002), s.keys()))
    parts.append(Part.box((-deep * 0.42, -wide * 0.14, t - 0.001), (-deep * 0.16, wide * 0.14, t + 0.0008), dark))
    lid = [Part.box((0, -wide / 2, 0), (0.008, wide / 2, tall), body, 0.003)]
    lid.append(Part.box((-0.0015, -wide * 0.47, tall * 0.07), (0.0005, wide * 0.47, tall * 0.95), s.screen()))
    parts += [p.moved((deep / 2 - 0.004, 0, t), tilt) for p in lid]
    for part in parts:  # Its length is across: +y of the above becomes +x of the thing.
        part.vertices = part.vertices @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1.0]]).T
    return parts


def book(length: float, width: float, height: float, rng: np.random.Generator, s: Any) -> list[Part]:
    """A closed book lying flat, its spine along -y."""
    x, y, t = length / 2, width / 2, 0.0025
    cover, pages = s.cover(), s.matt((0.75, 0.72, 0.62))
    return [
        Part.box((-x, -y, 0), (x, y, t), cover), Part.box((-x, -y, height - t), (x, y, height), cover),
        Part.box((-x, -y, 0), (x, -y + t, height), cover, 0.001),
        Part.box((-x + 0.004, -y + t, t), (x - 0.004, y - 0.004, height - t), pages),
    ]  # fmt: skip


MAKERS = {
    "chair": chair, "plate": plate, "bowl": bowl, "cup": cup, "bottle": bottle, "wine_glass": wine_glass,
    "fork": fork, "knife": knife, "spoon": spoon, "laptop": laptop, "book": book,
}  # fmt: skip
