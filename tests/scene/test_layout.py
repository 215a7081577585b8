"""Angles of layouts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
