"""Meshes that a room is made of, built once and scaled: block, ceiling, window pane, curtain, table cover."""

from __future__ import annotations

from functools import cache

import numpy as np

from sim2sg_core.render.meshes import Asset, Mesh, MeshBuilder, Slot
from sim2sg_core.synthesis.assets import shapes
from sim2sg_core.synthesis.assets.registry import load_asset
from sim2sg_core.synthesis.layouts.supports import support_regions

BLANK = Slot("surface", "fixed")
STRIPS = 10


@cache
def block() -> Asset:
    """A sharp-edged box."""
    builder = MeshBuilder()
    builder.add(*shapes.box(1, 1, 1), 0)
    return builder.build("room block", (BLANK,))


@cache
def ceiling_sheet() -> Asset:
    """A square at z = 1 that faces down: at the top of its box, where the shading takes no ground to be near."""
    vertices = np.array([[-0.5, -0.5, 1], [0.5, -0.5, 1], [0.5, 0.5, 1], [-0.5, 0.5, 1]], np.float32)
    normals = np.tile(np.array([0, 0, -1], np.float32), (4, 1))
    faces = np.array([[0, 2, 1], [0, 3, 2]], np.int32)
    return Asset("room ceiling", Mesh(vertices, faces, normals, np.zeros(2, np.int32)), (BLANK,))


@cache
def pane() -> Asset:
    """An upright sheet in `STRIPS` strips, lowest first, each of its own slot."""
    builder = MeshBuilder()
    for k in range(STRIPS):
        builder.add(*shapes.box(1, 1, 1 / STRIPS, (0, 0, k / STRIPS)), k)
    return builder.build("room pane", tuple(Slot(f"strip {k}", "fixed") for k in range(STRIPS)))


@cache
def curtain() -> Asset:
    """Hanging cloth in folds."""
    x = np.linspace(-0.5, 0.5, 49)
    fold = 0.35 * np.sin(x * 2 * np.pi * 4.5) + 0.1 * np.sin(x * 2 * np.pi * 2 + 1)
    outline = np.concatenate([np.column_stack([x, fold - 0.05]), np.column_stack([x, fold + 0.05])[::-1]])
    n, columns = len(outline), len(x)
    vertices = np.concatenate([np.column_stack([outline, np.full(n, z)]) for z in (0.0, 1.0)])
    i = np.arange(n)
    j = (i + 1) % n
    sides = shapes.quads_to_triangles(np.stack([i, j, j + n, i + n], 1))
    a = np.arange(columns - 1)
    lid = shapes.quads_to_triangles(np.stack([a, a + 1, n - 2 - a, n - 1 - a], 1))
    builder = MeshBuilder()
    builder.add(vertices, np.concatenate([sides, lid[:, ::-1], lid + n]), 0, smooth_deg=60)
    return builder.build("room curtain", (Slot("cloth", "cloth"),))


@cache
def top_outline(name: str) -> np.ndarray:
    """(N, 2) counter-clockwise outline of an asset's flat top, shares of length and width; (0, 2) without one."""
    return support_regions(load_asset(name), (1.0,))[0]


@cache
def cover(name: str) -> Asset:
    """A cloth in the shape of an asset's highest face; it fills its box as far as that face fills the asset's."""
    outline = top_outline(name)
    vertices, faces = shapes.prism(outline, 0.0, 1.0)
    builder = MeshBuilder()
    builder.add(vertices, faces, 0)
    made = builder.build(f"cover of {name}", (Slot("cloth", "cloth"),))
    mesh = made.mesh
    vertices = mesh.vertices.copy()
    low, high = outline.min(0), outline.max(0)
    vertices[:, :2] = vertices[:, :2] * (high - low) + (low + high) / 2  # As it was before it was normalised.
    return Asset(made.name, Mesh(vertices, mesh.faces, mesh.normals, mesh.slots), made.slots)
