"""Profiles and sections that turned and lofted parts are made of, in metres."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2sg_core.synthesis.assets.shapes import Shape, grid_faces


def rounded(points: Sequence[Sequence[float]] | np.ndarray, times: int) -> np.ndarray:
    """Cuts the corners of a line of (N, D) points at a quarter of each side (Chaikin 1974), keeping both ends."""
    line = np.asarray(points, float)
    for _ in range(times):
        if len(line) > 2:
            near, far = 0.75 * line[:-1] + 0.25 * line[1:], 0.25 * line[:-1] + 0.75 * line[1:]
            middle = np.stack([near, far], 1).reshape(-1, line.shape[1])[1:-1]
            line = np.concatenate([line[:1], middle, line[-1:]])
    return line


def insert(line: np.ndarray, heights: Sequence[float]) -> np.ndarray:
    """Adds points to a rising (N, 2) line of radius and height where it passes the given heights."""
    new = [z for z in heights if np.abs(line[:, 1] - z).min() > 1e-5]
    z = np.sort(np.concatenate([line[:, 1], new]))
    return np.column_stack([np.interp(z, line[:, 1], line[:, 0]), z])


def ellipse(segments: int, power: float = 2.0, aspect: float = 1.0) -> np.ndarray:
    """Returns (segments, 2) points of a superellipse |x|^p + |y / aspect|^p = 1, counter-clockwise.

    They lie densest at its corners.

    Args:
        segments: Number of points.
        power: 2 for an ellipse; more is squarer.
        aspect: Width over length.
    """
    turn = np.arange(segments) * 2 * np.pi / segments
    c, s = np.round(np.cos(turn), 12), np.round(np.sin(turn), 12)
    x, y = (np.sign(v) * np.abs(v) ** (2 / power) for v in (c, s))
    return np.column_stack([x, aspect * y])


def turned(profile: np.ndarray, outline: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Turns a profile about the vertical.

    Args:
        profile: (P, 2) radius and height. Both ends lie on the axis; the solid is to the left of the line.
        outline: (S, 2) what a circle of radius 1 becomes.

    Returns:
        (V, 3) vertices, (F, 3) faces, (F,) the part of the profile that each face comes from (0 to P - 2), (F,) its
        sector (0 to S - 1).
    """
    profile, count = np.asarray(profile, float), len(outline)
    r, z = profile[1:-1].T
    body = np.concatenate(
        [r[:, None, None] * outline, np.broadcast_to(z[:, None, None], (len(r), count, 1))], axis=-1
    ).reshape(-1, 3)
    vertices = np.concatenate([[[0, 0, profile[0, 1]]], body, [[0, 0, profile[-1, 1]]]])
    j = np.arange(count)
    k, last = (j + 1) % count, len(vertices) - 1
    top = last - count
    bottom_fan = np.stack([np.zeros_like(j), k + 1, j + 1], 1)
    top_fan = np.stack([np.full_like(j, last), top + j, top + k], 1)
    faces = np.concatenate([bottom_fan, grid_faces(len(r), count, wrap=True) + 1, top_fan])
    bands = np.concatenate([np.zeros(count, int), np.repeat(np.arange(1, len(r)), 2 * count), np.full(count, len(r))])
    sectors = np.concatenate([j, np.tile(np.repeat(j, 2), len(r) - 1), j])
    return vertices, faces, bands, sectors


def hollow(outer: np.ndarray, wall: float, floor: float) -> tuple[np.ndarray, int]:
    """Gives the outside of a vessel an inside.

    Args:
        outer: (N, 2) radius and height from the edge of the foot up to the rim.
        wall: Thickness, metres.
        floor: Height of the inner bottom, metres.

    Returns:
        (P, 2) closed profile, and the index of its part that leads from the outside on to the top of the rim; the next
        one leads on to the inside.
    """
    along = np.gradient(outer, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    inner = outer - wall * np.column_stack([along[:, 1], -along[:, 0]])
    inner[-1] = outer[-1] - [wall, 0] if along[-1, 1] > 0.5 else inner[-1]  # A level top unless the rim lies flat.
    top = 0.5 * (outer[-1] + inner[-1]) + 0.3 * wall * along[-1]
    corner = floor + min(0.003, wall)
    radius = float(np.interp(corner, inner[:, 1], inner[:, 0]))
    inner = inner[(inner[:, 1] > corner + 0.001) & (inner[:, 0] > 0.001)][::-1]
    bottom = [(radius, corner), (0.85 * radius, floor), (0.0, floor)]
    profile = np.concatenate([[[0.0, outer[0, 1]]], outer, [top], inner, bottom])
    return profile, len(outer)


def fill(inner: np.ndarray, level: float, gap: float, deep: bool) -> np.ndarray:
    """Returns the (P, 2) profile of a drink in a vessel.

    Args:
        inner: (N, 2) inside of the vessel, from the rim down to the axis.
        level: Height of the surface, metres.
        gap: Between the drink and the wall, metres; negative to sink its edge into the wall.
        deep: Whether it goes down to the bottom; otherwise it is only a thin disc.
    """
    rising = inner[::-1]
    edge = float(np.interp(level, rising[:, 1], rising[:, 0])) - gap
    if not deep:
        low = level - 0.002
        return np.array([(0, low), (float(np.interp(low, rising[:, 1], rising[:, 0])) - gap, low), (edge, level),
                         (0, level)])  # fmt: skip
    below = rising[1:][rising[1:, 1] < level - 0.002] + [-gap, gap]
    return np.concatenate([[[0, rising[0, 1] + gap]], below, [(edge, level), (0, level)]])


def loft(sections: np.ndarray, sides: int) -> Shape:
    """A slender closed part along x.

    Args:
        sections: (N, 6) x, y of the middle, half the width, z of the middle, thickness, and by how much the edges are
            turned up (a spoon's bowl), metres; x rises.
        sides: Points round each section.
    """
    x, y, half, z, thick, dish = np.asarray(sections, float).T[:, :, None]
    turn = np.arange(sides) * 2 * np.pi / sides
    across, up = np.cos(turn), np.sin(turn)
    body = np.stack(
        [np.broadcast_to(x, (len(x), sides)), y + half * across, z + thick / 2 * up + dish * across**2], axis=-1
    ).reshape(-1, 3)
    ends = np.column_stack([x, y, z])[[0, -1]]
    vertices = np.concatenate([ends[:1], body, ends[1:]])
    j = np.arange(sides)
    k, last = (j + 1) % sides, len(vertices) - 1
    back = np.stack([np.zeros_like(j), k + 1, j + 1], 1)
    front = np.stack([np.full_like(j, last), last - sides + j, last - sides + k], 1)
    return vertices, np.concatenate([back, grid_faces(len(x), sides, wrap=True) + 1, front])
