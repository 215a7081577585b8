"""The tool that draws negatives: an image is a function of seed and number, whoever draws it when."""

import subprocess
import sys
from pathlib import Path

import numpy as np

from sim2sg_core.images import read_image

TOOL = Path(__file__).parents[2] / "tools" / "dead_leaves.py"


def draw(out: Path, *more: object) -> list[Path]:
    words = [sys.executable, TOOL, "--out", out, "--size", 96, 64, *more]
    subprocess.run([str(word) for word in words], check=True, capture_output=True)
    return sorted(out.iterdir())


def test_images_differ_and_a_stopped_run_is_completed_to_the_same(tmp_path):
    whole = draw(tmp_path / "whole", "--count", 4)
    draw(tmp_path / "parts", "--count", 2)
    parts = draw(tmp_path / "parts", "--count", 4)
    assert [file.read_bytes() for file in parts] == [file.read_bytes() for file in whole]
    images = [read_image(file) for file in whole]
    assert {image.shape for image in images} == {(64, 96, 3)}
    assert len({image.tobytes() for image in images}) == 4
    assert all(np.ptp(image) > 20 for image in images)
    (other,) = draw(tmp_path / "other", "--count", 1, "--seed", 1)
    assert other.read_bytes() != whole[0].read_bytes()
