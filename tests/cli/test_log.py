"""`sim2sg log`, as a user runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim2sg_core.images import encode_jpeg
from tests.logs.bag_writing import T0
from tests.pictures import noise


def sim2sg(*words):
    return subprocess.run(
        [sys.executable, "-m", "sim2sg_core.cli.main", *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_info(log):
    result = sim2sg("log", "info", log)
    assert result.returncode == 0, result.stderr
    assert "/cam/image_raw/compressed  sensor_msgs/msg/CompressedImage  12" in result.stdout
    assert "focal length 300.0 310.0 px" in result.stdout and "images 64x48" in result.stdout
    assert "extrinsics: unknown" in result.stdout


def test_extract(log, tmp_path):
    result = sim2sg("log", "extract", log, "--out", tmp_path / "out", "--every", 0.2)
    assert result.returncode == 0, result.stderr
    names = sorted(p.name for p in (tmp_path / "out").iterdir())
    stamps = [T0 + i * 200_000_000 for i in range(6)]
    assert names == [*(f"cam_image_raw_compressed_{s}.jpg" for s in stamps), "frames.json"]


def images(folder, count=4, damaged=()):
    folder.mkdir(parents=True)
    for i in range(1, count + 1):
        data = encode_jpeg(noise(48, 64, i))
        (folder / f"{i}.jpg").write_bytes(data[: len(data) // 2] if i in damaged else data)
    return folder


def test_damaged_frames_are_counted_and_strict_stops_at_the_first(tmp_path):
    folder = images(tmp_path / "images", damaged=(2,))
    result = sim2sg("log", "extract", folder, "--out", tmp_path / "out")
    assert result.returncode == 0 and "3 frames of images" in result.stdout
    assert len(list((tmp_path / "out").glob("*.jpg"))) == 3
    assert "1 of 4 frames are damaged" in result.stderr and "2.jpg" in result.stderr
    strict = sim2sg("log", "extract", folder, "--out", tmp_path / "strict", "--strict")
    assert strict.returncode == 2 and strict.stderr.splitlines()[-1].startswith("error: ")
    assert "2.jpg: a JPEG" in strict.stderr and not (tmp_path / "strict" / "frames.json").exists()


def test_an_interval_without_times_is_refused(tmp_path):
    result = sim2sg("log", "extract", images(tmp_path / "images"), "--out", tmp_path / "out", "--every", 1)
    assert (
        result.returncode == 2
        and "file names contain no times; order: by name" in result.stderr
        and not (tmp_path / "out").exists()
    )


def test_info_tells_what_names_were_taken_for(tmp_path):
    folder = images(tmp_path / "images")
    for i, file in enumerate(sorted(folder.iterdir())):
        file.rename(folder / f"{1_700_000_000_000 + 100 * i}.jpg")
    result = sim2sg("log", "info", folder)
    assert "0.3 s" in result.stdout and "names are milliseconds" in result.stdout, result.stdout


def test_info_of_a_log_whose_images_cannot_be_read_fails(tmp_path):
    folder = images(tmp_path / "images", count=1, damaged=(1,))
    result = sim2sg("log", "info", folder)
    assert result.returncode == 2 and "camera images: " in result.stdout and "cut short" in result.stdout
    images(tmp_path / "more" / "b")
    folder.rename(tmp_path / "more" / "a")
    result = sim2sg("log", "info", tmp_path / "more")
    assert result.returncode == 2 and "images 64x48" in result.stdout


def test_a_name_that_is_not_utf8_goes_through(tmp_path):
    (folder := tmp_path / "images").mkdir()
    Path(os.fsdecode(os.fsencode(folder) + b"/bad\xff_4.jpg")).write_bytes(encode_jpeg(noise(48, 64)))
    for words in (("info", folder), ("extract", folder, "--out", tmp_path / "out")):
        result = sim2sg("log", *words)
        assert result.returncode == 0, result.stderr


def test_two_extractions_need_two_folders(log, tmp_path):
    words = ("log", "extract", log, "--out", tmp_path / "out")
    assert [sim2sg(*words, "--every", 0.2).returncode for _ in range(2)] == [0, 0]
    other = sim2sg(*words, "--every", 0.1)
    assert other.returncode == 2 and other.stderr.count("\n") == 1
    assert "holds images of another extraction" in other.stderr
    assert len(list((tmp_path / "out").glob("*.jpg"))) == 6


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("info", "nothing.mcap"), "no such file"),
        (("extract", "nothing.mcap", "--out", "out"), "no such file"),
        (("extract", "{bag}", "--out", "out", "--max", "-1"), "--max is -1"),
        (
            ("extract", "{bag}", "--out", "out", "--topic", "/up"),
            "its image topics: /cam/image_raw/compressed",
        ),
    ],
)
def test_mistakes_are_one_line(log, words, reason):
    result = sim2sg("log", *(word.replace("{bag}", str(log)) for word in words))
    assert result.returncode == 2
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1 and reason in result.stderr
