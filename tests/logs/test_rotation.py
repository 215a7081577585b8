"""Logs of cameras that are mounted on their side or upside down: `rotate` turns all that is read."""

from __future__ import annotations

import numpy as np
import pytest

from sim2sg_core.lifting.extrinsics import extrinsics_of_ground
from sim2sg_core.logs import LogDepth, extract, open_log, resolve_camera, sample_frames
from sim2sg_core.logs.camera_calibration import upright_extrinsics
from sim2sg_core.scene.camera import TURNS
from sim2sg_core.scene.turning import turned_camera
from tests.logs.bag_writing import T0, bag, picture

QUARTERS = [turn for turn in TURNS if turn]
BODY_TO_OPTICAL = (-0.5, 0.5, -0.5, 0.5)


@pytest.fixture
def placed(tmp_path):
    """A camera whose place on the robot is known, 1.5 m up."""
    with bag(tmp_path / "placed", "mcap") as b:
        b.compressed("/cam/compressed", picture(), T0)
        b.info("/cam/camera_info", T0, d=[-0.2, 0.05, 3e-3, -2e-3, 0.0])
        b.transforms([("base_footprint", "cam", (0, 0, 1.5), BODY_TO_OPTICAL)])
    return tmp_path / "placed"


@pytest.mark.parametrize("degrees", TURNS)
def test_frames_are_turned_clockwise(drive, degrees):
    path = drive()
    plain, turned = open_log(path), open_log(path, degrees)
    for a, b in zip(plain.frames(), turned.frames(), strict=True):
        assert np.array_equal(b.decode(), np.rot90(a.decode(), -degrees // 90))
        assert np.array_equal(b.detach().decode(), b.decode()) and np.array_equal(b.packed().decode(), b.decode())
        assert (b.encoded() is None) == bool(degrees), "the file is not turned"


@pytest.mark.parametrize("degrees", QUARTERS)
def test_the_camera_is_that_of_the_turned_images(placed, degrees):
    plain, turned = open_log(placed), open_log(placed, degrees)
    topic = plain.image_topic()
    width, height = (48, 64) if degrees % 180 else (64, 48)
    recorded, upright = resolve_camera(plain, topic, 64, 48), resolve_camera(turned, topic, width, height)
    expected = turned_camera(recorded, degrees)
    assert (upright.width, upright.height, upright.rotate) == (width, height, 0)
    assert np.allclose(upright.K, expected.K) and np.allclose(upright.distortion, expected.distortion)
    assert np.allclose(upright.ground, expected.ground)


def test_extrinsics_by_hand_are_those_of_the_upright_camera(placed):
    log = open_log(placed, 90)
    camera = resolve_camera(log, log.image_topic(), 48, 64, extrinsics=(2.0, 0.1, 0.05))
    assert extrinsics_of_ground(camera.ground) == pytest.approx([2.0, 0.1, 0.05])


def test_a_camera_on_its_side_that_is_turned_upright_has_no_roll():
    told = (1.5, 0.2, np.pi / 2)  # the camera is turned clockwise, so what it sees is turned the other way
    assert upright_extrinsics(told, 90) == pytest.approx((1.5, 0.2, 0.0))
    assert upright_extrinsics((1.5, 0.2, -np.pi / 2), 270) == pytest.approx((1.5, 0.2, 0.0))
    assert upright_extrinsics(told, 0) == told and upright_extrinsics(None, 90) is None


@pytest.mark.parametrize("degrees", QUARTERS)
def test_an_extraction_is_upright_with_its_camera(placed, tmp_path, degrees):
    log = open_log(placed, degrees)
    extract(sample_frames(log), tmp_path / "out")
    again = open_log(tmp_path / "out")
    [frame], [made] = log.frames(), again.frames()
    assert np.abs(frame.decode().astype(int) - made.decode()).mean() < 3
    size = frame.decode().shape[1::-1]
    one, two = (resolve_camera(each, each.image_topic(), *size) for each in (log, again))
    for name in ("K", "ground", "distortion"):
        assert np.allclose(getattr(one, name), getattr(two, name), atol=1e-9), name


def test_depth_images_are_turned_too(tmp_path):
    metres = np.arange(48 * 64, dtype="<u2").reshape(48, 64)
    with bag(tmp_path / "log", "mcap") as b:
        for i in range(3):
            stamp = T0 + i * 100_000_000
            b.compressed("/cam/compressed", picture(), stamp)
            b.raw("/depth/image", metres.view(np.uint8).ravel(), 64, 48, "16UC1", 128, stamp)
    log = open_log(tmp_path / "log", 90)
    depth = LogDepth(log, "/depth/image")
    [found, *_] = [depth.find(frame) for frame in log.frames(log.image_topic("/cam/compressed"))]
    assert np.array_equal(found.values, np.rot90(metres, -1))
