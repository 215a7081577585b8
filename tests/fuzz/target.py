"""What is fuzzed of a reader: how an input is made, and what is done with it.

A target is made in the process that runs it, in a folder of its own. `make` returns an input, a function of the seed
alone; `use` reads it, and may raise Sim2SGError and nothing else.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from sim2sg_core.scene import Camera, Pose3D, Relation, SceneGraph, SceneObject
from tests.fuzz import mutations

PACKAGE = Path(__file__).parents[2]


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes:
        make: (rng) -> an input.
        use: Reads it.
    """

    make: Callable[[random.Random], Any]
    use: Callable[[Any], object]


def camera() -> Camera:
    """Returns a camera over its ground, with a lens."""
    K = np.array([[300.0, 0, 48], [0, 300, 32], [0, 0, 1]])
    return Camera.from_extrinsics(96, 64, K, 1.5, 0.3, distortion=np.array([0.1, 0.01, 0, 0, 0]))


def graph() -> SceneGraph:
    """Returns a graph with all that the JSON form knows."""
    pose = Pose3D(np.array([0.5, 1.0, 8.0]), 0.3, np.array([1.0, 0.5, 0.8]))
    boxes = ([10.0, 10, 30, 30], [40.0, 10, 60, 30], [70.0, 10, 90, 40])
    objects = tuple(
        SceneObject(label, 0.9, np.array(box), pose, visibility=0.8)
        for label, box in zip(("cube", "sphere", "cube"), boxes)
    )
    relations = (Relation(0, "left_of", 1, 0.8), Relation(2, "in_front_of", 0, 0.7))
    return SceneGraph(96, 64, objects, relations, "000000.jpg", 5, camera())


def write_image(path: Path, width: int = 96, height: int = 64) -> None:
    """Writes a picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 255, (height, width, 3), dtype=np.uint8))


def of_json(path: Path, data: Any, use: Callable[[], object]) -> Target:
    """Returns a target whose input is one JSON file."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def make(rng: random.Random) -> bytes:
        return mutations.json_text(rng, data)

    def write(text: bytes) -> None:
        path.write_bytes(text)
        use()

    return Target(make, write)


def use_camera(found: Camera) -> None:
    with np.errstate(all="ignore"):
        found.rays(np.array([[1.0, 2.0]]))
        found.project(np.array([[1.0, 2.0, 3.0]]))
        if found.ground is not None:
            found.ground_depth(np.array([[1.0, 2.0]]))
