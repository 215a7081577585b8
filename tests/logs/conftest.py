"""Bags of every kind, made by the tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.logs.bag_writing import FORMATS, T0, bag, picture


@pytest.fixture(params=FORMATS)
def form(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def drive(tmp_path: Path) -> Callable[..., Path]:
    """Writes a bag of one JPEG camera with CameraInfo: `drive("mcap", count=5)`."""

    def write(form: str = "mcap", count: int = 5, name: str = "drive", **info: Any) -> Path:
        path = tmp_path / (f"{name}.bag" if form == "ros1" else name)
        with bag(path, form) as builder:
            for i in range(count):
                stamp = T0 + i * 100_000_000
                builder.compressed("/cam/image_raw/compressed", picture(i), stamp, late=7_000_000)
                builder.info("/cam/camera_info", stamp, **info)
        return path

    return write
