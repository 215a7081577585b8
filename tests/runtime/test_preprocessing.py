"""The letterbox: where pixels and coordinates go."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime.preprocessing import PADDING, Letterbox, NetworkInput, letterbox, resize

SIZES = st.integers(1, 900)


@given(SIZES, SIZES, st.integers(8, 700), st.integers(8, 700))
def test_the_image_fills_one_side_and_keeps_its_shape(image_w, image_h, width, height):
    box = Letterbox.fit(image_w, image_h, NetworkInput(width, height))
    w, h = box.target
    assert (w == width or h == height) and 1 <= w <= width and 1 <= h <= height
    assert abs(w - max(1, image_w * box.scale)) <= 0.5 and abs(h - max(1, image_h * box.scale)) <= 0.5
    np.testing.assert_allclose(np.array([w, h]) * box.ratio, [image_w, image_h])


@pytest.mark.parametrize("size", [(640, 480), (100, 300), (37, 20), (320, 240), (1242, 375)])
@pytest.mark.parametrize("bgr", [False, True])
def test_padding_is_grey_and_channels_are_rgb(size, bgr):
    image = np.full((size[1], size[0], 3), (200, 100, 50), np.uint8)
    out, box = letterbox(image[..., ::-1] if bgr else image, NetworkInput(320, 240, (160.0, 120.0)), bgr=bgr)
    (x, y), (w, h) = box.offset, box.target
    assert out.shape == (240, 320, 3) and out.dtype == np.uint8
    assert (out[y : y + h, x : x + w] == (200, 100, 50)).all()
    padded = np.ones((240, 320), bool)
    padded[y : y + h, x : x + w] = False
    assert (out[padded] == PADDING).all()
    assert abs(x - (320 - w) / 2) <= 0.5 and abs(y - (240 - h) / 2) <= 0.5


@given(SIZES, SIZES, st.floats(-50, 800), st.floats(-50, 800))
def test_the_middle_lies_at_the_principal_point_as_near_as_the_padding_lets_it(width, height, x, y):
    frame = NetworkInput(320, 240, (x, y))
    box = Letterbox.fit(width, height, frame)
    for offset, side, size, middle in zip(box.offset, box.target, (320, 240), frame.principal, strict=True):
        assert 0 <= offset <= size - side
        away = offset + side / 2 - middle
        assert abs(away) <= 0.5 or (away > 0 and offset == 0) or (away < 0 and offset == size - side)
    corners = np.array([[0.0, 0.0], [width, height]])
    assert np.allclose(box.to_input(corners), np.array([box.offset, np.add(box.offset, box.target)]))
    assert np.allclose(box.to_image(box.to_input(corners)), corners, atol=1e-9)


def test_a_reused_buffer_holds_nothing_of_the_last_image():
    out, frame = np.zeros((240, 320, 3), np.uint8), NetworkInput(320, 240, (160.0, 120.0))
    wide, tall = np.full((100, 400, 3), 250, np.uint8), np.full((400, 100, 3), 10, np.uint8)
    for image in (wide, tall, wide):
        filled, _ = letterbox(image, frame, out=out)
        assert filled is out
        np.testing.assert_array_equal(out, letterbox(image, frame)[0])


@given(
    x=st.floats(0.1, 0.9),
    y=st.floats(0.1, 0.9),
    w=st.integers(60, 1300),
    h=st.integers(60, 800),
    seed=st.integers(0, 9),
)
def test_a_spot_lands_where_the_coordinates_say(x, y, w, h, seed):
    image = np.zeros((h, w, 3), np.uint8)
    centre = np.array([x * w, y * h])
    radius = 0.07 * min(w, h)
    grid = np.stack(np.meshgrid(np.arange(w) + 0.5, np.arange(h) + 0.5), axis=-1)  # pixel i covers [i, i + 1)
    image[np.linalg.norm(grid - centre, axis=-1) < radius] = 255
    lit = image[..., 0] > 0
    truth = grid[lit].mean(axis=0)
    out, box = letterbox(image, NetworkInput(320, 240))
    weights = out[: box.target[1], : box.target[0], 0].astype(float)
    ys, xs = np.indices(weights.shape) + 0.5
    found = np.array([(xs * weights).sum(), (ys * weights).sum()]) / weights.sum()
    np.testing.assert_allclose(found * box.ratio, truth, atol=0.25 / box.scale)


def test_shrinking_does_not_skip_pixels():
    """A pattern finer than the output turns grey; a filter that skips pixels turns it into stripes."""
    stripes = np.zeros((400, 600, 3), np.uint8)
    stripes[:, ::4] = stripes[:, 1::4] = 255
    small = resize(stripes, 170, 113)[5:-5, 5:-5].astype(float)
    linear = cv2.resize(stripes, (170, 113), interpolation=cv2.INTER_LINEAR)[5:-5, 5:-5].astype(float)
    assert small.mean() == pytest.approx(127.5, abs=2)
    assert small.std() < 0.35 * linear.std()


def test_slight_shrinking_is_linear_and_halving_is_the_mean_of_two_by_two():
    image = np.random.default_rng(0).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    linear = cv2.resize(image, (231, 154), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_array_equal(resize(image, 231, 154), linear)
    means = image.reshape(100, 2, 150, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(resize(image, 150, 100), means, atol=0.5)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((5, 5), np.uint8),
        np.zeros((5, 5, 4), np.uint8),
        np.zeros((5, 5, 3)),
        np.zeros((0, 5, 3), np.uint8),
    ],
)
def test_other_arrays_are_refused(image):
    with pytest.raises(Sim2SGError, match=r"\(h, w, 3\) uint8"):
        letterbox(image, NetworkInput(320, 240))


@given(
    w=st.integers(1, 700),
    h=st.integers(1, 500),
    width=st.integers(8, 400),
    height=st.integers(8, 300),
    bgr=st.booleans(),
)
def test_written_in_place_as_if_step_by_step(w, h, width, height, bgr):
    image = np.random.default_rng(w * h).integers(0, 256, (h, w, 3), dtype=np.uint8)
    box = Letterbox.fit(w, h, NetworkInput(width, height))
    plain = np.full((height, width, 3), PADDING, np.uint8)
    small = resize(image, *box.target)
    plain[: box.target[1], : box.target[0]] = small[..., ::-1] if bgr else small
    buffer = np.zeros((height, width, 3), np.uint8)
    out, _ = letterbox(image, NetworkInput(width, height), bgr=bgr, out=buffer)
    assert out is buffer, "no copy"
    np.testing.assert_array_equal(out, plain)


def test_views_with_padded_rows_are_read_as_they_are():
    wide = np.random.default_rng(0).integers(0, 256, (60, 100, 3), dtype=np.uint8)
    wide.flags.writeable = False
    np.testing.assert_array_equal(
        letterbox(wide[:, :80], NetworkInput(40, 30))[0], letterbox(wide[:, :80].copy(), NetworkInput(40, 30))[0]
    )
