"""What prior scenes of a domain consist of, and what in it will hurt. Pure functions of graphs and layouts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.report.domain_places import placing_warnings
from sim2sg_core.scene import Layout, SceneGraph

RARE = 0.05  # share of scenes below which a class or predicate is hardly learnt
SMALL_PIXELS = 8.0  # at the network's input: two cells of its finest grid
ALWAYS = 0.95  # share of pairs from which on a predicate says nothing
FEW_PAIRS = 10


@dataclass(frozen=True)
class ClassFigures:
    """How a class appears in prior scenes.

    Attributes:
        name: The class.
        placed: Objects per scene that were put down.
        seen: Objects per scene of which at least one pixel is seen.
        scenes: Share of scenes in which one is seen.
        pixels: Median size at the network's input: root of the box's area, pixels; NaN when none is seen.
        hidden: Mean share of an object's pixels that others hide, of those seen at all; NaN when none is.
    """

    name: str
    placed: float
    seen: float
    scenes: float
    pixels: float
    hidden: float


@dataclass(frozen=True)
class PredicateFigures:
    """How often a predicate holds in prior scenes.

    Attributes:
        name: The predicate.
        true: True relations per scene.
        scenes: Share of scenes with at least one.
        pairs: Pairs of objects, over all scenes, between which it could hold one way or the other.
        share: Share of them for which it does.
    """

    name: str
    true: float
    scenes: float
    pairs: int
    share: float


def input_scale(domain: Domain, width: int, height: int) -> float:
    """Returns by how much an image is scaled to fit the network's input."""
    return min(domain.input.width / width, domain.input.height / height)


def class_figures(domain: Domain, graphs: Sequence[SceneGraph], layouts: Sequence[Layout]) -> list[ClassFigures]:
    """Counts and measures the objects of each class; `graphs` and `layouts` are of the same scenes."""
    rows = []
    for name in domain.class_names:
        items = [(g, o) for g in graphs for o in g.objects if o.label == name]
        boxes = np.array([o.box * input_scale(domain, g.width, g.height) for g, o in items]).reshape(-1, 4)
        sides = np.sqrt(np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(axis=1))
        hidden = [1.0 - o.visibility for _, o in items if o.visibility is not None]
        rows.append(
            ClassFigures(
                name,
                placed=sum(p.label == name for layout in layouts for p in layout.placements) / max(len(layouts), 1),
                seen=len(items) / max(len(graphs), 1),
                scenes=_share(any(o.label == name for o in g.objects) for g in graphs),
                pixels=float(np.median(sides)) if len(sides) else float("nan"),
                hidden=float(np.mean(hidden)) if hidden else float("nan"),
            )
        )
    return rows


def predicate_figures(domain: Domain, graphs: Sequence[SceneGraph]) -> list[PredicateFigures]:
    """Counts the true relations of each predicate."""
    related = [sum(o.label in domain.related_names for o in g.objects) for g in graphs]
    pairs = sum(n * (n - 1) // 2 for n in related)
    rows = []
    for name in domain.predicate_names:
        per_scene = [[r for r in g.relations if r.predicate == name] for g in graphs]
        either_way = sum(len({frozenset((r.subject, r.object)) for r in found}) for found in per_scene)
        rows.append(
            PredicateFigures(
                name,
                true=sum(map(len, per_scene)) / max(len(graphs), 1),
                scenes=_share(bool(found) for found in per_scene),
                pairs=pairs,
                share=either_way / max(pairs, 1),
            )
        )
    return rows


def content_warnings(domain: Domain, graphs: Sequence[SceneGraph], layouts: Sequence[Layout]) -> list[str]:
    """Says what of the content of prior scenes will hurt, each with what would mend it."""
    empty = _share(not g.objects for g in graphs)
    found = [_empty(domain, empty)] if empty >= 0.5 else []
    classes = class_figures(domain, graphs, layouts)
    if not domain.predicates:
        found.append("no predicates: no model can be trained for it; write one at least, such as left_of")
    if empty < 1:  # When nothing at all is seen, one warning says it.
        found += placing_warnings(domain, layouts)
        found += [text for row in classes for text in _about_class(domain, row)]
        found += [text for row in predicate_figures(domain, graphs) for text in _about_predicate(domain, row)]
    most = max((len(g.objects) for g in graphs), default=0)
    if most > domain.max_objects:
        share = _share(len(g.objects) > domain.max_objects for g in graphs)
        found.append(
            f"{share:.0%} of scenes show more objects (up to {most}) than max_objects: {domain.max_objects}; the model"
            f" can find no more than that: write max_objects: {min(256, most + most // 4)}, or lower the counts"
        )
    return found


def ground_in_view(domain: Domain) -> tuple[float, float]:
    """Returns from where to where along its axis a camera of the prior's mean sees the ground, metres; inf to the sky.

    A camera at height h that looks down by p sees at the angle a below its axis the ground at h / tan(p + a).
    """
    camera = domain.camera
    fov, height, pitch = (float(np.mean(r)) for r in (camera.hfov_deg, camera.height_m, camera.pitch_deg))
    half = np.degrees(np.arctan(np.tan(np.radians(fov) / 2) * camera.height / camera.width))

    def reach(angle: float) -> float:
        return 0.0 if angle >= 90 else float("inf") if angle <= 0 else float(height / np.tan(np.radians(angle)))

    return reach(pitch + half), reach(pitch - half)


def class_table(rows: Sequence[ClassFigures]) -> Sequence[tuple[str, ...]]:
    """Returns the figures of classes as rows of text, the heading first."""
    head = ("class", "per scene", "seen", "in scenes", "median size px", "hidden")
    cells = []
    for r in rows:
        size, hidden = _number(r.pixels, ".0f"), _number(r.hidden, ".0%")
        cells.append((r.name, f"{r.placed:.1f}", f"{r.seen:.1f}", f"{r.scenes:.0%}", size, hidden))
    return [head, *cells]


def predicate_table(rows: Sequence[PredicateFigures]) -> Sequence[tuple[str, ...]]:
    """Returns the figures of predicates as rows of text, the heading first."""
    head = ("predicate", "true per scene", "in scenes", "of pairs")
    return [head] + [(r.name, f"{r.true:.1f}", f"{r.scenes:.0%}", f"{r.share:.0%}") for r in rows]


def _empty(domain: Domain, share: float) -> str:
    near, far = ground_in_view(domain)
    seen = "sees no ground" if near == float("inf") else f"sees the ground from {near:.1f} to {far:.1f} m"
    seen = seen.replace("to inf m", "m on to the horizon").replace(" m m ", " m ")
    where = ""
    if domain.layout.arranges:
        low, high = domain.layout.depth_range()
        where = f" while objects stand {low:g} to {high:g} m away"
    return (
        f"the camera sees nothing in {share:.0%} of scenes: on average it {seen}{where};"
        " change camera: pitch_deg, height_m or hfov_deg, or layout: distance and count"
    )


def _about_class(domain: Domain, row: ClassFigures) -> list[str]:
    spec = domain.class_spec(row.name)
    if row.placed == 0:
        return []  # `placing_warnings` says why.
    found = []
    if row.seen == 0:
        found.append(
            f"{row.name} is never visible though {row.placed:.1f} stand in a scene; bring it into the camera's view"
            " (layout: distance, lateral; camera: pitch_deg) or make it larger"
        )
    elif row.scenes < RARE:
        found.append(f"{row.name} is seen in only {row.scenes:.1%} of scenes; {domain.how_to_raise(spec)}")
    if row.pixels < SMALL_PIXELS:
        found.append(
            f"{row.name} is {row.pixels:.0f} pixels large at the network's input, under {SMALL_PIXELS:.0f} it is hard"
            f" to find; enlarge input: (now {domain.input.width}x{domain.input.height}), bring the camera nearer, or"
            " check its size (metres)"
        )
    return found


def _about_predicate(domain: Domain, row: PredicateFigures) -> list[str]:
    spec = next(p for p in domain.predicates if p.name == row.name)
    more = "put more objects into a scene (layout: count)"
    if row.pairs == 0:
        return [f"{row.name} is never true: no scene shows two objects that may be related; {more}"]
    remedies = {
        "left_of": f"lower its margin (now {spec.margin:g} m), widen layout: lateral, or {more}",
        "in_front_of": f"lower its margin (now {spec.margin:g} m), widen layout: distance, or {more}",
        "on": "let a class stand on another: supports: with a count:, or a group; a margin of 0.02 allows for gaps",
        "under": "let something stand beneath another: layout: around with a negative gap; a margin of 0.02 helps",
        "inside": "give what holds things `inside:`, and what it holds its name among supports: with a count:",
        "next_to": f"let objects stand nearer to one another: lower min_gap, narrow lateral and distance, or {more}",
    }
    if row.scenes == 0:
        return [f"{row.name} is never true; {remedies[spec.rule]}"]
    if row.scenes < RARE:
        return [f"{row.name} is true in only {row.scenes:.1%} of scenes; {remedies[spec.rule]}"]
    # Of two directions one nearly always holds, and which is what is learnt; next_to has but one.
    if spec.symmetric and row.share >= ALWAYS and row.pairs >= FEW_PAIRS:
        room = domain.layout.how_to_widen()
        return [
            f"{row.name} is true of {row.share:.0%} of pairs and so says nothing; widen layout: {room},"
            " or limit relation_classes"
        ]
    return []


def _share(flags: Iterable[bool]) -> float:
    values = list(flags)
    return float(np.mean(values)) if values else 0.0


def _number(value: float, form: str) -> str:
    return "-" if np.isnan(value) else format(value, form)
