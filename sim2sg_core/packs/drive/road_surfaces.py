"""The ground of a street: asphalt, kerbs, pavements, markings, patches, pads under vehicles off the road."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cache
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
    left, right = road.point(s, t1), road.point(s, t0)
    grid = np.empty((len(s), 4, 3))  # Round the section, right to left over the top.
    grid[:, [1, 2], :2], grid[:, [0, 3], :2] = left[:, None], right[:, None]
    grid[:, :2, 2], grid[:, 2:, 2] = top, DEEP
    return grid.reshape(-1, 3), _strip_faces(len(s))


@cache
def _strip_faces(sections: int) -> np.ndarray:
    """The faces of a slab through this many sections of four corners each."""
    sides = shapes.grid_faces(sections, 4, wrap=True)[:, ::-1]
    ends = np.array([[0, 1, 2, 3], [3, 2, 1, 0]]) + [[0], [4 * (sections - 1)]]
    return np.concatenate([sides, shapes.quads_to_triangles(ends)])


def slabs(places: np.ndarray, sizes: np.ndarray, tops: np.ndarray | float) -> shapes.Shape:
    """Closed rectangular slabs.

    Args:
        places: (N, 3) x, y and yaw of each.
        sizes: (N, 2) their lengths and widths.
        tops: Heights of their tops, one for all or (N,).
    """
    corners, faces = shapes.box(1.0, 1.0, 1.0)
    x, y, yaw = np.asarray(places, float).T[..., None]
    length, width = np.asarray(sizes, float).T[..., None]
    along, across = corners[:, 0] * length, corners[:, 1] * width
    tops = np.broadcast_to(np.asarray(tops, float).reshape(-1, 1), x.shape)
    vertices = np.stack(
        [
            x + along * np.cos(yaw) - across * np.sin(yaw),
            y + along * np.sin(yaw) + across * np.cos(yaw),
            DEEP + corners[:, 2] * (tops - DEEP),
        ],
        axis=-1,
    )
    start = len(corners) * np.arange(len(vertices))[:, None, None]
    return vertices.reshape(-1, 3), (faces + start).reshape(-1, 3)


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
    if pads is not None:
        slot = ASPHALT if rng.random() < 0.6 else PAVING
        made.append(instance([pads], slot, painter, rng, layer=2, material=tone if slot is ASPHALT else None))
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
    low = right - 45 if which <= 0 else right
    high = left + 45 if which >= 0 else left
    x, y = road.at(at, (low + high) / 2)
    return slabs(np.array([[x, y, road.yaw(at)]]), np.array([[2 * half, high - low]]), 0.006)


def _pads(street: Street, vehicles: Sequence[Placement]) -> shapes.Shape | None:
    """Paved ground under every vehicle that does not stand on the road; None where there is none."""
    feet = street.road.locate(np.array([p.footprint() for p in vehicles]).reshape(-1, 4, 2))
    s, t = feet[..., 0].mean(axis=1), feet[..., 1]
    off = (t.max(axis=1) >= street.edges[0] + 0.4) | (t.min(axis=1) <= street.edges[1] - 0.4)
    for at, half, _ in street.side_streets:
        off &= np.abs(s - at) >= half
    padded = [p for p, is_off in zip(vehicles, off, strict=True) if is_off]
    if not padded:
        return None
    places = np.array([(*p.position[:2], p.yaw) for p in padded])
    sizes = np.array([p.size[:2] for p in padded]) + [3.0, 2.4]
    return slabs(places, sizes, 0.034 + 0.002 * (np.arange(len(padded)) % 7))  # Neighbours never lie in one plane.


def _plates(road: Road, spots: Sequence[tuple[float, float, float, float]], top: float = 0.008) -> shapes.Shape:
    """Thin slabs on the road: (s, t, length, width) each."""
    s, t, length, width = np.array(spots, float).T
    places = np.column_stack([road.point(s, t), road.yaw(s)])
    return slabs(places, np.stack([length, width], axis=1), top)


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
    return [instance([_plates(road, spots)], PAINT, painter, rng, layer=4)]


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
            made.append(instance([_plates(road, spots, 0.004)], ASPHALT, painter, rng, layer=3, material=material))
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
