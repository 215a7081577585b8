"""A small network with random weights, exported for real."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from sim2sg_core.domains import load_domain
from sim2sg_core.scene import Camera

WIDTH, HEIGHT, OBJECTS = 96, 64, 8


def small_model(factory: pytest.TempPathFactory) -> Path:
    """Returns the one model of a test run; exporting it takes longer than the tests."""
    root = factory.getbasetemp()
    path = (root.parent if os.environ.get("PYTEST_XDIST_WORKER") else root) / "small.onnx"
    return path if path.exists() else export_small(path)


def export_small(path: Path) -> Path:
    """Writes a model for the domain `clevr` with 96x64 input."""
    torch = pytest.importorskip("torch", reason="torch, which makes the test model, is not installed")
    from sim2sg_core.model import build_network, export_onnx

    torch.set_num_threads(1)
    torch.manual_seed(0)
    domain = load_domain("clevr")
    network = build_network(
        domain,
        backbone="small",
        pretrained=False,
        width=WIDTH,
        height=HEIGHT,
        channels=16,
        max_objects=OBJECTS,
        max_relations=20,
    )
    with torch.no_grad():
        # As if trained: the heat map differs from place to place, by far more than rounding.
        network.heads.heat[-1].weight.mul_(100)
        network.heads.regression[-1].weight.mul_(10)
    camera = Camera.from_extrinsics(480, 320, np.array([[525.0, 0, 240], [0, 525, 160], [0, 0, 1]]), 5.2, 0.45)
    return export_onnx(network.eval(), domain, path, model_id="small", camera=camera, calibrated=True)


def pictures(count: int, width: int = WIDTH, height: int = HEIGHT) -> list[np.ndarray]:
    """Returns (height, width, 3) uint8 images: boxes of colour on a slope of grey, with noise."""
    rng = np.random.default_rng(5)
    images = []
    for _ in range(count):
        image = np.empty((height, width, 3))
        image[:] = np.linspace(90, 180, height)[:, None, None]
        for _ in range(5):
            x, y = rng.integers(0, [width * 3 // 4, height * 3 // 4])
            w, h = rng.integers(4, [width // 3, height // 3])
            image[y : y + h, x : x + w] = rng.integers(0, 256, 3)
        images.append(np.clip(image + rng.normal(0, 8, image.shape), 0, 255).astype(np.uint8))
    return images
