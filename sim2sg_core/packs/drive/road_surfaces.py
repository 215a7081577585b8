"""The ground of a street: asphalt, kerbs, pavements, markings, patches, pads under vehicles off the road."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from sim2sg_core.packs.drive.road import Road
from sim2sg_core.render.meshes import Asset, MeshBuilder, Slot
from sim2sg_core.render.render_scene import Instance, Material
from sim2sg_core.scene import Placement
from sim2sg_core.synthesis.assets import shapes

if TYPE_CHECKING:
    from sim2sg_core.packs.drive.street_inference import Street
    from sim2sg_core.synthesis.appearance import Painter

DEEP = -0.4
"""Slabs reach this far down, so that their sides close against the ground."""
ASPHALT = Slot(
    "asphalt", "asphalt", (0.12, 0.12, 0.12), roughness=0.95, specular=0.1, textures=("asphalt",), texture_scale=5.0
)
COBBLES = Slot(
    "cobbles", "asphalt", (0.14, 0.13, 0.12), roughness=0.95, textures=("paving", "gravel"), texture_scale=2.0
)
KERB = Slot("kerb", "concrete", (0.34, 0.33, 0.32), roughness=0.95, textures=("concrete",), texture_scale=2.0)
PAVING = Slot(
    "paving",
    "concrete",
    (0.3, 0.29, 0.28),
    roughness=0.95,
    textures=("paving", "tiles", "concrete", "asphalt"),
    texture_scale=2.4,
)
GRASS = Slot("grass", "grass", (0.09, 0.13, 0.04), roughness=1.0, specular=0.02, textures=("grass",), texture_scale=4.0)
PAINT = Slot(
    "marking", "marking", (0.62, 0.62, 0.6), roughness=0.8, specular=0.1, textures=("mottle",), texture_scale=1.0
)
IRON = Slot("iron", "fixed", (0.05, 0.05, 0.052), roughness=0.6, specular=0.4)


def strip(road: Road, s: np.ndarray, t0: float | np.ndarray, t1: float | np.ndarray, top: float) -> shapes.Shape:
    """A closed slab along the road between offsets t0 < t1, its top at height `top`."""
    a, b = road.point(s, t1), road.point(s, t0)
    n = len(s)
    rows = [np.column_stack([p, np.full(n, z)]) for p, z in ((b, top), (a, top), (a, DEEP), (b, DEEP))]
    grid = np.stack(rows, 1)  # Round the section, right to left over the top.
    ends = np.repeat(grid[[0, -1]].mean(1, keepdims=True), 4, 1)
    grid = np.concatenate([ends[:1], grid, ends[1:]])
    vertices, faces, _ = shapes.weld(grid.reshape(-1, 3), shapes.grid_faces(len(grid), 4, wrap=True))
    a0, b0, c0 = (vertices[faces[:, k]] for k in range(3))
    if np.einsum("ij,ij->i", a0, np.cross(b0, c0)).sum() < 0:
        faces = faces[:, ::-1]
    return vertices, faces


def instance(
    parts: Sequence[shapes.Shape],
    slot: Slot,
    painter: Painter,
    rng: np.random.Generator,
    layer: int = 0,
    material: Material | None = None,
) -> Instance:
    """One scenery instance of some shapes in world coordinates, all of one slot."""
    vertices, faces = shapes.join(*parts)
    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    builder = MeshBuilder(  # Every face flat: quicker than finding the hard edges.
        [corners.reshape(-1, 3)], [np.arange(3 * len(faces)).reshape(-1, 3)], [np.repeat(normals, 3, 0)],
        [np.zeros(len(faces), int)], 3 * len(faces),
    )  # fmt: skip
    low, high = vertices.min(0), vertices.max(0)
    asset: Asset = builder.build("ground", (slot,))
    position = np.array([(low[0] + high[0]) / 2, (low[1] + high[1]) / 2, low[2]])
    materials = (material,) if material else painter.materials(asset, rng)
    return Instance(asset, position, 0.0, np.maximum(high - low, 1e-6), materials, None, None, layer, False)


def ground_strips(
    street: Street, vehicles: Sequence[Placement], painter: Painter, rng: np.random.Generator
) -> list[Instance]:
    """Returns the ground of a street: paved under every one of its vehicles."""
    road, (left, right) = street.road, street.edges
    s = np.arange(-6.0, street.length + 30, 4.0 if road.curve else 40.0)
    made: list[Instance] = []
    cobbled = rng.random() < (0.14 if street.paved else 0.04)
    asphalt = instance([strip(road, s, right, left, 0.0)], COBBLES if cobbled else ASPHALT, painter, rng)
    made.append(asphalt)
    tone = asphalt.materials[0]
    sides, kerbs, verges = [], [], []
    walk_look_shared = rng.random() < 0.7
    for side, sign in ((0, 1), (1, -1)):
        edge = street.edges[side]
        if not street.paved and rng.random() < 0.18:  # A soft shoulder: no kerb, no pavement.
            continue
        verge = float(rng.uniform(0.8, 2.5)) if not street.paved and rng.random() < 0.3 else 0.0
        out = street.fronts[side] if street.paved else edge + sign * (verge + street.walks[side])
        for run in _runs(street, side, s):
            if verge:
                verges.append(_between(road, run, edge + sign * 0.16, edge + sign * verge, 0.025))
            sides.append(_between(road, run, edge + sign * (0.16 + verge), out, 0.03))
            kerbs.append(_between(road, run, edge, edge + sign * 0.16, 0.06))
    if sides:
        shared = painter.materials(_named(PAVING), rng)[0]
        for group in [sides] if walk_look_shared else [sides[: len(sides) // 2], sides[len(sides) // 2 :]]:
            if group:
                made.append(instance(group, PAVING, painter, rng, material=shared if walk_look_shared else None))
        made.append(instance(kerbs, KERB, painter, rng))
    if verges:
        made.append(instance(verges, GRASS, painter, rng))
    crossing = [_side_strip(road, at, half, which, left, right) for at, half, which in street.side_streets]
    if crossing:
        made.append(instance(crossing, ASPHALT, painter, rng, layer=1, material=tone))
    pads = _pads(street, vehicles)
    if pads:
        slot = ASPHALT if rng.random() < 0.6 else PAVING
        made.append(instance(pads, slot, painter, rng, layer=2, material=tone if slot is ASPHALT else None))
    if not cobbled:
        made += _markings(street, painter, rng)
    return made + _patches(street, tone, painter, rng)


def _named(slot: Slot) -> Asset:
    builder = MeshBuilder()
    builder.add(*shapes.box(1, 1, 1), 0)
    return builder.build("look", (slot,))


def _between(road: Road, s: np.ndarray, ta: float, tb: float, top: float) -> shapes.Shape:
    return strip(road, s, min(ta, tb), max(ta, tb), top)


def _runs(street: Street, side: int, s: np.ndarray) -> list[np.ndarray]:
    """The stretches of s where a pavement runs, cut at side streets on that side."""
    cuts = sorted((at - half, at + half) for at, half, which in street.side_streets if which in (0, (1, -1)[side]))
    runs, start = [], float(s[0])
    for low, high in [*cuts, (float(s[-1]), float(s[-1]))]:
        if low - start > 1.0:
            inner = s[(s > start + 0.5) & (s < low - 0.5)]
            runs.append(np.concatenate([[start], inner, [low]]))
        start = max(start, high)
    return runs


def _side_strip(road: Road, at: float, half: float, which: int, left: float, right: float) -> shapes.Shape:
    """The bed of a side street, to 45 m either way."""
    x, y = road.at(at)
    low = right - 45 if which <= 0 else right
    high = left + 45 if which >= 0 else left
    width = high - low
    base = shapes.box(2 * half, width, 0.006 - DEEP, (0, (low + high) / 2, DEEP))
    return shapes.move(base, (x, y, 0.0), float(road.yaw(at)))


def _pads(street: Street, vehicles: Sequence[Placement]) -> list[shapes.Shape]:
    """Paved ground under every vehicle that does not stand on the road."""
    pads: list[shapes.Shape] = []
    for p in vehicles:
        s, t = street.road.locate(p.footprint()).T
        on_side = any(abs(float(s.mean()) - at) < half for at, half, _ in street.side_streets)
        if on_side or (t.max() < street.edges[0] + 0.4 and t.min() > street.edges[1] - 0.4):
            continue
        k = len(pads) % 7  # Neighbouring pads never lie in one plane.
        length, width = float(p.size[0]) + 3.0, float(p.size[1]) + 2.4
        base = shapes.box(length, width, 0.034 + 0.002 * k - DEEP, (0, 0, DEEP))
        pads.append(shapes.move(base, (float(p.position[0]), float(p.position[1]), 0.0), p.yaw))
    return pads


def _plates(road: Road, spots: Sequence[tuple[float, float, float, float]], top: float = 0.008) -> list[shapes.Shape]:
    """Thin slabs on the road: (s, t, length, width) each."""
    made = []
    for s, t, length, width in spots:
        x, y = road.at(s, t)
        base = shapes.box(length, width, top - DEEP, (0, 0, DEEP))
        made.append(shapes.move(base, (x, y, 0.0), float(road.yaw(s))))
    return made


def _markings(street: Street, painter: Painter, rng: np.random.Generator) -> list[Instance]:
    """Lane lines, edge lines, zebra crossings, stop lines, arrows."""
    road, (left, right) = street.road, street.edges
    width = float(rng.choice([0.12, 0.15, 0.2]))
    spots: list[tuple[float, float, float, float]] = []
    blocked = [(at - half, at + half) for at, half, _ in street.side_streets]
    free = lambda v: not any(a < v < b for a, b in blocked)  # noqa: E731
    lane = float(rng.uniform(2.9, 3.5))
    if rng.random() < 0.75:
        line = lane / 2
        while line < left - 1.8:
            dash, gap = (3.0, float(rng.choice([3.0, 6.0]))) if rng.random() < 0.8 else (6.0, 0.0)
            spots += [(v, line, dash, width) for v in np.arange(rng.uniform(-2, 4), 110, dash + gap) if free(v)]
            line += lane
        line = -lane / 2
        while line > right + 2.4:
            spots += [(v, line, 3.0, width) for v in np.arange(rng.uniform(-2, 4), 110, 9.0) if free(v)]
            line -= lane
    for edge, sign in ((left, -1), (right, 1)):
        if rng.random() < 0.3:
            spots += [(v, edge + sign * 0.25, 4.0, width) for v in np.arange(-4, 120, 4.0) if free(v)]
    if rng.random() < 0.25:
        at = float(rng.uniform(8, 45))
        bars = np.arange(right + 0.5, left - 0.3, 1.0)
        spots += [(at, float(t), 3.0, 0.5) for t in bars]
    if rng.random() < 0.25:
        at = float(rng.uniform(9, 40))
        spots.append((at, -0.0, 0.5, min(lane, -2 * right) * 0.9))
    if rng.random() < 0.2:
        at = float(rng.uniform(6, 30))
        spots += [(at, 0.0, 3.0, 0.14), (at + 1.4, 0.18, 0.7, 0.14), (at + 1.4, -0.18, 0.7, 0.14)]
    if rng.random() < 0.12:  # Parking bays.
        for v in np.arange(6, 70, 5.5):
            spots.append((float(v), right + 1.0, 0.12, 1.9))
    if not spots:
        return []
    return [instance(_plates(road, spots), PAINT, painter, rng, layer=4)]


def _patches(street: Street, tone: Material, painter: Painter, rng: np.random.Generator) -> list[Instance]:
    """Repairs, manhole covers, tram rails."""
    road, (left, right) = street.road, street.edges
    made = []
    for factor in (rng.uniform(0.55, 0.85), rng.uniform(1.12, 1.4)):
        count = int(rng.integers(0, 5))
        spots = [
            (
                float(rng.uniform(4, 60)),
                float(rng.uniform(right + 0.6, left - 0.6)),
                float(rng.uniform(0.8, 9)),
                float(rng.uniform(0.5, 1.4)),
            )
            for _ in range(count)
        ]
        if spots:
            r, g, b = (float(c * factor) for c in tone.color)
            material = dataclasses.replace(tone, color=(r, g, b))
            made.append(instance(_plates(road, spots, 0.004), ASPHALT, painter, rng, layer=3, material=material))
    covers = []
    for _ in range(int(rng.integers(0, 4))):
        x, y = road.at(float(rng.uniform(5, 40)), float(rng.uniform(right + 0.8, left - 0.8)))
        covers.append(shapes.move(shapes.lathe([(0.33, DEEP), (0.33, 0.012)], 12), (x, y, 0.0)))
    if rng.random() < 0.08 and left > 4:
        t = float(rng.uniform(1.5, left - 1.5))
        run = np.arange(-4.0, 110.0, 4.0)
        covers += [strip(road, run, t + g, t + g + 0.07, 0.012) for g in (0.0, 1.45)]
    if covers:
        made.append(instance(covers, IRON, painter, rng, layer=5))
    return made
