"""A toy world: solids over a flat ground, drawn flat with OpenCV, with exact labels."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from sim2sg_core.domains import Domain
from sim2sg_core.learning.data import Record
from sim2sg_core.learning.real import RealImage
from sim2sg_core.scene import Camera, Placement, SceneGraph, SceneObject, derive_relations
from sim2sg_core.synthesis.dataset import make_folders, write_annotations, write_frame

TOY = {
    "name": "toy",
    "box": "visible",
    "input": {"width": 128, "height": 96},
    "max_objects": 6,
    "classes": [
        {"name": "slab", "sizes": [[1.6, 1.6, 0.8]], "yaw_symmetry": 0},
        {"name": "ball", "sizes": [[1.0, 1.0, 1.0]], "yaw_symmetry": 0},
    ],
    "predicates": [
        {"name": "left_of", "rule": "left_of", "margin": 0.4, "inverse": "right_of"},
        {"name": "in_front_of", "rule": "in_front_of", "margin": 0.4, "inverse": "behind"},
    ],
    "camera": {"width": 160, "height": 120, "hfov_deg": 60, "height_m": 3, "pitch_deg": 20},
    "layout": {"type": "scatter", "count": [1, 4], "distance": [4, 9], "lateral": [-3, 3]},
    "labels": {"min_visibility": 0.3, "min_pixels": 4},
    "training": {"backbone": "small"},
}


@pytest.fixture(scope="session")
def domain() -> Domain:
    return Domain.model_validate(TOY)


@pytest.fixture(scope="session")
def records(domain: Domain) -> list[Record]:
    return [draw_scene(domain, np.random.default_rng([7, i]), f"{i:06}.png") for i in range(8)]


@pytest.fixture(scope="session")
def folder(tmp_path_factory, domain: Domain, records: list[Record]) -> Path:
    """The records as a data set on disk."""
    out = tmp_path_factory.mktemp("toy")
    make_folders(out)
    for index, record in enumerate(records):
        write_frame(out, index, "", record.code, record.graph, {})
    write_annotations(out, domain, len(records))
    return out


@pytest.fixture(scope="session")
def real_images(tmp_path_factory, domain: Domain) -> list[RealImage]:
    """Other scenes in another light, without labels."""
    out = tmp_path_factory.mktemp("real")
    images = []
    for index in range(5):
        record = draw_scene(domain, np.random.default_rng([8, index]), f"{index:06}.png")
        path = out / record.name
        cv2.imwrite(str(path), 255 - record.image() // 2)
        assert record.graph.camera is not None
        images.append(RealImage(path, record.graph.camera))
    return images


def draw_scene(domain: Domain, rng: np.random.Generator, name: str) -> Record:
    """Draws two to four solids, the far ones first, and labels them."""
    camera = domain.camera.sample(rng)
    placements: list[Placement] = []
    while len(placements) < rng.integers(2, 5):
        spec = domain.classes[rng.integers(2)]
        at = np.array([rng.uniform(4.5, 8.5), rng.uniform(-2, 2), 0.0])
        if all(np.linalg.norm(at - p.position) > 1.5 for p in placements):
            placements.append(Placement(spec.name, at, 0.0, spec.sample_size(rng)))
    return render(camera, placements, name)


def render(camera: Camera, placements: list[Placement], name: str) -> Record:
    image = np.full((camera.height, camera.width, 3), 120, np.uint8)
    ids = np.full(image.shape[:2], -1)
    alone = []
    poses = [p.to_pose(camera) for p in placements]
    for i in sorted(range(len(poses)), key=lambda i: -poses[i].position[2]):
        u, v = camera.project(poses[i].position)
        radius = camera.focal / poses[i].position[2] * poses[i].size / 2
        mask = np.zeros(image.shape[:2], np.uint8)
        if placements[i].label == "ball":
            cv2.circle(mask, (round(u), round(v)), round(radius[0]), 1, -1)
        else:
            corners = np.round([u - radius[0], v - radius[2], u + radius[0], v + radius[2]]).astype(int)
            cv2.rectangle(mask, tuple(corners[:2].tolist()), tuple(corners[2:].tolist()), 1, -1)
        image[mask > 0] = (40, 90, 220) if placements[i].label == "ball" else (200, 60, 40)
        ids[mask > 0] = i
        alone.append((i, mask.sum()))
    objects, kept = [], []
    areas = dict(alone)
    for i, placement in enumerate(placements):
        y, x = np.nonzero(ids == i)
        if len(x):
            box = np.array([x.min(), y.min(), x.max() + 1, y.max() + 1], float)
            objects.append(SceneObject(placement.label, 1.0, box, poses[i], len(x) / areas[i]))
            kept.append(i)
    from sim2sg_core.domains import Domain

    rules = Domain.model_validate(TOY).rules()
    relations = derive_relations([poses[i] for i in kept], camera, rules)
    graph = SceneGraph(camera.width, camera.height, tuple(objects), relations, name, 0, camera)
    code = cv2.imencode(".png", image[..., ::-1])[1].tobytes()
    return Record(name, code, graph)
