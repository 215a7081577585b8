"""From transforms to height, pitch and roll, and back to the camera."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.logs import open_log
from sim2sg_core.logs.static_extrinsics import extrinsics_from_transforms, matrix
from sim2sg_core.scene import Camera
from tests.logs.bag_writing import T0, BagBuilder, bag, picture

BODY_OPTICAL = (-0.5, 0.5, -0.5, 0.5)  # the well-known quaternion from a body frame to its optical frame


def quaternion(R: np.ndarray) -> np.ndarray:
    """xyzw of a rotation matrix, by its largest eigenvector (Bar-Itzhack, 2000)."""
    Q = np.array(
        [
            [R[0, 0] - R[1, 1] - R[2, 2], 0, 0, 0],
            [R[0, 1] + R[1, 0], R[1, 1] - R[0, 0] - R[2, 2], 0, 0],
            [R[0, 2] + R[2, 0], R[1, 2] + R[2, 1], R[2, 2] - R[0, 0] - R[1, 1], 0],
            [R[2, 1] - R[1, 2], R[0, 2] - R[2, 0], R[1, 0] - R[0, 1], R[0, 0] + R[1, 1] + R[2, 2]],
        ]
    )
    return np.linalg.eigh(Q)[1][:, -1]


def quaternion_message(xyzw):
    """A transform that turns alone."""
    return transforms([("a", "b", (0, 0, 0), xyzw)])[0].transform


def transforms(edges):
    """Messages for the function, without a bag."""
    builder = BagBuilder(None, False)
    collected = []
    builder.write = lambda topic, message, time: collected.extend(message.transforms)
    builder.transforms(edges)
    return collected


@given(
    height=st.floats(0.1, 10),
    pitch=st.floats(-0.7, 1.2),
    roll=st.floats(-0.5, 0.5),
    yaw=st.floats(-3, 3),
    split=st.booleans(),
    upside_down_tree=st.booleans(),
)
def test_any_mount_comes_back(height, pitch, roll, yaw, split, upside_down_tree):
    camera = Camera.from_extrinsics(100, 100, np.eye(3), height, pitch, roll)
    c, s = np.cos(yaw), np.sin(yaw)
    T = np.eye(4)
    T[:2, :2] = [[c, -s], [s, c]]  # where the camera looks to on the robot is no part of its extrinsics
    T[:3, 3] = 0.3, -0.2, 0
    T = T @ camera.T_world_camera
    chain = [("base_footprint", "cam", T)]
    if split:
        middle = np.eye(4)
        middle[:3, 3] = 0, 0, 0.37
        chain = [("base_footprint", "base_link", middle), ("base_link", "cam", np.linalg.inv(middle) @ T)]
    if upside_down_tree:  # some robots make base_footprint a child of base_link
        parent, child, first = chain[0]
        chain[0] = (child, parent, np.linalg.inv(first))
    found = extrinsics_from_transforms(
        transforms([(p, c, M[:3, 3], quaternion(M[:3, :3])) for p, c, M in chain]), "cam"
    )
    assert found == pytest.approx((height, pitch, roll), abs=1e-6)


def test_by_hand_one_metre_up_looking_down_by_a_right_angles_third():
    # Base to a body frame pitched 30 degrees down (a rotation of +30 about y), then to optical.
    half = np.radians(30) / 2
    edges = [
        ("base_link", "mast", (0.2, 0, 1.0), (0, np.sin(half), 0, np.cos(half))),
        ("mast", "mast_optical", (0, 0, 0), BODY_OPTICAL),
    ]
    assert extrinsics_from_transforms(transforms(edges), "mast_optical") == pytest.approx((1.0, np.radians(30), 0))
    # Drivers that stamp images with the body frame mean its optical one.
    assert extrinsics_from_transforms(transforms(edges), "mast") == pytest.approx((1.0, np.radians(30), 0))


@given(pitch=st.floats(-1.1, 1.1), roll=st.floats(-0.7, 0.7), yaw=st.floats(-3, 3))
def test_a_body_frame_is_told_from_an_optical_one_at_any_pitch(pitch, roll, yaw):
    camera = Camera.from_extrinsics(100, 100, np.eye(3), 2.0, pitch, roll)
    c, s = np.cos(yaw), np.sin(yaw)
    turned = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    R_body = turned @ camera.T_world_camera[:3, :3] @ matrix(quaternion_message(BODY_OPTICAL))[:3, :3].T
    found = extrinsics_from_transforms(transforms([("base_footprint", "cam", (0, 0, 2), quaternion(R_body))]), "cam")
    assert found == pytest.approx((2.0, pitch, roll), abs=1e-6)


@pytest.mark.parametrize("pitch", [-0.2, 0.0, 0.5, 1.3])
@pytest.mark.parametrize("roll", [np.pi / 2, -np.pi / 2, 3.1])
def test_optical_frames_on_their_side_and_upside_down_stay_optical(pitch, roll):
    T = Camera.from_extrinsics(100, 100, np.eye(3), 2.0, pitch, roll).T_world_camera
    found = extrinsics_from_transforms(transforms([("base_link", "cam", T[:3, 3], quaternion(T[:3, :3]))]), "cam")
    assert found == pytest.approx((2.0, pitch, roll), abs=1e-6)


def test_base_footprint_goes_before_base_link(caplog):
    edges = [
        ("base_footprint", "base_link", (0, 0, 0.4), (0, 0, 0, 1)),
        ("base_link", "cam", (0, 0, 1.0), BODY_OPTICAL),
    ]
    for order in itertools.permutations(edges):
        assert extrinsics_from_transforms(transforms(list(order)), "/cam")[0] == pytest.approx(1.4)
    assert not caplog.records
    assert extrinsics_from_transforms(transforms(edges[1:]), "cam")[0] == pytest.approx(1.0)
    assert "base_link counts as lying on the ground" in caplog.text


def test_unconnected_cameras_and_cameras_under_ground_have_no_mount():
    edges = [("base_link", "lidar", (0, 0, 1), (0, 0, 0, 1)), ("mast", "cam", (0, 0, 1), BODY_OPTICAL)]
    assert extrinsics_from_transforms(transforms(edges), "cam") is None
    assert extrinsics_from_transforms(transforms(edges), "other") is None
    assert extrinsics_from_transforms(transforms([("base_link", "cam", (0, 0, -1), BODY_OPTICAL)]), "cam") is None


@pytest.mark.parametrize(
    ("position", "rotation"),
    [((0, 0, np.nan), (0, 0, 0, 1)), ((0, 0, 1), (0, 0, 0, 0)), ((0, 0, 1), (np.inf, 0, 0, 1))],
)
def test_transforms_that_are_not_filled_in_are_not_used(caplog, position, rotation):
    edges = [("base_link", "mast", position, rotation), ("mast", "cam", (0, 0, 1), BODY_OPTICAL)]
    assert extrinsics_from_transforms(transforms(edges), "cam") is None
    assert "base_link -> mast has no valid rotation or position" in caplog.text


def test_matrix_turns_as_a_quaternion_should():
    [item] = transforms([("a", "b", (1, 2, 3), (0, 0, np.sin(np.pi / 4), np.cos(np.pi / 4)))])
    np.testing.assert_allclose(matrix(item.transform) @ [1, 0, 0, 1], [1, 3, 3, 1], atol=1e-12)


def test_mount_from_a_bag(tmp_path, form):
    path = tmp_path / ("b.bag" if form == "ros1" else "b")
    with bag(path, form) as b:
        b.transforms([("base_footprint", "cam", (0, 0, 1.65), BODY_OPTICAL)])
        b.compressed("/cam/compressed", picture(), T0 + 1)
    assert open_log(path).extrinsics() == pytest.approx((1.65, 0, 0))
