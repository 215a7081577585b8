"""`sim2sg log`, as a user runs it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.logs.bag_writing import T0


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
