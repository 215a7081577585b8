"""Markers for RViz and Foxglove: 3D boxes, their names, and arrows for the relations between them.

One namespace per kind, so that each can be switched off: `boxes`, `edges`, `labels`, `relations` and
`relation_labels`. Colours are those of the overlay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from builtin_interfaces.msg import Duration
from geometry_msgs.msg import Point, Pose, Vector3
from sim2sg.msg import SceneGraph as GraphMessage
from sim2sg.msg import SceneObject as ObjectMessage
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from sim2sg_core.report.overlay import (
    CLASS_COLORS,
    PREDICATE_COLORS,
    RGB,
    assign_colors,
    worth_showing,
)
from sim2sg_core.scene import Relation, SceneGraph
from sim2sg_ros.graph_text import object_names
from sim2sg_ros.overlay_image import MAX_ARROWS

LEAST_M = 1e-3
"""Thinner boxes are drawn this thick: viewers refuse a size of zero."""

# Corners of the unit box, and which of them an edge joins: those that differ in one coordinate.
_CORNERS = np.array([[x, y, z] for x in (-0.5, 0.5) for y in (-0.5, 0.5) for z in (-0.5, 0.5)])
_EDGES = [(i, i | bit) for bit in (1, 2, 4) for i in range(8) if not i & bit]


class OrientedBox(NamedTuple):
    """A 3D box of a message as arrays, in the message's frame.

    Attributes:
        centre: (3,) metres.
        axes: (3, 3), the columns are the object's forward, left and up.
        size: (3,) length, width, height, metres.
    """

    centre: np.ndarray
    axes: np.ndarray
    size: np.ndarray

    @property
    def up(self) -> np.ndarray:
        """(3,) unit vector against gravity."""
        return self.axes[:, 2]

    def corners(self) -> np.ndarray:
        """Returns the (8, 3) corners, in the order of `_CORNERS`."""
        return self.centre + (_CORNERS * self.size) @ self.axes.T


def graph_to_markers(
    graph: SceneGraph,
    message: GraphMessage,
    classes: Sequence[str] = (),
    predicates: Sequence[str] = (),
    lifetime_s: float = 2.0,
) -> MarkerArray:
    """Builds the markers of a graph; objects without a pose get none.

    Args:
        graph: The graph.
        message: The same as a message. Poses are taken from here: they are in `message.header.frame_id`.
        classes: All class names of the model, so that a class keeps its colour in every image.
        predicates: All predicate names, likewise.
        lifetime_s: Seconds until a viewer drops the markers when nothing comes after them.

    Returns:
        First a marker that deletes all earlier ones, so that what vanished goes although no message says so.
    """
    boxes = {i: _read_box(item) for i, item in enumerate(message.objects) if item.has_pose}
    draw = _Pen(message, lifetime_s)
    # Of no namespace: some viewers would delete that one only, and one id may not come twice in an array.
    markers = [draw("", 0, Marker.CUBE, action=Marker.DELETEALL)]
    if not boxes:
        return MarkerArray(markers=markers)
    unit = float(np.median([box.size.max() for box in boxes.values()]))
    by_class = assign_colors((o.label for o in graph.objects), classes, CLASS_COLORS)
    colors = {i: by_class[graph.objects[i].label] for i in boxes}
    shown = [r for r in worth_showing(graph, MAX_ARROWS) if r.subject in boxes and r.object in boxes]
    by_predicate = assign_colors((r.predicate for r in shown), predicates, PREDICATE_COLORS)
    names = object_names(graph.objects)

    for i, box in boxes.items():
        markers.append(_solid(draw, i, message.objects[i], box, colors[i]))
        markers.append(_label(draw, i, f"{names[i]} {message.objects[i].score:.2f}", box, colors[i], unit))
    markers.append(_edges(draw, boxes, colors, unit))
    kinds = list(by_predicate)
    for i, relation in enumerate(shown):
        start, end = arrow_ends(boxes[relation.subject], boxes[relation.object])
        up = boxes[relation.subject].up
        # One above the other where two predicates hold between the same two.
        lift = 0.12 * unit * kinds.index(relation.predicate) * up
        color = by_predicate[relation.predicate]
        markers += _arrow(draw, i, relation, (start + lift, end + lift), up, color, unit)
    return MarkerArray(markers=markers)


def arrow_ends(subject: OrientedBox, target: OrientedBox) -> tuple[np.ndarray, np.ndarray]:
    """Returns the (3,) ends of an arrow between two boxes: from centre to centre, but out of the boxes' insides."""
    along = target.centre - subject.centre
    length = float(np.linalg.norm(along))
    if length < 1e-9:
        return subject.centre, target.centre
    trims = [min(0.4 * float(box.size.min()), 0.3 * length) for box in (subject, target)]
    return subject.centre + along * (trims[0] / length), target.centre - along * (trims[1] / length)


class _Pen:
    """Makes markers that share a header and a lifetime; every message object is made once."""

    def __init__(self, message: GraphMessage, lifetime_s: float) -> None:
        self._header = message.header
        whole = int(lifetime_s)
        self._lifetime = Duration(sec=whole, nanosec=int((lifetime_s - whole) * 1e9))

    def __call__(self, namespace: str, number: int, kind: int, **fields: object) -> Marker:
        return Marker(header=self._header, ns=namespace, id=number, type=kind, lifetime=self._lifetime, **fields)


def _solid(draw: _Pen, number: int, item: ObjectMessage, box: OrientedBox, color: RGB) -> Marker:
    return draw("boxes", number, Marker.CUBE, pose=item.pose.pose, scale=_vector(box.size), color=_rgba(color, 0.35))


def _edges(draw: _Pen, boxes: dict[int, OrientedBox], colors: dict[int, RGB], unit: float) -> Marker:
    """Draws the edges of all boxes as one marker: a marker for each would cost a third of the whole."""
    points: list[Point] = []
    tints: list[ColorRGBA] = []
    for i, box in boxes.items():
        corners = [_point(corner) for corner in box.corners()]
        points += [corners[end] for edge in _EDGES for end in edge]
        tints += [_rgba(colors[i])] * (2 * len(_EDGES))
    # Of lines, x alone counts: their width.
    return draw("edges", 0, Marker.LINE_LIST, scale=Vector3(x=0.015 * unit), points=points, colors=tints)


def _label(draw: _Pen, number: int, text: str, box: OrientedBox, color: RGB, unit: float) -> Marker:
    height = 0.17 * unit
    above = box.centre + box.up * (box.size[2] / 2 + 1.2 * height)
    return _text(draw, "labels", number, text, above, height, color)


def _arrow(
    draw: _Pen,
    number: int,
    relation: Relation,
    ends: tuple[np.ndarray, np.ndarray],
    up: np.ndarray,
    color: RGB,
    unit: float,
) -> list[Marker]:
    start, end = ends
    head, letters = min(0.15 * unit, 0.4 * float(np.linalg.norm(end - start))), 0.12 * unit
    # Of arrows between two points: x is the width of the shaft, y that of the head, z the head's length.
    scale = Vector3(x=0.025 * unit, y=0.09 * unit, z=max(head, LEAST_M))
    words = relation.predicate.replace("_", " ")
    # Over the shaft, and nearer to the subject than the arrow back would have its own.
    above = start * 0.6 + end * 0.4 + 0.7 * letters * up
    return [
        draw(
            "relations",
            number,
            Marker.ARROW,
            points=[_point(start), _point(end)],
            scale=scale,
            color=_rgba(color),
        ),
        _text(draw, "relation_labels", number, words, above, letters, color),
    ]


def _text(draw: _Pen, namespace: str, number: int, text: str, at: np.ndarray, height: float, color: RGB) -> Marker:
    # Of texts, z alone counts: the height of a capital letter.
    return draw(
        namespace,
        number,
        Marker.TEXT_VIEW_FACING,
        pose=Pose(position=_point(at)),
        scale=Vector3(z=height),
        color=_rgba(color),
        text=text,
    )


def _read_box(item: ObjectMessage) -> OrientedBox:
    p, q, size = item.pose.pose.position, item.pose.pose.orientation, item.size
    x, y, z, w = q.x, q.y, q.z, q.w
    axes = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
    return OrientedBox(np.array([p.x, p.y, p.z]), axes, np.maximum([size.x, size.y, size.z], LEAST_M))


def _point(xyz: np.ndarray) -> Point:
    x, y, z = xyz.tolist()
    return Point(x=x, y=y, z=z)


def _vector(xyz: np.ndarray) -> Vector3:
    x, y, z = xyz.tolist()
    return Vector3(x=x, y=y, z=z)


def _rgba(color: RGB, alpha: float = 1.0) -> ColorRGBA:
    r, g, b = (channel / 255 for channel in color)
    return ColorRGBA(r=r, g=g, b=b, a=alpha)
