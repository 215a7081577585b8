"""Where the arrow of a relation runs: bent, from the subject's centre to the object's."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np

from sim2sg_core.scene import Relation, SceneGraph

SHORTEST = 8.0  # units; shorter ones are not drawn
HEAD = 10.0  # units, length


def stroke_unit(width: int, height: int) -> float:
    """Returns the size of strokes and letters in pixels: 1 for images about 800 pixels wide."""
    return max(0.8, float(np.sqrt(width * height)) / 650)


@dataclass(frozen=True, eq=False)
class Arrow:
    """An arrow in pixels of its image.

    Attributes:
        curve: (3, 2) control points of its line, a quadratic Bézier curve.
        head: (3, 2) corners of its head, the tip first.
        dot: (2,) centre of the dot on the subject.
    """

    curve: np.ndarray
    head: np.ndarray
    dot: np.ndarray

    def points(self, count: int = 24) -> np.ndarray:
        """Returns (count, 2) points along the line."""
        return _on_curve(self.curve, np.linspace(0, 1, count)[:, None])


def relation_arrow(graph: SceneGraph, relation: Relation, unit: float) -> Arrow | None:
    """Returns the arrow of a relation; None where both centres all but coincide.

    Args:
        graph: Boxes in pixels.
        relation: One of its relations.
        unit: Size of strokes, see `stroke_unit`.
    """
    start, end = (
        (box[:2] + box[2:]) / 2 for box in (graph.objects[i].box for i in (relation.subject, relation.object))
    )
    along = end - start
    length = float(np.linalg.norm(along))
    if length < SHORTEST * unit:
        return None
    # Bent to its left, so that arrows both ways, or of two predicates, do not cover each other.
    bend = 0.08 + 0.07 * (zlib.crc32(relation.predicate.encode()) % 3)
    middle = (start + end) / 2 + bend * np.array([along[1], -along[0]])
    whole = np.array([start, middle, end])
    curve = _cut(whole, min(0.3, 5 * unit / length), 1 - min(0.3, 8 * unit / length))
    heading = curve[2] - _on_curve(curve, np.array([[1 - 3 / 23]]))[0]
    heading = heading / max(float(np.linalg.norm(heading)), 1e-6) * HEAD * unit
    side = np.array([-heading[1], heading[0]]) * 0.4
    tip = curve[2]
    return Arrow(curve, np.array([tip + heading * 0.4, tip - heading * 0.6 + side, tip - heading * 0.6 - side]), start)


def _on_curve(curve: np.ndarray, t: np.ndarray) -> np.ndarray:
    """(N, 2) points of a quadratic Bézier curve at (N, 1) parameters."""
    return np.asarray((1 - t) ** 2 * curve[0] + 2 * t * (1 - t) * curve[1] + t**2 * curve[2])


def _cut(curve: np.ndarray, t0: float, t1: float) -> np.ndarray:
    """(3, 2) control points of the part between two parameters, by the curve's blossom."""
    middle = (1 - t0) * (1 - t1) * curve[0] + (t0 * (1 - t1) + t1 * (1 - t0)) * curve[1] + t0 * t1 * curve[2]
    first, last = _on_curve(curve, np.array([[t0], [t1]]))
    return np.array([first, middle, last])
