"""Folders of images as logs: what is read, in which order, and what is said of the rest."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import encode_jpeg
from sim2sg_core.logs import frame_name, listed_logs, open_log, open_logs, sample_frames
from sim2sg_core.logs.names import UniqueNames, flat_name
from tests.logs.bag_writing import T0, picture
from tests.pictures import noise, with_orientation


def save(folder, *names):
    folder.mkdir(exist_ok=True, parents=True)
    for i, name in enumerate(names):
        cv2.imwrite(str(folder / name), picture(i)[..., ::-1])


def names(log):
    return [frame.name for frame in log.frames()]


def test_natural_order_and_stamps(tmp_path):
    save(tmp_path, *(f"frame{i}.png" for i in (10, 2, 1)))
    (tmp_path / "readme.txt").write_text("no image")
    log = open_log(tmp_path)
    assert [(f.name, f.stamp) for f in log.frames()] == [("frame1.png", 1), ("frame2.png", 2), ("frame10.png", 10)]
    assert [t.count for t in log.topics()] == [3] and not log.timed and log.duration() == 0
    np.testing.assert_array_equal(next(f for f in log.frames() if f.name == "frame2.png").decode(), picture(1))
    assert log.camera() is None and log.extrinsics() is None


def test_names_as_seconds_are_sorted_by_time_and_sampled(tmp_path):
    save(tmp_path, *(f"{1_700_000_000 + i / 10!r}.png" for i in range(20)))
    log = open_log(tmp_path)
    assert log.timed and log.duration() == pytest.approx(1.9) and "seconds" in log.describe_time()
    stamps = [f.stamp for f in log.frames()]
    assert stamps == sorted(stamps)
    assert len(sample_frames(log, min_interval_s=0.5)) == 4


def test_an_interval_is_refused_where_names_tell_no_time(tmp_path):
    save(tmp_path, "1.png", "2.png", "3.png")
    log = open_log(tmp_path)
    with pytest.raises(Sim2SGError, match=r"file names contain no times; order: by name.*use --max or --min-change"):
        sample_frames(log, min_interval_s=0.5)
    assert len(sample_frames(log, min_interval_s=0.5, need_times=False)) == 3


def test_more_frames_a_second_than_cameras_have_are_told(tmp_path, caplog):
    save(tmp_path / "a", *(f"1700000000.{i:03d}.png" for i in range(5)))
    assert open_log(tmp_path / "a").timed and not caplog.text
    save(tmp_path / "b", *(f"1700000000.{i:05d}.png" for i in range(5)))
    assert open_log(tmp_path / "b").timed
    assert "names are seconds of more than 1000 frames a second: rename them" in caplog.text
    caplog.clear()
    save(tmp_path / "c", *(f"2024013{day}_101112_{i:05d}.png" for day in (0, 1) for i in range(3)))
    open_log(tmp_path / "c")
    assert "names are dates and times of more than 1000 frames" in caplog.text


def test_hidden_files_are_none(tmp_path, caplog):
    save(tmp_path, "a.jpg")
    (tmp_path / "._a.jpg").write_bytes(b"\0\x05\x16\x07")
    (tmp_path / ".b.jpg").write_bytes(b"")
    assert names(open_log(tmp_path)) == ["a.jpg"] and not caplog.text


def test_images_of_many_kinds(tmp_path):
    save(tmp_path, "a.jpg", "b.png", "c.webp", "d.bmp", "e.tiff", "f.ppm", "g.jpe", "h.gif")
    (tmp_path / "i.jfif").write_bytes(encode_jpeg(picture(8)))
    (tmp_path / "j.jpg").write_bytes(cv2.imencode(".png", picture(9)[..., ::-1])[1].tobytes())
    frames = list(open_log(tmp_path).frames())
    assert len(frames) == 10
    for i, frame in enumerate(frames):
        assert np.abs(frame.decode().astype(int) - picture(i)).mean() < (12 if frame.name == "h.gif" else 3), frame.name


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".tiff"])
def test_frames_behind_the_first_are_left_out_and_told(tmp_path, caplog, suffix):
    def write(path, count):
        images = [Image.fromarray(picture(i)) for i in range(count)]
        images[0].save(path, save_all=True, append_images=images[1:], lossless=True)

    write(tmp_path / f"still{suffix}", 1)
    next(open_log(tmp_path).frames()).decode()
    assert not caplog.text
    write(tmp_path / f"a{suffix}", 10), write(tmp_path / f"b{suffix}", 3)
    image, *_ = [frame.decode() for frame in open_log(tmp_path).frames()]
    assert np.abs(image.astype(int) - picture(0)).mean() < 12
    [record] = caplog.records
    assert f"a{suffix}: 9 further frames are left out, here as in other files" in record.getMessage()


@pytest.mark.parametrize(
    ("name", "tool", "start"),
    [
        ("IMG_1.HEIC", "heif-convert", b"\0\0\0\x1cftypheic"),
        ("a.avif", "avifdec", b"\0\0\0\x1cftypavif"),
        ("a.jxl", "djxl", b"\xff\x0a"),
        ("a.jp2", "opj_decompress", b"\0\0\0\x0cjP  \r\n\x87\n"),
        ("a.exr", "magick", b"\x76\x2f\x31\x01"),
        ("a.psd", "magick", b"8BPS"),
    ],
)
def test_formats_that_must_be_converted_are_named(tmp_path, caplog, name, tool, start):
    (tmp_path / name).write_bytes(start)
    for path in (tmp_path, tmp_path / name):
        with pytest.raises(Sim2SGError, match=tool):
            next(open_log(path).frames()).decode()
    save(tmp_path, "a.jpg")
    assert names(open_log(tmp_path)) == ["a.jpg"]
    assert "1 " in caplog.text and tool in caplog.text and "left out" in caplog.text


@pytest.mark.parametrize(
    ("name", "tool"), [("DSC_1.NEF", "rawtherapee-cli"), ("a.dng", "rawtherapee"), ("a.tga", "magick")]
)
def test_formats_without_a_mark_of_their_own_are_named_by_their_suffix(tmp_path, caplog, name, tool):
    (tmp_path / name).write_bytes(b"II*\0")
    with pytest.raises(Sim2SGError, match=tool):
        open_log(tmp_path)
    save(tmp_path, "a.jpg")
    assert names(open_log(tmp_path)) == ["a.jpg"]
    assert tool in caplog.text and "left out" in caplog.text


def test_images_in_folders_below_other_images_are_left_out_with_a_word(tmp_path, caplog):
    save(tmp_path, "a.jpg")
    save(tmp_path / "more", "b.jpg")
    assert names(open_log(tmp_path)) == ["a.jpg"]
    assert "1 folders of bags, images or videos below are left out" in caplog.text


def test_depth_beside_pictures_is_no_picture(tmp_path, caplog):
    save(tmp_path, "0_rgb.png", "1_rgb.png")
    for i in range(2):
        cv2.imwrite(str(tmp_path / f"{i}_x.png"), np.full((48, 64), 1500 + i, np.uint16))
    assert names(open_log(tmp_path)) == ["0_rgb.png", "1_rgb.png"]
    assert "2 images of 16 bits and one channel are taken for depth" in caplog.text


def test_grey_images_of_twelve_bits_alone_are_read_by_one_range(tmp_path, caplog):
    for i, level in enumerate((255, 100, 20)):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((48, 64), level << 4, np.uint16))
    assert [int(f.decode().mean()) for f in open_log(tmp_path).frames()] == [255, 100, 20]
    assert "read as grey pictures" in caplog.text and "values of 16 bits use 12" in caplog.text


def test_one_image_is_a_log(tmp_path):
    save(tmp_path, "a.jpg", "b.jpg")
    assert names(open_log(tmp_path / "b.jpg")) == ["b.jpg"]
    [log] = open_logs([tmp_path / "b.jpg", tmp_path / "a.jpg"])
    assert names(log) == ["a.jpg", "b.jpg"], "images of one folder, as the shell's * gives them, are one log"


def test_what_is_named_more_than_once_is_read_once(tmp_path, caplog, drive):
    save(tmp_path / "a", "1.jpg", "2.jpg")
    one, two = tmp_path / "a" / "1.jpg", tmp_path / "a" / "2.jpg"
    bag = drive("mcap")

    def read(*paths):
        caplog.clear()
        return [[f.name for f in log.frames()] for log in open_logs(paths)]

    assert read(one, two) == [["1.jpg", "2.jpg"]] and not caplog.text
    assert read(one, one) == [["1.jpg"]]
    assert read(one, tmp_path / "a" / ".." / "a" / "1.jpg", two) == [["1.jpg", "2.jpg"]]
    assert "1 of the images or logs are named more than once: each is read once" in caplog.text
    assert read(tmp_path / "a", one, f"{tmp_path}/a/*.jpg") == [["1.jpg", "2.jpg"]]
    assert len(caplog.records) == 1
    assert len(read(bag, tmp_path / "a", *bag.glob("*.mcap"), bag)) == 2
    assert "2 of the images or logs" in caplog.text


def test_single_images_of_several_folders_carry_the_names_of_their_folders(tmp_path):
    save(tmp_path / "a", "x.jpg"), save(tmp_path / "b", "x.jpg")
    logs = open_logs([tmp_path / "a" / "x.jpg", tmp_path / "b" / "x.jpg"])
    assert [name for log in logs for name in names(log)] == ["a/x.jpg", "b/x.jpg"]


def test_brackets_in_patterns_are_letters_where_there_is_such_a_path(tmp_path):
    save(tmp_path / "set [1]", "a.jpg", "b.jpg"), save(tmp_path / "set 1", "c.jpg")
    assert names(open_log(tmp_path / "set [1]" / "*.jpg")) == ["a.jpg", "b.jpg"]
    assert names(open_log(f"{tmp_path}/set [1]/?.jpg")) == ["a.jpg", "b.jpg"]
    assert names(open_log(f"{tmp_path}/set [1-3]/*.jpg")) == ["c.jpg"], "a choice of signs, where there is none such"


def test_an_empty_path_is_not_the_current_folder(tmp_path, monkeypatch):
    save(tmp_path, "a.jpg")
    monkeypatch.chdir(tmp_path)
    for paths in ("", ["a.jpg", ""]):
        with pytest.raises(Sim2SGError, match="the path of a log is empty"):
            open_logs(paths)
        with pytest.raises(Sim2SGError, match="the path of a log is empty"):
            listed_logs(paths or [""])
    assert names(open_log(".")) == ["a.jpg"]


def test_folders_three_deep_carry_their_names(tmp_path):
    for folder in ("x/cam0/data", "x/cam1/data"):
        save(tmp_path / folder, "1.jpg", "2.jpg")
    logs = open_logs(tmp_path)
    frames = sample_frames(logs)
    assert [f.name for f in frames] == [f"x/cam{c}/data/{i}.jpg" for c in (0, 1) for i in (1, 2)]
    assert names(open_log(tmp_path / "x" / "cam0")) == ["1.jpg", "2.jpg"]
    together = sample_frames(open_logs([tmp_path / "x/cam0/data", tmp_path / "x/cam1/data"]))
    assert len({f.name for f in together}) == 4


def test_names_that_are_not_utf8(tmp_path):
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/bad\xff\xfe_4.jpg")).write_bytes(encode_jpeg(picture(0)))
    (tmp_path / "a\n\x1b[31m.jpg").write_bytes(encode_jpeg(picture(1)))
    log = open_log(tmp_path)
    assert all(f.decode().shape == (48, 64, 3) for f in log.frames())
    assert sorted(names(log)) == [r"a\n\x1b[31m.jpg", r"bad\xff\xfe_4.jpg"]


def test_damaged_images_are_named(tmp_path):
    save(tmp_path, "a.png")
    (tmp_path / "b.jpg").write_bytes(b"no picture")
    (tmp_path / "c.jpg").write_bytes(encode_jpeg(noise(48, 64))[:2000])
    _, bad, half = open_log(tmp_path).frames()
    with pytest.raises(Sim2SGError, match=r"b\.jpg: .*no image of a known format"):
        bad.decode()
    with pytest.raises(Sim2SGError, match=r"c\.jpg: .*cut short"):
        half.decode()


def test_exif_turns_pixels_and_thumbnails_alike(tmp_path):
    (tmp_path / "a.jpg").write_bytes(with_orientation(encode_jpeg(picture(0)), 6))
    [frame] = open_log(tmp_path).frames()
    assert frame.decode().shape == (64, 48, 3) and frame.thumbnail().shape == (8, 6)
    assert frame.encoded() is None, "the bytes alone would lie on their side"


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


def test_names_of_files_are_safe():
    assert frame_name("/camera/image/compressed", 12) == "camera_image_compressed_12.jpg"
    assert frame_name("/a\0b/../\n", 3) == "a_b_..___3.jpg"
    assert flat_name("../../x/y.jpg") == "_.._x_y.jpg"
    long = frame_name("/" + "é" * 4000, T0)
    assert len(long.encode()) <= 180 and long.endswith(f"_{T0}.jpg")


def test_names_are_given_once():
    unique = UniqueNames()
    made = [unique(name, ".jpg") for name in ("a.jpg", "a.png", "a.JPG", "a_2.jpg", "b/a.jpg", "a.jpg")]
    assert len(set(made)) == 6 and made[0] == "a.jpg" and made[4] == "b/a.jpg"
