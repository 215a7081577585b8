"""Angles of layouts, and their JSON form."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.scene import Camera, Layout, Placement
from sim2sg_core.scene.layout import wrap_angle


@given(st.lists(st.floats(-50, 50), max_size=5))
def test_wrapping_turns_by_whole_turns_into_the_half_open_range(angles):
    wrapped = wrap_angle(np.array(angles))
    assert ((wrapped >= -np.pi) & (wrapped < np.pi)).all()
    turns = (np.array(angles) - wrapped) / (2 * np.pi)
    assert turns == pytest.approx(turns.round(), abs=1e-9)
    assert [wrap_angle(angle) for angle in angles] == wrapped.tolist()


def test_plain_numbers_stay_plain_and_the_border_is_below():
    assert wrap_angle(np.pi) == wrap_angle(-np.pi) == -np.pi and type(wrap_angle(np.float64(7))) is float


numbers = st.floats(-9, 9)


@given(st.tuples(numbers, numbers, numbers), numbers, st.floats(0.1, 5), st.one_of(st.none(), numbers))
def test_an_exact_layout_comes_back_to_the_last_bit_and_others_rounded(position, yaw, size, height):
    ground = None if height is None else np.array([0.1 / 3, -0.9, 0.2, height])
    camera = Camera(9, 9, np.array([[100 / 3, 0, 4.5], [0, 100 / 3, 4.5], [0, 0, 1]]), ground)
    layout = Layout(camera, (Placement("cube", np.array(position), yaw, np.full(3, size)),))

    def parts(layout):
        [cube] = layout.placements
        ground = [] if layout.camera.ground is None else layout.camera.ground
        return np.concatenate([cube.position, [cube.yaw], cube.size, layout.camera.K.ravel(), ground])

    exact, rounded = (Layout.from_json(json.loads(json.dumps(layout.to_json(exact=e)))) for e in (True, False))
    assert parts(exact).tolist() == parts(layout).tolist()
    assert parts(rounded) == pytest.approx(parts(layout), abs=6e-5)


def test_distance_to_a_turned_box():
    box = Placement("table", np.array([2.0, 1.0, 0.5]), np.pi / 2, np.array([2.0, 1.0, 0.5]))  # 1 along x, 2 along y
    assert box.distance_to(np.array([2.3, 1.8, 0.7])) == 0  # inside
    assert box.distance_to(np.array([3.5, 1.0, 0.7])) == pytest.approx(1.0)
    assert box.distance_to(np.array([2.0, 1.0, 0.1])) == pytest.approx(0.4)  # below
    assert box.distance_to(np.array([2.5 + 0.3, 2.0 + 0.4, 1.0 + 1.2])) == pytest.approx(1.3)  # off a corner
