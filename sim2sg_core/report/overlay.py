"""Draws scene graphs on images: boxes with labels, arrows for relations. OpenCV alone."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence

import cv2
import numpy as np

from sim2sg_core.report.arrows import Arrow, relation_arrow, stroke_unit
from sim2sg_core.scene import Relation, SceneGraph, SceneObject

RGB = tuple[int, int, int]

# Told apart on streets and on grey floors, and by most colour-blind people.
CLASS_COLORS: tuple[RGB, ...] = (
    (255, 159, 28),
    (46, 196, 182),
    (231, 90, 124),
    (140, 198, 63),
    (92, 142, 255),
    (196, 132, 252),
    (255, 224, 102),
    (0, 187, 249),
    (241, 136, 107),
    (128, 237, 153),
    (222, 170, 121),
    (214, 162, 232),
)
PREDICATE_COLORS: tuple[RGB, ...] = (
    (255, 255, 255),
    (255, 214, 10),
    (120, 255, 214),
    (255, 140, 200),
    (150, 200, 255),
)
NO_FRAME = "none"  # of relations that are the same from everywhere
EXPLAINED = "dot: a, arrow head: b"
DARK: RGB = (24, 26, 30)
FONT = cv2.FONT_HERSHEY_SIMPLEX


def draw_overlay(
    image: np.ndarray,
    graph: SceneGraph,
    object_threshold: float = 0.3,
    relation_threshold: float = 0.5,
    max_relations: int = 12,
    *,
    classes: Sequence[str] = (),
    predicates: Sequence[str] = (),
    directions: bool | None = None,
) -> np.ndarray:
    """Draws a graph on its image.

    Args:
        image: (H, W, 3) uint8 RGB; stays as it is.
        graph: Boxes in pixels of `image`.
        object_threshold: Objects scored lower are left out.
        relation_threshold: Relations scored lower are left out.
        max_relations: Most arrows; see `worth_showing` for which. 0 draws none.
        classes: All class names of the model, so that a class keeps its colour in every image.
        predicates: All predicate names, likewise.
        directions: Whether relations such as left_of are drawn, see `worth_showing`.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    graph = graph.filtered(object_threshold, relation_threshold)
    canvas = np.ascontiguousarray(image).copy()
    by_class = assign_colors((o.label for o in graph.objects), classes, CLASS_COLORS)
    shown = worth_showing(graph, max_relations, directions)
    by_predicate = assign_colors((r.predicate for r in shown), predicates, PREDICATE_COLORS)

    for item in reversed(graph.objects):  # The best on top.
        _draw_box(canvas, item.box, by_class[item.label])
    for relation in shown:
        if arrow := relation_arrow(graph, relation, _unit(canvas)):
            _draw_arrow(canvas, arrow, by_predicate[relation.predicate])
    taken = _draw_legend(canvas, {p: c for p, c in by_predicate.items() if p in {r.predicate for r in shown}})
    for item in graph.objects:
        _draw_tag(canvas, item.box, _name(item), by_class[item.label], taken)
    return canvas


def draw_boxes(
    image: np.ndarray, boxes: Sequence[tuple[np.ndarray, str, RGB]], *, title: str = "", min_width: int = 0
) -> np.ndarray:
    """Draws boxes, each in its colour, with what is to be said of it.

    Args:
        image: (H, W, 3) uint8 RGB; stays as it is.
        boxes: (4,) xyxy pixels, words ("" for none) and colour of each.
        title: Written in the upper left corner.
        min_width: Narrower images are magnified to this width first.

    Returns:
        (H', W', 3) uint8 RGB; H, W unless magnified.
    """
    canvas = fit_width(image, min_width) if image.shape[1] < min_width else np.ascontiguousarray(image).copy()
    scale = np.array([canvas.shape[1] / image.shape[1], canvas.shape[0] / image.shape[0]] * 2)
    scaled = [(np.asarray(box, float) * scale, words, color) for box, words, color in boxes]
    taken: list[tuple[int, int, int, int]] = []
    for box, _, color in scaled:
        _draw_box(canvas, box, color)
    if title:
        _draw_tag(canvas, np.zeros(4), title, (255, 255, 255), taken)
    for box, words, color in scaled:
        if words:
            _draw_tag(canvas, box, words, color, taken)
    return canvas


def worth_showing(graph: SceneGraph, limit: int, directions: bool | None = None) -> list[Relation]:
    """Chooses the relations that say most in a picture.

    Of `a left_of b`, `b left_of c`, `a left_of c` the last says nothing new and is left out, and so is `b next_to a`
    beside `a next_to b`. What a picture does not show by itself, as that a cup is on a table, comes before directions,
    which it does. The rest go by triplet score, discounted by the length of the arrow: long ones cross everything.

    Args:
        graph: Thresholded.
        limit: Most relations.
        directions: Whether relations that hold in somebody's view (`frame`), as left_of, are among them; None: only
            where there are no others.
    """
    if limit <= 0 or not graph.relations:
        return []
    outgoing: dict[tuple[str, int], set[int]] = {}
    for r in graph.relations:
        outgoing.setdefault((r.predicate, r.subject), set()).add(r.object)
    centres = (graph.boxes()[:, :2] + graph.boxes()[:, 2:]) / 2

    scores = {(r.predicate, r.subject, r.object): r.score for r in graph.relations}

    def back(r: Relation) -> float | None:
        return scores.get((r.predicate, r.object, r.subject))

    def mirrored(r: Relation) -> bool:
        return r.subject > r.object and back(r) == r.score

    def implied(r: Relation) -> bool:
        if back(r) is not None:
            return False
        between = outgoing[r.predicate, r.subject] - {r.object}
        return any(r.object in outgoing.get((r.predicate, b), ()) for b in between)

    def worth(r: Relation) -> float:
        reach = float(np.linalg.norm(centres[r.subject] - centres[r.object])) / graph.width
        return graph.triplet_score(r) * (1 - 0.7 * min(reach, 1.0))

    lasting = [r for r in graph.relations if r.frame == NO_FRAME]
    if directions is None:
        directions = not lasting
    among = graph.relations if directions else lasting
    found = (r for r in among if not implied(r) and not mirrored(r))
    return sorted(found, key=lambda r: (r.frame == NO_FRAME, worth(r)), reverse=True)[:limit]


def assign_colors(names: Iterable[str], known: Sequence[str], palette: Sequence[RGB]) -> dict[str, RGB]:
    """Gives every name a colour: by its place in `known`, else by a hash that avoids those in use."""
    colors: dict[str, RGB] = {name: palette[i % len(palette)] for i, name in enumerate(known)}
    for name in sorted(set(names) - set(known)):
        first = zlib.crc32(name.encode()) % len(palette)
        turned = [palette[(first + i) % len(palette)] for i in range(len(palette))]
        colors[name] = next((c for c in turned if c not in colors.values()), turned[0])
    return colors


def fit_width(image: np.ndarray, width: int) -> np.ndarray:
    """Resizes an (H, W, 3) image to `width`, keeping its shape."""
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    method = cv2.INTER_AREA if width < image.shape[1] else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=method))


def _unit(canvas: np.ndarray) -> float:
    """Size of strokes and letters: 1 for images about 800 pixels wide."""
    return stroke_unit(canvas.shape[1], canvas.shape[0])


def _thickness(canvas: np.ndarray) -> int:
    """Width of the lines of letters and arrows, pixels: one up to full HD."""
    return max(1, round(_unit(canvas) / 2))


def _line(
    canvas: np.ndarray,
    points: np.ndarray,
    color: RGB,
    width: int,
    edged: bool = True,
) -> None:
    """Draws a smooth line, with a dark edge seen on light and dark grounds alike."""
    fixed = np.round(np.clip(points, -1e5, 1e5) * 8).astype(np.int32)[None]  # eighths of a pixel
    if edged:
        cv2.polylines(canvas, fixed, False, DARK, width + 2, cv2.LINE_AA, shift=3)
    cv2.polylines(canvas, fixed, False, color, width, cv2.LINE_AA, shift=3)


def _draw_box(canvas: np.ndarray, box: np.ndarray, color: RGB) -> None:
    # On whole pixels and without smoothing: upright edges stay crisp.
    low, high = tuple(map(int, np.floor(box[:2]))), tuple(map(int, np.ceil(box[2:]) - 1))
    width = max(1, round(1.6 * _unit(canvas)))
    cv2.rectangle(canvas, low, high, DARK, width + 2)
    cv2.rectangle(canvas, low, high, color, width)


def _draw_arrow(canvas: np.ndarray, arrow: Arrow, color: RGB) -> None:
    """Draws a bent arrow from the subject to the object."""
    unit = _unit(canvas)
    width = _thickness(canvas)
    _line(canvas, arrow.points(), color, width)
    fixed = np.round(arrow.head * 8).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], color, cv2.LINE_AA, shift=3)
    cv2.polylines(canvas, [fixed], True, DARK, width, cv2.LINE_AA, shift=3)
    centre = tuple(int(v) for v in np.round(arrow.dot * 8))
    cv2.circle(canvas, centre, round(2.6 * unit * 8), DARK, -1, cv2.LINE_AA, shift=3)
    cv2.circle(canvas, centre, round(1.8 * unit * 8), color, -1, cv2.LINE_AA, shift=3)


def _name(item: SceneObject) -> str:
    """Returns the id of a tracked object, else its class, and its score."""
    text = (item.id or item.label).replace("_", " ")
    return f"{text} {item.score:.2f}" if item.score < 1 else text


def _draw_tag(
    canvas: np.ndarray, box: np.ndarray, text: str, color: RGB, taken: list[tuple[int, int, int, int]]
) -> None:
    """Writes a few words where they cover no earlier tag, best above the box."""
    height, width = canvas.shape[:2]
    size, bold = 0.42 * _unit(canvas), _thickness(canvas)
    pad = max(3, round(1.5 * _unit(canvas)))
    (text_w, text_h), base = cv2.getTextSize(text, FONT, size, bold)
    tag_w, tag_h = text_w + 2 * pad, text_h + base + pad
    x1, y1, x2, y2 = (round(float(v)) for v in box)
    places = [
        (x1 - 1, y1 - tag_h), (x1 - 1, y2), (x2 - tag_w + 1, y1 - tag_h), (x2 - tag_w + 1, y2),
        (x1 + 1, y1 + 1), (x1 - 1, y1 - 2 * tag_h), (x1 - 1, y2 + tag_h),
    ]  # fmt: skip

    def covered(place: tuple[int, int]) -> float:
        x, y = place
        hit = sum(
            max(0, min(x + tag_w, b[2]) - max(x, b[0])) * max(0, min(y + tag_h, b[3]) - max(y, b[1])) for b in taken
        )
        outside = max(0, -x) + max(0, x + tag_w - width) + max(0, -y) + max(0, y + tag_h - height)
        return hit + outside * tag_h

    x, y = min(places, key=covered)
    x, y = int(np.clip(x, 0, max(0, width - tag_w))), int(np.clip(y, 0, max(0, height - tag_h)))
    taken.append((x, y, x + tag_w, y + tag_h))
    cv2.rectangle(canvas, (x, y), (x + tag_w - 1, y + tag_h - 1), color, -1)
    cv2.putText(canvas, text, (x + pad, y + text_h + pad - 1), FONT, size, DARK, bold, cv2.LINE_AA)


def _draw_legend(canvas: np.ndarray, colors: dict[str, RGB]) -> list[tuple[int, int, int, int]]:
    """Explains the arrows in the lower left corner; returns the rectangle it takes, if any."""
    if not colors:
        return []
    unit, bold = _unit(canvas), _thickness(canvas)
    size, line = 0.42 * unit, round(17 * unit)
    texts = {name: f"a {name.replace('_', ' ')} b" for name in colors}
    text_w = max(cv2.getTextSize(text, FONT, size, bold)[0][0] for text in texts.values())
    head_w = cv2.getTextSize(EXPLAINED, FONT, size, bold)[0][0]
    width = round(max(text_w + 40 * unit, head_w + 12 * unit))
    height = line * (len(colors) + 1) + round(8 * unit)
    left, top = round(6 * unit), canvas.shape[0] - height - round(6 * unit)
    if top < 0 or left + width > canvas.shape[1]:
        return []
    box = (left, top, left + width, top + height)
    patch = canvas[top : box[3], left : box[2]]
    patch[:] = (patch * 0.25 + np.array(DARK) * 0.75).astype(np.uint8)
    head_at = (left + round(6 * unit), top + round(4 * unit) + line // 2 + round(4 * unit))
    cv2.putText(canvas, EXPLAINED, head_at, FONT, size, (190, 190, 190), bold, cv2.LINE_AA)
    for i, (name, color) in enumerate(colors.items(), 1):
        y = top + round(4 * unit) + line * i + line // 2
        x = left + round(6 * unit)
        tip = (x + round(22 * unit), y)
        cv2.arrowedLine(canvas, (x, y), tip, color, max(1, round(unit)), cv2.LINE_AA, tipLength=0.35)
        cv2.circle(canvas, (x, y), max(2, round(1.8 * unit)), color, -1, cv2.LINE_AA)
        at = (x + round(28 * unit), y + round(4 * unit))
        cv2.putText(canvas, texts[name], at, FONT, size, (240, 240, 240), bold, cv2.LINE_AA)
    return [box]
