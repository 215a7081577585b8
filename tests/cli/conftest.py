"""What the verbs are given: models, labelled data sets and logs, from the tests of the parts that read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.evaluation.conftest import clevr, drive, write_clevr, write_kitti
from tests.learning.conftest import domain, records
from tests.logs.bag_writing import T0, bag, picture
from tests.runtime.conftest import make_model, three_objects

__all__ = ["clevr", "domain", "drive", "make_model", "records", "three_objects", "write_clevr", "write_kitti"]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """A whole MCAP file: a camera at 10 Hz, 12 frames."""
    with bag(tmp_path / "log", "mcap") as builder:
        for i in range(12):
            builder.compressed("/cam/image_raw/compressed", picture(i), T0 + i * 10**8)
            builder.info("/cam/camera_info", T0 + i * 10**8)
    return next((tmp_path / "log").glob("*.mcap"))
