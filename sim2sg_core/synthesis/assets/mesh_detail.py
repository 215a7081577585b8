"""As many triangles as a mesh needs: long edges are split where textures lie, and too many faces are merged."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.extras import pip_command
from sim2sg_core.synthesis.assets.mesh_sides import pieces

FINEST = 1 / 64  # of the largest extent: shorter edges are not split
MOST_PASSES = 12
DETAIL = 0.05  # of the largest piece's extent: smaller pieces may be left out
OUTSIDE = 0.25  # of the extent of what a vertex stands for: how far out of it it may lie


def refine(
    vertices: np.ndarray, faces: np.ndarray, wanted: Callable[[np.ndarray, np.ndarray], np.ndarray], most: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Splits the longest edges of some faces, so that colours at their corners show what a texture does.

    Neighbours are split along with them: no vertex comes to lie on another face's edge.

    Args:
        vertices: (V, 3), welded.
        faces: (F, 3).
        wanted: Says which pieces of faces are too large to be of one colour: it gets the (F',) face that each is part
            of and (F', 3, 3) the barycentric coordinates of its corners there, and returns (F',) bool.
        most: Faces that there may be in the end.

    Returns:
        Vertices (V', 3), faces (F', 3), the (F',) face that each was part of, and (F', 3, 3) the barycentric
        coordinates of its corners there.
    """
    source, corners = np.arange(len(faces)), np.tile(np.eye(3), (len(faces), 1, 1))
    finest = FINEST * float(np.ptp(vertices, axis=0).max())
    for _ in range(MOST_PASSES):
        if len(faces) >= most or not (large := wanted(source, corners)).any():
            break
        keys, index = np.unique(_edge_keys(faces, len(vertices)), return_inverse=True)
        index = index.reshape(-1, 3)
        edges = np.stack([keys // len(vertices), keys % len(vertices)], axis=1)
        length = np.linalg.norm(vertices[edges[:, 0]] - vertices[edges[:, 1]], axis=1)
        bounds_large = np.zeros(len(edges), bool)
        bounds_large[index[large]] = True
        length[~bounds_large] = 0.0
        # Each edge costs a face for every face that it bounds.
        order = np.argsort(-length, kind="stable")
        cost = np.cumsum(np.bincount(index.reshape(-1), minlength=len(edges))[order])
        # None shorter than half the longest: first all of a mesh as fine as it is where it is coarsest.
        longest = order[(length[order] > max(finest, length.max() / 2)) & (cost <= most - len(faces))]
        if not len(longest):
            break
        longest = np.sort(longest)
        faces, source, corners = _split(faces, source, corners, keys[longest], len(vertices))
        vertices = np.concatenate([vertices, vertices[edges[longest]].mean(axis=1)])
    return vertices, faces, source, corners


def _edge_keys(faces: np.ndarray, count: int) -> np.ndarray:
    """Returns (F, 3) numbers of edges between `count` vertices; edge k leads from a face's corner k to the next."""
    ends = np.roll(faces, -1, axis=1)
    return np.minimum(faces, ends) * count + np.maximum(faces, ends)


def _split(
    faces: np.ndarray, source: np.ndarray, corners: np.ndarray, keys: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Halves every face at one of its edges `keys` (E,) until none is left.

    Edge e has the new vertex `count` + e; vertices from `count` on belong to no edge that is to be split.
    """
    while True:
        is_old = np.maximum(faces, np.roll(faces, -1, axis=1)) < count
        key = np.where(is_old, _edge_keys(faces, count), -1)
        at = np.minimum(np.searchsorted(keys, key), len(keys) - 1)
        hit = keys[at] == key
        rows = np.flatnonzero(hit.any(axis=1))
        if not len(rows):
            return faces, source, corners
        start = hit[rows].argmax(axis=1)
        turn = (start[:, None] + np.arange(3)) % 3  # The edge to split comes first.
        near, near_places = np.take_along_axis(faces[rows], turn, 1), corners[rows[:, None], turn]
        far, far_places = near.copy(), near_places.copy()
        near[:, 1] = far[:, 0] = count + at[rows, start]
        near_places[:, 1] = far_places[:, 0] = near_places[:, :2].mean(axis=1)
        faces, corners = faces.copy(), corners.copy()
        faces[rows], corners[rows] = near, near_places
        faces, corners = np.concatenate([faces, far]), np.concatenate([corners, far_places])
        source = np.concatenate([source, source[rows]])


def simplify(
    vertices: np.ndarray, faces: np.ndarray, target: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Collapses edges by quadric error (Garland and Heckbert, SIGGRAPH 1997) until about `target` faces are left.

    Where rims and seams, which are kept, leave more than that, all else would be collapsed in vain: then more are left.

    Args:
        vertices: (V, 3), welded.
        faces: (F, 3).
        target: Number of faces to reach.

    Returns:
        Vertices (V', 3), faces (F', 3), (F',) the index of the face that each of them was, and (V,) the new vertex that
        each vertex has become part of.
    """
    try:
        import fast_simplification
    except ImportError:
        raise Sim2SGError(
            "large meshes are thinned with fast-simplification; install it:"
            f" {pip_command('train', 'fast-simplification')}"
        ) from None
    faces = np.ascontiguousarray(faces, np.int64)
    vertices = np.ascontiguousarray(vertices, np.float64)
    # Lengths of the order of 1: its thresholds are absolute.
    low, scale = vertices.min(axis=0), float(np.ptp(vertices, axis=0).max())
    unit = (vertices - low) / scale
    while True:
        _, left, collapses = fast_simplification.simplify(unit, faces, target_count=target, return_collapses=True)
        if len(left) <= target * 1.02 or target >= len(faces):
            break
        target = int(target * 1.4)
    points, _, new_index = fast_simplification.replay_simplification(unit, faces, collapses)
    points = _near(np.asarray(points, float), unit, new_index)
    # A face is left where its corners have not become one; so each knows what it was.
    moved = new_index[faces]
    a, b, c = moved.T
    left = np.flatnonzero((a != b) & (b != c) & (a != c))
    return points * scale + low, moved[left].astype(np.int64), left, np.asarray(new_index)


def _near(points: np.ndarray, vertices: np.ndarray, new_index: np.ndarray) -> np.ndarray:
    """Keeps new vertices about where those lie that they stand for: error quadrics of flat parts have far minima."""
    low, high = np.full(points.shape, np.inf), np.full(points.shape, -np.inf)
    np.minimum.at(low, new_index, vertices)
    np.maximum.at(high, new_index, vertices)
    used = high[:, 0] >= low[:, 0]  # Others stand for nothing, and nothing is made of them.
    low, high = low[used], high[used]
    near = np.where(np.isfinite(points[used]), points[used], (low + high) / 2)  # Nor are minima always numbers.
    room = OUTSIDE * np.linalg.norm(high - low, axis=1, keepdims=True)
    points[used] = np.clip(near, low - room, high + room)
    return points


def without_details(vertices: np.ndarray, faces: np.ndarray, most: int) -> np.ndarray:
    """Returns which faces are left when small pieces, bolts and letters, make room for the others.

    Args:
        vertices: (V, 3).
        faces: (F, 3).
        most: Faces that there should be; there are more where no more pieces are small.

    Returns:
        Indices of the faces that stay, all of them where there are no more than `most`.
    """
    if len(faces) <= most:
        return np.arange(len(faces))
    piece = pieces(faces, len(vertices))
    low, high = np.full(vertices.shape, np.inf), np.full(vertices.shape, -np.inf)
    np.minimum.at(low, piece, vertices)
    np.maximum.at(high, piece, vertices)
    extent = np.where(high >= low, high - low, 0.0).max(axis=1)
    count = np.bincount(piece[faces[:, 0]], minlength=len(vertices))
    order = np.argsort(extent, kind="stable")
    room = len(faces) - np.cumsum(count[order]) + count[order]  # What is left before each is dropped.
    dropped = order[(room > most) & (extent[order] < DETAIL * extent.max())]
    return np.flatnonzero(~np.isin(piece[faces[:, 0]], dropped))
