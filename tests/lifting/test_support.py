"""Objects that stand on other objects come back from graphs to where they stood."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2sg_core.lifting import lift_graph
from sim2sg_core.lifting.lift import footprint_overlap
from sim2sg_core.lifting.support import Supports, at_height, inside
from sim2sg_core.scene import Camera, Placement, PredicateRule, SceneGraph, SceneObject
from sim2sg_core.scene.layout import GROUND
from sim2sg_core.scene.predicates import rule_matrix

K = np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]])
CAMERA = Camera.from_extrinsics(640, 480, K, 1.5, 0.5)
SUPPORTS = {"table": (GROUND,), "chair": (GROUND,), "cup": ("table",), "book": ("table", "chair", GROUND)}
SURFACES = {"table": (1.0,), "chair": (0.5,), "cup": (1.0,), "book": (1.0,)}
SIZES = {"table": (1.6, 0.8, 0.75), "chair": (0.45, 0.45, 0.9), "cup": (0.08, 0.08, 0.1), "book": (0.24, 0.17, 0.03)}


def thing(label, x, y, z=0.0, yaw=0.0):
    return Placement(label, np.array([x, y, z], float), yaw, np.array(SIZES[label]))


def on_table(label, table, along, across, yaw=0.0):
    c, s = np.cos(table.yaw), np.sin(table.yaw)
    x, y = table.position[:2] + np.array([[c, -s], [s, c]]) @ [along, across]
    return thing(label, x, y, table.position[2] + table.size[2], yaw)


def dining(rng, cups=4):
    """A table with cups, a chair half under it, and a book on the chair's seat."""
    table = thing("table", rng.uniform(1.8, 3.0), rng.uniform(-0.4, 0.4), 0, rng.uniform(-3, 3))
    spots = np.linspace(-0.65, 0.65, cups)
    found = [table] + [on_table("cup", table, x, rng.uniform(-0.33, 0.33), rng.uniform(-3, 3)) for x in spots]
    side = on_table("chair", table, rng.uniform(-0.4, 0.4), rng.uniform(0.35, 0.45))
    chair = thing("chair", *side.position[:2], 0, table.yaw - np.pi / 2)
    book = thing("book", *chair.position[:2], 0.45, chair.yaw + rng.uniform(-0.2, 0.2))
    return [*found, chair, book]


def graph_of(placements, camera, rng, noise=0.0):
    """In random order: what is on the table may come before the table."""
    objects = []
    for k in rng.permutation(len(placements)):
        pose = placements[k].to_pose(camera)
        pose = dataclasses.replace(pose, position=pose.position * np.exp(np.clip(rng.normal(0, noise), -0.25, 0.25)))
        objects.append(SceneObject(placements[k].label, 0.9, np.zeros(4), pose))
    return SceneGraph(640, 480, tuple(objects))


def lift(graph, camera, **options):
    return lift_graph(graph, camera, lambda _, size: size, supports=SUPPORTS, surfaces=SURFACES, **options).placements


def standing(placements):
    """Index -> what it stands on, by the rule."""
    rule = PredicateRule("on", "on", 1e-6)
    return {
        int(i): int(j) for i, j in np.argwhere(rule_matrix(placements, rule, [SURFACES[p.label] for p in placements]))
    }


CAMERAS = st.builds(
    lambda height, pitch, roll: Camera.from_extrinsics(640, 480, K, height, pitch, roll),
    st.floats(1.2, 2.5),
    st.floats(0.1, 0.8),
    st.floats(-0.1, 0.1),
)


@settings(max_examples=60)
@given(CAMERAS, st.integers(0, 10**6))
def test_things_on_things_come_back_where_they_were(camera, seed):
    rng = np.random.default_rng(seed)
    scene = dining(rng)
    again = lift(graph_of(scene, camera, rng), camera)
    assert len(again) == len(scene)
    for p in scene:
        [q] = [q for q in again if q.label == p.label and np.allclose(q.position, p.position, atol=1e-6)]
        assert np.allclose(q.size, p.size) and np.isclose(np.cos(q.yaw - p.yaw), 1)


@settings(max_examples=60)
@given(CAMERAS, st.integers(0, 10**6))
def test_with_noisy_depths_every_cup_still_stands_on_the_table(camera, seed):
    rng = np.random.default_rng(seed)
    # Without the book: it may stand on the table too, and noise may well put it in a cup's place.
    again = lift(graph_of(dining(rng)[:-1], camera, rng, 0.1), camera)
    assert [p.label for p in again].count("cup") == 4
    carried = standing(again)
    for k, p in enumerate(again):
        if p.label == "cup":
            assert again[carried[k]].label == "table"
        else:
            assert p.position[2] == 0 and k not in carried


def test_what_nothing_supports_is_left_out():
    table = thing("table", 2.0, 0)
    far = thing("cup", 2.0, 1.6, 0.75)  # beside the table
    rng = np.random.default_rng(0)
    assert [p.label for p in lift(graph_of([table, far], CAMERA, rng), CAMERA)] == ["table"]
    assert lift(graph_of([far], CAMERA, rng), CAMERA) == ()


def test_an_object_just_off_the_edge_is_moved_inside():
    table = thing("table", 2.0, 0, yaw=0.4)
    cup = on_table("cup", table, 0.0, 0.43)
    table_again, found = lift(graph_of([table, cup], CAMERA, np.random.default_rng(0)), CAMERA)
    assert standing([table_again, found]) == {1: 0}
    assert np.linalg.norm(found.position - cup.position) < 0.1


def test_a_book_takes_the_surface_nearest_to_its_estimate():
    table, chair = thing("table", 2.0, 0), thing("chair", 2.0, 1.4)
    for truth in (thing("book", 2.0, 0, 0.75), thing("book", 2.0, 1.4, 0.45), thing("book", 2.4, -1.2, 0)):
        off = dataclasses.replace(truth, position=truth.position + [0, 0, 0.05])
        again = lift(graph_of([off, table, chair], CAMERA, np.random.default_rng(0)), CAMERA)
        [book] = [p for p in again if p.label == "book"]
        assert book.position[2] == pytest.approx(truth.position[2])
        away = book.position - off.position
        sight = off.position + [0, 0, 0.015 - 1.5]
        assert np.allclose(np.cross(away, sight), 0, atol=1e-9), "it moves along its viewing ray"


def test_chairs_share_the_floor_with_tables_only():
    table = thing("table", 2.5, 0, yaw=np.pi / 2)
    deep, half, twin = thing("chair", 2.5, 0.3), thing("chair", 2.12, 0.0), thing("chair", 2.2, 0.05)
    rng = np.random.default_rng(0)
    assert [p.label for p in lift(graph_of([table, deep], CAMERA, rng), CAMERA)].count("chair") == 0
    assert [p.label for p in lift(graph_of([table, half], CAMERA, rng), CAMERA)].count("chair") == 1
    assert [p.label for p in lift(graph_of([table, half, twin], CAMERA, rng), CAMERA)].count("chair") == 1
    assert len(lift(graph_of([table, thing("table", 2.7, 0.2, yaw=1.5)], CAMERA, rng), CAMERA)) == 1


@settings(max_examples=30)
@given(st.floats(-3, 3), st.integers(0, 10**6))
def test_what_stands_on_something_makes_room_for_what_is_surer(yaw, seed):
    table = thing("table", 2.2, 0, yaw=yaw)
    book, cup = on_table("book", table, 0.1, 0.05, yaw), on_table("cup", table, 0.2, 0.08)
    found = lift(graph_of([table, book], CAMERA, np.random.default_rng(seed)), CAMERA)
    assert len(found) == 2
    both = SceneGraph(
        640, 480, tuple(SceneObject(p.label, 0.9, np.zeros(4), p.to_pose(CAMERA)) for p in (table, book, cup))
    )
    again = lift(both, CAMERA)
    by = {p.label: k for k, p in enumerate(again)}
    assert len(again) == 3 and standing(again) == {by["book"]: by["table"], by["cup"]: by["table"]}
    assert footprint_overlap(again[by["cup"]], again[by["book"]]) <= 0.15
    moved = [np.linalg.norm(again[by[p.label]].position - p.position) for p in (book, cup)]
    assert min(moved) < 1e-6 and 0 < max(moved) <= 0.206


def test_one_object_found_twice_is_one_object():
    table = thing("table", 2.2, 0)
    pair = on_table("cup", table, 0.1, 0.05), on_table("cup", table, 0.11, 0.06)
    assert [p.label for p in lift(graph_of([table, *pair], CAMERA, np.random.default_rng(0)), CAMERA)].count("cup") == 1


def test_a_full_support_takes_no_more():
    seat = thing("chair", 2.2, 0)
    books = [
        dataclasses.replace(on_table("book", seat, 0.0, y), position=np.array([2.2, y, 0.45]))
        for y in np.linspace(-0.2, 0.2, 7)
    ]
    supports = {"chair": (GROUND,), "book": ("chair",)}
    graph = graph_of([seat, *books], CAMERA, np.random.default_rng(0))
    found = lift_graph(graph, CAMERA, lambda _, size: size, supports=supports, surfaces=SURFACES).placements
    assert 2 <= [p.label for p in found].count("book") < 7
    on = standing(found)
    assert set(on) == set(range(1, len(found))) and set(on.values()) == {0}


def test_boxes_upon_boxes_are_put_down_from_the_lowest():
    boxes = [Placement("box", np.array([3.0, 0, z]), 0.1, np.array([0.5, 0.4, 0.3])) for z in (0.6, 0.0, 0.3)]
    graph = graph_of(boxes, CAMERA, np.random.default_rng(1))
    supports = {"box": (GROUND, "box")}
    found = lift_graph(graph, CAMERA, lambda _, size: size, supports=supports).placements
    assert np.allclose([p.position for p in found], [[3, 0, 0], [3, 0, 0.3], [3, 0, 0.6]])
    assert Supports(SUPPORTS).order([thing("cup", 1, 0), thing("book", 1, 0), thing("chair", 1, 0)]) == [2, 0, 1]


def test_where_all_stand_on_the_ground_naming_it_changes_nothing():
    rng = np.random.default_rng(4)
    cars = [
        Placement("car", np.array([rng.uniform(3, 30), rng.uniform(-8, 8), 0.2]), 0.3, np.array([4, 1.8, 1.5]))
        for _ in range(12)
    ]
    graph = graph_of(cars, CAMERA, rng, 0.1)
    plain = lift_graph(graph, CAMERA, lambda _, size: size)
    named = lift_graph(graph, CAMERA, lambda _, size: size, supports={"car": (GROUND,)}, surfaces={"car": (1.0,)})
    assert plain.to_json() == named.to_json() and 2 < len(plain.placements) < 12
    seen = [Placement.from_pose("car", o.pose, CAMERA).position[:2] for o in graph.objects if o.pose]
    assert all(any((p.position[:2] == xy).all() for xy in seen) for p in plain.placements), "none is moved"


def test_refined_objects_stay_on_their_surface():
    table, cup = thing("table", 2.0, 0), thing("cup", 2.0, 0.5, 0.75)
    graph = graph_of([table, cup], CAMERA, np.random.default_rng(0))

    def push(index, placement):
        away = [0, 0.6, 0] if placement.label == "cup" else [0.1, 0, 0]
        return dataclasses.replace(placement, position=placement.position + away)

    table_again, cup_again = lift(graph, CAMERA, refine=push)
    assert table_again.position == pytest.approx([2.1, 0, 0]) and standing([table_again, cup_again]) == {1: 0}


def test_a_flat_ray_only_sets_the_height():
    camera = Camera.from_extrinsics(640, 480, K, 0.85, 0.1)
    cup = thing("cup", 3.0, 0.4, 0.8)
    assert at_height(cup, 0.75, camera).position == pytest.approx([3.0, 0.4, 0.75])
    assert at_height(thing("cup", 1.0, 0.0, 0.3), 0.9, camera).position == pytest.approx([1.0, 0.0, 0.9])


@given(st.floats(-3, 3), st.floats(-3, 3), st.floats(-2, 2), st.floats(-2, 2))
def test_moved_inside_a_centre_is_over_the_support(yaw, turn, along, across):
    table = thing("table", 2.0, 0, yaw=yaw)
    book = on_table("book", table, along, across, turn)
    moved = inside(book, table)
    assert standing([table, moved]) == {1: 0}
    assert np.allclose(inside(moved, table).position, moved.position)


@pytest.mark.parametrize(("height", "kept"), [(1.05, True), (0.9, True), (0.78, False)])
def test_things_within_reach_of_the_camera_are_rebuilt(height, kept):
    """A camera over a table, or level with what stands on it; not one inside the table or a cup."""
    camera = Camera.from_extrinsics(640, 480, K, height, 0.5)
    table = thing("table", 0.6, 0.0)
    cup = on_table("cup", table, -0.4, 0.0) if kept else thing("cup", 0.05, 0.0, 0.75)
    found = lift(graph_of([table, cup], camera, np.random.default_rng(0)), camera)
    assert {p.label for p in found} == ({"table", "cup"} if kept else set())
