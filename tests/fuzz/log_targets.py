"""Readers of what logs hold: calibrations, images, bags."""

from __future__ import annotations

import json
import random
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from tests.fuzz import mutations
from tests.fuzz.target import Target, use_camera, write_image


def camera_info(folder: Path) -> Target:
    """sensor_msgs/CameraInfo."""
    from sim2sg_core.logs.camera_info import camera_from_info

    values = dict(k=[500.0, 0, 320, 0, 500, 240, 0, 0, 1], p=[500.0, 0, 320, 0, 0, 500, 240, 0, 0, 0, 1, 0],
                  d=[0.1] * 5, width=640, height=480, distortion_model="plumb_bob", binning_x=0, binning_y=0,
                  roi=dict(width=0, height=0, x_offset=0, y_offset=0))  # fmt: skip
    numbers = [0.0, -1.0, float("nan"), float("inf"), 1e308, -1e308, 1e-308]
    sizes = [0, 1, 2**31, 2**32 - 1]

    def make(rng: random.Random) -> dict[str, Any]:
        made = json.loads(json.dumps(values))
        for _ in range(rng.choice([1, 2, 3])):
            key = rng.choice(["k", "p", "d", "width", "height", "binning_x", "roi", "distortion_model", "count"])
            if key in ("k", "p", "d") and made[key]:
                made[key][rng.randrange(len(made[key]))] = rng.choice(numbers)
            elif key in ("count", "d"):
                made["d"] = [rng.choice([0.1, *numbers]) for _ in range(rng.choice([0, 1, 4, 5, 8, 12, 14, 100]))]
            elif key == "roi":
                made["roi"][rng.choice(list(made["roi"]))] = rng.choice(sizes)
            elif key == "distortion_model":
                made[key] = rng.choice(["", "equidistant", "rational_polynomial", "fisheye", "x" * 1000])
            else:
                made[key] = rng.choice(sizes)
        return {**made, "rectified": rng.random() < 0.5}

    def use(made: dict[str, Any]) -> None:
        message = SimpleNamespace(**{**made, "roi": SimpleNamespace(**made["roi"])})
        with np.errstate(all="ignore"):
            found = camera_from_info(message, made["rectified"])
        if found is not None and found.has_aspect(640, 480):
            use_camera(found.scaled(640, 480))

    return Target(make, use)


def image(folder: Path) -> Target:
    """Image files."""
    from sim2sg_core.images import read_image

    seeds = {}
    for suffix in (".png", ".jpg", ".bmp", ".webp", ".tiff"):
        write_image(folder / f"seed{suffix}")
        seeds[suffix] = (folder / f"seed{suffix}").read_bytes()

    def make(rng: random.Random) -> tuple[str, bytes]:
        suffix = rng.choice(list(seeds))
        data = seeds[suffix]
        return suffix, mutations.head(rng, data, 600) if rng.random() < 0.6 else mutations.some_bytes(rng, data)

    def use(made: tuple[str, bytes]) -> None:
        path = folder / f"a{made[0]}"
        path.write_bytes(made[1])
        read_image(path)

    return Target(make, use)


def depth(folder: Path) -> Target:
    """Depth images of messages, raw and compressedDepth, and what is measured in them."""
    import cv2

    from sim2sg_core.lifting.surfaces import visible_surfaces
    from sim2sg_core.logs.depth_decoding import decode_compressed_depth, decode_depth

    values = np.arange(48, dtype=np.uint16).reshape(6, 8) * 100
    seeds = {
        "raw": values.tobytes(),
        "16UC1; compressedDepth png": bytes(12) + cv2.imencode(".png", values)[1].tobytes(),
        "32FC1; compressedDepth png": bytes(12) + cv2.imencode(".png", values)[1].tobytes(),
    }
    sizes = [0, 1, 6, 8, 2**31, 2**32 - 1]

    def make(rng: random.Random) -> tuple[str, bytes, list[int], str]:
        kind = rng.choice(list(seeds))
        shape = [8, 6, 16] if rng.random() < 0.7 else [rng.choice(sizes) for _ in range(3)]
        return kind, mutations.head(rng, seeds[kind], 60), shape, rng.choice(["16UC1", "32FC1", "8UC1", ""])

    def use(made: tuple[str, bytes, list[int], str]) -> None:
        kind, data, (width, height, step), encoding = made
        raw = kind == "raw"
        image = decode_depth(data, width, height, encoding, step) if raw else decode_compressed_depth(data, kind)
        visible_surfaces(image, np.array([[0.0, 0, image.width, image.height]]), image.width, image.height)

    return Target(make, use)


def bag(folder: Path) -> Target:
    """An MCAP bag."""
    from sim2sg_core.logs import open_logs
    from tests.logs.bag_writing import bag as write_bag

    pixels = np.zeros((48, 64, 3), np.uint8)
    with write_bag(folder / "seed", "mcap") as builder:
        for k in range(3):
            builder.compressed("/image", pixels, 10**18 + k * 10**9)
    seed = next((folder / "seed").glob("*.mcap")).read_bytes()
    path = folder / "a.mcap"

    def make(rng: random.Random) -> bytes:
        return mutations.some_bytes(rng, seed)

    def use(data: bytes) -> None:
        path.write_bytes(data)
        for log in open_logs(path):
            for topic in log.image_topics():
                for frame, _ in zip(log.frames(topic.name), range(5)):
                    frame.decode()

    return Target(make, use)
