"""Bags of all three formats: frames, cameras, extrinsics, and what is wrong with bad ones."""

from __future__ import annotations

import pickle
import re
import sqlite3
import sys

import cv2
import numpy as np
import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs import open_log, open_logs
from sim2sg_core.logs.bag_messages import typestore
from tests.logs.bag_writing import T0, K, bag, picture
from tests.logs.test_image_decoding import mosaic

TOPIC = "/cam/image_raw/compressed"


def test_frames_carry_the_header_stamp_and_their_name(drive, form):
    log = open_log(drive(form))
    frames = list(log.frames())
    assert [f.stamp for f in frames] == [T0 + i * 100_000_000 for i in range(5)], "not the recorded time"
    assert frames[1].name == f"cam_image_raw_compressed_{T0 + 100_000_000}.jpg"
    for i, frame in enumerate(frames):
        image = frame.decode()
        assert image.dtype == np.uint8 and image.shape == (48, 64, 3)
        assert np.abs(image.astype(int) - picture(i)).mean() < 3, "RGB, not BGR"


def test_topics_duration_and_camera(drive, form):
    log = open_log(drive(form))
    assert [(t.name, t.type, t.count) for t in log.topics()] == [
        ("/cam/camera_info", "sensor_msgs/msg/CameraInfo", 5),
        (TOPIC, "sensor_msgs/msg/CompressedImage", 5),
    ]
    assert log.duration() == pytest.approx(0.407, abs=0.01)
    camera = log.camera()
    np.testing.assert_allclose(camera.K, K)
    assert (camera.width, camera.height, camera.ground) == (64, 48, None) and not len(camera.distortion)
    assert log.extrinsics() is None


def test_single_files_open_too(drive):
    folder = drive("mcap")
    [file] = folder.glob("*.mcap")
    assert len(list(open_log(file).frames())) == 5
    folder = drive("sqlite3", name="other")
    [file] = folder.glob("*.db3")
    assert len(list(open_log(file).frames())) == 5


def test_a_log_can_be_sent_to_another_process(drive, form):
    log = pickle.loads(pickle.dumps(open_log(drive(form))))
    assert len(list(log.frames())) == 5


def test_frames_without_a_stamp_take_the_recorded_time(tmp_path):
    with bag(tmp_path / "b", "mcap") as b:
        b.compressed("/image/compressed", picture(), 0, late=5)
    assert next(open_log(tmp_path / "b").frames()).stamp == T0 + 5


def test_messages_are_cdr_in_recorded_order(drive, form):
    log = open_log(drive(form))
    messages = list(log.messages())
    assert [m.stamp for m in messages] == sorted(m.stamp for m in messages) and len(messages) == 10
    store = typestore(False)
    infos = [store.deserialize_cdr(m.data, m.type) for m in messages if m.topic == "/cam/camera_info"]
    assert len(infos) == 5 and np.allclose(infos[0].k, K.ravel()) and infos[0].header.frame_id == "cam"
    [first, *_] = [m for m in messages if m.topic == TOPIC]
    image = store.deserialize_cdr(first.data, first.type)
    assert image.header.stamp.sec == T0 // 10**9 and image.data[:2].tobytes() == b"\xff\xd8"
    assert {m.topic for m in log.messages([TOPIC])} == {TOPIC}
    assert list(log.messages([])) == [], "no topics are not all topics"


RAW = {
    "rgb8": lambda rgb: rgb,
    "bgr8": lambda rgb: rgb[..., ::-1],
    "rgba8": lambda rgb: np.concatenate([rgb, np.full_like(rgb[..., :1], 9)], axis=-1),
    "bgra8": lambda rgb: np.concatenate([rgb[..., ::-1], np.full_like(rgb[..., :1], 9)], axis=-1),
}


@pytest.mark.parametrize("encoding", RAW)
def test_raw_images_are_exact(tmp_path, form, encoding):
    rgb = picture(3)
    data = RAW[encoding](rgb).reshape(48, -1)
    padded = np.pad(data, ((0, 0), (0, 12)), constant_values=77)
    path = tmp_path / ("b.bag" if form == "ros1" else "b")
    with bag(path, form) as b:
        b.raw("/image_raw", padded.ravel(), 64, 48, encoding, padded.shape[1], T0)
    [frame] = open_log(path).frames()
    np.testing.assert_array_equal(frame.decode(), rgb)
    assert frame.name == f"image_raw_{T0}.jpg" and frame.encoded() is None
    assert frame.thumbnail().ndim == 2


def test_a_mosaic_that_the_driver_compressed_gets_the_colours_that_the_node_gives_it(tmp_path, form):
    code = cv2.imencode(".png", mosaic(np.full((16, 24, 3), (200, 120, 40), np.uint8), "RGGB"))[1]
    with bag(tmp_path / "b", form) as b:
        b.write(
            TOPIC, b.make("sensor_msgs/msg/CompressedImage", b.header(T0), "bayer_rggb8; png compressed ", code), T0
        )
    [frame] = open_log(tmp_path / "b").frames()
    np.testing.assert_array_equal(frame.decode()[4:-4, 4:-4], np.broadcast_to((200, 120, 40), (8, 16, 3)))
    assert frame.encoded() is None, "who takes the file as it is would take it for a grey picture"


def test_detached_raw_frames_read_their_pixels_again(tmp_path):
    with bag(tmp_path / "b", "mcap") as b:
        for i in range(4):
            b.raw("/image_raw", picture(i).ravel(), 64, 48, "rgb8", 0, T0 + i)
    frames = [f.detach() for f in open_log(tmp_path / "b").frames()]
    for i in (2, 0, 3):
        np.testing.assert_array_equal(frames[i].decode(), picture(i))


def test_camera_info_is_that_of_the_topic(tmp_path):
    with bag(tmp_path / "b", "mcap") as b:
        for side, focal in (("left", 100.0), ("right", 200.0)):
            b.compressed(f"/{side}/image_raw/compressed", picture(), T0)
            b.info(f"/{side}/camera_info", T0, k=np.diag([focal, focal, 1]).ravel())
    log = open_log(tmp_path / "b")
    assert log.camera("/left/image_raw/compressed").focal == 100
    assert log.camera("/right/image_raw/compressed").focal == 200


DEPTH = ("/depth/image", picture()[..., 0].ravel().astype("<u2").view(np.uint8), 64, 48, "16UC1", 128, T0)


@pytest.mark.parametrize(
    ("others", "frame", "used", "told"),
    [
        ((), "cam", True, ""),
        ((), "", True, ""),
        ((), "lens", True, "frame is 'lens', that of /front/image 'cam': taken for its calibration"),
        ((DEPTH,), "/cam", True, ""),
        ((DEPTH,), "depth", False, "'depth', that of /front/image 'cam', and there are other image topics"),
        ((DEPTH,), "", False, "there are other image topics: no 3D poses by it; give --camera FILE"),
        ((("/rear/image", picture().ravel(), 64, 48, "rgb8", 0, T0),), "rear", False, "there are other image topics"),
    ],
)
def test_the_only_camera_info_elsewhere_is_taken_for_its_own_camera_alone(tmp_path, caplog, others, frame, used, told):
    with bag(tmp_path / "b", "mcap") as b:
        b.raw("/front/image", picture().ravel(), 64, 48, "rgb8", 0, T0)
        for other in others:
            b.raw(*other)
        b.info("/lens/camera_info", T0, frame=frame)
    log = open_log(tmp_path / "b")
    for _ in range(2):
        assert (log.camera("/front/image") is not None) == used
    lines = [r.getMessage() for r in caplog.records]
    assert len(lines) == bool(told) and all(told in line for line in lines), lines


@pytest.mark.parametrize(
    ("topic", "info", "expected_k", "expected_d"),
    [
        ("/c/image_raw", {"d": [0.1, 0, 0, 0, 0]}, K, [0.1, 0, 0, 0, 0]),
        (
            "/c/image_rect_color",
            {"d": [0.1, 0, 0, 0, 0], "p": (np.diag([7.0, 7, 1]) @ np.eye(3, 4)).ravel()},
            np.diag([7.0, 7, 1]),
            [],
        ),
        ("/c/image_raw", {"binning": (2, 2)}, np.diag([0.5, 0.5, 1]) @ K, []),
        ("/c/image_raw", {"roi": (10, 4, 24, 32, False)}, K - [[0, 0, 10], [0, 0, 4], [0, 0, 0]], []),
    ],
    ids=["distorted", "rectified", "binned", "region"],
)
def test_what_camera_info_can_say(tmp_path, topic, info, expected_k, expected_d):
    with bag(tmp_path / "b", "mcap") as b:
        b.raw(topic, picture().ravel(), 64, 48, "rgb8", 0, T0)
        b.info("/c/camera_info", T0, **info)
    camera = open_log(tmp_path / "b").camera(topic)
    np.testing.assert_allclose(camera.K, expected_k)
    np.testing.assert_allclose(camera.distortion, expected_d)
    assert (camera.width, camera.height) == (32, 24) if {"binning", "roi"} & set(info) else (64, 48)


BAD_INFO = [
    ({"k": np.zeros(9)}, "not calibrated"),
    ({"model": "barrel", "d": [0.1]}, "'barrel' is not known .focal length 300.0 310.0"),
    ({"model": "Inverse Brown Conrady", "d": [0.1]}, "Inverse Brown Conrady"),
    ({"k": np.full(9, np.nan)}, "not finite"),
    ({"d": [np.inf, 0, 0, 0, 0]}, "not finite"),
    ({"width": 0, "height": 0}, "0x0"),
    ({"k": np.diag([300.0, -300, 1]).ravel()}, "above zero"),
    ({"k": np.ones(9)}, "not the matrix of a camera"),
    ({"model": "rational_polynomial", "d": [0.1] * 14}, "14 coefficients"),
]


@pytest.mark.parametrize(("info", "reason"), BAD_INFO)
def test_bad_calibrations_give_no_camera_and_one_line(drive, form, caplog, info, reason):
    log = open_log(drive(form, **info))
    assert log.camera() is None and log.camera() is None
    [line] = [r.getMessage() for r in caplog.records]
    assert re.search(rf"/cam/camera_info: .*{reason}.*no 3D poses by it; give --camera FILE", line), line


def test_a_calibrated_info_behind_zeros_is_found(tmp_path):
    with bag(tmp_path / "b", "mcap") as b:
        b.compressed(TOPIC, picture(), T0)
        b.info("/cam/camera_info", T0, k=np.zeros(9))
        b.info("/cam/camera_info", T0 + 1)
    np.testing.assert_allclose(open_log(tmp_path / "b").camera().K, K)


def test_eight_coefficients_under_plumb_bob_are_rational(drive):
    camera = open_log(drive(model="plumb_bob", d=[7.1, 5.1, 0, 0, 0.2, 7.4, 7.2, 1.7])).camera()
    assert camera.distortion_model == "rational_polynomial" and len(camera.distortion) == 8


def test_an_equidistant_lens_without_coefficients_stays_one(drive):
    camera = open_log(drive(model="equidistant", d=np.zeros(4))).camera()
    assert camera.distortion_model == "equidistant" and not camera.is_pinhole
    assert camera.project(np.array([np.tan(1.0), 0, 1]))[0] == pytest.approx(K[0, 2] + K[0, 0] * 1.0)


def test_no_camera(tmp_path, form):
    path = tmp_path / ("b.bag" if form == "ros1" else "b")
    with bag(path, form) as b:
        b.info("/cam/camera_info", T0)
    with pytest.raises(Sim2SGError, match=r"no camera.*/cam/camera_info \(sensor_msgs/msg/CameraInfo\)"):
        open_log(path).image_topic()


def test_several_cameras_are_listed_and_unknown_ones_refused(tmp_path):
    with bag(tmp_path / "b", "mcap") as b:
        b.compressed("/left/compressed", picture(), T0)
        b.compressed("/right/compressed", picture(), T0)
        b.info("/left/camera_info", T0)
    log = open_log(tmp_path / "b")
    with pytest.raises(Sim2SGError, match=r"2 cameras.*--topic: /left/compressed, /right/compressed"):
        log.image_topic()
    with pytest.raises(Sim2SGError, match=r"no topic /up; its image topics: /left/compressed, /right"):
        log.image_topic("/up")
    with pytest.raises(Sim2SGError, match="carries sensor_msgs/msg/CameraInfo"):
        log.image_topic("/left/camera_info")
    assert log.image_topic("right/compressed") == "/right/compressed", "the leading slash may be left out"
    assert {f.topic for f in log.frames("/right/compressed")} == {"/right/compressed"}


@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
def test_of_truncated_bags_what_is_whole_is_read_and_said(drive, form, share, caplog):
    path = drive(form, count=40)
    file = path if path.is_file() else next(f for f in path.iterdir() if f.suffix in (".mcap", ".db3"))
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])
    try:
        frames = list(open_log(path).frames())
    except Sim2SGError as error:
        assert "nothing in it is whole" in str(error) and share < 0.5 and "\n" not in str(error)
    else:
        assert 0 < len(frames) <= 40 and all(f.decode().shape == (48, 64, 3) for f in frames)
        assert "cut off" in caplog.text
    assert file.read_bytes() == whole[: int(len(whole) * share)], "the log is left as it was"


@pytest.mark.parametrize("name", ["b.mcap", "b.db3", "b.bag"])
@pytest.mark.parametrize("content", [b"", b"not a bag at all" * 100])
def test_files_that_are_no_bags(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(Sim2SGError, match="damaged"):
        open_log(tmp_path / name)


def test_a_damaged_message_is_named(tmp_path):
    with bag(tmp_path / "b", "sqlite3") as b:
        b.compressed("/c/compressed", picture(), T0)
    [file] = (tmp_path / "b").glob("*.db3")
    with sqlite3.connect(file) as database:
        database.execute("UPDATE messages SET data = substr(data, 1, 30)")
    database.close()
    [frame] = open_log(tmp_path / "b").frames()
    with pytest.raises(Sim2SGError, match="a message of /c/compressed is damaged"):
        frame.decode()


def test_a_damaged_jpeg_is_found_when_decoded(tmp_path):
    with bag(tmp_path / "b", "mcap") as b:
        b.compressed("/c/compressed", picture(), T0)
        header = b.header(T0)
        half = np.frombuffer(b.compressed("/c/compressed", picture(), T0 + 1)[:400], np.uint8)
        b.write("/c/compressed", b.make("sensor_msgs/msg/CompressedImage", header, "jpeg", half), T0 + 2)
    *good, bad = open_log(tmp_path / "b").frames()
    assert all(f.decode().shape == (48, 64, 3) for f in good)
    with pytest.raises(Sim2SGError, match="cut short"):
        bad.decode()


def test_a_folder_of_bags_opens_as_several_logs(drive, tmp_path):
    drive("mcap", name="b"), drive("sqlite3", name="a"), drive("ros1", name="c")
    assert [log.name for log in open_logs(tmp_path)] == ["c"], "bag files in the folder itself go first"
    (tmp_path / "c.bag").unlink()
    assert [log.name for log in open_logs(tmp_path)] == ["a", "b"]
    with pytest.raises(Sim2SGError, match=r"2 logs \(a, b\): give one of them"):
        open_log(tmp_path)
    assert [log.name for log in open_logs([tmp_path / "b", tmp_path / "a"])] == ["b", "a"]


def test_a_missing_package_damages_no_frames(drive, monkeypatch):
    log = open_log(drive("mcap"))
    typestore.cache_clear()
    monkeypatch.setitem(sys.modules, "rosbags.typesys", None)
    with pytest.raises(ModuleNotFoundError, match="rosbags"):
        next(log.frames()).decode()


def test_what_is_no_log_at_all(tmp_path):
    with pytest.raises(Sim2SGError, match="no such file"):
        open_log(tmp_path / "nothing")
    with pytest.raises(Sim2SGError, match="no log"):
        open_log(tmp_path)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(Sim2SGError, match="no log"):
        open_log(tmp_path / "notes.txt")
