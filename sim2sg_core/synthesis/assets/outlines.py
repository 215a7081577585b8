"""Lines that solids are made of, in metres: profiles that `shapes.lathe` turns, and what they are turned over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


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
