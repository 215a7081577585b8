"""Lenses: projection and its inverse, to a millionth of a pixel up to where no ray leads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.scene import Camera
from sim2sg_core.scene.lens import bends, distort_points, undistort_points

REAL = {
    "plumb_bob action camera": ("plumb_bob", (-0.26, 0.10, 0, 0, -0.02), 900, (1920, 1080)),
    "plumb_bob four": ("plumb_bob", (-0.283, 0.0740, 0.00019, 1.8e-5), 458, (752, 480)),
    "rational depth camera": (
        "rational_polynomial",
        (0.66, -2.75, 7e-4, -5e-5, 1.6, 0.54, -2.57, 1.52),
        608,
        (1280, 720),
    ),
    "rational large": ("rational_polynomial", (7.1, 5.1, 0, 0, 0.2, 7.4, 7.2, 1.7), 973, (2048, 1536)),
    "tracking fisheye": ("equidistant", (-0.008, 0.045, -0.042, 0.008), 286, (848, 800)),
    "fisheye 180 degrees": ("equidistant", (0.02, -0.005, 0, 0), 407, (1280, 960)),
    "ideal fisheye": ("equidistant", (0, 0, 0, 0), 407, (1280, 960)),
}


@pytest.mark.parametrize("name", REAL)
def test_rays_project_back_to_their_pixels(name):
    model, d, focal, (width, height) = REAL[name]
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
    camera = Camera(width, height, K, None, np.array(d, float), model)
    pixels = np.stack(np.meshgrid(np.linspace(0, width, 41), np.linspace(0, height, 31)), axis=-1)
    rays = camera.rays(pixels)
    seen = np.isfinite(rays).all(axis=-1)
    assert seen[10:20, 15:25].all() and np.abs(camera.project(rays[seen]) - pixels[seen]).max() < 1e-6
    bounded, mask = camera.bounded_rays(pixels)
    assert np.isfinite(bounded).all() and (mask == seen).all()


@pytest.mark.parametrize("d", [(0, 0, 0, 0), (0.05, -0.01, 0.001, 0), (-0.008, 0.045, -0.042, 0.008)])
@pytest.mark.parametrize("degrees", [0, 1e-7, 1, 45, 80, 85, 89])
def test_a_fisheye_is_inverted_exactly_to_its_rim(d, degrees):
    x = np.tan(np.radians(degrees))
    point = np.array([0.6 * x, -0.8 * x])
    bent = distort_points(point, np.array(d, float), "equidistant")
    theta = np.radians(degrees)
    assert np.hypot(*bent) == pytest.approx(theta + sum(k * theta ** (3 + 2 * i) for i, k in enumerate(d)), abs=1e-12)
    found, seen = undistort_points(bent, np.array(d, float), "equidistant")
    if d[2] < 0 and degrees > 84:
        return  # beyond the fold of this polynomial
    angle = np.arctan(np.hypot(*found))
    assert seen and angle == pytest.approx(theta, abs=1e-8)


def test_no_ray_leads_beyond_ninety_degrees_or_a_fold():
    fisheye = Camera(1280, 960, np.array([[300.0, 0, 640], [0, 300, 480], [0, 0, 1]]), None, np.zeros(4), "equidistant")
    edge = 640 + 300 * np.pi / 2
    rays = fisheye.rays(np.array([[edge - 1, 480.0], [edge + 1, 480.0]]))
    assert np.isfinite(rays[0]).all() and np.isnan(rays[1]).all()
    bounded, seen = fisheye.bounded_rays(np.array([edge + 1, 480.0]))
    assert not seen and bounded[0] > 1e5
    ground = Camera.from_extrinsics(
        1280, 960, fisheye.K, 1.5, 0.3, distortion=np.zeros(4), distortion_model="equidistant"
    )
    assert np.isinf(ground.ground_depth(np.array([edge + 1, 480.0])))
    # r (1 - r²/2) rises to 0.544 at r = 0.816 and falls from there.
    _, seen = undistort_points(np.array([[0.54, 0.0], [0.55, 0.0]]), np.array([-0.5]), "plumb_bob")
    assert seen.tolist() == [True, False]


@given(st.floats(-0.4, 0.4), st.floats(-0.1, 0.1), st.floats(-2e-3, 2e-3), st.floats(0, 2 * np.pi), st.floats(0, 0.7))
def test_any_pinhole_lens_where_it_rises(k1, k2, p1, angle, r):
    d = np.array([k1, k2, p1, -p1, 0.0])
    rising = np.linspace(0, 1.05 * r + 0.05, 50)
    if (np.diff(rising * (1 + k1 * rising**2 + k2 * rising**4)) <= 1e-4).any():
        return
    point = r * np.array([np.cos(angle), np.sin(angle)])
    found, seen = undistort_points(distort_points(point, d, "plumb_bob"), d, "plumb_bob")
    assert seen and np.allclose(found, point, atol=1e-8)


def test_zero_coefficients_are_a_pinhole_but_for_equidistant_lenses():
    assert not bends(np.zeros(5), "plumb_bob") and not bends(np.zeros(0), "rational_polynomial")
    assert bends(np.zeros(4), "equidistant") and bends(np.zeros(0), "equidistant")
    camera = Camera(64, 48, np.eye(3), None, np.zeros(4), "equidistant")
    again = Camera.from_json(camera.to_json(), 64, 48)
    assert not again.is_pinhole and again.without_lens().is_pinhole
