from __future__ import annotations

import numpy as np
import pytest

from sim2sg_core.scene.depth_image import DepthImage


def test_values_become_metres_and_what_was_not_measured_is_nan():
    image = DepthImage(np.array([[0, 1500], [2500, 65535]], np.uint16), 1e-3)
    found = image.sample(np.array([0.0, 0.6, 0.3, 1.0]), np.array([0.0, 0.0, 0.9, 1.0]))
    np.testing.assert_allclose(found, [np.nan, 1.5, 2.5, 65.535])
    metres = DepthImage(np.array([[np.nan, np.inf, -1, 2.5]], np.float32))
    np.testing.assert_array_equal(metres.sample(np.arange(4) / 4, np.zeros(4)), [np.nan, np.nan, np.nan, 2.5])


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_it_turns_as_images_do(degrees):
    values = np.arange(12, dtype=np.uint16).reshape(3, 4)
    np.testing.assert_array_equal(DepthImage(values).turned(degrees).values, np.rot90(values, -degrees // 90))


def test_another_aspect_is_another_view():
    image = DepthImage(np.zeros((240, 320), np.uint16))
    assert image.fits(640, 480) and image.fits(1280, 960)
    assert not image.fits(1280, 720)
