"""Meshes and assets: what the renderer draws, and how each part of it may look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

PICTURE_SIZE = 512
"""Side of a picture of a file, pixels: as much as the images show of it."""


@dataclass(frozen=True)
class Slot:
    """One separately coloured part of an asset.

    Attributes:
        name: What the part is ("body", "glass", "tyre").
        palette: Name of the colour family that appearance draws from ("paint", "glass", "rubber", "skin",
            "cloth", "foliage", "bark", "wall", "roof", "metal", "plastic", "fixed" …).
        color: (3,) linear RGB used by palette "fixed" and as the centre of families that have none of their own.
        roughness: 0 mirror-like to 1 matt.
        specular: Strength of the highlight, 0–1.
        metallic: 1 tints reflections with the colour, as metals do.
        textures: Names of texture families that may modulate the colour; empty for plain.
        texture_scale: Size of one texture repeat, metres.
        emissive: Share of the colour that glows regardless of light (lamps, sky-lit windows).
        opacity: 1 opaque; less lets what is behind shine through, while reflections keep their strength.
        bends: Whether the part is massive: what shines through is refracted and takes its colour. Thin walls bend
            nothing.
    """

    name: str
    palette: str
    color: tuple[float, float, float] = (0.5, 0.5, 0.5)
    roughness: float = 0.7
    specular: float = 0.2
    metallic: float = 0.0
    textures: tuple[str, ...] = ()
    texture_scale: float = 1.0
    emissive: float = 0.0
    opacity: float = 1.0
    bends: bool = False


@dataclass(frozen=True, eq=False)
class Picture:
    """What a texture of a file shows, which a mesh's `uvs` lay over it, repeated.

    Attributes:
        pixels: (PICTURE_SIZE, PICTURE_SIZE, 3) uint8 display colours; its first row is the lowest, v = 0.
    """

    pixels: np.ndarray

    @cached_property
    def mean(self) -> np.ndarray:
        """(3,) mean colour, linear as the renderer has it."""
        return np.asarray(((self.pixels / 255.0) ** 2).mean(axis=(0, 1)))


@dataclass(frozen=True, eq=False)
class Mesh:
    """A triangle mesh, unit-normalised: closed, or of sheets that have faces on both sides.

    The base rests on z = 0 and the mesh fills x, y in [-0.5, 0.5] (x is the length and points forward) and
    z in [0, 1]; an instance scales it by (length, width, height).

    Attributes:
        vertices: (V, 3) float32. Vertices are shared only where shading is smooth.
        faces: (F, 3) int32, counter-clockwise seen from outside.
        normals: (V, 3) float32 unit normals *in the unit frame of a typical instance's proportions*: the renderer
            transforms them by the inverse transpose of the instance's scale.
        slots: (F,) int32 index of each face's slot.
        tints: (V, 3) uint8, what the slot's colour is multiplied by at each vertex, as it looks (255 leaves it as it
            is): how colours of files that change from vertex to vertex are drawn. None for none.
        uvs: (V, 2) float32, where each vertex lies on the picture of its slot, whole pictures, v upwards; zeros where
            its slot has none. None for a mesh without pictures.
        sheets: Whether there are such sheets.
    """

    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray
    slots: np.ndarray
    tints: np.ndarray | None = None
    uvs: np.ndarray | None = None
    sheets: bool = False

    @property
    def imported(self) -> bool:
        """Whether it is drawn by the shaders for what the built-in meshes have not: tints, pictures and sheets."""
        return self.sheets or self.tints is not None or self.uvs is not None


@dataclass(frozen=True, eq=False)
class Asset:
    """A mesh with its parts.

    Attributes:
        name: Unique name, as domain files use it.
        mesh: The geometry.
        slots: The parts that `mesh.slots` indexes.
        size: (3,) typical length, width, height in metres (proportions the mesh was modelled at).
        pictures: For each slot the picture that its colour is multiplied by, or None; empty for none at all.
    """

    name: str
    mesh: Mesh
    slots: tuple[Slot, ...]
    size: tuple[float, float, float] = field(default=(1.0, 1.0, 1.0))
    pictures: tuple[Picture | None, ...] = ()


@dataclass
class MeshBuilder:
    """Collects parts given in metres into one unit-normalised asset."""

    vertices: list[np.ndarray] = field(default_factory=list)
    faces: list[np.ndarray] = field(default_factory=list)
    normals: list[np.ndarray] = field(default_factory=list)
    slots: list[np.ndarray] = field(default_factory=list)
    count: int = 0

    def add(self, vertices: np.ndarray, faces: np.ndarray, slot: int, smooth_deg: float = 30.0) -> None:
        """Adds a part.

        Args:
            vertices: (V, 3) metres; shared vertices welded.
            faces: (F, 3) counter-clockwise from outside.
            slot: Index of the part's slot.
            smooth_deg: Edges sharper than this are shaded hard.
        """
        v, f, n = split_normals(np.asarray(vertices, float), np.asarray(faces, np.int64), smooth_deg)
        self.vertices.append(v)
        self.faces.append(f + self.count)
        self.normals.append(n)
        self.slots.append(np.full(len(f), slot))
        self.count += len(v)

    def build(self, name: str, slots: Sequence[Slot]) -> Asset:
        """Normalises everything added so far to the unit frame."""
        vertices = np.concatenate(self.vertices)
        low, high = vertices.min(0), vertices.max(0)
        size = np.maximum(high - low, 1e-6)
        unit = (vertices - (low + high) / 2) / size
        unit[:, 2] += 0.5
        normals = np.concatenate(self.normals) * size  # Inverse transpose of the division by size.
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        mesh = Mesh(
            unit.astype(np.float32),
            np.concatenate(self.faces).astype(np.int32),
            normals.astype(np.float32),
            np.concatenate(self.slots).astype(np.int32),
        )
        return Asset(name, mesh, tuple(slots), (float(size[0]), float(size[1]), float(size[2])))


def split_normals(
    vertices: np.ndarray, faces: np.ndarray, smooth_deg: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Gives every face corner a normal, averaged over the faces that meet it at less than `smooth_deg`.

    Returns:
        Vertices (V', 3), faces (F, 3) and normals (V', 3): vertices are duplicated along hard edges.
    """
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    cross = np.cross(b - a, c - a)  # Length is twice the area: larger faces weigh more.
    unit = cross / np.maximum(np.linalg.norm(cross, axis=1, keepdims=True), 1e-12)
    corner_vertex = faces.reshape(-1)
    corner_face = np.repeat(np.arange(len(faces)), 3)
    order = np.argsort(corner_vertex, kind="stable")  # Corners that meet at one vertex lie side by side.
    valence = np.bincount(corner_vertex, minlength=len(vertices))
    start = np.cumsum(valence) - valence
    # Every corner against every corner at the same vertex.
    repeat = valence[corner_vertex]
    corner = np.repeat(np.arange(len(corner_vertex)), repeat)
    step = np.arange(len(corner)) - np.repeat(np.cumsum(repeat) - repeat, repeat)
    other = corner_face[order[start[corner_vertex[corner]] + step]]
    smooth = np.einsum("ij,ij->i", unit[corner_face[corner]], unit[other]) >= np.cos(np.radians(smooth_deg))
    normal = np.zeros((len(corner_vertex), 3))
    for axis in range(3):
        normal[:, axis] = np.bincount(corner[smooth], cross[other[smooth], axis], minlength=len(corner_vertex))
    length = np.linalg.norm(normal, axis=1, keepdims=True)
    normal = np.where(length > 1e-12, normal / np.maximum(length, 1e-12), [0.0, 0.0, 1.0])  # Faces without area.
    key = np.column_stack([corner_vertex, np.round(normal, 4)]) + 0.0
    _, first, index = np.unique(key, axis=0, return_index=True, return_inverse=True)
    return vertices[corner_vertex[first]], index.reshape(faces.shape), normal[first]
