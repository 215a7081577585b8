"""The cheapest pairs of all rows or columns, against all other pairs."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.scene.assignment import assign_all


@given(st.integers(0, 5), st.integers(0, 5), st.integers(0, 2**31), st.booleans())
def test_no_assignment_is_cheaper(rows, columns, seed, ties):
    cost = np.random.default_rng(seed).normal(size=(rows, columns))
    cost = cost.round() if ties else cost
    found_rows, found_columns = assign_all(cost)
    assert len(found_rows) == len(found_columns) == min(rows, columns)
    assert (np.diff(found_rows) > 0).all() and len(set(found_columns)) == len(found_columns)
    tall = cost if rows >= columns else cost.T
    orders = itertools.permutations(range(tall.shape[0]), tall.shape[1])
    best = min(sum(tall[r, c] for c, r in enumerate(order)) for order in orders)
    assert cost[found_rows, found_columns].sum() == pytest.approx(best)


def test_a_greedy_choice_would_cost_more():
    rows, columns = assign_all(np.array([[0.0, 1.0], [1.0, 9.0]]))
    assert rows.tolist() == [0, 1] and columns.tolist() == [1, 0]
