from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from sensor_msgs.msg import CameraInfo
from std_msgs.msg import Header

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.scene import Camera
from sim2sg_ros.live_camera import CameraCalibration, camera_from_message
from sim2sg_ros.parameters import NodeParameters

pytestmark = pytest.mark.ros

MOUNT = NodeParameters(camera_height=1.2, camera_pitch=0.3)


def info(**fields: object) -> CameraInfo:
    values: dict[str, object] = {"width": 640, "height": 480, "distortion_model": "plumb_bob"}
    values["k"] = [500.0, 0, 320, 0, 510, 240, 0, 0, 1]
    values["p"] = [400.0, 0, 300, 0, 0, 410, 200, 0, 0, 0, 1, 0]
    values["d"] = [0.1, 0, 0, 0, 0]
    return CameraInfo(**{**values, **fields})


def test_camera_info() -> None:
    ground = np.array([0, -1.0, 0, 1.2])
    result = camera_from_message(info(), ground)
    assert (result.width, result.height) == (640, 480)
    np.testing.assert_array_equal(result.K, [[500, 0, 320], [0, 510, 240], [0, 0, 1]])
    np.testing.assert_array_equal(result.distortion, [0.1, 0, 0, 0, 0])
    np.testing.assert_array_equal(result.ground, ground)
    assert camera_from_message(info()).ground is None


def test_rectified_images_take_the_projection_matrix() -> None:
    result = camera_from_message(info(), rectified=True)
    np.testing.assert_array_equal(result.K, [[400, 0, 300], [0, 410, 200], [0, 0, 1]])
    assert not result.distortion.any()


@pytest.mark.parametrize(
    ("rectified", "topic", "focal"),
    [
        ("auto", "/eye/image_raw", 500),
        ("auto", "/eye/image_rect_color/compressed", 400),
        (False, "/eye/image_rect", 500),
        (True, "/eye/image_raw", 400),
    ],
)
def test_whether_images_are_rectified_is_told_or_in_the_name(rectified: bool | str, topic: str, focal: float) -> None:
    calibration = CameraCalibration()
    calibration.update(info())
    camera = calibration.camera(640, 480, NodeParameters(rectified=rectified), topic=topic)
    assert camera is not None and camera.K[0, 0] == focal and camera.is_pinhole == (focal == 400)


def test_region_and_binning_are_applied() -> None:
    message = info(binning_x=2, binning_y=2)
    message.roi.x_offset, message.roi.y_offset, message.roi.width, message.roi.height = 100, 40, 400, 300
    result = camera_from_message(message)
    assert (result.width, result.height) == (200, 150)
    np.testing.assert_allclose(result.K, [[250, 0, 110], [0, 255, 100], [0, 0, 1]])


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (info(k=[0.0] * 9), "not calibrated"),
        (info(width=0), "0x480"),
        (info(k=[math.nan, 0, 320, 0, 510, 240, 0, 0, 1]), "not finite"),
        (info(k=[500.0, 0, math.inf, 0, 510, 240, 0, 0, 1]), "not finite"),
        (info(d=[math.nan]), "not finite"),
        (info(distortion_model="magic"), "magic"),
    ],
)
def test_an_unusable_camera_info_says_why(message: CameraInfo, reason: str) -> None:
    with pytest.raises(Sim2SGError, match=reason):
        camera_from_message(message)


def test_the_camera_fits_the_image_and_stays_the_same_while_nothing_changes() -> None:
    calibration = CameraCalibration()
    assert calibration.camera(640, 480, MOUNT) is None and not calibration.received
    calibration.update(info())
    camera = calibration.camera(320, 240, MOUNT)
    assert camera is not None and calibration.received
    assert (camera.width, camera.height, camera.K[0, 0]) == (320, 240, 250)
    np.testing.assert_array_equal(camera.ground, MOUNT.ground())
    calibration.update(info(header=Header(frame_id="of the next image")))
    assert calibration.camera(320, 240, MOUNT) is camera
    assert calibration.camera(640, 480, MOUNT) is not camera
    calibration.update(info(k=[600.0, 0, 320, 0, 510, 240, 0, 0, 1]))
    changed = calibration.camera(640, 480, dataclasses.replace(MOUNT, rectified=True))
    assert changed is not None and changed.K[0, 0] == 400


def test_the_mount_is_the_parameters_or_else_that_of_the_model() -> None:
    calibration = CameraCalibration()
    calibration.update(info())
    trained_for = Camera.from_extrinsics(640, 480, np.eye(3), 2.0, 0.1)
    for parameters, expected in ((MOUNT, MOUNT.ground()), (NodeParameters(), trained_for.ground)):
        camera = calibration.camera(640, 480, parameters, trained_for)
        assert camera is not None
        np.testing.assert_array_equal(camera.ground, expected)


@pytest.mark.parametrize("rotate", [0, 90])
def test_without_camera_info_the_mount_of_the_parameters_counts_all_the_same(rotate: int) -> None:
    trained_for = Camera.from_extrinsics(64, 48, np.array([[50, 0, 32], [0, 50, 24], [0, 0, 1.0]]), 2.0, 0.1)
    calibration, size = CameraCalibration(), (480, 640) if rotate else (640, 480)
    camera = calibration.camera(*size, MOUNT, trained_for, rotate)
    assert camera is not None and (camera.width, camera.height, camera.focal) == (640, 480, 500)
    np.testing.assert_array_equal(camera.ground, MOUNT.ground())
    assert calibration.camera(*size, MOUNT, trained_for, rotate) is camera
    assert calibration.camera(*size, NodeParameters(), trained_for, rotate) is None, "the predictor knows that one"
    assert calibration.camera(640, 640, MOUNT, trained_for, rotate) is None and not calibration.problem


@pytest.mark.parametrize(
    "message", [info(k=[0.0] * 9), info(k=[math.nan] * 9), info(width=640, height=640)], ids=["zeros", "NaN", "size"]
)
def test_a_camera_info_that_cannot_be_used_is_as_none(message: CameraInfo) -> None:
    """Above all the mount of the parameters counts."""
    trained_for = Camera.from_extrinsics(64, 48, np.array([[50, 0, 32], [0, 50, 24], [0, 0, 1.0]]), 2.0, 0.1)
    calibration = CameraCalibration()
    calibration.update(message)
    for _ in range(2):
        camera = calibration.camera(640, 480, MOUNT, trained_for)
        assert camera is not None and camera.focal == 500 and "camera_info" in calibration.problem
        np.testing.assert_array_equal(camera.ground, MOUNT.ground())
    assert calibration.camera(640, 480, NodeParameters(), trained_for) is None and calibration.problem


def test_of_a_calibration_any_number_may_change(monkeypatch: pytest.MonkeyPatch) -> None:
    calibration = CameraCalibration()
    calibration.update(info())
    assert calibration.camera(640, 480, MOUNT) is not None
    # As in rosidl before 2025: the zeros of K are the same.
    monkeypatch.setattr(CameraInfo, "__eq__", lambda one, other: not all(one.k != other.k))
    calibration.update(info(k=[600.0, 0, 320, 0, 510, 240, 0, 0, 1]))
    camera = calibration.camera(640, 480, MOUNT)
    assert camera is not None and camera.K[0, 0] == 600


def test_a_calibration_that_does_not_fit_is_a_problem_until_one_does() -> None:
    calibration = CameraCalibration()
    calibration.update(info())
    for _ in range(2):
        assert calibration.camera(640, 640, MOUNT) is None
        assert "camera_info is for 640x480, the image is 640x640" in calibration.problem
    assert calibration.camera(640, 480, MOUNT) is not None and not calibration.problem
    calibration.update(info(k=[0.0] * 9))
    assert calibration.camera(640, 480, MOUNT) is None and "not calibrated" in calibration.problem
