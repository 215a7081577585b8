"""Polygons: area and intersection, by hand and by laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.scene.polygons import clip_polygon, polygon_area, signed_area

SQUARE = np.array([[0, 0], [2, 0], [2, 2], [0, 2]], float)


@st.composite
def rectangles(draw):
    """Counter-clockwise corners; sides often lie on one line."""
    numbers = st.sampled_from([0.5, 1.0, 1.5, 2.0]) | st.floats(0.1, 3.0)
    yaw = draw(st.sampled_from([0.0, np.pi / 2]) | st.floats(-4, 4))
    turn = np.array([[np.cos(yaw), np.sin(yaw)], [-np.sin(yaw), np.cos(yaw)]])
    return (SQUARE - 1) / 2 * [draw(numbers), draw(numbers)] @ turn + [draw(numbers), draw(numbers)]


def test_by_hand():
    assert signed_area(SQUARE) == 4 == -signed_area(SQUARE[::-1])
    assert polygon_area(SQUARE[:2]) == polygon_area(np.zeros((0, 2))) == 0
    assert polygon_area(clip_polygon(SQUARE, SQUARE + 1)) == pytest.approx(1.0)
    assert polygon_area(clip_polygon(SQUARE, SQUARE + 5)) == 0
    narrow = SQUARE * [1, 0.5]  # three sides of the one are on those of the other
    assert (
        polygon_area(clip_polygon(SQUARE, narrow)) == polygon_area(clip_polygon(narrow, SQUARE)) == pytest.approx(2.0)
    )


@given(rectangles(), rectangles())
def test_shared_area_is_symmetric_and_no_larger_than_either(a, b):
    shared = polygon_area(clip_polygon(a, b))
    assert shared == pytest.approx(polygon_area(clip_polygon(b, a)), abs=1e-9)
    assert shared <= min(polygon_area(a), polygon_area(b)) + 1e-9
    assert polygon_area(clip_polygon(a, a)) == pytest.approx(polygon_area(a))
