"""Which classes of a domain look alike, and which meshes do not fit their sizes."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from sim2sg_core.domains import ClassSpec, Domain, MeshSpec
from sim2sg_core.domains.mesh_files import AXES, METRES, is_gltf

TINY, HUGE = 0.005, 50.0  # metres: what is labelled is hardly smaller or larger than that
OFF = 1.5  # factor beyond the size range from which on unit, axis or size is wrong
NEAR_COLOR = 40.0  # distance in sRGB within which two paints are one
MIN_CROPS = 20
CELLS, BINS = 4, 8  # of the histograms of edges
ALIKE = 0.6  # share of crops told apart rightly; 0.5 is chance


def look_alikes(
    domain: Domain, meshes: Mapping[str, Sequence[str]], crops: Mapping[str, Sequence[np.ndarray]]
) -> list[str]:
    """Says which classes can hardly be told apart.

    Two do so for certain when they share a mesh and their sizes and colours overlap. Others are found by their
    pictures: each crop is given the class of the crop most like it, of two classes; near chance they are alike.

    Args:
        domain: The domain.
        meshes: Names of the meshes of every class.
        crops: By class, (S, S, 3) uint8 RGB pictures of well visible objects, all of one size S.
    """
    found = []
    for a, b in itertools.combinations(domain.classes, 2):
        shared = sorted(set(meshes.get(a.name, ())) & set(meshes.get(b.name, ())))
        if shared and sizes_overlap(a, b) and colors_overlap(domain, a, b):
            found.append(
                f"{a.name} and {b.name} look alike: both are {', '.join(shared[:3])} of overlapping sizes and colours;"
                " give one of them other assets or meshes, other sizes or colours:, or make them one class"
            )
            continue
        right = told_apart(crops.get(a.name, ()), crops.get(b.name, ()))
        if right is not None and right < ALIKE:
            found.append(
                f"{a.name} and {b.name} look alike in the pictures: only {right:.0%} of them are told apart by their"
                " looks (50% is chance); give one other meshes, sizes or colours:, or enlarge input:"
            )
    return found


def sizes_overlap(a: ClassSpec, b: ClassSpec) -> bool:
    """Whether some objects of both classes are of one size, all three extents within a tenth."""
    for low_a, high_a in _size_boxes(a):
        for low_b, high_b in _size_boxes(b):
            if (low_a <= high_b * 1.1).all() and (low_b <= high_a * 1.1).all():
                return True
    return False


def colors_overlap(domain: Domain, a: ClassSpec, b: ClassSpec) -> bool:
    """Whether some objects of both classes may be painted alike."""
    paints = [spec.colors or domain.appearance.paints for spec in (a, b)]
    if not all(paints):  # Left to the synthesis: any colour.
        return True
    first, second = (np.array(p, float) for p in paints)
    distance = np.linalg.norm(first[:, None] - second[None], axis=-1)
    return bool(distance.min() < NEAR_COLOR)


def told_apart(a: Sequence[np.ndarray], b: Sequence[np.ndarray]) -> float | None:
    """Returns the share of crops whose nearest other crop is of their own class; None when there are too few.

    Args:
        a: (S, S, 3) uint8 crops of one class.
        b: Of the other; as many are compared as the smaller class has.
    """
    count = min(len(a), len(b))
    if count < MIN_CROPS:
        return None
    data = np.array([edge_histograms(crop) for crop in [*a[:count], *b[:count]]])
    square = (data**2).sum(axis=1)
    distance = square[:, None] + square[None] - 2 * data @ data.T
    np.fill_diagonal(distance, np.inf)
    return float(((distance.argmin(axis=1) < count) == (np.arange(2 * count) < count)).mean())


def edge_histograms(crop: np.ndarray) -> np.ndarray:
    """Describes the shape in a picture by the directions of its edges, in a grid of cells, whatever its colours.

    After Dalal and Triggs, Histograms of oriented gradients for human detection, CVPR 2005.

    Args:
        crop: (S, S, 3) uint8, S a multiple of CELLS.

    Returns:
        (CELLS * CELLS * BINS,) of length 1, or 0 where there is no edge.
    """
    dy, dx = np.gradient(crop.astype(float).mean(axis=-1))
    directions = (np.arctan2(dy, dx) % np.pi / np.pi * BINS).astype(int) % BINS
    cell = np.arange(len(crop)) * CELLS // len(crop)
    histograms = np.zeros((CELLS, CELLS, BINS))
    np.add.at(histograms, (cell[:, None], cell[None], directions), np.hypot(dx, dy))
    values = np.sqrt(histograms.ravel())
    return np.asarray(values / max(float(np.linalg.norm(values)), 1e-9))


def mesh_warnings(domain: Domain, extents: Mapping[str, np.ndarray], folder: Path) -> list[str]:
    """Says which meshes are far from their class's size as they are, and which unit or axis would fit.

    A mesh is scaled to its class's size in any case; one whose own size is far off comes out distorted, or is a sign
    that unit or axis are not what the file says. Where the mesh gives the class its size, it is to be a plausible one.

    Args:
        domain: The domain.
        extents: By mesh file (libraries know their sizes), (3,) extents along the file's own x, y, z, in its own unit.
        folder: Of the domain's file; meshes in it are named relative to it.
    """
    found = []
    for spec in domain.classes:
        if spec.size is None and not spec.sizes:
            continue
        for mesh in spec.meshes:
            if mesh.file is not None and mesh.file in extents:
                text = _fit(spec, mesh, np.asarray(extents[mesh.file], float), folder)
                found += [text] if text else []
    return found


def shown_path(file: str, folder: Path) -> str:
    """Returns a file's path relative to a folder that it lies in, or as it is."""
    path, top = Path(file), folder.resolve()
    return str(path.relative_to(top)) if path.is_relative_to(top) else file


def _fit(spec: ClassSpec, mesh: MeshSpec, extents: np.ndarray, folder: Path) -> str | None:
    file = mesh.file or ""
    unit, up = mesh.unit or "m", mesh.up or ("y" if is_gltf(file) else "z")
    size = mesh.scale * METRES[unit] * upright(extents, up, mesh.turn_deg)
    off = too_far(size, spec)
    head = f"mesh {shown_path(file, folder)} of {spec.name} measures {_metres(size)} with unit: {unit}, up: {up}"
    if off <= OFF:
        return _implausible(head, size / METRES[unit], unit) if not TINY <= size.max() <= HUGE else None
    head += f", {off:.2g} times off its size"
    tried = []
    turns = (mesh.turn_deg, mesh.turn_deg + 90)
    for (u, axis), turn in itertools.product(itertools.product(METRES, AXES), turns):
        changes = (u != unit) + (axis != up) + (turn != mesh.turn_deg)
        tried.append((too_far(mesh.scale * METRES[u] * upright(extents, axis, turn), spec), changes, u, axis, turn))
    # Of those that fit the one that changes least, else the one that fits best.
    best = min(tried, key=lambda t: (t[0] > OFF, t[1] if t[0] <= OFF else 0, t[0]))
    if best[0] <= OFF:
        turned = f", turn_deg: {best[4]:g}" if best[4] != mesh.turn_deg else ""
        return f"{head}; unit: {best[2]}, up: {best[3]}{turned} would fit"
    return f"{head}; no unit or axis fits: write the object's true size, or take another mesh (it gets distorted)"


def _implausible(head: str, size: np.ndarray, unit: str) -> str:
    """Says what other units would make of a mesh's (3,) size in its own."""
    other = {u: size * metres for u, metres in METRES.items() if u != unit and TINY <= (size * metres).max() <= HUGE}
    fits = "; ".join(f"unit: {u} would make it {_metres(s)}" for u, s in other.items())
    return f"{head}: hardly true; correct its unit: or up:{f' ({fits})' if fits else ''}, or export it again"


def upright(extents: np.ndarray, up: str, turn_deg: float) -> np.ndarray:
    """Returns (3,) length, width, height of a mesh set upright; turns by odd quarters swap the first two."""
    x, y, z = extents[list(AXES[up])]
    return np.array([y, x, z] if round(turn_deg / 90) % 2 else [x, y, z])


def too_far(size: np.ndarray, spec: ClassSpec) -> float:
    """Returns the largest factor by which an extent lies outside the class's range; 1 when all lie within."""
    size = np.maximum(size, 1e-9)
    factors = [max(float((low / size).max()), float((size / high).max()), 1.0) for low, high in _size_boxes(spec)]
    return min(factors)


def _size_boxes(spec: ClassSpec) -> list[tuple[np.ndarray, np.ndarray]]:
    """Least and greatest (3,) sizes: one pair for ranges, one for each of the exact choices."""
    if spec.size is not None:
        low, high = np.array([spec.size.length, spec.size.width, spec.size.height], float).T
        return [(low, high)]
    return [(np.array(s, float), np.array(s, float)) for s in spec.sizes]


def _metres(size: np.ndarray) -> str:
    return " x ".join(f"{v:.3g}" for v in size) + " m"
