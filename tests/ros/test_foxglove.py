from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from rclpy.serialization import deserialize_message, serialize_message
from std_msgs.msg import Header

from sim2sg_core.report.overlay import CLASS_COLORS, PREDICATE_COLORS
from sim2sg_core.scene import Relation, SceneGraph, SceneObject
from sim2sg_ros.foxglove import FONT_PX, graph_to_annotations, lay_out_annotations

pytestmark = pytest.mark.ros

CLASSES, PREDICATES = ["book", "cup"], ["on", "left_of"]
corners = st.tuples(st.floats(0, 600), st.floats(0, 400), st.floats(1, 40), st.floats(1, 40))


def scene(first: tuple[float, ...], second: tuple[float, ...]) -> SceneGraph:
    boxes = [np.array([x, y, x + w, y + h]) for x, y, w, h in (first, second)]
    objects = (SceneObject("cup", 0.9, boxes[0], id="cup_4"), SceneObject("book", 0.75, boxes[1], id="book_5"))
    return SceneGraph(640, 480, objects, (Relation(0, "left_of", 1, 0.8),))


@given(corners, corners)
def test_boxes_are_closed_lines_around_the_objects(first: tuple[float, ...], second: tuple[float, ...]) -> None:
    graph = scene(first, second)
    lines, texts = lay_out_annotations(graph, CLASSES, PREDICATES)
    for line, text, item in zip(lines, texts, graph.objects):
        x1, y1, x2, y2 = item.box
        assert line.closed
        assert set(line.points) == {(x1, y1), (x2, y1), (x2, y2), (x1, y2)}
        steps = np.diff([*line.points, line.points[0]], axis=0)
        assert (np.count_nonzero(steps, axis=1) <= 1).all()  # Along the sides, not across.
        assert line.color == text.ground == CLASS_COLORS[CLASSES.index(item.label)]
        assert text.at[0] == x1
        assert text.at[1] >= FONT_PX  # The letters stand on it and stay in the image.


@given(corners, corners)
def test_an_arrow_is_one_line_with_its_tip_at_the_object(first: tuple[float, ...], second: tuple[float, ...]) -> None:
    graph = scene(first, second)
    lines, texts = lay_out_annotations(graph, CLASSES, PREDICATES)
    arrow, words = lines[2], texts[2]
    start, end = ((item.box[:2] + item.box[2:]) / 2 for item in graph.objects)
    assert not arrow.closed
    assert (words.text, words.color, arrow.color) == ("left of", PREDICATE_COLORS[1], PREDICATE_COLORS[1])
    np.testing.assert_allclose(arrow.points[0], start)
    np.testing.assert_allclose(arrow.points[1], end)
    if len(arrow.points) > 2:
        sides = np.array([arrow.points[2], arrow.points[4]])
        np.testing.assert_allclose(*np.linalg.norm(sides - end, axis=1), atol=1e-6)
        assert (np.linalg.norm(sides - start, axis=1) < np.linalg.norm(end - start) + 1e-6).all()


def test_names_have_scores_and_track_ids() -> None:
    _, texts = lay_out_annotations(scene((10, 50, 30, 30), (200, 50, 30, 30)))
    assert [text.text for text in texts] == ["cup_4 0.90", "book_5 0.75", "left of"]
    assert lay_out_annotations(SceneGraph(640, 480)) == ([], [])


def test_the_message_of_foxglove_msgs_says_the_same() -> None:
    msg = pytest.importorskip("foxglove_msgs.msg", reason="foxglove_msgs is not installed")
    header = Header(frame_id="left_optical")
    header.stamp.sec = 12
    graph = scene((10, 50, 30, 30), (200, 50, 30, 30))
    made = graph_to_annotations(msg, graph, header, CLASSES, PREDICATES)
    read = deserialize_message(serialize_message(made), msg.ImageAnnotations)
    lines, texts = lay_out_annotations(graph, CLASSES, PREDICATES)
    loop, strip = msg.PointsAnnotation.LINE_LOOP, msg.PointsAnnotation.LINE_STRIP
    assert [item.type for item in read.points] == [loop, loop, strip]
    assert [[(p.x, p.y) for p in item.points] for item in read.points] == [line.points for line in lines]
    assert [(item.text, (item.position.x, item.position.y)) for item in read.texts] == [(t.text, t.at) for t in texts]
    color = read.points[0].outline_color
    np.testing.assert_allclose([color.r, color.g, color.b, color.a], [*(c / 255 for c in CLASS_COLORS[1]), 1])
    assert all(item.timestamp == header.stamp for item in [*read.points, *read.texts])
    assert getattr(read, "timestamp", header.stamp) == header.stamp
