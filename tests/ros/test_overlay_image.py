from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from std_msgs.msg import Header

from sim2sg_core.scene import Relation, SceneGraph, SceneObject
from sim2sg_ros.image_conversions import Pixels, pixels_from_image
from sim2sg_ros.overlay_image import graph_to_overlay

pytestmark = pytest.mark.ros

GRAPH = SceneGraph(
    160,
    120,
    (
        SceneObject("cup", 0.06, np.array([20.0, 40, 60, 80])),
        SceneObject("book", 0.05, np.array([100.0, 50, 140, 100])),
    ),
    (Relation(0, "left_of", 1, 0.1),),
)


def photo() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)


def header() -> Header:
    result = Header(frame_id="left_optical")
    result.stamp.sec, result.stamp.nanosec = 12, 34
    return result


def drawn(pixels: Pixels) -> np.ndarray:
    message = graph_to_overlay(GRAPH, pixels, header(), ["cup", "book"], ["left_of"])
    assert message.header == header()
    assert (message.encoding, message.step, message.is_bigendian) == ("rgb8", 3 * 160, 0)
    return pixels_from_image(message).image


def test_what_the_node_published_is_drawn_however_low_its_score() -> None:
    image = photo()
    result = drawn(Pixels(image, bgr=False))
    changed = (result != image).any(axis=-1)
    assert changed[45:75, 20].all() and changed[55:95, 100].all()  # left edges of both boxes
    assert not changed[10:30, 70:90].any()


def test_colors_are_the_same_for_either_order_and_the_image_stays() -> None:
    image = photo()
    before = image.copy()
    blue_first = np.ascontiguousarray(image[..., ::-1])
    np.testing.assert_array_equal(drawn(Pixels(image, bgr=False)), drawn(Pixels(blue_first, bgr=True)))
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("bgr", [False, True])
def test_a_read_only_view_with_padded_rows_will_do(bgr: bool) -> None:
    padded = np.zeros((120, 170, 3), np.uint8)
    padded[:, :160] = photo()
    view = np.frombuffer(padded.tobytes(), np.uint8).reshape(120, 170, 3)[:, :160]
    assert not view.flags.writeable
    np.testing.assert_array_equal(drawn(Pixels(view, bgr)), drawn(Pixels(photo(), bgr)))
