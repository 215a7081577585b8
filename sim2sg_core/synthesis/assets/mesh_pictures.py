"""Pictures on meshes: which textures stay pictures, and where a mesh lies on them once it is thinned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sim2sg_core.render.meshes import Picture
from sim2sg_core.synthesis.assets.file_colors import changes, is_textured, middle_colors, picture_key, picture_pixels
from sim2sg_core.synthesis.assets.mesh_sides import pieces

if TYPE_CHECKING:
    import trimesh

MOST_PICTURES = 8  # of a mesh; smaller ones beside them become colours of vertices
SHADES, MOST_SHADES = 16, 32  # Steps of a channel, and colours that a palette has.
FARTHEST = 500.0  # Repeats of a picture over one face, and from the picture's own place.
FINENESS = 1e5  # Steps of a picture that set places on it apart.


def part_pictures(parts: Sequence[trimesh.Trimesh], palettes: Sequence[str]) -> tuple[list[Picture], np.ndarray]:
    """Finds the textures that show more than one colour on some face, or many on all of them.

    Args:
        parts: Of a mesh.
        palettes: For each part the colour family that it is painted in; "" keeps its own colours.

    Returns:
        The pictures, and (P,) which one each part has, -1 for none.
    """
    on = np.full(len(parts), -1)
    shown: dict[Any, list[int]] = {}
    for k, (part, palette) in enumerate(zip(parts, palettes, strict=True)):
        if not palette and is_textured(part) and (key := picture_key(part)) is not None and _shows_more(part):
            shown.setdefault(key, []).append(k)
    largest = sorted(shown.values(), key=lambda rows: -sum(float(parts[k].area) for k in rows))[:MOST_PICTURES]
    for index, rows in enumerate(largest):
        on[rows] = index
    return [Picture(picture_pixels(parts[rows[0]])) for rows in largest], on


def _shows_more(part: trimesh.Trimesh) -> bool:
    """Whether a texture is more than a palette from which each face takes its colour."""
    shades = np.round(middle_colors(part) * SHADES)
    if len(np.unique(shades, axis=0)) > MOST_SHADES:
        return True
    every = np.arange(len(part.faces))
    return bool(changes(part, every, np.tile(np.eye(3), (len(every), 1, 1))).any())


def part_uvs(
    parts: Sequence[trimesh.Trimesh], on: np.ndarray, owner: np.ndarray, face: np.ndarray, corners: np.ndarray
) -> np.ndarray:
    """Returns (N, 3, 2) where the corners of pieces of faces lie on the pictures, zeros where there is none.

    Args:
        parts: Of a mesh.
        on: (P,) as of `part_pictures`.
        owner: (N,) the part that each piece is of.
        face: (N,) which of its faces.
        corners: (N, 3, 3) barycentric coordinates in it of the corners of each.
    """
    uvs = np.zeros((len(owner), 3, 2))
    for k in np.flatnonzero(on >= 0).tolist():
        rows = np.flatnonzero(owner == k)
        visual: Any = parts[k].visual
        uvs[rows] = corners[rows] @ np.nan_to_num(visual.uv[parts[k].faces])[face[rows]]
    # A picture repeats: near 0, places on it are exact in the graphics card's numbers too.
    far = (np.abs(uvs) > FARTHEST).any(axis=(1, 2))
    uvs[far] -= np.floor(uvs[far].min(axis=1, keepdims=True))
    return uvs.clip(-FARTHEST, FARTHEST)


def thinned_uvs(
    uvs: np.ndarray,
    picture: np.ndarray,
    vertices: np.ndarray,
    faces: np.ndarray,
    points: np.ndarray,
    moved: np.ndarray,
    left: np.ndarray,
) -> np.ndarray:
    """Finds where the faces that are left of a mesh lie on its pictures.

    A vertex that others were merged into is somewhere on what was there before. It takes the place of the nearest point
    of the nearest face that was merged into it; on each side of a seam of the picture that of a face of that side.

    Args:
        uvs: (F, 3, 2) as of `part_uvs`.
        picture: (F,) the picture of each face, -1 for none.
        vertices: (V, 3) before.
        faces: (F, 3) before.
        points: (V', 3) the vertices that are left.
        moved: (V,) the vertex that each has become part of.
        left: (F',) the faces that are left.

    Returns:
        (F', 3, 2).
    """
    corner = _corners(uvs, picture, faces, moved)
    shown = np.flatnonzero(picture >= 0)
    keys, source = corner[shown].reshape(-1), np.repeat(shown, 3)
    target = points[moved[faces[shown]]].reshape(-1, 3)
    away = ((target - vertices[faces[source]].mean(axis=1)) ** 2).sum(axis=1)
    order = np.lexsort((away, keys))
    known, first = np.unique(keys[order], return_index=True)
    best = order[first]
    weights = _barycentric(target[best], vertices[faces[source[best]]])
    places = np.einsum("nk,nkc->nc", weights, uvs[source[best]])
    thinned = np.zeros((len(left), 3, 2))
    rows = np.flatnonzero(picture[left] >= 0)
    thinned[rows] = places[np.searchsorted(known, corner[left[rows]])]
    return thinned


def _corners(uvs: np.ndarray, picture: np.ndarray, faces: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Returns (F, 3) a number for each corner of faces, the same for those that have become one vertex at one place.

    Corners are at one place of a picture where they were so before, or at the ends of an edge that has collapsed.
    """
    places = np.round(uvs * FINENESS).astype(np.int64)
    keys = np.concatenate([faces[..., None], np.broadcast_to(picture[:, None, None], (*faces.shape, 1)), places], -1)
    known, corner = np.unique(keys.reshape(-1, 4), axis=0, return_inverse=True)
    corner = corner.reshape(faces.shape)
    collapsed = moved[faces] == moved[np.roll(faces, -1, axis=1)]
    edges = np.stack([corner, np.roll(corner, -1, axis=1)], axis=-1)[collapsed]
    return np.asarray(pieces(edges, len(known))[corner])


def _barycentric(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Returns (N, 3) coordinates in triangles (N, 3, 3) of about the points of them that are nearest to `points`."""
    a, b, c = corners.transpose(1, 0, 2)
    u, v, w = b - a, c - a, points - a
    uu, uv, vv, wu, wv = (np.einsum("ij,ij->i", *pair) for pair in ((u, u), (u, v), (v, v), (w, u), (w, v)))
    area = np.maximum(uu * vv - uv * uv, 1e-30)
    second, third = (vv * wu - uv * wv) / area, (uu * wv - uv * wu) / area
    weights = np.clip(np.stack([1 - second - third, second, third], axis=1), 0, 1)
    return np.asarray(weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9))
