"""Graphs as Foxglove image annotations, which the viewer draws over the image: no pixels are sent."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from std_msgs.msg import Header

from sim2sg_core.report.overlay import (
    CLASS_COLORS,
    DARK,
    PREDICATE_COLORS,
    RGB,
    assign_colors,
    worth_showing,
)
from sim2sg_core.scene import SceneGraph
from sim2sg_ros.graph_text import object_names
from sim2sg_ros.overlay_image import MAX_ARROWS

HEAD_PX = 10.0
"""Length of an arrow's head, pixels."""
FONT_PX = 14.0
"""Height of letters, pixels."""

Points = list[tuple[float, float]]


class AnnotationLine(NamedTuple):
    """A line in the image.

    Attributes:
        points: x, y, pixels from the image's upper left corner.
        closed: The last point is joined to the first.
        color: Red, green, blue; 0 to 255.
        width: Of the line, pixels.
    """

    points: Points
    closed: bool
    color: RGB
    width: float


class AnnotationText(NamedTuple):
    """Words in the image.

    Attributes:
        at: x, y of the lower left corner of the first letter, pixels.
        text: The words.
        color: Of the letters.
        ground: Colour behind them.
    """

    at: tuple[float, float]
    text: str
    color: RGB
    ground: RGB


def lay_out_annotations(
    graph: SceneGraph, classes: Sequence[str] = (), predicates: Sequence[str] = ()
) -> tuple[list[AnnotationLine], list[AnnotationText]]:
    """Lays out what is drawn: a box and a name for each object, a named arrow for each relation worth it.

    Args:
        graph: Boxes in pixels of the original image.
        classes: All class names of the model, so that a class keeps its colour in every image.
        predicates: All predicate names, likewise.
    """
    by_class = assign_colors((o.label for o in graph.objects), classes, CLASS_COLORS)
    shown = worth_showing(graph, MAX_ARROWS)
    by_predicate = assign_colors((r.predicate for r in shown), predicates, PREDICATE_COLORS)
    lines, texts = [], []
    for name, item in zip(object_names(graph.objects), graph.objects, strict=True):
        x1, y1, x2, y2 = np.asarray(item.box, float).tolist()
        color = by_class[item.label]
        lines.append(AnnotationLine([(x1, y1), (x2, y1), (x2, y2), (x1, y2)], True, color, 2.0))
        at = (x1, max(y1 - 2, FONT_PX))  # Inside the image for boxes that reach its upper edge.
        texts.append(AnnotationText(at, f"{name} {item.score:.2f}", DARK, color))
    centres = (graph.boxes()[:, :2] + graph.boxes()[:, 2:]) / 2
    for relation in shown:
        start, end = centres[relation.subject], centres[relation.object]
        color = by_predicate[relation.predicate]
        lines.append(AnnotationLine(_arrow(start, end), False, color, 1.5))
        x, y = (0.6 * start + 0.4 * end).tolist()
        texts.append(AnnotationText((x, y), relation.predicate.replace("_", " "), color, DARK))
    return lines, texts


def graph_to_annotations(
    msg: ModuleType,
    graph: SceneGraph,
    header: Header,
    classes: Sequence[str] = (),
    predicates: Sequence[str] = (),
) -> Any:
    """Builds an ImageAnnotations.

    Args:
        msg: The installed `foxglove_msgs.msg`.
        graph: Boxes in pixels of the original image.
        header: The image's header: Foxglove matches annotations to images by its stamp.
        classes: All class names of the model.
        predicates: All predicate names.
    """

    def message_color(rgb: RGB) -> Any:
        r, g, b = (channel / 255 for channel in rgb)
        return msg.Color(r=r, g=g, b=b, a=1.0)

    lines, texts = lay_out_annotations(graph, classes, predicates)
    points = [
        msg.PointsAnnotation(
            timestamp=header.stamp,
            type=msg.PointsAnnotation.LINE_LOOP if line.closed else msg.PointsAnnotation.LINE_STRIP,
            points=[msg.Point2(x=x, y=y) for x, y in line.points],
            outline_color=message_color(line.color),
            thickness=line.width,
        )
        for line in lines
    ]
    labels = [
        msg.TextAnnotation(
            timestamp=header.stamp,
            position=msg.Point2(x=item.at[0], y=item.at[1]),
            text=item.text,
            font_size=FONT_PX,
            text_color=message_color(item.color),
            background_color=message_color(item.ground),
        )
        for item in texts
    ]
    result = msg.ImageAnnotations(points=points, texts=labels)
    if hasattr(result, "timestamp"):  # Of later versions; it overrules those above, even where it is zero.
        result.timestamp = header.stamp
    return result


def _arrow(start: np.ndarray, end: np.ndarray) -> Points:
    """Returns an arrow as one line: along the shaft to the tip, then along both sides of the head."""
    along = end - start
    length = float(np.linalg.norm(along))
    if length < 1e-6:
        return [tuple(start.tolist()), tuple(end.tolist())]
    back = along / length * min(HEAD_PX, 0.5 * length)
    side = np.array([-back[1], back[0]]) * 0.45
    corners = [start, end, end - back + side, end, end - back - side]
    return [tuple(corner.tolist()) for corner in corners]
