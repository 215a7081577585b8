"""Laws of the distances between sets of images."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.adaptation.content.feature_distance import log_density, mean_squares, squared_mmd


def points(count, seed, shift=0.0):
    return torch.tensor(np.random.default_rng(seed).normal(size=(count, 5)) + shift)


@given(st.integers(1, 8), st.integers(0, 99))
def test_equal_sets_are_at_no_distance(count, seed):
    a = points(count, seed)
    assert float(squared_mmd(a, a[torch.randperm(count)])) == pytest.approx(0, abs=1e-9)


@given(st.integers(2, 8), st.integers(2, 8), st.integers(0, 99))
def test_the_distance_is_never_negative_and_the_same_both_ways(n, m, seed):
    a, b = points(n, seed), points(m, seed + 1)
    assert float(squared_mmd(a, b)) == pytest.approx(float(squared_mmd(b, a)))
    assert float(squared_mmd(a, b)) >= -1e-9


def test_the_distance_grows_with_a_shift():
    a = points(200, 0)
    found = [float(squared_mmd(a, points(200, 1, shift))) for shift in (0.0, 0.3, 0.6, 1.2, 2.4)]
    assert found == sorted(found) and found[0] < 0.02 < found[2]


def test_mean_squares_by_hand():
    a, b = torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 1.0], [0.0, 0.0]])
    assert mean_squares(a, b).tolist() == [[5.0, 0.0]]


def test_density_is_high_among_samples():
    samples = points(100, 0)
    inside, outside = torch.zeros(1, 5, dtype=samples.dtype), torch.full((1, 5), 4.0, dtype=samples.dtype)
    density = log_density((torch.cat([inside, outside]),), (samples,), 0.5)
    assert density[0] > density[1] + 5
    # By hand: one sample at mean squared difference 1, bandwidth 0.5.
    one = log_density((torch.ones(1, 2),), (torch.zeros(1, 2),), 0.5)
    assert float(one) == pytest.approx(-2)
    both = torch.tensor([[0.0], [1.0]])
    assert log_density((both,), (both,), 1.0, without_self=True).tolist() == pytest.approx([-1, -1])
