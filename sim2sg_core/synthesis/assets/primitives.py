"""Cube, sphere and cylinder, with the rounded edges that moulded solids have."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from sim2sg_core.render.meshes import Asset, Mesh, Slot

SOLID = Slot("body", "paint", textures=("checker", "stripes", "wood", "mottle"), texture_scale=0.8)


def cube(bevel: float = 0.045, steps: int = 2) -> Asset:
    """A unit cube with rounded edges.

    Args:
        bevel: Radius of the edges, share of the edge length.
        steps: Segments across a quarter of a rounded edge.
    """
    # Each face of a subdivided cube is pushed on to a box grown by a sphere: normals come for free.
    inner = 0.5 - bevel
    angle = np.linspace(0, np.pi / 4, steps + 1)
    edge = inner + bevel * np.tan(angle)[1:] / np.tan(np.pi / 4)
    line = np.concatenate([-edge[::-1], [-inner, inner], edge])
    n = len(line)
    u, v = (a.reshape(-1) for a in np.meshgrid(line, line, indexing="ij"))
    corner = np.arange(n * n).reshape(n, n)
    a, b, c, d = corner[:-1, :-1], corner[1:, :-1], corner[1:, 1:], corner[:-1, 1:]
    quads = np.stack([a, b, c, d], -1).reshape(-1, 4)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    vertices: list[np.ndarray] = []
    normals: list[np.ndarray] = []
    faces: list[np.ndarray] = []
    for axis in range(3):
        for sign in (1.0, -1.0):
            points = np.empty((n * n, 3))
            points[:, axis] = sign * 0.5
            points[:, (axis + 1) % 3], points[:, (axis + 2) % 3] = u, v
            core = np.clip(points, -inner, inner)
            normal = points - core
            normal /= np.linalg.norm(normal, axis=1, keepdims=True)
            faces.append((triangles if sign > 0 else triangles[:, ::-1]) + len(vertices) * n * n)
            vertices.append(core + bevel * normal)
            normals.append(normal)
    return _asset("cube", np.concatenate(vertices), np.concatenate(normals), np.concatenate(faces))


def sphere(segments: int = 34, rings: int = 17) -> Asset:
    """A unit sphere resting on the ground."""
    polar = np.linspace(0, np.pi, rings + 1)
    profile = np.stack([0.5 * np.sin(polar), -0.5 * np.cos(polar)], 1)
    return _revolved("sphere", profile, np.stack([np.sin(polar), -np.cos(polar)], 1), segments)


def cylinder(bevel: float = 0.035, segments: int = 40, steps: int = 2) -> Asset:
    """A unit cylinder with rounded rims."""
    inner = 0.5 - bevel
    quarter = np.linspace(0, np.pi / 2, steps + 1)
    bottom = np.stack([np.sin(quarter), -np.cos(quarter)], 1)
    normals = np.concatenate([[[0.0, -1.0]], bottom, (bottom * [1, -1])[::-1], [[0.0, 1.0]]])
    core = np.concatenate([[[0.0, -inner]], np.full((steps + 1, 2), [inner, -inner])])
    core = np.concatenate([core, (core * [1, -1])[::-1]])
    return _revolved("cylinder", core + bevel * normals, normals, segments)


def _revolved(name: str, profile: np.ndarray, normals: np.ndarray, segments: int) -> Asset:
    """Turns (P, 2) radius and height about the vertical, with the exact normals, which `shapes.lathe` would lose."""
    turn = 2 * np.pi * np.arange(segments) / segments
    c, s = np.cos(turn)[:, None], np.sin(turn)[:, None]

    def spin(line: np.ndarray) -> np.ndarray:
        return np.stack([c * line[:, 0], s * line[:, 0], np.broadcast_to(line[:, 1], (segments, len(line)))], -1)

    count = len(profile)
    index = np.arange(segments * count).reshape(segments, count)
    after = np.roll(index, -1, axis=0)
    quads = np.stack([index[:, :-1], after[:, :-1], after[:, 1:], index[:, 1:]], -1).reshape(-1, 4)
    faces = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    vertices = spin(profile).reshape(-1, 3)
    edges = vertices[faces]
    area = np.linalg.norm(np.cross(edges[:, 1] - edges[:, 0], edges[:, 2] - edges[:, 0]), axis=1)
    return _asset(name, vertices, spin(normals).reshape(-1, 3), faces[area > 1e-9])


def _asset(name: str, vertices: np.ndarray, normals: np.ndarray, faces: np.ndarray) -> Asset:
    mesh = Mesh(
        (vertices + [0, 0, 0.5]).astype(np.float32),
        faces.astype(np.int32),
        normals.astype(np.float32),
        np.zeros(len(faces), np.int32),
    )
    return Asset(name, mesh, (SOLID,))


def plane() -> Asset:
    """A flat square that faces up: decals, road surfaces."""
    vertices = np.array([[-0.5, -0.5, 0], [0.5, -0.5, 0], [0.5, 0.5, 0], [-0.5, 0.5, 0]], np.float32)
    mesh = Mesh(
        vertices,
        np.array([[0, 1, 2], [0, 2, 3]], np.int32),
        np.tile(np.array([0, 0, 1], np.float32), (4, 1)),
        np.zeros(2, np.int32),
    )
    return Asset("plane", mesh, (Slot("surface", "fixed"),))


BUILDERS: dict[str, Callable[[], Asset]] = {
    "cube": cube,
    "sphere": sphere,
    "cylinder": cylinder,
    "plane": plane,
    "lod_cube": partial(cube, steps=1),
    "lod_sphere": partial(sphere, segments=20, rings=10),
    "lod_cylinder": partial(cylinder, segments=24, steps=1),
}
