"""Closed primitive shapes, in metres: (V, 3) vertices and (F, 3) faces, counter-clockwise from outside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Shape = tuple[np.ndarray, np.ndarray]
Point = Sequence[float] | np.ndarray


def weld(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Merges coincident vertices (0.01 mm) and drops the faces that collapse.

    Returns:
        Vertices, faces, and (F,) bool of the faces that were kept.
    """
    keys = np.round(vertices, 5) + 0.0
    _, first, index = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    faces = index.reshape(-1)[faces]
    a, b, c = faces.T
    kept = (a != b) & (b != c) & (a != c)
    return vertices[first], faces[kept], kept


def quads_to_triangles(quads: np.ndarray) -> np.ndarray:
    """Splits (Q, 4) quads into (2Q, 3) triangles, two after another."""
    return quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)


def box(length: float, width: float, height: float, base: Sequence[float] | np.ndarray = (0, 0, 0)) -> Shape:
    """An axis-aligned box whose base centre is `base`."""
    x, y = length / 2, width / 2
    corners = [(-x, -y), (x, -y), (x, y), (-x, y)]
    vertices = np.array([(*c, z) for z in (0.0, height) for c in corners]) + np.asarray(base, float)
    quads = [[0, 3, 2, 1], [4, 5, 6, 7], [0, 1, 5, 4], [1, 2, 6, 5], [2, 3, 7, 6], [3, 0, 4, 7]]
    return vertices, quads_to_triangles(np.array(quads))


def prism(outline: np.ndarray, z0: float, z1: float, taper: float = 1.0) -> Shape:
    """An upright prism over a convex (N, 2) counter-clockwise outline; `taper` scales its top."""
    outline = np.asarray(outline, float)
    n = len(outline)
    centre = outline.mean(0)
    top = centre + (outline - centre) * taper
    vertices = np.concatenate([np.column_stack([outline, np.full(n, z0)]), np.column_stack([top, np.full(n, z1)])])
    i = np.arange(n)
    j = (i + 1) % n
    sides = quads_to_triangles(np.stack([i, j, j + n, i + n], 1))
    fan = np.stack([np.zeros(n - 2, int), i[1:-1], i[2:]], 1)
    return vertices, np.concatenate([fan[:, ::-1], sides, fan + n])


def grid_faces(rows: int, columns: int, wrap: bool = False) -> np.ndarray:
    """Triangles of a (rows, columns) vertex grid, two per cell in row-major order.

    They face outwards where rows go up and columns go counter-clockwise about the upward axis.
    """
    i, j = np.meshgrid(np.arange(rows - 1), np.arange(columns if wrap else columns - 1), indexing="ij")
    row, low = i.ravel() * columns, j.ravel()
    high = (low + 1) % columns
    return quads_to_triangles(np.stack([row + low, row + high, row + columns + high, row + columns + low], 1))


def loft(rings: np.ndarray, start: Point, end: Point) -> Shape:
    """A closed skin through rings, vertices in their order: `start`, ring after ring, `end`.

    Args:
        rings: (R, S, 3) points, counter-clockwise about the way from ring to ring; none coincide.
        start: Where a fan closes the first ring.
        end: Where a fan closes the last ring.
    """
    count = rings.shape[1]
    vertices = np.concatenate([[start], rings.reshape(-1, 3), [end]])
    j = np.arange(count)
    k, last = (j + 1) % count, len(vertices) - 1
    first_fan = np.stack([np.zeros_like(j), k + 1, j + 1], 1)
    last_fan = np.stack([np.full_like(j, last), last - count + j, last - count + k], 1)
    return vertices, np.concatenate([first_fan, grid_faces(len(rings), count, wrap=True) + 1, last_fan])


def welded_loft(rings: np.ndarray, start: Point, end: Point) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A closed skin through rings that may touch each other or collapse; arguments as for `loft`.

    Returns:
        What `weld` returns; the faces are those of a grid of R + 2 rows and S columns.
    """
    first, last = (np.broadcast_to(np.asarray(point, float), (1, rings.shape[1], 3)) for point in (start, end))
    grid = np.concatenate([first, rings, last])
    return weld(grid.reshape(-1, 3), grid_faces(len(grid), grid.shape[1], wrap=True))


def lathe(profile: Sequence[tuple[float, float]] | np.ndarray, segments: int, axis: str = "z") -> Shape:
    """A solid of revolution.

    Args:
        profile: (radius, height) pairs going up along the axis; both ends are closed to the axis.
        segments: Number of sectors.
        axis: "x", "y" or "z".
    """
    r, z = np.asarray(profile, float).T[:, :, None]
    angle = np.arange(segments) * 2 * np.pi / segments
    rings = np.stack([r * np.cos(angle), r * np.sin(angle), np.repeat(z, segments, axis=1)], -1)
    vertices, faces, _ = welded_loft(rings, (0, 0, z[0, 0]), (0, 0, z[-1, 0]))
    order = {"z": [0, 1, 2], "x": [2, 0, 1], "y": [1, 2, 0]}[axis]
    return vertices[:, order], faces


def banded_lathe(profile: np.ndarray, outline: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A solid over any outline instead of a circle, that says where each of its faces lies.

    Args:
        profile: (P, 2) radius and height. Both ends lie on the axis; the solid is to the left of the line.
        outline: (S, 2) what a circle of radius 1 becomes.

    Returns:
        (V, 3) vertices, (F, 3) faces, (F,) the part of the profile that each face comes from (0 to P - 2), (F,) its
        sector (0 to S - 1).
    """
    profile, count = np.asarray(profile, float), len(outline)
    r, z = profile[1:-1].T[:, :, None, None]
    rings = np.concatenate([r * outline, np.broadcast_to(z, (len(r), count, 1))], axis=-1)
    vertices, faces = loft(rings, (0, 0, profile[0, 1]), (0, 0, profile[-1, 1]))
    sector = np.arange(count)
    bands = np.concatenate([np.zeros(count, int), np.repeat(np.arange(1, len(r)), 2 * count), np.full(count, len(r))])
    sectors = np.concatenate([sector, np.tile(np.repeat(sector, 2), len(r) - 1), sector])
    return vertices, faces, bands, sectors


def tube(path: np.ndarray, radii: np.ndarray | float, segments: int = 6) -> Shape:
    """A tube along (N, 3) points with a radius per point and flat ends."""
    path = np.asarray(path, float)
    radii = np.broadcast_to(np.asarray(radii, float), len(path))
    tangent = np.gradient(path, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    helper = np.eye(3)[np.abs(tangent).max(0).argmin()]  # The axis that no stretch of the path runs along.
    u = np.cross(helper, tangent)
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    v = np.cross(tangent, u)
    angle = np.arange(segments) * 2 * np.pi / segments
    ring = u[:, None] * np.cos(angle)[:, None] + v[:, None] * np.sin(angle)[:, None]
    body = path[:, None] + ring * radii[:, None, None]
    vertices, faces, _ = welded_loft(body, path[0], path[-1])
    return vertices, faces


def ring(radius: float, thickness: float, segments: int = 18, sides: int = 5) -> Shape:
    """A torus about the y axis, centred at the origin (a bicycle's tyre)."""
    a = np.arange(segments) * 2 * np.pi / segments
    b = np.arange(sides) * 2 * np.pi / sides
    r = radius + thickness * np.cos(b)[None]
    grid = np.stack(
        [np.cos(a)[:, None] * r, np.broadcast_to(thickness * np.sin(b), (segments, sides)), np.sin(a)[:, None] * r], -1
    )
    closed = np.concatenate([grid, grid[:1]])
    vertices, faces, _ = weld(closed.reshape(-1, 3), grid_faces(segments + 1, sides, wrap=True))
    return vertices, faces


_PHI = (1 + 5**0.5) / 2


def icosphere(level: int) -> Shape:
    """A unit sphere of 20 * 4^level triangles."""
    oblong = np.array([[-1, _PHI, 0], [1, _PHI, 0], [-1, -_PHI, 0], [1, -_PHI, 0]])
    vertices = np.concatenate([oblong, oblong[:, [2, 0, 1]], oblong[:, [1, 2, 0]]]) / np.hypot(1, _PHI)
    faces = np.array([
        (0, 11, 5), (0, 5, 1), (0, 1, 7), (0, 7, 10), (0, 10, 11), (1, 5, 9), (5, 11, 4), (11, 10, 2), (10, 7, 6),
        (7, 1, 8), (3, 9, 4), (3, 4, 2), (3, 2, 6), (3, 6, 8), (3, 8, 9), (4, 9, 5), (2, 4, 11), (6, 2, 10), (8, 6, 7),
        (9, 8, 1),
    ])  # fmt: skip
    for _ in range(level):
        edges = np.sort(faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
        unique, index = np.unique(edges, axis=0, return_inverse=True)
        middle = vertices[unique].sum(1)
        middle /= np.linalg.norm(middle, axis=1, keepdims=True)
        m = index.reshape(-1, 3) + len(vertices)
        a, b, c = faces.T
        corners = ((a, m[:, 0], m[:, 2]), (b, m[:, 1], m[:, 0]), (c, m[:, 2], m[:, 1]), (m[:, 0], m[:, 1], m[:, 2]))
        faces = np.concatenate([np.stack(t, 1) for t in corners])
        vertices = np.concatenate([vertices, middle])
    return vertices, faces


def ellipsoid(radii: Sequence[float] | np.ndarray, centre: Sequence[float] | np.ndarray, level: int = 1) -> Shape:
    """A closed ellipsoid."""
    vertices, faces = icosphere(level)
    return vertices * np.asarray(radii, float) + np.asarray(centre, float), faces


def rounded_box(length: float, width: float, height: float, base: Sequence[float], radius: float) -> Shape:
    """A box with rounded edges (one chamfer ring all round, 92 triangles)."""
    radius = min(radius, 0.49 * min(length, width, height))
    levels = [(0.0, radius), (radius, 0.0), (height - radius, 0.0), (height, radius)]
    rings = []
    for z, inset in levels:
        x, y = length / 2 - inset, width / 2 - inset
        r = radius
        rings.append([(x - r, -y, z), (x, -y + r, z), (x, y - r, z), (x - r, y, z), (-x + r, y, z), (-x, y - r, z),
                      (-x, -y + r, z), (-x + r, -y, z)])  # fmt: skip
    vertices, faces, _ = welded_loft(np.array(rings), (0, 0, 0), (0, 0, height))
    return vertices + np.asarray(base, float), faces


def move(shape: Shape, offset: Sequence[float] = (0, 0, 0), yaw: float = 0.0) -> Shape:
    """Turns a shape about z (radians) and then shifts it."""
    c, s = np.cos(yaw), np.sin(yaw)
    return shape[0] @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + np.asarray(offset, float), shape[1]


def mirrored(shape: Shape) -> Shape:
    """The shape's mirror image in y."""
    return shape[0] * [1, -1, 1], shape[1][:, ::-1]


def join(*shapes: Shape) -> Shape:
    """Several shapes as one part."""
    count = np.cumsum([0] + [len(s[0]) for s in shapes])
    faces = [shape[1] + start for shape, start in zip(shapes, count[:-1], strict=True)]
    return np.concatenate([shape[0] for shape in shapes]), np.concatenate(faces)
