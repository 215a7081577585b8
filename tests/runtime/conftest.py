"""Real ONNX models with known outputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.runtime.constant_model import empty_outputs, write_model


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    """Writes models into the test's folder: `make_model(outputs, name="model.onnx", **metadata)`."""

    def make(outputs: dict[str, np.ndarray], name: str = "model.onnx", **options: Any) -> Path:
        return write_model(tmp_path / name, outputs, **options)

    return make


@pytest.fixture
def three_objects() -> dict[str, np.ndarray]:
    """Three objects, one place of padding, four scored pairs, in the pixels of a 320x240 input."""
    outputs = empty_outputs(4, 5)
    outputs["boxes"][:3] = [[10, 20, 50, 60], [100, 100, 180, 200], [-5, 30, 40, 300]]
    outputs["scores"][:3] = [0.9, 0.6, 0.2]
    outputs["classes"][:3] = [2, 0, 1]
    outputs["centres"][:3] = [[30, 40], [140, 150], [20, 120]]
    outputs["depths"][:3] = [4.0, 8.0, 2.0]
    outputs["pairs"] = [[0, 1], [1, 0], [2, 0], [1, 2], [3, 3]]
    outputs["relations"] = [[0.8, 0.1], [0.05, 0.7], [0.9, 0.3], [0.4, 0.0], [0.99, 0.99]]
    return outputs
