"""Measures of a picture: floor, objects, noise, shading."""

import dataclasses

import cv2
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.adaptation.appearance.image_measures import (
    GRID,
    fine_noise,
    floor_mask,
    floor_patch,
    linear_light,
    measure_image,
    shading,
)
from sim2sg_core.render.sensor import add_noise
from sim2sg_core.scene import Camera, SceneGraph
from tests.adaptation.appearance.rendered_log import PLAIN, SIZE, TARGET, log_of


@given(st.floats(0.0, 1.3))
def test_linear_light_inverts_the_renderers_encoding(light):
    encoded = 255 * np.sqrt(light / (1 + 0.18 * light * light))
    assert abs(float(linear_light(np.array([encoded]))[0]) - light) < 2e-2


def test_noise_grows_with_noise_whatever_the_edges():
    rng = np.random.default_rng(0)
    image = np.full((160, 240, 3), 110, np.uint8)
    image[40:90, 60:200] = 180
    values = [fine_noise(add_noise(image, s, 0.0, rng)) for s in (0.0, 2.0, 4.0, 8.0)]
    assert values[0] == 0 and np.all(np.diff(values) > 0.5)


@given(st.integers(0, 1000), st.floats(0.3, 3.0))
def test_shading_is_blind_to_color_and_brightness(seed, gain):
    rng = np.random.default_rng(seed)
    light = rng.uniform(0.1, 1.0, (GRID, GRID, 1)).astype(np.float32)
    inside = np.ones((GRID, GRID), bool)
    one = shading(light * np.array([0.5, 0.3, 0.2], np.float32), inside)
    other = shading(light * np.array([0.3, 0.4, 0.7], np.float32) * gain, inside)
    np.testing.assert_allclose(one[:10], other[:10], atol=1e-3)
    assert np.abs(one[10:]).max() < 1e-3


@given(st.floats(-0.2, 0.9), st.sampled_from([("equidistant", (0.0,) * 4), ("plumb_bob", (-0.3, 0.09, 0.0, 0.0))]))
def test_no_floor_above_the_horizon_that_a_lens_bends(pitch, lens):
    K = np.array([[400.0, 0, 640], [0, 400, 360], [0, 0, 1]])
    camera = Camera.from_extrinsics(
        1280, 720, K, 1.5, pitch, 0.0, distortion=np.array(lens[1]), distortion_model=lens[0]
    )
    mask = floor_mask(SceneGraph(1280, 720, (), camera=camera))
    rows, _ = np.nonzero(mask)
    first = np.stack([np.arange(1280), mask.argmax(axis=0)], axis=1) + 0.5
    rays, seen = camera.bounded_rays(first)
    up = camera.to_world(rays)[:, 2] - camera.to_world(np.zeros(3))[2]
    assert (up[seen] < 0).all() or rows.min() == 0.8 * 720
    assert mask.mean() > 0.19


def test_objects_in_the_picture_are_not_floor():
    image, graph = log_of(TARGET, 1)[0]
    whole = SceneGraph(graph.width, graph.height, (dataclasses.replace(graph.objects[0], box=np.array([0, 0, *SIZE])),))
    assert measure_image(image, whole).floor is None
    assert measure_image(image, graph).floor is not None


def test_a_patch_of_floor_lies_as_textures_do(tmp_path):
    stripes = np.full((64, 64, 3), 60, np.uint8)
    stripes[:, :32] = 220
    cv2.imwrite(str(tmp_path / "stripes.png"), stripes)
    update = {**PLAIN, "patches": {"floor": (str(tmp_path / "stripes.png"),)}, "patch_size": 0.6}
    image, graph = log_of(update, 1, (480, 320), objects=False)[0]
    patch, detail = floor_patch(image, graph, 1.5)
    along, across = (np.abs(np.diff(patch, axis=axis)).mean() for axis in (1, 0))
    assert along > 3 * across
    assert detail > 3
