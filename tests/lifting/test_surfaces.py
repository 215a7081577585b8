"""Depth images as a measurement of objects: boxes of known distance, drawn into depth images, are found there."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.lifting.surfaces import SOLID, SOLID_STD, Surfaces, front_distances, fuse_surfaces, visible_surfaces
from sim2sg_core.runtime.pose import azimuth, lift
from sim2sg_core.scene import Camera, Placement
from sim2sg_core.scene.depth_image import DepthImage
from sim2sg_core.scene.layout import camera_yaw

K = np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]])
BOX = np.array([[200.0, 100, 400, 300]])


def depth_image(background: float = 9.0) -> np.ndarray:
    return np.full((480, 640), background, np.float32)


def drawn(placement: Placement, camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """The depth image of a solid box, by the slab method, and its (4,) box in the image."""
    y, x = np.mgrid[: camera.height, : camera.width] + 0.5
    rays = camera.rays(np.stack([x, y], -1)) @ camera.T_world_camera[:3, :3].T
    c, s = np.cos(placement.yaw), np.sin(placement.yaw)
    into = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]])
    centre = placement.position + [0, 0, placement.size[2] / 2]
    origin, rays = into @ (camera.T_world_camera[:3, 3] - centre), rays @ into.T
    with np.errstate(divide="ignore"):
        ends = (np.array([[-0.5], [0.5]]) * placement.size - origin)[:, None, None] / rays
    enter, leave = ends.min(axis=0).max(axis=-1), ends.max(axis=0).min(axis=-1)
    depth = np.where((enter < leave) & (enter > 0), enter, 0.0)
    rows, columns = np.nonzero(depth)
    return depth, np.array([columns.min(), rows.min(), columns.max() + 1, rows.max() + 1], float)


def test_the_median_of_the_core_counts_and_not_what_is_around_it():
    values = depth_image()
    values[100:300, 200:400] = 5.0
    values[100:140, 200:400] = 2.0  # something before it, at its border
    values[150:170, 250:350] = np.nan
    found = visible_surfaces(DepthImage(values), BOX, 640, 480)
    assert found.depths[0] == pytest.approx(5.0)
    assert found.stds[0] == pytest.approx(np.hypot(0.01, 0.0025 * 25))
    half = visible_surfaces(DepthImage((np.nan_to_num(values[::2, ::2]) * 1000).astype(np.uint16), 1e-3), BOX, 640, 480)
    assert half.depths[0] == pytest.approx(5.0), "of another resolution"


def test_the_spread_of_the_surface_is_part_of_its_deviation():
    values = depth_image()
    values[:, ::2] = 5.0
    assert visible_surfaces(DepthImage(values), BOX, 640, 480).stds[0] > 1.0


def test_too_few_measurements_are_none():
    values = np.zeros((480, 640), np.uint16)
    values[180:200, 290:310] = 5000
    found = visible_surfaces(DepthImage(values, 1e-3), np.concatenate([BOX, [[290, 180, 310, 200.0]]]), 640, 480)
    assert np.isnan(found.depths[0]) and found.depths[1] == pytest.approx(5.0)
    assert len(visible_surfaces(DepthImage(values, 1e-3), np.zeros((0, 4)), 640, 480).depths) == 0
    with pytest.raises(Sim2SGError, match="640x480 and the image 1280x720: give the depth that is aligned"):
        visible_surfaces(DepthImage(values, 1e-3), BOX, 1280, 720)


@given(st.floats(0.0, 1.0), st.floats(-3, 3), st.floats(4, 12), st.floats(-1.5, 1.5))
def test_the_front_of_a_box_is_where_the_ray_to_its_centre_enters_it(pitch, yaw, forward, left):
    camera = Camera.from_extrinsics(64, 48, K / 10, 2.0, pitch)
    size = np.array([1.2, 0.7, 0.9])
    pose = Placement("", np.array([forward, left, 0.0]), yaw, size).to_pose(camera)
    if pose.position[2] < 1:
        return
    ray = pose.position / pose.position[2]
    alpha = pose.yaw - azimuth(ray, camera)
    front = front_distances(ray[None], np.array([alpha]), size[None], camera)[0]
    heading = camera_yaw(0.0) - pose.yaw  # of the object's length about the world's z axis
    c, s = np.cos(heading), np.sin(heading)
    into = np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) @ camera.T_world_camera[:3, :3]
    entered = np.abs(into @ (ray * front)) / (size / 2)
    assert entered.max() == pytest.approx(1.0), "on a face, and inside the others"


@pytest.mark.parametrize("network_error", [0.7, 0.9, 1.0, 1.25])
def test_a_depth_image_corrects_the_network(network_error):
    camera = Camera.from_extrinsics(640, 480, K, 1.2, 0.3)
    placement = Placement("crate", np.array([4.0, 0.3, 0.0]), 0.4, np.array([0.8, 0.6, 0.7]))
    values, box = drawn(placement, camera)
    pose = placement.to_pose(camera)
    ray = pose.position / pose.position[2]
    surfaces = visible_surfaces(DepthImage(values), box[None], 640, 480)
    lifted = lift(
        camera.project(pose.position)[None], pose.position[2:] * network_error, np.array([0.15]), pose.size[None],
        np.array([pose.yaw - azimuth(ray, camera)]), camera, np.array([False]), surfaces,
    )  # fmt: skip
    assert np.linalg.norm(lifted.positions[0] - pose.position) < 0.1
    assert lifted.stds[0] < 0.04
    assert abs(lifted.positions[0, 2] - pose.position[2]) < 3 * lifted.stds[0] * pose.position[2]


def test_what_is_before_or_behind_the_object_is_left_out():
    depths, stds = np.array([10.0, 10.0, 10.0]), np.full(3, 0.05)
    surfaces = Surfaces(np.array([4.0, 9.5, 25.0]), np.full(3, 0.1))
    fused, after = fuse_surfaces(depths, stds, surfaces, np.full(3, 0.5))
    assert fused[0] == fused[2] == 10.0 and after[0] == after[2] == 0.05
    assert 9.9 < fused[1] < 10.0 and after[1] < 0.05


def test_without_a_measurement_nothing_changes():
    surfaces = Surfaces(np.full(2, np.nan), np.full(2, np.nan))
    fused, after = fuse_surfaces(np.array([3.0, 4.0]), np.array([0.1, 0.2]), surfaces, np.ones(2))
    np.testing.assert_allclose(fused, [3.0, 4.0])
    np.testing.assert_allclose(after, [0.1, 0.2])


def test_deviations_are_those_of_inverse_variance():
    surfaces = Surfaces(np.array([10.0 - SOLID]), np.array([0.4]))
    _, after = fuse_surfaces(np.array([10.0]), np.array([0.1]), surfaces, np.ones(1))
    measured = np.hypot(0.4, SOLID_STD) / 10
    assert after[0] == pytest.approx((0.1**-2 + measured**-2) ** -0.5)
