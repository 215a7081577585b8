"""Trees, conifers, bushes and hedges: clusters of ragged leaf clumps over trunks and branches."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from sim2sg_core.render.meshes import Asset, MeshBuilder, Slot
from sim2sg_core.synthesis.assets import shapes
from sim2sg_core.synthesis.tables import read_table

PLANT_SLOTS = (
    Slot("bark", "bark", (0.09, 0.07, 0.055), roughness=0.95, specular=0.05, textures=("bark",), texture_scale=0.7),
    Slot(
        "leaves", "foliage", (0.06, 0.11, 0.03), roughness=0.9, specular=0.08, textures=("leaves",), texture_scale=1.8
    ),
    Slot("inner", "fixed", (0.020, 0.030, 0.010), roughness=1.0, specular=0.0, textures=("leaves",), texture_scale=1.8),
)
BARK, LEAVES, INNER = range(3)


def add_clumps(
    builder: MeshBuilder,
    centres: np.ndarray,
    sizes: np.ndarray,
    outward: np.ndarray,
    rng: np.random.Generator,
    ragged: float = 0.45,
) -> None:
    """Adds ragged clumps of leaves: octahedra turned and dented at random.

    Their normals lean towards `outward`, so that a crown shades as one soft volume while its outline is rough.

    Args:
        builder: Where to.
        centres: (N, 3) metres.
        sizes: (N,) radii.
        outward: (N, 3) unit directions away from the plant's middle.
        rng: Randomness.
        ragged: How far vertices move in and out, share of the radius.
    """
    n = len(centres)
    corners = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)
    faces = np.array([[0, 2, 4], [2, 1, 4], [1, 3, 4], [3, 0, 4], [2, 0, 5], [1, 2, 5], [3, 1, 5], [0, 3, 5]])
    spin, _ = np.linalg.qr(rng.normal(size=(n, 3, 3)))
    spin = spin * np.sign(np.linalg.det(spin))[:, None, None]
    spin[:, :, 2] *= np.sign(np.linalg.det(spin))[:, None]
    direction = np.einsum("nij,kj->nki", spin, corners)
    push = 1 + rng.uniform(-ragged, ragged, (n, 6, 1))
    vertices = centres[:, None] + direction * push * sizes[:, None, None] * [1, 1, 0.75]
    normals = outward[:, None] * 0.75 + direction * 0.6 + rng.normal(0, 0.22, (n, 1, 3))
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    builder.vertices.append(vertices.reshape(-1, 3))
    builder.normals.append(normals.reshape(-1, 3))
    builder.faces.append((faces[None] + 6 * np.arange(n)[:, None, None]).reshape(-1, 3) + builder.count)
    builder.slots.append(np.full(8 * n, LEAVES))
    builder.count += 6 * n


def on_ellipsoid(count: int, rng: np.random.Generator) -> np.ndarray:
    """(count, 3) evenly spread unit directions (golden spiral, jittered)."""
    k = np.arange(count) + rng.random(count)
    z = 1 - 2 * k / (count + 1)
    angle = np.pi * (1 + 5**0.5) * np.arange(count) + rng.normal(0, 0.4, count)
    r = np.sqrt(np.maximum(1 - z * z, 0))
    return np.stack([r * np.cos(angle), r * np.sin(angle), z], 1)


def add_crown(
    builder: MeshBuilder,
    centre: np.ndarray,
    radii: np.ndarray,
    clumps: int,
    size: float,
    rng: np.random.Generator,
    solid: float = 0.8,
) -> None:
    """Adds leaf clumps over a lumpy ellipsoid, and a dark core that closes the view through most of it."""
    directions = on_ellipsoid(clumps, rng)
    lobes = rng.normal(size=(5, 3))
    lobes /= np.linalg.norm(lobes, axis=1, keepdims=True)
    lump = 0.86 + 0.2 * np.maximum(0, (directions @ lobes.T).max(1) - 0.55) / 0.45 + rng.normal(0, 0.07, clumps)
    add_clumps(
        builder, centre + directions * radii * lump[:, None], size * rng.uniform(0.6, 1.35, clumps), directions, rng
    )
    v, f = shapes.icosphere(1)
    v = v * (1 + rng.uniform(-0.16, 0.1, (len(v), 1)))
    builder.add(v * radii * solid + centre, f, INNER, smooth_deg=60)


@dataclass(frozen=True)
class TreeKind:
    """A row of `trees.yaml`: a broad-leaved tree, metres.

    Attributes:
        variants: How many meshes are made of it.
        height: Overall.
        crown: Radii of the crown along x, y, z.
        clumps: Clumps of leaves.
        clump: Size of one.
        core: Size of the dark core that closes the view through the crown, share of the crown.
        lobed: Whether several overlapping lobes make the crown's outline uneven.
    """

    variants: int
    height: float
    crown: tuple[float, float, float]
    clumps: int
    clump: float
    core: float = 0.74
    lobed: bool = True


TREE_KINDS = read_table(Path(__file__).with_name("trees.yaml"), TreeKind)


def build_tree(name: str, kind: str, seed: int, detail: bool = True) -> Asset:
    """Builds a broad-leaved tree of one of `TREE_KINDS`."""
    rng = np.random.default_rng([401, seed, *kind.encode()])
    builder = MeshBuilder()
    tree = TREE_KINDS[kind]
    height, crown, clumps, size = tree.height, np.array(tree.crown), tree.clumps, tree.clump
    if not detail:
        clumps, size = clumps // 4, size * 1.7
    stretch = rng.uniform(0.85, 1.1, 3)
    lobes = [np.zeros(3), *(rng.uniform(-0.42, 0.42, (int(rng.integers(2, 5)), 3)) * crown)]
    radius = 0.028 * height
    sway = rng.normal(0, 0.12, (4, 2))
    z = np.array([0.0, 0.08, 0.5, 1.0]) * (height - crown[2])
    path = np.column_stack([np.cumsum(sway, 0) * [[0], [0.2], [1], [1]], z])
    builder.add(*shapes.tube(path, np.array([1.35, 1.0, 0.8, 0.45]) * radius, 8 if detail else 5), BARK, 70)
    centre = np.array([path[-1, 0], path[-1, 1], height - crown[2]])
    for _ in range(6 if detail else 2):
        angle, reach = rng.uniform(0, 2 * np.pi), rng.uniform(0.5, 0.85)
        start = path[2] + (path[3] - path[2]) * rng.uniform(0.0, 0.9)
        goal = centre + crown * np.array([np.cos(angle), np.sin(angle), rng.uniform(-0.2, 0.5)]) * reach
        middle = (start + goal) / 2 + np.array([0, 0, -0.25])
        builder.add(*shapes.tube(np.stack([start, middle, goal]), np.array([0.4, 0.28, 0.12]) * radius, 5), BARK, 70)
    if not tree.lobed:
        add_crown(builder, centre, crown * stretch, clumps, size, rng, tree.core)
        return builder.build(name, PLANT_SLOTS)
    for k, lobe in enumerate(lobes):
        share = 0.4 if k == 0 else 0.75 / (len(lobes) - 1)
        radii = crown * stretch * (0.78 if k == 0 else rng.uniform(0.5, 0.68))
        add_crown(builder, centre + lobe, radii, int(clumps * share), size, rng, tree.core)
    d = on_ellipsoid(clumps // 5, rng)  # Hanging lower clumps break the underside.
    at = centre + d * crown * [0.8, 0.8, 0.3] - [0, 0, crown[2] * 0.62]
    add_clumps(builder, at, size * rng.uniform(0.5, 1.0, len(d)), d, rng)
    return builder.build(name, PLANT_SLOTS)


def build_conifer(name: str, seed: int, detail: bool = True) -> Asset:
    """Builds a spruce or fir: tiers of drooping, jagged branches."""
    rng = np.random.default_rng([402, seed])
    builder = MeshBuilder()
    height = float(rng.uniform(6, 12))
    spread = height * float(rng.uniform(0.17, 0.26))
    builder.add(*shapes.tube(np.array([[0, 0, 0], [0, 0, height * 0.9]]), np.array([0.16, 0.03]), 6), BARK, 70)
    tiers = 11 if detail else 6
    points = 15 if detail else 9
    for t in range(tiers):
        share = t / tiers
        low = height * (0.07 + 0.86 * share)
        r = spread * (1 - share) ** 0.85 * rng.uniform(0.88, 1.1) + 0.1
        rise = height * 1.75 / tiers * (1 - 0.3 * share)
        angle = (np.arange(2 * points) + rng.uniform(-0.25, 0.25, 2 * points) + rng.random()) * np.pi / points
        reach = np.where(np.arange(2 * points) % 2, 0.62, 1.0) * rng.uniform(0.82, 1.15, 2 * points) * r
        rim = np.stack(
            [reach * np.cos(angle), reach * np.sin(angle), low - 0.16 * reach + rng.normal(0, 0.04, 2 * points)], 1
        )
        n = len(rim)
        vertices = np.concatenate([rim, [[0, 0, low + rise]], [[0, 0, low + 0.12 * r]]])
        i, j = np.arange(n), (np.arange(n) + 1) % n
        faces = np.concatenate([np.stack([i, j, np.full(n, n)], 1), np.stack([j, i, np.full(n, n + 1)], 1)])
        builder.add(vertices, faces, LEAVES, smooth_deg=15)
    return builder.build(name, PLANT_SLOTS)


def build_bush(name: str, seed: int, detail: bool = True) -> Asset:
    """Builds a bush that touches the ground."""
    rng = np.random.default_rng([403, seed])
    builder = MeshBuilder()
    radii = np.array([1.0, 1.0, 0.8]) * rng.uniform(0.8, 1.25, 3)
    count = 150 if detail else 40
    d = on_ellipsoid(count, rng)
    at = np.array([0, 0, radii[2] * 0.8]) + d * radii * rng.uniform(0.75, 1.02, (count, 1))
    at[:, 2] = np.maximum(at[:, 2], 0.16)
    add_clumps(builder, at, rng.uniform(0.12, 0.24, count) * (1 if detail else 1.9), d, rng)
    builder.add(*shapes.ellipsoid(radii * 0.75, (0, 0, radii[2] * 0.75), 1), INNER, 60)
    return builder.build(name, PLANT_SLOTS)


def build_hedge(name: str, seed: int, detail: bool = True) -> Asset:
    """Builds a clipped hedge, 4 m long: a rough-faced block of leaves."""
    rng = np.random.default_rng([404, seed])
    builder = MeshBuilder()
    length, width, height = 4.0, float(rng.uniform(0.6, 1.1)), float(rng.uniform(0.8, 2.0))
    step = 0.33 if detail else 0.66
    nx, nz = int(length / step), max(int(height / step), 2)
    y = np.array([-0.5, -0.5, *np.linspace(-0.42, 0.42, 3), 0.5, 0.5]) * width
    profile = [(-0.5 * width, z) for z in np.linspace(0, height, nz + 1)] + [(v, height * 1.02) for v in y[2:-2]]
    profile += [(0.5 * width, z) for z in np.linspace(height, 0, nz + 1)]
    loop = np.array(profile)
    x = np.linspace(-length / 2, length / 2, nx + 1)
    grid = np.stack(
        [np.repeat(x[:, None], len(loop), 1), *(np.repeat(loop[None, :, k], len(x), 0) for k in (0, 1))], -1
    )
    bump = rng.normal(0, 0.02 if seed % 2 else 0.045, (*grid.shape[:2], 3))
    bump[:, [0, -1], 2] = 0
    bump[[0, -1]] *= 0.4
    grid = grid + bump
    vertices, faces, _ = shapes.welded_loft(grid, (x[0], 0, height / 2), (x[-1], 0, height / 2))
    builder.add(vertices, faces[:, ::-1], LEAVES, smooth_deg=45)
    count = 170 if detail else 30
    side = rng.choice([-1, 0, 1], count)
    at = np.stack(
        [rng.uniform(-0.49, 0.49, count) * length, side * width * 0.5, rng.uniform(0.1, 0.97, count) * height], 1
    )
    at[side == 0, 1] = rng.uniform(-0.45, 0.45, (side == 0).sum()) * width
    at[side == 0, 2] = height
    outward = np.stack([0 * side, side, np.where(side == 0, 1.0, 0.2)], 1)
    add_clumps(builder, at, rng.uniform(0.07, 0.15, count) * (1 if detail else 1.5), outward, rng)
    return builder.build(name, PLANT_SLOTS)


def build_thicket(name: str, seed: int, detail: bool = True) -> Asset:
    """Builds a stretch of wood's edge, 16 m long: crowns down to the ground, for backgrounds."""
    rng = np.random.default_rng([405, seed])
    builder = MeshBuilder()
    length, depth, height = 16.0, 4.0, float(rng.uniform(6, 10))
    count = 430 if detail else 110
    x, y = rng.uniform(-0.5, 0.5, count) * length, rng.uniform(-0.5, 0.5, count) * depth
    top = height * (0.72 + 0.25 * np.sin(1.1 * x + seed) * np.cos(0.5 * x))
    at = np.stack([x, y, rng.beta(1.6, 1.35, count) * top], 1)
    outward = np.stack([0.2 * rng.normal(size=count), y, np.full(count, 1.2)], 1)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    add_clumps(builder, at, rng.uniform(0.3, 0.68, count) * (1 if detail else 1.9), outward, rng)
    for k in np.linspace(-0.42, 0.42, 6) * length:  # Closes the view through it.
        tall = height * (0.72 + 0.25 * np.sin(1.1 * k + seed) * np.cos(0.5 * k)) * 0.47
        v, f = shapes.icosphere(1)
        v = v * (1 + rng.uniform(-0.15, 0.15, (len(v), 1))) * [1.9, depth * 0.36, tall] + [k, 0, tall * 0.93]
        builder.add(v, f, LEAVES, 60)
    for x in np.linspace(-0.45, 0.45, 6) * length:
        base = np.array([x + rng.normal(0, 0.5), rng.choice([-1, 1]) * depth * 0.4, 0])
        top_at = base + [rng.normal(0, 0.3), 0, height * 0.7]
        builder.add(*shapes.tube(np.stack([base, top_at]), np.array([0.18, 0.1]), 5), BARK, 70)
    return builder.build(name, PLANT_SLOTS)


PLANT_KINDS: dict[str, tuple[Callable[..., Asset], int]] = {
    **{name: (partial(build_tree, kind=name), tree.variants) for name, tree in TREE_KINDS.items()},
    "conifer": (build_conifer, 3),
    "bush": (build_bush, 4),
    "hedge": (build_hedge, 4),
    "thicket": (build_thicket, 3),
}
BUILDERS: dict[str, Callable[[], Asset]] = {}
for _kind, (_make, _count) in PLANT_KINDS.items():
    for _seed in range(_count):
        _stem = "background_" if _kind == "thicket" else "vegetation_"
        BUILDERS[f"{_stem}{_kind}_{_seed}"] = partial(_make, name=f"{_stem}{_kind}_{_seed}", seed=_seed)
        BUILDERS[f"lod_{_stem}{_kind}_{_seed}"] = partial(
            _make, name=f"lod_{_stem}{_kind}_{_seed}", seed=_seed, detail=False
        )
