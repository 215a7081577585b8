"""Assets from meshes that others made: as many triangles as are needed, closed or two-sided, few slots.

Textures stay pictures that are laid over the faces. Those of too many, and those that colours of vertices multiply,
are kept as colours at the vertices; their faces are split until these are close enough.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sim2sg_core.render.meshes import Asset, MeshBuilder, Slot
from sim2sg_core.render.render_scene import linear
from sim2sg_core.synthesis.assets.file_colors import (
    FaceMaterials,
    changes,
    cluster_materials,
    face_materials,
    is_textured,
)
from sim2sg_core.synthesis.assets.mesh_detail import refine, simplify, without_details
from sim2sg_core.synthesis.assets.mesh_pictures import part_pictures, part_uvs, thinned_uvs
from sim2sg_core.synthesis.assets.mesh_sides import once, outward
from sim2sg_core.synthesis.assets.shapes import weld

if TYPE_CHECKING:
    import trimesh

MOST_FACES = 5000
COARSE_FACES = 1500
MOST_STUBBORN = 6000  # of a mesh of so many pieces that they cannot be merged to `MOST_FACES`
MORE = 1000  # faces, at least, that textures may have besides those that are there: before they are merged again
MOST_SLOTS = 8  # opaque ones in the mesh's own colours
MOST_CLEAR_SLOTS = 2
SHADES = 16  # of a colour: faces on both sides of a sheet look the same within one
SMOOTH_DEG = 40.0
PAINT = "paint"


def build_asset(
    name: str,
    parts: Sequence[trimesh.Trimesh],
    palettes: Sequence[str],
    is_linear: bool = False,
    is_opaque: bool = False,
) -> Asset:
    """Builds an asset.

    Args:
        name: Its name.
        parts: What it consists of, metres, z up, front along +x.
        palettes: For each part the colour family that it is painted in; "" keeps its own colours.
        is_linear: Whether colours are linear but for textures, as glTF has it.
        is_opaque: Whether nothing shines through translucent parts.

    Returns:
        The asset: at most about `MOST_FACES` faces (twice as many where both sides must be drawn). Slots have the
        palette "fixed" where a part keeps its own colours, and "paint" where it has none.
    """
    pictures, on = part_pictures(parts, palettes)
    source = Source(parts, palettes, is_linear, on)
    vertices, faces, owner, face = _single(source, *_welded(parts))
    vertices, faces, owner, materials, kinds, uvs = _refined(source, vertices, faces, owner, face)
    picture = on[owner]
    if is_opaque:
        materials.surface[:, 2] = np.maximum(materials.surface[:, 2], 1.0)  # What has none stays without.
    areas = 0.5 * np.linalg.norm(_crosses(vertices, faces), axis=1)
    slots, index, pictured = _slots(materials, kinds, areas, picture)
    meeting, left = faces, np.arange(len(faces))
    if len(faces) > MOST_FACES:
        before = vertices, faces
        vertices, faces, left, moved = simplify(vertices, faces, MOST_FACES)
        meeting = moved[meeting]
        stays = without_details(vertices, faces, MOST_STUBBORN)
        faces, left = faces[stays], left[stays]
        uvs = thinned_uvs(uvs, picture, *before, vertices, moved, left)
    colors = _corner_colors(materials, meeting, index * len(parts) + owner, areas)[left]
    slots, tints = _tinted(slots, index[left], colors, pictured)
    slots, sheets = _with_sheets(slots)
    asset = _two_sided(name, vertices, faces, slots, index[left], Corners(tints, uvs if pictures else None), sheets)
    pictured += [pictured[k] for k in sheets]
    shown = tuple(None if k < 0 else pictures[k] for k in pictured)
    return dataclasses.replace(asset, pictures=shown if pictures else ())


def coarsened(asset: Asset, name: str) -> Asset:
    """Returns a twin of an asset with the same slots and at most about `COARSE_FACES` faces, twice as many on sheets.

    It is for where it is small, and for shadows.
    """
    mesh = asset.mesh
    vertices, faces, kept = weld(mesh.vertices.astype(float), mesh.faces.astype(np.int64))
    vertices = vertices * asset.size
    index = mesh.slots[kept].astype(np.int64)
    tints = np.full((len(faces), 3, 3), 255, np.uint8) if mesh.tints is None else mesh.tints[mesh.faces[kept]]
    uvs = None if mesh.uvs is None else mesh.uvs[mesh.faces[kept]].astype(float)
    single = once(faces, index[:, None])
    faces, index, at = faces[single], index[single], Corners(tints, uvs).of(single)
    if len(faces) > COARSE_FACES:
        before = vertices, faces
        vertices, faces, left, moved = simplify(vertices, faces, COARSE_FACES)
        uvs = at.uvs
        if uvs is not None:
            has = np.array([picture is not None for picture in asset.pictures])
            uvs = thinned_uvs(uvs, np.where(has[index], index, -1), *before, vertices, moved, left)
        index, at = index[left], Corners(at.tints[left], uvs)
    return dataclasses.replace(_two_sided(name, vertices, faces, asset.slots, index, at), pictures=asset.pictures)


@dataclass(frozen=True, eq=False)
class Corners:
    """What the corners of N faces have each for itself, though they meet.

    Attributes:
        tints: (N, 3, 3) uint8, see `Mesh.tints`.
        uvs: (N, 3, 2), see `Mesh.uvs`, or None.
    """

    tints: np.ndarray
    uvs: np.ndarray | None

    def of(self, rows: np.ndarray, turned: np.ndarray | None = None) -> Corners:
        """Returns those of some of the faces, of the (n,) `turned` ones backwards."""
        at = np.tile(np.arange(3), (len(rows), 1))
        if turned is not None:
            at = np.where(turned[:, None], at[:, ::-1], at)
        rows = rows[:, None]
        return Corners(self.tints[rows, at], None if self.uvs is None else self.uvs[rows, at])


@dataclass(frozen=True, eq=False)
class Source:
    """What an asset is built from, see `build_asset`."""

    parts: Sequence[trimesh.Trimesh]
    palettes: Sequence[str]
    is_linear: bool
    on: np.ndarray

    def materials(self, owner: np.ndarray, face: np.ndarray, corners: np.ndarray) -> tuple[FaceMaterials, np.ndarray]:
        """Returns the materials of pieces of faces, and (N,) the palette that each is painted in, "" for none.

        Args:
            owner: (N,) the part that each is of.
            face: (N,) which of its faces.
            corners: (N, 3, 3) barycentric coordinates in it of the corners of each.
        """
        order, found, kinds = [], [], np.full(len(owner), "", dtype="U32")
        for k, (part, palette) in enumerate(zip(self.parts, self.palettes, strict=True)):
            rows = np.flatnonzero(owner == k)
            order.append(rows)
            kinds[rows] = palette
            plain = FaceMaterials.none(len(rows))
            found.append(plain if palette else face_materials(part, self.is_linear, face[rows], corners[rows]))
        materials = FaceMaterials.joined(found).of(np.argsort(np.concatenate(order)))
        kinds[(kinds == "") & np.isnan(materials.surface[:, 0])] = PAINT
        return materials, kinds

    def changes(self, owner: np.ndarray, face: np.ndarray, corners: np.ndarray) -> np.ndarray:
        """Says which pieces are too large: not of one colour or, where the texture stays a picture, partly a hole."""
        found = np.zeros(len(owner), bool)
        for k, (part, palette) in enumerate(zip(self.parts, self.palettes, strict=True)):
            if not palette and is_textured(part):
                rows = np.flatnonzero(owner == k)
                found[rows] = changes(part, face[rows], corners[rows], holes=bool(self.on[k] >= 0))
        return found


def _welded(parts: Sequence[trimesh.Trimesh]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Returns (V, 3) vertices, (F, 3) faces, and (F,) the part that each is from and which of its faces."""
    starts = np.cumsum([0, *(len(p.vertices) for p in parts)])
    points = np.concatenate([p.vertices for p in parts])
    scale = float(np.ptp(points, axis=0).max())  # `weld` has an absolute tolerance: pins and cranes alike.
    faces = np.concatenate([p.faces + start for p, start in zip(parts, starts)]).astype(np.int64)
    owner = np.repeat(np.arange(len(parts)), [len(p.faces) for p in parts])
    face = np.concatenate([np.arange(len(p.faces)) for p in parts])
    vertices, faces, kept = weld(points / scale, faces)
    return vertices * scale, faces, owner[kept], face[kept]


def _single(
    source: Source, vertices: np.ndarray, faces: np.ndarray, owner: np.ndarray, face: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Drops what is there twice, see `once`."""
    materials, _ = source.materials(owner, face, np.tile(np.eye(3), (len(faces), 1, 1)))
    shades = np.round(np.nan_to_num(materials.means(), nan=-1) * SHADES).astype(np.int64)
    kept = once(faces, np.column_stack([owner, shades]))
    return vertices, faces[kept], owner[kept], face[kept]


def _refined(
    source: Source, vertices: np.ndarray, faces: np.ndarray, owner: np.ndarray, face: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, FaceMaterials, np.ndarray, np.ndarray]:
    """Splits faces until they show their textures, and drops those in holes of them.

    Returns:
        (V, 3) vertices, (F, 3) faces, (F,) the part of each, their materials, their palettes, and (F, 3, 2) where they
        lie on their pictures.
    """
    most = max(MOST_FACES, len(faces) + MORE)
    vertices, faces, piece, corners = refine(
        vertices, faces, lambda piece, corners: source.changes(owner[piece], face[piece], corners), most
    )
    owner = owner[piece]
    materials, kinds = source.materials(owner, face[piece], corners)
    there = materials.there if materials.there.any() else ~materials.there  # Not all of it is a hole.
    uvs = part_uvs(source.parts, source.on, owner, face[piece], corners)
    return vertices, faces[there], owner[there], materials.of(there), kinds[there], uvs[there]


def _slots(
    materials: FaceMaterials, kinds: np.ndarray, areas: np.ndarray, picture: np.ndarray
) -> tuple[list[Slot], np.ndarray, list[int]]:
    """Returns the slots, (F,) which one each face has, and the picture of each slot, -1 for none.

    There are a few in own colours, one for each palette, and one for each picture, or two where parts of it are clear.
    """
    slots: list[Slot] = []
    pictured: list[int] = []
    index = np.zeros(len(kinds), np.int64)
    means = materials.means()
    clear = means[:, 5] < 1
    for k, is_clear in np.unique(np.column_stack([picture, clear])[picture >= 0], axis=0):
        rows = (picture == k) & (clear == is_clear)
        index[rows] = len(slots)
        surface = np.average(means[rows, 3:], axis=0, weights=areas[rows] + 1e-12)
        slots.append(_own(len(slots), np.append([1.0, 1.0, 1.0], surface)))
        pictured.append(int(k))
    plain = (kinds == "") & (picture < 0)
    for most, own in ((MOST_SLOTS, plain & ~clear), (MOST_CLEAR_SLOTS, plain & clear)):
        if own.any():
            centres, which = cluster_materials(means[own], areas[own], most)
            index[own] = which + len(slots)
            slots += [_own(len(slots) + k, centre) for k, centre in enumerate(centres)]
    for palette in np.unique(kinds[kinds != ""]):
        index[kinds == palette] = len(slots)
        slots.append(Slot(f"part_{len(slots)}", str(palette), roughness=0.6, specular=0.3))
    return slots, index, pictured + [-1] * (len(slots) - len(pictured))


def _own(index: int, material: np.ndarray) -> Slot:
    roughness, metallic, opacity = (round(float(v), 3) for v in material[3:])  # Means of ones are not quite 1.
    return Slot(
        f"part_{index}", "fixed", linear(material[:3]), roughness, specular=0.4, metallic=metallic, opacity=opacity
    )


def _corner_colors(materials: FaceMaterials, corners: np.ndarray, groups: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """Returns (F, 3, 3) display colours at the corners of faces: of textured ones means over what meets there.

    Args:
        materials: Of the faces.
        corners: (F, 3) the vertices at which colours meet.
        groups: (F,) only faces of one group share a colour.
        areas: (F,) how much each counts.
    """
    colors = materials.colors[:, :3].copy()
    rows = np.flatnonzero(materials.textured)
    if not len(rows):
        return colors
    keys = corners[rows].astype(np.int64) * (int(groups.max()) + 1) + groups[rows, None]
    _, meeting = np.unique(keys, return_inverse=True)
    meeting = meeting.reshape(-1)
    weights = np.repeat(areas[rows] + 1e-12, 3)
    total = np.bincount(meeting, weights)
    shown = colors[rows].reshape(-1, 3)
    means = np.stack([np.bincount(meeting, weights * shown[:, c]) / total for c in range(3)], axis=1)
    colors[rows] = means[meeting].reshape(-1, 3, 3)
    return colors


def _tinted(
    slots: list[Slot], index: np.ndarray, colors: np.ndarray, pictured: Sequence[int]
) -> tuple[list[Slot], np.ndarray]:
    """Makes each slot in own colours as bright as the brightest in it.

    Args:
        slots: The slots.
        index: (F,) that of each face.
        colors: (F, 3, 3) display colours at the corners.
        pictured: The picture of each slot: those that have one, not -1, are left as they are.

    Returns:
        The slots, and (F, 3, 3) uint8 what makes the corners' colours of theirs.
    """
    tints = np.full(colors.shape, 255, np.uint8)
    made = list(slots)
    for k, slot in enumerate(slots):
        rows = index == k
        if slot.palette == "fixed" and pictured[k] < 0 and rows.any():
            brightest = colors[rows].max(axis=(0, 1))
            made[k] = dataclasses.replace(slot, color=linear(brightest))
            tints[rows] = np.round(colors[rows] / np.maximum(brightest, 1e-6) * 255)
    return made, tints


def _with_sheets(slots: list[Slot]) -> tuple[list[Slot], dict[int, int]]:
    """Adds slots for translucent faces that are drawn twice, two of which hide as much as one does.

    Returns:
        The slots, and which of them stands for which on sheets.
    """
    clear = [k for k, slot in enumerate(slots) if slot.opacity < 1]
    halves = [
        dataclasses.replace(
            slots[k], name=f"{slots[k].name}_sheet", opacity=round(1 - float(np.sqrt(1 - slots[k].opacity)), 4)
        )
        for k in clear
    ]
    return [*slots, *halves], {k: len(slots) + n for n, k in enumerate(clear)}


def _two_sided(
    name: str,
    vertices: np.ndarray,
    faces: np.ndarray,
    slots: Sequence[Slot],
    index: np.ndarray,
    corners: Corners,
    sheets: dict[int, int] | None = None,
) -> Asset:
    """Makes the asset of faces with slots (F,), to be seen from both sides where need be.

    Slots in `sheets` are exchanged for others where a face is copied.
    """
    faces, sources, turned = outward(vertices, faces)
    copied = np.bincount(sources, minlength=len(index))[sources] > 1
    index = index[sources]
    for single, double in (sheets or {}).items():
        index[(index == single) & copied] = double
    builder = MeshBuilder()
    builder.add(vertices, faces, 0, SMOOTH_DEG)
    builder.slots[-1] = index
    asset = builder.build(name, slots)
    asset = dataclasses.replace(asset, mesh=dataclasses.replace(asset.mesh, sheets=bool(copied.any())))
    return _with_corners(asset, corners.of(sources, turned))


def _with_corners(asset: Asset, corners: Corners) -> Asset:
    """Gives the corners of the faces their tints and uvs; a vertex that has several is doubled."""
    tinted = bool((corners.tints < 255).any())
    if not tinted and corners.uvs is None:
        return asset
    mesh = asset.mesh
    channels = corners.tints.reshape(-1, 3).astype(np.int64)
    keys = mesh.faces.reshape(-1).astype(np.int64) << 24 | channels[:, 0] << 16 | channels[:, 1] << 8 | channels[:, 2]
    uvs = None
    if corners.uvs is None:
        known, faces = np.unique(keys, return_inverse=True)
    else:
        places = np.ascontiguousarray(corners.uvs.reshape(-1, 2), np.float32)
        rows = np.column_stack([keys, places.view(np.int32)])
        rows, faces = np.unique(rows, axis=0, return_inverse=True)
        known, uvs = rows[:, 0], np.ascontiguousarray(rows[:, 1:], np.int32).view(np.float32)
    at = known >> 24
    return dataclasses.replace(
        asset,
        mesh=dataclasses.replace(
            mesh,
            vertices=mesh.vertices[at],
            normals=mesh.normals[at],
            faces=faces.reshape(-1, 3).astype(np.int32),
            tints=(known[:, None] >> np.array([16, 8, 0]) & 255).astype(np.uint8) if tinted else None,
            uvs=uvs,
        ),
    )


def _crosses(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return np.asarray(np.cross(b - a, c - a))
