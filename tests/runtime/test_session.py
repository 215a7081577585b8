"""A session of fixed shapes, bound once, computes what a free one does."""

from __future__ import annotations

import numpy as np
import onnxruntime
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sim2sg_core.runtime.metadata import OUTPUTS
from sim2sg_core.runtime.providers import BATCH, has_cuda_graph, open_session
from sim2sg_core.runtime.session import Runner, is_fixed
from tests.runtime.constant_model import HEIGHT, WIDTH


def fixed(path) -> onnxruntime.InferenceSession:
    """What `open_session` opens on a GPU, on the CPU."""
    options = onnxruntime.SessionOptions()
    options.add_free_dimension_override_by_name(BATCH, 1)
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


@pytest.fixture
def echo(make_model, three_objects):
    """A model that tells the mean colour of each image as sizes."""
    return make_model(three_objects, echo=True)


def images(seed: int, count: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, HEIGHT, WIDTH, 3), dtype=np.uint8)


def test_the_cpu_keeps_a_free_batch(echo):
    session, _ = open_session(echo, "cpu")
    assert not is_fixed(session) and not has_cuda_graph(session)
    assert is_fixed(fixed(echo))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 4))
def test_bound_or_not_makes_no_difference(echo, seed, count):
    batch = images(seed, count)
    free = Runner(open_session(echo, "cpu", threads=1)[0])(batch)
    bound = Runner(fixed(echo))(batch)
    assert len(free) == len(bound) == len(OUTPUTS)
    for name, one, other in zip(OUTPUTS, free, bound):
        assert one.dtype == other.dtype and len(one) == count, name
        # Sums over an image may be taken in another order.
        np.testing.assert_allclose(one, other, rtol=1e-5, err_msg=name)


def test_outputs_outlive_the_next_run(echo):
    run = Runner(fixed(echo))
    first = run(images(0, 1))
    kept = [value.copy() for value in first]
    other = run(np.zeros((1, HEIGHT, WIDTH, 3), np.uint8))
    assert not np.array_equal(first[6], other[6])
    for value, copy in zip(first, kept):
        np.testing.assert_array_equal(value, copy)
