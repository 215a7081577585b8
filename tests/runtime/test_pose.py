"""Known 3D poses, projected and given as outputs of a real model, come back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, reject, settings
from hypothesis import strategies as st

from sim2sg_core.domains import load_domain
from sim2sg_core.lifting.fusion import fuse_depth
from sim2sg_core.runtime import Predictor, load_info
from sim2sg_core.runtime.pose import azimuth, lift
from sim2sg_core.runtime.preprocessing import Letterbox
from sim2sg_core.scene import Camera, Placement
from tests.runtime.constant_model import FOCAL_REF, INPUT, empty_outputs

LENSES = {
    "pinhole": ((), "plumb_bob"),
    "barrel": ((-0.2, 0.05, 0.001, -0.001, 0.0), "plumb_bob"),
    "fisheye": ((0.02, -0.003, 0.0, 0.0), "equidistant"),
}


@st.composite
def cameras(draw, lenses=tuple(LENSES)):
    """Cameras of any size, focal length, extrinsics and lens."""
    width, height = draw(st.integers(100, 1300)), draw(st.integers(100, 900))
    focal = draw(st.floats(0.6, 2.0)) * width
    K = np.array(
        [
            [focal, 0, width * draw(st.floats(0.4, 0.6))],
            [0, focal * draw(st.floats(0.98, 1.02)), height * draw(st.floats(0.4, 0.6))],
            [0, 0, 1],
        ]
    )
    coefficients, model = LENSES[draw(st.sampled_from(lenses))]
    return Camera.from_extrinsics(
        width,
        height,
        K,
        draw(st.floats(0.5, 8)),
        draw(st.floats(-0.2, 1.2)),
        draw(st.floats(-0.3, 0.3)),
        distortion=np.array(coefficients),
        distortion_model=model,
    )


def network_outputs(placement: Placement, camera: Camera, relative_std: float) -> dict[str, np.ndarray]:
    """What an ideal network says of one placed object."""
    pose = placement.to_pose(camera)
    box = Letterbox.fit(camera.width, camera.height, INPUT)
    outputs = empty_outputs(1, 1)
    centre = box.to_input(camera.project(pose.position))
    outputs["scores"][0], outputs["boxes"][0] = 1.0, [*box.offset, *np.add(box.offset, box.target)]
    outputs["centres"][0], outputs["sizes"][0] = centre, pose.size
    outputs["depths"][0] = pose.position[2] * FOCAL_REF / (camera.focal * box.scale)
    outputs["depth_stds"][0] = relative_std
    # Told in the world frame, from headings alone: how far the object is turned, clockwise from above,
    # against the line of sight, less the quarter turn between forward and the camera's +x.
    sight = np.arctan2(placement.position[1], placement.position[0])
    outputs["alphas"][0] = sight - placement.yaw - np.pi / 2
    return outputs


def place(camera: Camera, x: float, y: float, size: tuple[float, float, float], yaw: float) -> Placement:
    """Puts an object on the ground so that its centre appears at a given share of the image."""
    pixel = np.array([x * camera.width, y * camera.height])
    depth = float(camera.ground_depth(pixel, size[2] / 2))
    if not 0.5 < depth < 120:
        reject()
    centre = camera.to_world(camera.rays(pixel) * depth)
    return Placement("cube", centre - [0, 0, size[2] / 2], yaw, np.array(size))


def check(found, truth: Placement, camera: Camera, rtol: float) -> None:
    expected = truth.to_pose(camera)
    np.testing.assert_allclose(found.position, expected.position, rtol=rtol, atol=rtol * expected.position[2])
    np.testing.assert_allclose(found.size, expected.size, rtol=1e-5)
    assert abs((found.yaw - expected.yaw + np.pi) % (2 * np.pi) - np.pi) < 1e-3 and -np.pi <= found.yaw < np.pi
    # And so in the world, where the object was put.
    again = Placement.from_pose("cube", found, camera)
    np.testing.assert_allclose(again.position, truth.position, atol=3 * rtol * expected.position[2])


many = settings(max_examples=40, suppress_health_check=list(HealthCheck))
PLACES = {
    "x": st.floats(0.05, 0.95),
    "y": st.floats(0.05, 0.95),
    "yaw": st.floats(-10, 10),
    "size": st.tuples(st.floats(0.3, 5), st.floats(0.3, 2), st.floats(0.2, 0.9)),
}


@many
@given(camera=cameras(), **PLACES)
def test_an_ideal_network_gives_the_pose_back(make_model, camera, x, y, yaw, size):
    truth = place(camera, x, y, size, yaw)
    predictor = Predictor(make_model(network_outputs(truth, camera, 0.05)))
    graph = predictor.predict(np.zeros((camera.height, camera.width, 3), np.uint8), camera)
    check(graph.objects[0].pose, truth, camera, 2e-3)


@many
@given(camera=cameras(("pinhole",)), **PLACES)
def test_without_ground_the_networks_depth_stands_alone(make_model, camera, x, y, yaw, size):
    truth = place(camera, x, y, size, yaw)
    outputs = network_outputs(truth, camera, 0.05)
    outputs["depths"] *= 1.3
    floating = Camera(camera.width, camera.height, camera.K)
    predictor = Predictor(make_model(outputs))
    image = np.zeros((camera.height, camera.width, 3), np.uint8)
    pose = predictor.predict(image, floating).objects[0].pose
    np.testing.assert_allclose(pose.position, 1.3 * truth.to_pose(camera).position, rtol=1e-4, atol=1e-3)


def test_an_unsure_network_is_corrected_by_the_ground(make_model):
    camera = Camera.from_extrinsics(640, 480, np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), 3.0, 0.5)
    truth = place(camera, 0.4, 0.6, (1, 1, 0.8), 0.3)
    expected = truth.to_pose(camera).position[2]
    image = np.zeros((480, 640, 3), np.uint8)
    errors = {}
    for std in (0.001, 0.1, 1.0):
        outputs = network_outputs(truth, camera, std)
        outputs["depths"] *= 1.15
        pose = Predictor(make_model(outputs)).predict(image, camera).objects[0].pose
        errors[std] = pose.position[2] / expected - 1
    assert errors[0.001] == pytest.approx(0.15, abs=2e-3), "a sure network is believed"
    assert 0.0 < errors[1.0] < errors[0.1] < 0.03


@given(camera=cameras(), x=st.floats(-1, 1), y=st.floats(-1, 1))
def test_azimuth_is_the_bearing_in_the_world(camera, x, y):
    ray = np.array([x, y, 1.0])
    world = camera.T_world_camera[:3, :3] @ ray
    assume(np.hypot(world[0], world[1]) > 1e-3)
    assert azimuth(ray, camera) == pytest.approx(np.arctan2(-world[1], world[0]))


@given(x=st.floats(-3, 3), y=st.floats(-1, 1), yaw=st.floats(-3, 3))
def test_for_a_level_camera_it_is_kittis_convention(x, y, yaw):
    """rotation_y = alpha + atan2(x, z), rotation_y zero along the camera's +x and positive clockwise."""
    level = Camera.from_extrinsics(10, 10, np.eye(3), 1.65, 0.0)
    for camera in (level, Camera(10, 10, np.eye(3))):
        assert azimuth(np.array([x, y, 1.0]), camera) == pytest.approx(np.arctan2(x, 1.0), abs=1e-9)
    straight_ahead = Placement("car", np.array([10.0, 0, 0]), 0.0, np.ones(3)).to_pose(level)
    assert straight_ahead.yaw == pytest.approx(-np.pi / 2), "driving away is -90 degrees in KITTI"


def test_only_classes_that_stand_on_the_ground_alone_are_fused_with_it(make_model):
    level = Camera.from_extrinsics(640, 480, np.array([[600.0, 0, 320], [0, 600, 240], [0, 0, 1]]), 1.5, 0.4)
    truth = place(level, 0.5, 0.6, (0.5, 0.5, 0.5), 0.0)
    outputs = network_outputs(truth, level, 0.1)
    outputs["depths"] *= 1.1
    data = load_domain("clevr").to_json()
    far = 1.1 * truth.to_pose(level).position[2]
    for supports, fused in ((["ground"], True), (["ground", "sphere"], False), (["sphere"], False), (None, True)):
        data["classes"][0]["supports"] = supports
        if supports is None:
            del data["classes"][0]["supports"]
        model = make_model(outputs, f"{supports}.onnx", domain=json.dumps(data))
        assert load_info(model).grounded.tolist() == [fused, True, True]
        [found] = Predictor(model).predict(np.zeros((480, 640, 3), np.uint8), level).objects
        assert (found.pose.position[2] < 0.95 * far) == fused
        assert fused or found.pose.position[2] == pytest.approx(far, rel=1e-4)


@given(camera=cameras(), seed=st.integers(0, 10**6), grounded=st.booleans())
def test_a_lens_is_inverted_once_and_the_depths_stay_those_of_the_lens(camera, seed, grounded):
    rng = np.random.default_rng(seed)
    centres = rng.uniform([0, 0], [camera.width, camera.height], (6, 2))
    depths, stds, sizes = rng.uniform(1, 30, 6), rng.uniform(0.02, 0.3, 6), rng.uniform(0.2, 2, (6, 3))
    stands = np.array([True, grounded] * 3)
    lifted = lift(centres, depths, stds, sizes, np.zeros(6), camera, stands)
    expected, expected_stds = fuse_depth(depths, stds, centres, sizes[:, 2], camera, stands)
    rays = camera.rays(centres)
    seen = np.isfinite(rays).all(axis=1)  # A wide lens shows corners that no ray reaches.
    np.testing.assert_allclose(lifted.positions[seen], (rays * expected[:, None])[seen], rtol=1e-9)
    np.testing.assert_allclose(lifted.stds[seen], expected_stds[seen], rtol=1e-9)
