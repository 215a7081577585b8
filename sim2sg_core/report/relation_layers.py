"""Relations over pictures of a page: the arrows of each predicate by themselves, each with a switch."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sim2sg_core.report.arrows import Arrow, relation_arrow, stroke_unit
from sim2sg_core.report.overlay import NO_FRAME, PREDICATE_COLORS, assign_colors, worth_showing
from sim2sg_core.scene import Relation, SceneGraph

MOST = 8  # arrows of one predicate in one picture
LARGER = 2.0  # than on pictures of their own: pages are looked at on phones too


@dataclass(frozen=True)
class Switch:
    """Shows and hides the arrows of one predicate.

    Attributes:
        text: "a on b".
        color: Of its arrows, as CSS.
        shown: Whether they are there when the page is opened.
    """

    text: str
    color: str
    shown: bool


@dataclass(frozen=True)
class DrawnArrow:
    """An arrow as SVG.

    Attributes:
        line: `d` of its line.
        head: `d` of its head.
        dot: Centre of the dot on the subject.
        radius: Of the dot.
        title: The relation in words.
    """

    line: str
    head: str
    dot: tuple[float, float]
    radius: float
    title: str


@dataclass(frozen=True)
class Layer:
    """The arrows of one predicate over one picture.

    Attributes:
        place: Of its switch.
        arrows: What is drawn.
    """

    place: int
    arrows: list[DrawnArrow]


def relation_switches(graphs: Sequence[SceneGraph], predicates: Sequence[str]) -> dict[str, Switch]:
    """Returns a switch for each predicate that graphs use, by its name.

    Those that hold from everywhere, as `on`, come first and are shown; directions, as `left_of`, are shown where there
    are no others.

    Args:
        graphs: All that share the switches, thresholded.
        predicates: All predicate names, for order and colours.
    """
    relations = [r for graph in graphs for r in graph.relations]
    lasting = {r.predicate for r in relations if r.frame == NO_FRAME}
    used = {r.predicate for r in relations}
    names = [*(p for p in predicates if p in used), *sorted(used - set(predicates))]
    colors = assign_colors(names, predicates, PREDICATE_COLORS)
    return {
        name: Switch(f"a {name.replace('_', ' ')} b", "rgb({},{},{})".format(*colors[name]), name in (lasting or used))
        for name in sorted(names, key=lambda name: name not in lasting)
    }


def relation_layers(graph: SceneGraph, switches: Mapping[str, Switch]) -> list[Layer]:
    """Returns the arrows of a graph, those of each switch in a layer; `overlay.worth_showing` chooses them."""
    unit = LARGER * stroke_unit(graph.width, graph.height)
    layers = []
    for place, name in enumerate(switches):
        alone = dataclasses.replace(graph, relations=tuple(r for r in graph.relations if r.predicate == name))
        chosen = worth_showing(alone, MOST, directions=True)
        arrows = [(r, arrow) for r in chosen if (arrow := relation_arrow(graph, r, unit))]
        if arrows:
            layers.append(Layer(place, [_drawn(arrow, unit, _sentence(graph, r)) for r, arrow in arrows]))
    return layers


def _drawn(arrow: Arrow, unit: float, title: str) -> DrawnArrow:
    start, control, end = map(_point, arrow.curve)
    head = " L".join(map(_point, arrow.head))
    x, y = (round(float(v), 1) for v in arrow.dot)
    return DrawnArrow(f"M{start} Q{control} {end}", f"M{head}Z", (x, y), round(2.6 * unit, 1), title)


def _sentence(graph: SceneGraph, relation: Relation) -> str:
    a, b = (graph.objects[i].id or graph.objects[i].label for i in (relation.subject, relation.object))
    return f"{a} {relation.predicate} {b} {relation.score:.2f}".replace("_", " ")


def _point(point: np.ndarray) -> str:
    return "{:.1f},{:.1f}".format(*point)
