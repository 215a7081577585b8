"""Cameras from sensor_msgs/CameraInfo, also such as no camera has."""

from types import SimpleNamespace

import numpy as np
import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs.camera_info import camera_from_info


def info(**changes):
    roi = SimpleNamespace(width=0, height=0, x_offset=0, y_offset=0)
    values = {
        "k": [500.0, 0, 320, 0, 510, 240, 0, 0, 1],
        "d": [0.0] * 5,
        "p": [500.0, 0, 320, 0, 0, 510, 240, 0, 0, 0, 1, 0],
    }
    sizes = {"width": 640, "height": 480, "binning_x": 0, "binning_y": 0, "distortion_model": "plumb_bob", "roi": roi}
    return SimpleNamespace(**{**values, **sizes, **changes})


def test_binning_scales():
    camera = camera_from_info(info(binning_x=2, binning_y=2), rectified=False)
    assert (camera.width, camera.height) == (320, 240)
    np.testing.assert_allclose(camera.K, [[250, 0, 160], [0, 255, 120], [0, 0, 1]])


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"binning_x": 1000}, "binning of 1000x0 leaves nothing of 640x480 pixels"),
        ({"k": [500.0, 0, 320, 0, -510, 240, 0, 0, 1]}, "above zero"),
        ({"k": [500.0, 0, 320, 0, float("nan"), 240, 0, 0, 1]}, "not finite"),
        ({"k": [500.0, 0, 320]}, "its K has 3 numbers, not 9"),
        ({"width": 0, "height": 0}, "0x0"),
        ({"d": [0.1] * 8 + [1.0] * 6}, "14 coefficients"),
        ({"d": [0.1], "distortion_model": "fisheye_of_mine"}, "is not known"),
    ],
)
def test_what_no_camera_has_is_one_line(changes, reason):
    with pytest.raises(Sim2SGError, match=reason):
        camera_from_info(info(**changes), rectified=False)


def test_zeros_are_an_uncalibrated_camera():
    assert camera_from_info(info(k=[0.0] * 9), rectified=False) is None
