"""What `extract` writes is what the log held, under names of its own, and opens again."""

from __future__ import annotations

import hashlib
import json

import cv2
import numpy as np
import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import encode_jpeg
from sim2sg_core.logs import extract, open_log, resolve_camera, sample_frames, select_frames
from sim2sg_core.logs.frame_flags import describe_flags
from sim2sg_core.scene import Camera
from tests.logs.bag_writing import T0, K, bag, picture
from tests.pictures import noise, with_orientation

TOPIC = "/cam/image_raw/compressed"


def written(records, out):
    assert sorted(p.name for p in out.iterdir()) == sorted([*(r["file"] for r in records), "frames.json"])
    return [out / record["file"] for record in records]


def test_recorded_jpegs_are_kept_and_open_again(drive, tmp_path, form):
    log = open_log(drive(form))
    files = written(extract(sample_frames(log), tmp_path / "out"), tmp_path / "out")
    assert [f.read_bytes() for f in files] == [f.encoded()[0] for f in log.frames()], "not compressed twice"
    again = open_log(tmp_path / "out")
    assert [(f.name, f.stamp) for f in again.frames()] == [(f.name, f.stamp) for f in log.frames()]
    camera = again.camera()
    np.testing.assert_allclose(camera.K, K)
    assert (camera.width, camera.height) == (64, 48)
    assert again.timed and again.duration() == pytest.approx(0.4)


def test_raw_images_and_png_are_encoded(tmp_path):
    with bag(tmp_path / "raw", "mcap") as b:
        b.raw("/c", picture(2).ravel(), 64, 48, "rgb8", 0, T0)
    with bag(tmp_path / "png", "mcap") as b:
        b.compressed("/c", picture(2), T0, suffix=".png")
    for name in ("raw", "png"):
        out = tmp_path / f"{name}_out"
        [file] = written(extract(sample_frames(open_log(tmp_path / name)), out), out)
        assert file.name == f"c_{T0}.jpg" and file.read_bytes()[:2] == b"\xff\xd8"
        assert np.abs(cv2.imread(str(file))[..., ::-1].astype(int) - picture(2)).mean() < 3


def test_what_exif_turns_is_written_upright(tmp_path):
    with bag(tmp_path / "b", "mcap") as b:
        turned = np.frombuffer(with_orientation(encode_jpeg(picture()), 6), np.uint8)
        b.write(TOPIC, b.make("sensor_msgs/msg/CompressedImage", b.header(T0), "jpeg", turned), T0)
    log = open_log(tmp_path / "b")
    [record] = extract(log.frames(), tmp_path / "out")
    assert (record["width"], record["height"]) == (48, 64)
    [frame] = open_log(tmp_path / "out").frames()
    assert np.abs(frame.decode().astype(int) - next(log.frames()).decode()).mean() < 3


def test_padding_behind_a_jpeg_is_not_written(tmp_path):
    whole = encode_jpeg(picture())
    with bag(tmp_path / "b", "mcap") as b:
        padded = np.frombuffer(whole + bytes(1 << 20), np.uint8)
        b.write(TOPIC, b.make("sensor_msgs/msg/CompressedImage", b.header(T0), "jpeg", padded), T0)
    [file] = written(extract(open_log(tmp_path / "b").frames(), tmp_path / "out"), tmp_path / "out")
    assert file.read_bytes() == whole


def test_every_frame_has_a_file_of_its_own(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    for i, name in enumerate(("001.jpg", "001.png", "001.JPG")):
        cv2.imwrite(str(folder / name), picture(i)[..., ::-1])
    with bag(tmp_path / "b", "mcap") as b:
        for i in range(6):
            b.compressed(TOPIC, picture(i), T0 + (i // 2) * 10**8, late=i * 10**7)
    for path, count in ((folder, 3), (tmp_path / "b", 6)):
        out = tmp_path / f"{path.name}_out"
        records = extract(select_frames([open_log(path)]), out)
        files = written(records, out)
        assert len(set(files)) == count == len(json.loads((out / "frames.json").read_text())["frames"])


def test_the_manifest_tells_origin_and_reason(drive, tmp_path):
    log = open_log(drive())
    records = extract(select_frames([log], max_frames=2, min_interval_s=0.15), tmp_path / "out")
    data = json.loads((tmp_path / "out" / "frames.json").read_text())
    assert (data["topic"], data["timed"], data["frames"]) == (TOPIC, True, records)
    first, last = records
    assert [first["stamp"], last["stamp"]] == [T0, T0 + 400_000_000]
    assert first["recorded"] == T0 + 7_000_000 and first["source"] == f"cam_image_raw_compressed_{T0}.jpg"
    assert (first["width"], first["height"], first["log"]) == (64, 48, "drive")
    assert first["why"].startswith("first") and "0.200 s after the last" in last["why"]
    assert "one of 2 evenly chosen" in last["why"]
    assert first["sha256"] == hashlib.sha256((tmp_path / "out" / first["file"]).read_bytes()).hexdigest()


def test_dark_and_blurred_frames_are_flagged_and_kept(tmp_path):
    sharp = noise(96, 128)
    frames = [sharp, sharp, sharp, cv2.GaussianBlur(sharp, (0, 0), 6), sharp // 40, sharp]
    with bag(tmp_path / "b", "mcap") as b:
        for i, image in enumerate(frames):
            b.raw("/c", image.ravel(), 128, 96, "rgb8", 0, T0 + i * 10**8)
    records = extract(open_log(tmp_path / "b").frames(), tmp_path / "out")
    assert [r["flags"] for r in records] == [[], [], [], ["blurred"], ["dark"], []]
    assert describe_flags(r["flags"] for r in records) == "1 dark, 1 blurred"


def test_damaged_frames_are_left_out_and_told(tmp_path, caplog):
    with bag(tmp_path / "b", "mcap") as b:
        for i in range(5):
            coded = encode_jpeg(noise(48, 64))
            data = np.frombuffer(coded[: len(coded) // 2] if i in (1, 3) else coded, np.uint8)
            b.write(TOPIC, b.make("sensor_msgs/msg/CompressedImage", b.header(T0 + i), "jpeg", data), T0 + i)
    log = open_log(tmp_path / "b")
    records = extract(log.frames(), tmp_path / "out")
    assert [r["stamp"] - T0 for r in records] == [0, 2, 4]
    assert "2 of 5 frames are damaged" in caplog.text and f"_{T0 + 1}.jpg: a JPEG" in caplog.text
    with pytest.raises(Sim2SGError, match=f"_{T0 + 1}.jpg: .*cut short"):
        extract(log.frames(), tmp_path / "strict", strict=True)


def test_mostly_damaged_frames_are_an_error(tmp_path):
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "1.jpg").write_bytes(encode_jpeg(picture()))
    for i in range(2, 30):
        (folder / f"{i}.jpg").write_bytes(b"<html>")
    with pytest.raises(Sim2SGError, match=r"28 of 29 frames are damaged: .*2\.jpg.*; and 18 more") as caught:
        extract(open_log(folder).frames(), tmp_path / "out")
    assert "\n" not in str(caught.value)


def test_where_nothing_can_be_written(drive, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(Sim2SGError, match="after 0 frames"):
        extract(open_log(drive()).frames(), tmp_path / "file" / "out")


def test_topics_with_odd_characters(tmp_path):
    for i, topic in enumerate(("/a\0b", "/../../../evil", "/" + "a" * 4000, "/a\x1b[31m\n")):
        with bag(tmp_path / f"b{i}", "mcap") as b:
            b.compressed(topic, picture(), T0)
        out = tmp_path / f"out{i}"
        [file] = written(extract(open_log(tmp_path / f"b{i}").frames(), out), out)
        assert file.parent == out and file.name.isprintable()


@pytest.mark.parametrize("size", [(1, 2000), (2000, 3), (1, 1)])
def test_frames_of_any_shape(tmp_path, size):
    folder = tmp_path / "images"
    folder.mkdir()
    cv2.imwrite(str(folder / "1.png"), noise(*size))
    [record] = extract(open_log(folder).frames(), tmp_path / "out")
    assert (record["height"], record["width"]) == size


def test_the_mount_of_the_camera_is_kept(tmp_path):
    with bag(tmp_path / "b", "mcap") as b:
        b.transforms([("base_footprint", "cam", (0, 0, 1.65), (-0.5, 0.5, -0.5, 0.5))])
        b.compressed(TOPIC, picture(), T0)
    extract(open_log(tmp_path / "b").frames(), tmp_path / "out")
    again = open_log(tmp_path / "out")
    assert again.extrinsics() == pytest.approx((1.65, 0, 0))
    fallback = Camera(64, 48, K)
    camera = resolve_camera(again, again.image_topic(), 64, 48, fallback=fallback)
    assert camera.ground[3] == pytest.approx(1.65)


def test_images_that_were_rectified_stay_so(tmp_path):
    for name in ("image_rect", "image_raw"):
        with bag(tmp_path / name, "mcap") as b:
            b.compressed(f"/cam/{name}/compressed", picture(), T0)
        extract(open_log(tmp_path / name).frames(), tmp_path / f"{name}_1")
        extract(open_log(tmp_path / f"{name}_1").frames(), tmp_path / f"{name}_2")
        for n in (1, 2):
            again = open_log(tmp_path / f"{name}_{n}")
            assert again.rectified(again.image_topic()) == (name == "image_rect")


OPTIONS = {"every": 0.0}


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_another_extraction_is_not_mixed_in(drive, tmp_path):
    log, other = open_log(drive()), open_log(drive(name="other"))
    out = tmp_path / "out"
    extract(log.frames(), out, options=OPTIONS)
    before = contents(out)
    for frames, options in (
        (other.frames(), OPTIONS),
        (sample_frames(log, min_interval_s=0.2), {"every": 0.2}),
        (log.frames(), None),
    ):
        with pytest.raises(Sim2SGError, match=rf"{out}: holds images of another extraction, or other ones: give an"):
            extract(frames, out, options=options)
    assert contents(out) == before
    extract(log.frames(), out, options=OPTIONS)
    assert contents(out) == before, "the same one again"
    (out / "photo.jpg").write_bytes(encode_jpeg(picture()))
    with pytest.raises(Sim2SGError, match="holds images"):
        extract(log.frames(), out, options=OPTIONS)


def test_images_of_somebody_else_are_not_mixed_in(drive, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("not an image")
    log = open_log(drive())
    (tmp_path / "out" / "photo.PNG").write_bytes(b"")
    with pytest.raises(Sim2SGError, match="holds images"):
        extract(log.frames(), tmp_path / "out", options=OPTIONS)
    (tmp_path / "out" / "photo.PNG").unlink()
    assert len(extract(log.frames(), tmp_path / "out", options=OPTIONS)) == 5


def test_an_interrupted_extraction_may_be_repeated(drive, tmp_path):
    log, out = open_log(drive()), tmp_path / "out"

    def stop(done):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(log.frames(), out, stop, options=OPTIONS)
    with pytest.raises(Sim2SGError, match="holds images"):
        extract(open_log(drive(name="other")).frames(), out, options=OPTIONS)
    written(extract(log.frames(), out, options=OPTIONS), out)


def test_frames_that_are_not_listed_are_told(drive, tmp_path, caplog):
    extract(open_log(drive()).frames(), tmp_path / "out")
    open_log(tmp_path / "out")
    assert not caplog.records
    (tmp_path / "out" / f"cam_{T0 + 10**9}.jpg").write_bytes(encode_jpeg(picture()))
    open_log(tmp_path / "out")
    [line] = [r.getMessage() for r in caplog.records]
    assert "frames.json: lists 5 of the 6 images in its folder" in line
