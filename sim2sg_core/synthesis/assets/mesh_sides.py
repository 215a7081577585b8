"""Which way faces look: outwards where a piece is closed, both ways where it is open."""

from __future__ import annotations

import numpy as np

SLIT = 0.1  # of the root of a piece's area: open edges of less length in all let nobody look in


def outward(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Makes faces that are seen from behind visible, for a renderer that draws front sides only.

    Connected pieces that are closed, but for slits, are turned outside out; all others get every face twice, once
    reversed, unless a face of their own is its back: that one may look different. Of equal faces the first is kept.

    Returns:
        Faces (F', 3), and (F',) the index of the face that each of them was, and whether its corners run backwards.
    """
    first = np.sort(np.unique(_turned(faces), axis=0, return_index=True)[1])
    faces = faces[first]
    piece = pieces(faces, len(vertices))[faces[:, 0]]
    a, b, c = (vertices[faces[:, k]] - vertices.mean(axis=0) for k in range(3))
    volume = np.bincount(piece, np.einsum("ij,ij->i", a, np.cross(b, c)) / 6, minlength=len(vertices))
    length = np.linalg.norm(np.stack([b - a, c - b, a - c], axis=1), axis=2)
    gaps = np.where(unmatched_edges(faces, len(vertices)).reshape(-1, 3), length, 0.0).sum(axis=1)
    area = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
    gaps, area = (np.bincount(piece, values, minlength=len(vertices)) for values in (gaps, area))
    is_open = (gaps > SLIT * np.sqrt(area))[piece]
    turned = ~is_open & (volume[piece] < 0)
    doubled = np.flatnonzero(is_open & ~_backed(faces))
    sources = np.concatenate([np.arange(len(faces)), doubled])
    turned = np.concatenate([turned, np.ones(len(doubled), bool)])
    return np.where(turned[:, None], faces[sources, ::-1], faces[sources]), first[sources], turned


def once(faces: np.ndarray, materials: np.ndarray) -> np.ndarray:
    """Returns indices of the faces (F, 3) without those that lie on another of the same look (F, N).

    Many meshes have all faces a second time, the other way round, to be seen from both sides.
    """
    keys = np.column_stack([np.sort(faces, axis=1), materials])
    return np.sort(np.unique(keys, axis=0, return_index=True)[1])


def _turned(faces: np.ndarray) -> np.ndarray:
    """Returns the faces with their least vertex first, as they are wound."""
    return np.take_along_axis(faces, (faces.argmin(axis=1)[:, None] + np.arange(3)) % 3, 1)


def _backed(faces: np.ndarray) -> np.ndarray:
    """Says of every one of (F, 3) different faces whether another is its back."""
    both = np.concatenate([_turned(faces), _turned(faces[:, ::-1])])
    _, index, times = np.unique(both, axis=0, return_inverse=True, return_counts=True)
    return np.asarray(times[index.reshape(-1)][: len(faces)] > 1)


def pieces(faces: np.ndarray, count: int) -> np.ndarray:
    """Returns (V,) for each of `count` vertices the least vertex that faces (F, N), or edges, connect it with."""
    label = np.arange(count)
    while True:
        lower = label.copy()
        np.minimum.at(lower, faces.reshape(-1), np.repeat(label[faces].min(axis=1), faces.shape[1]))
        lower = lower[lower]
        if np.array_equal(lower, label):
            return label
        label = lower


def unmatched_edges(faces: np.ndarray, count: int) -> np.ndarray:
    """Returns (3 F,) bool: edges that not as many faces pass one way as the other."""
    start, end = faces.reshape(-1), np.roll(faces, -1, axis=1).reshape(-1)
    there, back = start * count + end, end * count + start
    known, index, times = np.unique(there, return_inverse=True, return_counts=True)
    at = np.minimum(np.searchsorted(known, back), len(known) - 1)
    return np.asarray(np.where(known[at] == back, times[at], 0) != times[index.reshape(-1)])
