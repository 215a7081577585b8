"""Calibrations of other makers: Kalibr, EuRoC and OpenCV; and files that cannot be one."""

from __future__ import annotations

import time

import cv2
import numpy as np
import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs import load_calibration

KALIBR = """cam0:
  T_cam_imu:
  - [0.01, 0.99, 0.0, 0.06]
  cam_overlaps: [1]
  camera_model: pinhole
  distortion_coeffs: [-0.28, 0.07, 0.0002, 1.8e-05]
  distortion_model: radtan
  intrinsics: [458.6, 457.3, 367.2, 248.4]
  resolution: [752, 480]
  rostopic: /cam0/image_raw
"""
EUROC = """sensor_type: camera
rate_hz: 20
resolution: [752, 480]
camera_model: pinhole
intrinsics: [458.6, 457.3, 367.2, 248.4] #fu, fv, cu, cv
distortion_model: radial-tangential
distortion_coefficients: [-0.28, 0.07, 0.0002, 1.8e-05]
"""
K = [[458.6, 0, 367.2], [0, 457.3, 248.4], [0, 0, 1]]


@pytest.mark.parametrize("text", [KALIBR, EUROC])
def test_kalibr_and_euroc(tmp_path, text):
    (tmp_path / "cam.yaml").write_text(text)
    camera = load_calibration(tmp_path / "cam.yaml", 752, 480)
    np.testing.assert_allclose(camera.K, K)
    assert camera.distortion_model == "plumb_bob" and camera.distortion[0] == -0.28
    assert load_calibration(tmp_path / "cam.yaml", 376, 240).K[0, 0] == 229.3


def test_kalibr_fisheye_and_two_cameras(tmp_path):
    second = KALIBR.replace("cam0", "cam1").replace("radtan", "equidistant").replace("[752, 480]", "[640, 640]")
    (tmp_path / "chain.yaml").write_text(KALIBR + second)
    assert load_calibration(tmp_path / "chain.yaml", 640, 640).distortion_model == "equidistant"
    assert load_calibration(tmp_path / "chain.yaml", 752, 480).distortion_model == "plumb_bob"
    (tmp_path / "chain.yaml").write_text(KALIBR + KALIBR.replace("cam0", "cam1"))
    with pytest.raises(Sim2SGError, match="holds 2 cameras, of which 2 fit"):
        load_calibration(tmp_path / "chain.yaml", 752, 480)


@pytest.mark.parametrize("head", ["%YAML:1.0", "%YAML 1.2"])  # before OpenCV 5, and of it
@pytest.mark.parametrize("model", ["pinhole", "fisheye"])
def test_opencv_as_it_writes_itself(tmp_path, model, head):
    path = tmp_path / "cam.yml"
    storage = cv2.FileStorage(str(path), cv2.FILE_STORAGE_WRITE)
    storage.write("image_width", 640)
    storage.write("image_height", 480)
    storage.write("fisheye_model", int(model == "fisheye"))
    storage.write("camera_matrix", np.array([[500.0, 0, 320], [0, 510, 240], [0, 0, 1]]))
    storage.write(
        "distortion_coefficients", np.array([[0.1, -0.05, 0.001, 0.002, 0.003][: 4 if model == "fisheye" else 5]]).T
    )
    storage.release()
    _, rest = path.read_text().split("\n", 1)
    path.write_text(f"{head}\n{rest}")
    camera = load_calibration(path, 640, 480)
    np.testing.assert_allclose(camera.K, [[500, 0, 320], [0, 510, 240], [0, 0, 1]])
    assert camera.distortion_model == {"pinhole": "plumb_bob", "fisheye": "equidistant"}[model]
    np.testing.assert_allclose(camera.distortion[:2], [0.1, -0.05])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("458.6", ".nan"), "not finite"),
        (("457.3", "-457.3"), "above zero"),
        (("458.6", "1e99"), "above zero"),
        (("[752, 480]", "[0, 0]"), "0x0"),
        (("[752, 480]", "[1e400, 480]"), "not a ROS camera YAML"),
        (("radtan", "magic"), "'magic' is not known"),
        (("pinhole", "omni"), "camera model omni is not known"),
        (("458.6, ", ""), "3 numbers where 4 belong"),
        (("[752, 480]", "[752, 752]"), "calibrated for 752x752"),
        (("[458.6, 457.3, 367.2, 248.4]", "all"), "not a ROS camera YAML"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path, change, reason):
    (tmp_path / "cam.yaml").write_text(KALIBR.replace(*change))
    with pytest.raises(Sim2SGError, match=rf"cam\.yaml: .*{reason}") as caught:
        load_calibration(tmp_path / "cam.yaml", 752, 480)
    assert "\n" not in str(caught.value)


def test_files_that_would_eat_memory_or_time(tmp_path):
    rows = [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else '1, 1, 1'}]" for i in range(9)]
    deep = "camera_matrix: {data: " + "[" * 900 + "]" * 900 + "}"
    for text in ("\n".join([*rows, "camera_matrix: {data: *a8}"]), deep, "x: " + "y" * (2 << 20)):
        (tmp_path / "cam.yaml").write_text(text)
        started = time.monotonic()
        with pytest.raises(Sim2SGError, match="cam"):
            load_calibration(tmp_path / "cam.yaml", 640, 480)
        assert time.monotonic() - started < 5
