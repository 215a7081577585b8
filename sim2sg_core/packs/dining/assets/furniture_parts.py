"""What furniture and room things share: slabs, legs, bars, curved sheets, and the colours of their parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2sg_core.render.meshes import MeshBuilder, Slot
from sim2sg_core.synthesis.assets import shapes
from sim2sg_core.synthesis.assets.shapes import Point, Shape

WOOD_TEXTURES = ("wood", "planks", "bark", "ripples")
CLOTH_TEXTURES = ("weave", "speckle", "mottle")
CORNERS = ((1, 1), (1, -1), (-1, 1), (-1, -1))
"""Signs of x and y."""


@dataclass
class LodBuilder(MeshBuilder):
    """A builder that knows whether it makes the coarse twin.

    Attributes:
        fine: False halves the number of sides of what is round.
    """

    fine: bool = True

    def sides(self, count: int) -> int:
        """Returns how many sides a round part gets."""
        return count if self.fine else max(4, count // 2)

    def put(self, shape: Shape, slot: int, smooth_deg: float = 40.0) -> None:
        """Adds a closed shape."""
        self.add(*shape, slot, smooth_deg)


def wooden(name: str, scale: float = 0.7) -> Slot:
    """A part of the wood (or lacquer) that the whole piece is made of."""
    return Slot(name, "furniture_wood", (0.25, 0.15, 0.08), 0.5, 0.35, textures=WOOD_TEXTURES, texture_scale=scale)


def table_top(name: str = "top", scale: float = 1.0) -> Slot:
    """A table's top, of a colour of its own."""
    choices = ("wood", "planks", "mottle", "speckle", "wood", "concrete")
    return Slot(name, "table_top", (0.3, 0.2, 0.12), 0.45, 0.4, textures=choices, texture_scale=scale)


def padded(name: str, scale: float = 0.3) -> Slot:
    """An upholstered part."""
    return Slot(name, "upholstery", (0.15, 0.15, 0.16), 0.9, 0.08, textures=CLOTH_TEXTURES, texture_scale=scale)


def steel(name: str = "metal") -> Slot:
    """Tubes and feet: chromed, black or painted."""
    return Slot(name, "furniture_metal", (0.05, 0.05, 0.055), 0.35, 0.5)


def rectangle(length: float, width: float, corner: float = 0.0, steps: int = 1) -> np.ndarray:
    """(N, 2) counter-clockwise outline; `corner` is the radius (or, in one step, the chamfer) of its corners."""
    if corner <= 0:
        return np.array([[-length, -width], [length, -width], [length, width], [-length, width]]) / 2
    turn = np.linspace(0, np.pi / 2, steps + 1)
    middle = np.array([length, width]) / 2 - corner
    points = []
    for k, sign in enumerate(((1, 1), (-1, 1), (-1, -1), (1, -1))):
        angle = turn + k * np.pi / 2
        points.append(middle * sign + corner * np.stack([np.cos(angle), np.sin(angle)], 1))
    return np.concatenate(points)


def oval(length: float, width: float, sides: int, power: float = 2.0) -> np.ndarray:
    """(N, 2) counter-clockwise superellipse: power 2 is an ellipse, more is boxier."""
    angle = np.arange(sides) * 2 * np.pi / sides
    c, s = np.cos(angle), np.sin(angle)
    unit = np.stack([np.sign(c) * np.abs(c) ** (2 / power), np.sign(s) * np.abs(s) ** (2 / power)], 1)
    return unit * [length / 2, width / 2]


def slab(outline: np.ndarray, z0: float, z1: float, bevel: float = 0.0) -> Shape:
    """A flat board over a convex (N, 2) outline about the origin, its edges broken by `bevel`."""
    if bevel <= 0:
        return shapes.prism(outline, z0, z1)
    inner = outline * (1 - 2 * bevel / np.ptp(outline, axis=0))
    levels = [(inner, z0), (outline, z0 + bevel), (outline, z1 - bevel), (inner, z1)]
    rings = np.array([np.column_stack([ring, np.full(len(ring), z)]) for ring, z in levels])
    vertices, faces, _ = shapes.welded_loft(rings, (0, 0, z0), (0, 0, z1))
    return vertices, faces


def leg(foot: Point, top: Point, foot_size: float, top_size: float | None = None, depth: float = 1.0) -> Shape:
    """A square post between two points, cut level at both ends.

    Args:
        foot: Centre of the lower end.
        top: Centre of the upper end.
        foot_size: Side of the lower end.
        top_size: Side of the upper end; None makes it as thick.
        depth: Factor on the sides along y.
    """
    sides = (foot_size, foot_size if top_size is None else top_size)
    rings = [
        np.column_stack([rectangle(s, s * depth), np.zeros(4)]) + np.asarray(at, float)
        for s, at in zip(sides, (foot, top), strict=True)
    ]
    quads = [[0, 3, 2, 1], [4, 5, 6, 7], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]]
    return np.concatenate(rings), shapes.quads_to_triangles(np.array(quads))


def bar(start: Point, end: Point, width: float, thickness: float, flat: Point = (0, 0, 1)) -> Shape:
    """A straight rectangular bar; its thickness is measured along `flat` as near as the bar's direction allows."""
    start, end = np.asarray(start, float), np.asarray(end, float)
    along = (end - start) / np.linalg.norm(end - start)
    side = np.cross(np.asarray(flat, float), along)
    side /= np.linalg.norm(side)
    up = np.cross(along, side)
    frame = np.stack([along, side, up])
    vertices, faces = shapes.box(float(np.linalg.norm(end - start)), width, thickness, (0, 0, -thickness / 2))
    return vertices @ frame + (start + end) / 2, faces


def rod(points: Sequence[Point], radius: float | Sequence[float], sides: int = 6) -> Shape:
    """A round bar through points."""
    return shapes.tube(np.array([np.asarray(p, float) for p in points]), np.asarray(radius, float), sides)


def sheet(grid: np.ndarray, thickness: float) -> Shape:
    """A curved plate of constant thickness.

    Args:
        grid: (R, C, 3) points of its front; the front looks along (next row) × (next column).
        thickness: How far the back lies behind the front, metres.
    """
    rows, columns = grid.shape[:2]
    normal = np.cross(np.gradient(grid, axis=0), np.gradient(grid, axis=1))
    normal /= np.maximum(np.linalg.norm(normal, axis=-1, keepdims=True), 1e-9)
    vertices = np.concatenate([grid.reshape(-1, 3), (grid - thickness * normal).reshape(-1, 3)])
    index = np.arange(rows * columns).reshape(rows, columns)
    quads = np.stack([index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]], -1).reshape(-1, 4)
    rim = np.concatenate([index[:, 0], index[-1, 1:], index[-2::-1, -1], index[0, -2:0:-1]])
    after, back = np.roll(rim, -1), rows * columns
    edge = np.stack([after, rim, rim + back, after + back], 1)
    return vertices, shapes.quads_to_triangles(np.concatenate([quads, quads[:, ::-1] + back, edge]))


def tilt(shape: Shape, angle: float, pivot: Sequence[float] = (0.0, 0.0)) -> Shape:
    """Turns a shape about the y axis through (x, z) `pivot`; a positive angle (radians) leans its top towards -x."""
    c, s = np.cos(angle), np.sin(angle)
    at = np.array([pivot[0], 0.0, pivot[1]])
    return (shape[0] - at) @ np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]) + at, shape[1]


def ball(b: LodBuilder, radii: Point, centre: Point, slot: int) -> None:
    """Adds an ellipsoid of 80 triangles, 20 when coarse."""
    b.put(shapes.ellipsoid(radii, centre, 1 if b.fine else 0), slot, 75)


def put_lathe(
    b: LodBuilder, profile: Sequence[tuple[float, float]], sides: int, at: Sequence[float], slot: int
) -> None:
    """Adds a turned part (radius, height) about the vertical through `at`."""
    b.put(shapes.move(shapes.lathe(profile, b.sides(sides)), at), slot)
