"""Which topics of a bag are cameras, what their images are read as, and what is said of odd ones."""

from __future__ import annotations

import numpy as np
import pytest

from sim2sg_core.cli.log import describe_log
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import encode_jpeg
from sim2sg_core.logs import open_log, sample_frames
from tests.logs.bag_writing import T0, bag, picture
from tests.pictures import with_orientation


def write(path, topics, count=3):
    """Writes raw images: topic -> (encoding, values of one image)."""
    with bag(path, "mcap") as b:
        for topic, (encoding, values) in topics.items():
            for i in range(count):
                data = np.ascontiguousarray(values).view(np.uint8)
                b.raw(topic, data.ravel(), 64, 48, encoding, data[0].size, T0 + i * 10**8)
    return path


GREY12 = np.full((48, 64), 200 << 4, np.uint16)
RGB = picture(1)
METRES = np.full((48, 64), 2.0, np.float32)


@pytest.mark.parametrize("encoding", ["16UC1", "32FC1"])
def test_depth_is_known_by_its_encoding(tmp_path, encoding):
    values = {"16UC1": GREY12, "32FC1": METRES}[encoding]
    log = open_log(
        write(tmp_path / "b", {"/camera/aligned": (encoding, values), "/depth_estimator/rgb": ("rgb8", RGB)})
    )
    assert log.image_topic() == "/depth_estimator/rgb", "a word in the path is no encoding"
    assert [t.name for t in log.image_topics()] == ["/depth_estimator/rgb"]


def test_a_topic_that_is_named_always_wins(tmp_path):
    log = open_log(write(tmp_path / "b", {"/d/image": ("16UC1", GREY12), "/m/image": ("32FC1", METRES)}))
    with pytest.raises(
        Sim2SGError, match=r"no camera: its images are depth: /d/image \(16UC1\), /m/image \(32FC1\): choose"
    ):
        log.image_topic()
    assert log.image_topic("/d/image") == "/d/image"
    assert int(next(log.frames("/d/image")).decode().mean()) == 200
    with pytest.raises(Sim2SGError, match="32FC1 is a depth image"):
        next(log.frames("/m/image")).decode()


@pytest.mark.parametrize("more", ["/c/image_raw", "/c/image_raw/compressed"])
def test_raw_and_compressed_of_one_camera_are_one(tmp_path, more):
    with bag(tmp_path / "b", "mcap") as b:
        for i in range(4):
            b.compressed("/c/image_raw/compressed", picture(i), T0 + i)
            b.raw("/c/image_raw", picture(i).ravel(), 64, 48, "rgb8", 0, T0 + i)
        if more.endswith("compressed"):
            b.compressed(more, picture(4), T0 + 4)
    log = open_log(tmp_path / "b")
    assert log.image_topic() == more, "the one with more frames; raw where they are equal"
    for topic in ("/c/image_raw", "/c/image_raw/compressed"):
        assert log.image_topic(topic) == topic


def test_one_odd_topic_does_not_end_the_description(tmp_path, caplog):
    with bag(tmp_path / "b", "mcap") as b:
        b.compressed("/a/compressed", picture(), T0)
        for topic, format_, data in (("/v/compressed", "h264", b"\0\0\0\1g"), ("/x/compressed", "jpeg", b"nothing")):
            pixels = np.frombuffer(data, np.uint8)
            b.write(topic, b.make("sensor_msgs/msg/CompressedImage", b.header(T0), format_, pixels), T0)
        b.raw("/e/image", RGB.ravel(), 64, 48, "", 0, T0)
        b.info("/a/camera_info", T0, k=np.full(9, np.nan))
    text, _ = describe_log(open_log(tmp_path / "b"))
    lines = {line.split(":")[0]: line for line in text.splitlines() if line.startswith("camera ")}
    assert "images 64x48" in lines["camera /a/compressed"]
    assert "h264 video" in lines["camera /v/compressed"] and "republish" in lines["camera /v/compressed"]
    assert "no image of a known format" in lines["camera /x/compressed"]
    assert "encoding '' is not known" in lines["camera /e/image"]
    assert "intrinsics: unknown" in text and "not finite" in caplog.text


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("encoding", ["mono16", "bayer_rggb16"])
def test_the_range_of_values_is_that_of_the_whole_log(tmp_path, caplog, bits, encoding):
    with bag(tmp_path / "b", "mcap") as b:
        for i, level in enumerate((3, 5, 250, 40)):
            values = np.full((48, 64), level << (bits - 8), np.uint16)
            b.raw("/c", values.view(np.uint8).ravel(), 64, 48, encoding, 128, T0 + i * 10**9)
    log = open_log(tmp_path / "b")
    assert [int(f.decode().mean()) for f in log.frames()] == [3, 5, 250, 40], "dark images stay dark"
    [line] = [r.getMessage() for r in caplog.records]
    assert f"/c: values of 16 bits use {bits}: read by that range" in line
    assert [int(f.detach().thumbnail().mean()) for f in open_log(tmp_path / "b").frames()] == [3, 5, 250, 40]


@pytest.mark.parametrize("raw", [False, True])
def test_a_clock_that_stands_still_gives_way_to_the_time_of_recording(tmp_path, caplog, raw):
    with bag(tmp_path / "b", "mcap") as b:
        for i in range(6):
            if raw:
                header, data = b.header(T0), picture(i).ravel()
                b.write("/c", b.make("sensor_msgs/msg/Image", header, 48, 64, "rgb8", 0, 192, data), T0 + i * 10**9)
            else:
                b.compressed("/c", picture(i), T0, late=i * 10**9)
    log = open_log(tmp_path / "b")
    assert [f.stamp for f in log.frames()] == [T0 + i * 10**9 for i in range(6)]
    assert "stamps stand still" in caplog.text and len(sample_frames(log, min_interval_s=2)) == 3


@pytest.mark.parametrize("orientation", [3, 6])
def test_a_calibration_of_images_that_exif_turns_is_not_used(tmp_path, caplog, orientation):
    with bag(tmp_path / "b", "mcap") as b:
        data = np.frombuffer(with_orientation(encode_jpeg(picture()), orientation), np.uint8)
        b.write("/a/compressed", b.make("sensor_msgs/msg/CompressedImage", b.header(T0), "jpeg", data), T0)
        b.info("/a/camera_info", T0)
        b.info("/camera_info", T0)
    assert open_log(tmp_path / "b").camera() is None and "before EXIF turns them" in caplog.text


@pytest.mark.parametrize("step", [10**8, 0])
def test_equal_stamps_in_pairs_keep_their_frames(tmp_path, step):
    with bag(tmp_path / "b", "mcap") as b:
        for i in range(6):
            b.compressed("/c", picture(i), T0 + i // 2 * 10**8, late=i % 2 * step // 3)
    frames = sample_frames(open_log(tmp_path / "b"))
    assert len({f.name for f in frames}) == 6
    for i, frame in enumerate(frames):
        assert np.abs(frame.detach().decode().astype(int) - picture(i)).mean() < 3, "each reads its own again"


def test_stamps_since_boot_begin_at_zero(tmp_path):
    with bag(tmp_path / "b", "mcap") as b:
        for i in range(30):
            data = np.frombuffer(encode_jpeg(picture(i)), np.uint8)
            message = b.make("sensor_msgs/msg/CompressedImage", b.header(i * 10**8), "jpeg", data)
            b.write("/c", message, T0 + i * 10**8)
    log = open_log(tmp_path / "b")
    assert [f.stamp for f in log.frames()] == [i * 10**8 for i in range(30)]
    assert len(sample_frames(log, min_interval_s=0.5)) == 6
