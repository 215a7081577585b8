from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Header
from visualization_msgs.msg import Marker, MarkerArray

from sim2sg_core.report.overlay import draw_overlay
from sim2sg_core.scene import Camera, Placement, Relation, SceneGraph, SceneObject
from sim2sg_ros.graph_conversions import graph_to_message
from sim2sg_ros.markers import LEAST_M, OrientedBox, arrow_ends, graph_to_markers

pytestmark = pytest.mark.ros

K = np.array([[300.0, 0, 160], [0, 300, 120], [0, 0, 1]])
CLASSES, PREDICATES = ["book", "cup", "plate"], ["on", "left_of"]
CUP = Placement("cup", np.array([2.0, 0.5, 0.0]), 0.4, np.array([0.12, 0.08, 0.1]))
BOOK = Placement("book", np.array([2.2, -0.4, 0.0]), -1.0, np.array([0.3, 0.2, 0.05]))
HEADER = Header(frame_id="left_optical")
coordinates = st.floats(-5, 5)
points = st.tuples(coordinates, coordinates, coordinates)


def scene(*placements: Placement, pitch: float = 0.4, roll: float = 0.0) -> SceneGraph:
    view = Camera.from_extrinsics(320, 240, K, 1.0, pitch, roll)
    objects = []
    for i, placed in enumerate(placements):
        corners = view.project(view.to_camera(placed.corners()))
        box = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
        objects.append(SceneObject(placed.label, 0.9 - 0.1 * i, box, placed.to_pose(view)))
    relations = (Relation(0, "left_of", 1, 0.8),) if len(objects) > 1 else ()
    return SceneGraph(320, 240, tuple(objects), relations, camera=view)


def markers(graph: SceneGraph) -> dict[str, list[Marker]]:
    """Returns the markers by namespace, without the first one, which deletes."""
    result = graph_to_markers(graph, graph_to_message(graph, HEADER, "m", 0), CLASSES, PREDICATES, lifetime_s=1.5)
    assert (result.markers[0].action, result.markers[0].ns) == (Marker.DELETEALL, "")
    grouped: dict[str, list[Marker]] = {}
    for marker in deserialize_message(serialize_message(result), MarkerArray).markers[1:]:
        assert (marker.header, marker.action) == (HEADER, Marker.ADD)
        assert (marker.lifetime.sec, marker.lifetime.nanosec) == (1, 500_000_000)
        grouped.setdefault(marker.ns, []).append(marker)
    for group in grouped.values():
        assert len({marker.id for marker in group}) == len(group)
    return grouped


def xyz(point: object) -> np.ndarray:
    return np.array([point.x, point.y, point.z])  # type: ignore[attr-defined]


def in_order(corners: np.ndarray) -> np.ndarray:
    return np.array(sorted(corners.round(6).tolist()))


@given(st.floats(-math.pi, math.pi), st.floats(0, 1), st.floats(-0.5, 0.5))
def test_boxes_stand_where_the_core_places_them(yaw: float, pitch: float, roll: float) -> None:
    placed = Placement("cup", np.array([3.0, -0.5, 0.2]), yaw, np.array([0.5, 0.3, 0.9]))
    graph = scene(placed, pitch=pitch, roll=roll)
    expected = in_order(graph.camera.to_camera(placed.corners()))
    found = markers(graph)
    ends = np.array([xyz(p) for p in found["edges"][0].points])
    np.testing.assert_allclose(in_order(np.unique(ends.round(6), axis=0)), expected, atol=1e-5)
    lengths = np.linalg.norm(ends[::2] - ends[1::2], axis=1)  # Edges, no diagonals: four of each length.
    np.testing.assert_allclose(sorted(lengths), sorted([0.5, 0.3, 0.9] * 4), atol=1e-6)
    np.testing.assert_allclose(xyz(found["boxes"][0].pose.position), expected.mean(axis=0), atol=1e-5)
    assert xyz(found["boxes"][0].scale).tolist() == [0.5, 0.3, 0.9]


@pytest.mark.parametrize("roll", [0.0, 0.8])
def test_names_are_above_their_boxes(roll: float) -> None:
    graph = scene(CUP, BOOK, roll=roll)
    labels = markers(graph)["labels"]
    assert [label.text for label in labels] == ["cup_0 0.90", "book_1 0.80"]
    for label, placed in zip(labels, (CUP, BOOK), strict=True):
        at = graph.camera.to_world(xyz(label.pose.position))
        np.testing.assert_allclose(at[:2], placed.position[:2], atol=1e-6)
        assert at[2] > placed.size[2] + label.scale.z / 2


def test_arrows_go_from_the_subject_to_the_object() -> None:
    graph = scene(CUP, BOOK)
    found = markers(graph)
    (arrow,), (words,) = found["relations"], found["relation_labels"]
    start, end = map(xyz, arrow.points)
    subject, target = (item.pose.position for item in graph.objects)
    assert np.linalg.norm(start - subject) < np.linalg.norm(start - target)
    assert np.linalg.norm(end - target) < np.linalg.norm(end - subject)
    assert words.text == "left of"
    assert arrow.color == words.color


def test_colors_are_those_of_the_overlay() -> None:
    graph = scene(CUP, BOOK)
    picture = draw_overlay(np.zeros((240, 320, 3), np.uint8), graph, 0, 0, 0, classes=CLASSES, predicates=PREDICATES)
    for item, marker in zip(graph.objects, markers(graph)["boxes"], strict=True):
        x, y = int(item.box[0]), int((item.box[1] + item.box[3]) / 2)
        color = [marker.color.r, marker.color.g, marker.color.b]
        np.testing.assert_allclose(picture[y, x] / 255, color, atol=1e-6)
        assert 0 < marker.color.a < 1  # The arrows' ends are seen through it.


def test_objects_without_a_pose_and_their_relations_are_left_out() -> None:
    graph = scene(CUP, BOOK)
    blind = SceneObject("plate", 0.7, np.array([10.0, 10, 60, 60]))
    relations = (*graph.relations, Relation(2, "on", 1, 0.9))
    graph = SceneGraph(320, 240, (*graph.objects, blind), relations, camera=graph.camera)
    found = markers(graph)
    assert [marker.id for marker in found["boxes"]] == [0, 1]
    assert [marker.text for marker in found["relation_labels"]] == ["left of"]
    assert markers(SceneGraph(320, 240, (blind,))) == {}
    assert markers(SceneGraph(320, 240)) == {}


def test_a_flat_box_keeps_a_size_that_viewers_accept() -> None:
    flat = Placement("book", np.array([2.0, 0.0, 0.0]), 0.0, np.array([0.3, 0.2, 0.0]))
    assert markers(scene(flat))["boxes"][0].scale.z == LEAST_M


@given(points, points, st.floats(0.01, 3), st.floats(0.01, 3))
def test_arrow_ends_lie_between_the_boxes_in_order(a: tuple, b: tuple, first: float, second: float) -> None:
    subject, target = (OrientedBox(np.array(p), np.eye(3), np.full(3, s)) for p, s in ((a, first), (b, second)))
    start, end = arrow_ends(subject, target)
    length = np.linalg.norm(target.centre - subject.centre)
    steps = [np.linalg.norm(p - q) for p, q in ((subject.centre, start), (start, end), (end, target.centre))]
    assert sum(steps) == pytest.approx(length, abs=1e-6)
    assert steps[1] >= 0.39 * length
