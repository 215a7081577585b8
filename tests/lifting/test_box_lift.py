"""Boxes without anything but a class become 3D boxes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.lifting import lift_box
from sim2sg_core.scene import Camera, Placement

K = np.array([[720.0, 0, 621], [0, 720, 187], [0, 0, 1]])
CAMERA = Camera.from_extrinsics(1242, 375, K, 1.65, 0.01)
CAR, PERSON = np.array([4.1, 1.75, 1.55]), np.array([0.8, 0.6, 1.7])


def box_of(placement):
    pixels = CAMERA.project(CAMERA.to_camera(placement.corners()))
    return np.concatenate([pixels.min(0), pixels.max(0)])


@given(st.floats(10, 50), st.floats(-0.4, 0.4))
def test_people_come_back(x, slope):
    truth = Placement("pedestrian", np.array([x, slope * x, 0.0]), 0.0, PERSON)
    pose, std = lift_box(box_of(truth), PERSON, CAMERA)
    assert pose.position == pytest.approx(truth.to_pose(CAMERA).position, rel=0.08, abs=0.15)
    assert 0 < std < 0.15


@given(st.floats(12, 50), st.floats(-0.3, 0.3), st.sampled_from([0.0, np.pi / 2]))
def test_cars_along_and_across_the_street_come_back(x, slope, yaw):
    truth = Placement("car", np.array([x, slope * x, 0.0]), yaw, CAR)
    box = box_of(truth)
    pose, _ = lift_box(box, CAR, CAMERA)
    found = Placement.from_pose("car", pose, CAMERA)
    assert found.position[:2] == pytest.approx(truth.position[:2], rel=0.15, abs=0.8)
    turned = abs((found.yaw - yaw + np.pi / 2) % np.pi - np.pi / 2)
    if box[0] > 2 and box[2] < 1240 and abs(slope) < 0.1:
        assert turned < np.radians(25)


@pytest.mark.parametrize("grounded", [True, False])
@pytest.mark.parametrize(("model", "distortion"), [("plumb_bob", [-0.3, 0.09, 0, 0]), ("equidistant", [0.0] * 4)])
def test_people_come_back_from_the_rim_of_a_bent_image(model, distortion, grounded):
    wide = np.array([[400.0, 0, 640], [0, 400, 360], [0, 0, 1]])
    camera = Camera.from_extrinsics(
        1280, 720, wide, 1.5, 0.05, 0.0, distortion=np.array(distortion), distortion_model=model
    )
    truth = Placement("pedestrian", np.array([6.0, 6.0, 0.0]), 0.0, PERSON)
    pixels = camera.project(camera.to_camera(truth.corners()))
    pose, _ = lift_box(np.concatenate([pixels.min(0), pixels.max(0)]), PERSON, camera, grounded)
    assert pose.position == pytest.approx(truth.to_pose(camera).position, rel=0.12, abs=0.15)


def test_what_is_above_the_ground_keeps_the_depth_of_its_height():
    box = np.array([600.0, 20, 660, 80])  # in the sky
    pose, _ = lift_box(box, np.array([0.1, 0.1, 0.2]), CAMERA, grounded=False)
    assert pose.position[2] == pytest.approx(720 * 0.2 / 60, abs=0.1)


def test_a_cut_box_says_less():
    whole = lift_box(np.array([300.0, 150, 500, 300]), CAR, CAMERA)[1]
    cut = lift_box(np.array([300.0, 150, 500, 375]), CAR, CAMERA)[1]
    assert cut > whole
    heading = lift_box(np.array([0.0, 150, 90, 374]), CAR, CAMERA)[0].yaw
    assert abs(np.sin(heading)) == pytest.approx(1.0, abs=1e-6)  # along the street, in the camera's frame
