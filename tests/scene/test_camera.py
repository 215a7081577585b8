"""The camera's geometry: projection, rays, ground, frames."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.scene import Camera

K = np.array([[500.0, 0, 320], [0, 510, 240], [0, 0, 1]])
all_extrinsics = st.tuples(st.floats(0.5, 10), st.floats(-0.5, 1.2), st.floats(-0.4, 0.4))


@given(all_extrinsics)
def test_world_frame_is_level_and_right_handed(extrinsics):
    camera = Camera.from_extrinsics(640, 480, K, *extrinsics)
    R = camera.T_world_camera[:3, :3]
    assert np.allclose(R @ R.T, np.eye(3)) and np.isclose(np.linalg.det(R), 1)
    assert np.allclose(camera.to_world(np.zeros(3)), [0, 0, extrinsics[0]])
    assert abs((R @ [0, 0, 1])[1]) < 1e-9, "the optical axis has no sideways part"
    assert np.isclose((R @ [0, 0, 1])[2], -np.sin(extrinsics[1])), "positive pitch looks down"


def test_clockwise_roll_tilts_the_horizon_anticlockwise():
    camera = Camera.from_extrinsics(640, 480, K, 1.5, 0.0, 0.1)
    left, right = camera.project(camera.to_camera(np.array([[1000.0, 500, 1.5], [1000, -500, 1.5]])))
    assert left[0] < right[0] and left[1] > right[1]


@given(all_extrinsics, st.floats(3, 40), st.floats(-5, 5))
def test_a_ground_point_seen_is_found_again(extrinsics, forward, left):
    camera = Camera.from_extrinsics(640, 480, K, *extrinsics)
    point = camera.to_camera(np.array([forward, left, 0.0]))
    if point[2] < 0.1:
        return
    assert np.isclose(camera.ground_depth(camera.project(point)), point[2], rtol=1e-6)


def test_a_ray_above_the_horizon_never_meets_the_ground():
    assert np.isinf(Camera.from_extrinsics(640, 480, K, 1.5, 0.0).ground_depth(np.array([320.0, 100.0])))


@pytest.mark.parametrize(
    ("model", "coefficients"),
    [
        ("plumb_bob", [-0.2, 0.05, 1e-3, -1e-3, 0.0]),
        ("rational_polynomial", [0.1, 0.02, 1e-3, 1e-3, 0.01, 0.2, 0.01, 0.0]),
        ("equidistant", [-0.01, 0.003, -0.002, 0.0]),
    ],
)
def test_rays_invert_projection_through_a_lens(model, coefficients):
    camera = Camera(640, 480, K, None, np.array(coefficients), model)
    points = np.random.default_rng(0).uniform([-1, -0.7, 2], [1, 0.7, 3], (50, 3))
    rays = camera.rays(camera.project(points))
    assert np.allclose(rays, points / points[:, 2:], atol=1e-6)


def test_distortion_agrees_with_opencv():
    cv2 = pytest.importorskip("cv2")
    points = np.random.default_rng(1).uniform([-1, -0.7, 2], [1, 0.7, 3], (20, 3))
    coefficients = np.array([-0.3, 0.1, 2e-3, -1e-3, -0.02])
    expected, _ = cv2.projectPoints(points, np.zeros(3), np.zeros(3), K, coefficients)
    assert np.allclose(Camera(640, 480, K, None, coefficients).project(points), expected[:, 0], atol=1e-8)


def test_scaling_scales_pixels():
    camera = Camera(640, 480, K)
    point = np.array([0.3, -0.2, 2.0])
    assert np.allclose(camera.scaled(320, 120).project(point), camera.project(point) * [0.5, 0.25])


def test_images_of_the_same_aspect_ratio_may_be_the_cameras():
    camera = Camera(640, 480, K)
    assert camera.scaled(640, 480) is camera
    sizes = {(640, 480): True, (320, 240): True, (641, 480): True, (160, 121): True, (640, 360): False}
    assert {size: camera.has_aspect(*size) for size in sizes} == sizes


def test_json_round_trip():
    camera = Camera.from_extrinsics(640, 480, K, 1.65, 0.02, 0.01, distortion=np.array([0.1, 0, 0, 0, 0]))
    again = Camera.from_json(camera.to_json(), 640, 480)
    assert np.allclose(again.K, K) and np.allclose(again.ground, camera.ground, atol=1e-7)
    assert np.allclose(again.distortion, camera.distortion)


def test_unknown_ground_and_unknown_lens_say_so():
    with pytest.raises(Sim2SGError, match="height and pitch"):
        Camera(640, 480, K).to_world(np.zeros(3))
    with pytest.raises(Sim2SGError, match="plumb_bob"):
        Camera(640, 480, K, None, np.array([0.1]), "mystery").project(np.array([0, 0, 1.0]))
