"""Folders of images, and what `extract` writes, as logs."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.logs import extract, frame_name, open_log, sample_frames
from sim2sg_core.logs.folders import stamp_of
from tests.logs.bag_writing import T0, K, bag, picture


def save(folder, *names):
    folder.mkdir(exist_ok=True)
    for i, name in enumerate(names):
        cv2.imwrite(str(folder / name), picture(i)[..., ::-1])


def test_images_sorted_by_name_with_stamps_from_names(tmp_path):
    save(tmp_path, "cam_30.png", "cam_4.png", "A_2.JPG")
    (tmp_path / "readme.txt").write_text("no image")
    log = open_log(tmp_path)
    assert [(f.name, f.stamp) for f in log.frames()] == [("A_2.JPG", 2), ("cam_30.png", 30), ("cam_4.png", 4)]
    assert [t.count for t in log.topics()] == [3]
    np.testing.assert_array_equal(next(f for f in log.frames() if f.name == "cam_4.png").decode(), picture(1))
    assert log.camera() is None and log.extrinsics() is None


@pytest.mark.parametrize(
    ("name", "stamp"),
    [
        ("000127.png", 127),
        ("left_1700000000000000000.jpg", T0),
        ("view.png", 5),
        ("a1b.jpg", 5),
        ("1" * 25, 5),
    ],
)
def test_stamp_of(name, stamp):
    assert stamp_of(name, 5) == stamp


def test_name_from_topic_and_stamp():
    assert frame_name("/camera/image/compressed", 12) == "camera_image_compressed_12.jpg"


def test_extract_keeps_recorded_jpegs_and_opens_again(drive, tmp_path, form):
    log = open_log(drive(form))
    files = extract(log, sample_frames(log), tmp_path / "out")
    assert [f.read_bytes() for f in files] == [f.encoded()[0] for f in log.frames()], "not compressed twice"
    again = open_log(tmp_path / "out")
    assert [(f.name, f.stamp) for f in again.frames()] == [(f.name, f.stamp) for f in log.frames()]
    camera = again.camera()
    np.testing.assert_allclose(camera.K, K)
    assert (camera.width, camera.height) == (64, 48)
    assert again.duration() == pytest.approx(0.4)


def test_extract_encodes_raw_images_and_png(tmp_path):
    with bag(tmp_path / "raw", "mcap") as b:
        b.raw("/c", picture(2).ravel(), 64, 48, "rgb8", 0, T0)
    with bag(tmp_path / "png", "mcap") as b:
        b.compressed("/c", picture(2), T0, suffix=".png")
    for name in ("raw", "png"):
        log = open_log(tmp_path / name)
        [file] = extract(log, sample_frames(log), tmp_path / f"{name}_out")
        assert file.name == f"c_{T0}.jpg" and file.read_bytes()[:2] == b"\xff\xd8"
        assert np.abs(cv2.imread(str(file))[..., ::-1].astype(int) - picture(2)).mean() < 3


def test_extract_where_nothing_can_be_written(drive, tmp_path):
    (tmp_path / "file").write_text("")
    log = open_log(drive())
    with pytest.raises(Sim2SGError, match="after 0 of 5 frames"):
        extract(log, sample_frames(log), tmp_path / "file" / "out")


def test_a_damaged_image_is_named(tmp_path):
    save(tmp_path, "a.png")
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    _, bad = open_log(tmp_path).frames()
    with pytest.raises(Sim2SGError, match=r"b\.jpg: cannot be read as an image"):
        bad.decode()


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"frames": [{}]}', '{"frames": 3}', '{"frames": [], "camera": {"K": []}}']
)
def test_a_damaged_index_is_named(tmp_path, text):
    save(tmp_path, "a.png")
    (tmp_path / "frames.json").write_text(text)
    with pytest.raises(Sim2SGError, match=r"frames\.json"):
        open_log(tmp_path)


def test_a_folder_has_no_topics_and_no_messages(tmp_path):
    save(tmp_path, "a.png")
    log = open_log(tmp_path)
    with pytest.raises(Sim2SGError, match="leave --topic out"):
        log.image_topic("/camera")
    with pytest.raises(Sim2SGError, match="no ROS messages"):
        list(log.messages())


def test_index_is_plain_json(drive, tmp_path):
    log = open_log(drive())
    extract(log, sample_frames(log, max_frames=2), tmp_path / "out")
    data = json.loads((tmp_path / "out" / "frames.json").read_text())
    assert data["topic"] == "/cam/image_raw/compressed"
    assert [f["stamp"] for f in data["frames"]] == [T0, T0 + 400_000_000]
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"frames.json"} | {f["file"] for f in data["frames"]}
