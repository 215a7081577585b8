"""Cameras from files, and which source wins."""

from __future__ import annotations

import numpy as np
import pytest
import yaml

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs import load_calibration, open_log, resolve_camera
from sim2sg_core.scene import Camera
from tests.logs.bag_writing import T0, K, bag, picture

KITTI = "P0: {0}\nP2: 721.5 0 609.6 44.9 0 721.5 172.9 0.2 0 0 1 0.003\nR0_rect: 1 0 0 0 1 0 0 0 1\n"


def ros_yaml(path, **changes):
    data = {
        "image_width": 640,
        "image_height": 480,
        "camera_name": "cam",
        "camera_matrix": {"rows": 3, "cols": 3, "data": [500.0, 0, 320, 0, 510, 240, 0, 0, 1]},
        "distortion_model": "plumb_bob",
        "distortion_coefficients": {"rows": 1, "cols": 5, "data": [0.1, -0.05, 0, 0, 0]},
    } | changes
    path.write_text(yaml.safe_dump({k: v for k, v in data.items() if v is not None}))
    return path


def test_ros_yaml(tmp_path):
    camera = load_calibration(ros_yaml(tmp_path / "cam.yaml"), 640, 480)
    np.testing.assert_allclose(camera.K, [[500, 0, 320], [0, 510, 240], [0, 0, 1]])
    np.testing.assert_allclose(camera.distortion, [0.1, -0.05, 0, 0, 0])
    half = load_calibration(tmp_path / "cam.yaml", 320, 240)
    np.testing.assert_allclose(half.K, [[250, 0, 160], [0, 255, 120], [0, 0, 1]])
    assert (half.width, half.height) == (320, 240)


def test_another_aspect_ratio_is_another_camera(tmp_path):
    with pytest.raises(Sim2SGError, match=r"calibrated for 640x480, and the images are 640x360"):
        load_calibration(ros_yaml(tmp_path / "cam.yaml"), 640, 360)


@pytest.mark.parametrize(
    "change",
    [
        {"camera_matrix": None},
        {"camera_matrix": {"data": [1, 2]}},
        {"camera_matrix": {"data": [0.0] * 9}},
        {"distortion_model": "barrel"},
        {"image_width": "wide"},
    ],
)
def test_bad_yaml(tmp_path, change):
    with pytest.raises(Sim2SGError, match=r"cam\.yaml") as caught:
        load_calibration(ros_yaml(tmp_path / "cam.yaml", **change), 640, 480)
    assert "\n" not in str(caught.value)


PROJECTION = {"rows": 3, "cols": 4, "data": [400.0, 0, 330, -40, 0, 410, 250, 0, 0, 0, 1, 0]}


def test_rectified_images_take_the_projection_matrix(tmp_path):
    """By their topic, as with CameraInfo: K and distortion are those of the images before rectification."""
    file = ros_yaml(tmp_path / "cam.yaml", image_width=64, image_height=48, projection_matrix=PROJECTION)
    cameras = {}
    for name in ("image_rect", "image_raw"):
        with bag(tmp_path / name, "mcap") as b:
            b.compressed(f"/cam/{name}/compressed", picture(), T0)
        log = open_log(tmp_path / name)
        cameras[name] = resolve_camera(log, log.image_topic(), 64, 48, camera_file=file)
    rectified, raw = cameras.values()
    np.testing.assert_allclose(rectified.K, [[400, 0, 330], [0, 410, 250], [0, 0, 1]])
    assert rectified.is_pinhole and raw.K[0, 0] == 500 and raw.distortion[0] == 0.1


def test_rectified_images_by_a_file_without_a_projection_matrix(tmp_path):
    file = ros_yaml(tmp_path / "cam.yaml")
    with pytest.raises(Sim2SGError, match=r"cam\.yaml: .*no projection_matrix, and the images are rectified") as caught:
        load_calibration(file, 640, 480, rectified=True)
    assert "\n" not in str(caught.value)
    ros_yaml(file, distortion_coefficients=None)
    assert load_calibration(file, 640, 480, rectified=True).K[0, 0] == 500, "nothing says otherwise"
    with pytest.raises(Sim2SGError, match="3 numbers where 12 belong"):
        load_calibration(ros_yaml(file, projection_matrix={"data": [1, 2, 3]}), 640, 480, rectified=True)


@pytest.mark.parametrize("text", ["", "- 1\n", "a: [", "just text"])
def test_what_is_no_yaml_calibration(tmp_path, text):
    (tmp_path / "cam.yaml").write_text(text)
    with pytest.raises(Sim2SGError, match="not a ROS camera YAML"):
        load_calibration(tmp_path / "cam.yaml", 640, 480)


def test_kitti_files_and_folders(tmp_path):
    for i, focal in enumerate(("700", "721.5")):
        (tmp_path / f"00000{i}.txt").write_text(KITTI.replace("721.5", focal))
    by_file = load_calibration(tmp_path / "000001.txt", 1242, 375)
    np.testing.assert_allclose(by_file.K, [[721.5, 0, 609.6], [0, 721.5, 172.9], [0, 0, 1]])
    assert load_calibration(tmp_path, 1242, 375, "000001.png").focal == 721.5
    assert load_calibration(tmp_path, 1242, 375).focal == 700, "without a name the first"
    with pytest.raises(Sim2SGError, match=r"no calibration for 000007.png among its 2 files"):
        load_calibration(tmp_path, 1242, 375, "000007.png")


def test_kitti_raw_day(tmp_path):
    (tmp_path / "calib_cam_to_cam.txt").write_text(
        "calib_time: 09-Jan-2012 13:57:47\nS_rect_02: 1242 375\nP_rect_02: 700 0 600 44 0 700 170 0 0 0 1 0\n"
    )
    camera = load_calibration(tmp_path, 621, 188)
    assert camera.K[0, 0] == pytest.approx(350) and camera.width == 621


@pytest.mark.parametrize(
    ("text", "reason"),
    [("P1: 1 2 3\n", "no line P2"), ("P2: 1 2 3\n", "12 numbers"), ("P2: a\n", "12 numbers")],
)
def test_bad_kitti(tmp_path, text, reason):
    (tmp_path / "calib.txt").write_text(text)
    with pytest.raises(Sim2SGError, match=reason):
        load_calibration(tmp_path / "calib.txt", 1242, 375)


def test_missing_files_and_empty_folders(tmp_path):
    with pytest.raises(Sim2SGError, match="no such file"):
        load_calibration(tmp_path / "none.yaml", 1, 1)
    with pytest.raises(Sim2SGError, match="no calibration in it"):
        load_calibration(tmp_path, 1, 1)


def extrinsics(camera):
    """Height, pitch and roll in whole numbers, to be compared."""
    n = camera.ground
    return camera.ground[3], np.degrees(np.arcsin(-n[2])), np.degrees(np.arctan2(-n[0], -n[1]))


def test_who_wins(tmp_path, drive):
    """By hand, then the log, then the training camera: for intrinsics and for every value of the extrinsics."""
    training = Camera.from_extrinsics(128, 96, np.diag([90.0, 90, 1]), 2.0, np.radians(10), np.radians(3))
    bare = tmp_path / "bare"
    with bag(bare, "mcap") as b:
        b.compressed("/cam/compressed", picture(), T0)
    bare, full = open_log(bare), open_log(drive())
    half = [-0.5, 0.5, -0.5, 0.5]
    with bag(tmp_path / "tf", "mcap") as b:
        b.compressed("/cam/compressed", picture(), T0)
        b.info("/cam/camera_info", T0)
        b.transforms([("base_footprint", "cam", (0, 0, 1.5), half)])
    tf = open_log(tmp_path / "tf")
    file = ros_yaml(tmp_path / "cam.yaml", image_width=64, image_height=48)

    def camera(log, **kw):
        return resolve_camera(log, log.image_topic(), 64, 48, **kw)

    assert camera(bare) is None
    assert camera(bare, fallback=training).focal == 45, "scaled"
    assert extrinsics(camera(bare, fallback=training)) == pytest.approx((2.0, 10, 3))
    np.testing.assert_allclose(camera(full, fallback=training).K, K)
    assert camera(full).ground is None
    assert extrinsics(camera(full, fallback=training)) == pytest.approx((2.0, 10, 3))
    assert camera(full, camera_file=file).K[0, 0] == 500
    assert extrinsics(camera(tf, fallback=training)) == pytest.approx((1.5, 0, 0), abs=1e-6)
    by_hand = camera(tf, fallback=training, extrinsics=(None, np.radians(7), None))
    assert extrinsics(by_hand) == pytest.approx((1.5, 7, 0), abs=1e-6)
    assert extrinsics(camera(full, extrinsics=(1.2, None, None))) == pytest.approx((1.2, 0, 0))
    with pytest.raises(Sim2SGError, match="--camera-height"):
        camera(full, extrinsics=(None, 0.1, None))
    for height in (-1.0, np.nan, np.inf):
        with pytest.raises(Sim2SGError, match="above the ground"):
            camera(full, extrinsics=(height, None, None))
    with pytest.raises(Sim2SGError, match="pitch and roll are nan and 0: give degrees"):
        camera(full, extrinsics=(1.0, np.nan, None))


def test_the_training_camera_is_not_taken_for_another_aspect_ratio(tmp_path):
    with bag(tmp_path / "b", "mcap") as b:
        b.compressed("/cam/compressed", picture(), T0)
    log = open_log(tmp_path / "b")
    wide = Camera.from_extrinsics(1242, 375, np.diag([700.0, 700, 1]), 1.65, 0.0)
    assert resolve_camera(log, log.image_topic(), 64, 48, fallback=wide) is None


def test_camera_info_of_another_size(drive, caplog):
    log = open_log(drive(width=128, height=96, k=np.diag([2.0, 2.0, 1]).ravel()))
    assert resolve_camera(log, log.image_topic(), 64, 48).focal == 1.0
    log = open_log(drive(name="odd", width=100, height=20))
    assert resolve_camera(log, log.image_topic(), 64, 48) is None
    assert "not used" in caplog.text
