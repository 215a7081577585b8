"""Overlays: what is drawn where, and which relations are chosen."""

import numpy as np

from sim2sg_core.report.overlay import (
    CLASS_COLORS,
    assign_colors,
    draw_overlay,
    worth_showing,
)
from sim2sg_core.scene import Relation, SceneGraph, SceneObject

GREY = np.full((240, 400, 3), 110, np.uint8)


def thing(label: str, box: list[float], score: float = 1.0) -> SceneObject:
    return SceneObject(label, score, np.array(box, float))


def changed(image: np.ndarray, original: np.ndarray = GREY) -> np.ndarray:
    return (image != original).any(axis=2)


def test_box_is_drawn_in_the_color_of_its_class() -> None:
    graph = SceneGraph(400, 240, (thing("cube", [100, 80, 200, 180]),))
    image = draw_overlay(GREY, graph, classes=("sphere", "cube"))
    for x, y in ((100, 130), (199, 130), (150, 179)):  # left, right and lower edge
        near = image[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).astype(int)
        assert np.abs(near - CLASS_COLORS[1]).sum(axis=1).min() < 40
    assert not changed(image)[90:170, 110:190].any()  # nothing inside
    assert (GREY == 110).all()  # the input is left alone


def test_label_stands_above_the_box_and_within_the_image() -> None:
    above = changed(draw_overlay(GREY, SceneGraph(400, 240, (thing("cube", [100, 80, 200, 180]),))))
    assert above[70:79, 100:124].all()
    assert not above[:60].any()
    corner = draw_overlay(GREY, SceneGraph(400, 240, (thing("wine_glass", [-20, -5, 420, 250], 0.5),)))
    assert changed(corner)[2:14, 2:40].mean() > 0.9


def test_strokes_and_letters_grow_with_the_image() -> None:
    """A 4K picture, made smaller, looks like one that was drawn small."""

    def drawn(scale: int) -> np.ndarray:
        grey = np.full((540 * scale, 960 * scale, 3), 110, np.uint8)
        boxes = [[300, 200, 500, 400], [600, 250, 700, 350]]
        graph = SceneGraph(
            960 * scale,
            540 * scale,
            tuple(thing("cube", [v * scale for v in box]) for box in boxes),
            (Relation(0, "left_of", 1),),
        )
        return changed(draw_overlay(grey, graph, directions=True), grey)

    tags = [drawn(scale)[: 199 * scale].any(axis=1).sum() / scale for scale in (1, 4)]
    assert 0.75 < tags[1] / tags[0] < 1.25
    assert 0.75 < drawn(4).mean() / drawn(1).mean() < 1.25


def test_thresholds() -> None:
    weak = SceneGraph(400, 240, (thing("cube", [100, 80, 200, 180], 0.29),))
    assert not changed(draw_overlay(GREY, weak)).any()
    assert changed(draw_overlay(GREY, weak, object_threshold=0.2)).any()


def test_arrow_only_above_its_threshold() -> None:
    pair = (thing("cube", [20, 100, 60, 140]), thing("cube", [300, 100, 340, 140]))

    def middle(score: float, limit: int = 5) -> bool:
        relation = Relation(0, "left_of", 1, score)
        image = draw_overlay(GREY, SceneGraph(400, 240, pair, (relation,)), max_relations=limit)
        return bool(changed(image)[60:180, 100:260].any())

    assert middle(0.9)
    assert not middle(0.4)
    assert not middle(0.9, limit=0)


def test_implied_relations_are_left_out() -> None:
    boxes = tuple(thing("cube", [x, 100, x + 20, 120]) for x in (0, 100, 200, 300))
    chain = tuple(Relation(i, "left_of", j) for i in range(4) for j in range(i + 1, 4))
    shown = worth_showing(SceneGraph(400, 240, boxes, chain), 10)
    assert {(r.subject, r.object) for r in shown} == {(0, 1), (1, 2), (2, 3)}


def test_what_holds_both_ways_is_drawn_once() -> None:
    """Three cubes next to one another: no pair says anything of another pair."""
    boxes = tuple(thing("cube", [x, 100, x + 20, 120]) for x in (0, 40, 80))
    pairs = [(i, j) for i in range(3) for j in range(3) if i != j]
    graph = SceneGraph(400, 240, boxes, tuple(Relation(i, "next_to", j, 0.8, "none") for i, j in pairs))
    assert {(r.subject, r.object) for r in worth_showing(graph, 10)} == {(0, 1), (0, 2), (1, 2)}
    contrary = (Relation(0, "left_of", 1, 0.9), Relation(1, "left_of", 0, 0.6))
    assert len(worth_showing(SceneGraph(400, 240, boxes, contrary), 10)) == 2


def test_best_relations_go_first_and_are_limited() -> None:
    boxes = tuple(thing("cube", [x, 100, x + 20, 120]) for x in (0, 40, 80))
    relations = (
        Relation(0, "left_of", 1, 0.6),
        Relation(1, "left_of", 2, 0.9),
        Relation(2, "in_front_of", 0, 0.7),
    )
    graph = SceneGraph(400, 240, boxes, relations)
    assert [r.score for r in worth_showing(graph, 2)] == [0.9, 0.7]
    assert worth_showing(graph, 0) == []


def test_what_holds_from_everywhere_goes_first_and_directions_by_a_switch() -> None:
    boxes = tuple(thing("cube", [x, 100, x + 20, 120]) for x in (0, 40, 80))
    left, on = Relation(0, "left_of", 1, 0.9), Relation(1, "on", 2, 0.6, "none")
    graph = SceneGraph(400, 240, boxes, (left, on))
    assert worth_showing(graph, 5) == [on] == worth_showing(graph, 5, directions=False)
    assert worth_showing(graph, 5, directions=True) == [on, left]
    alone = SceneGraph(400, 240, boxes, (left,))
    assert worth_showing(alone, 5) == [left] and worth_showing(alone, 5, directions=False) == []
    without, within = (draw_overlay(GREY, graph, directions=v) for v in (None, True))
    assert changed(without, within).any()


def test_colors_are_stable_and_distinct() -> None:
    assert assign_colors(["b"], ["a", "b"], CLASS_COLORS) == assign_colors(["a"], ["a", "b"], CLASS_COLORS)
    named = [f"thing_{chr(97 + i)}" for i in range(len(CLASS_COLORS))]
    assert len(set(assign_colors(named, (), CLASS_COLORS).values())) == len(CLASS_COLORS)


def test_empty_things() -> None:
    assert not changed(draw_overlay(GREY, SceneGraph(400, 240))).any()
