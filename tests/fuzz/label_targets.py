"""Readers of graphs and of labelled data."""

from __future__ import annotations

import json
import random
from pathlib import Path

from sim2sg_core.domains import Domain, load_domain
from sim2sg_core.evaluation import evaluate, find_doubts, load_targets
from sim2sg_core.scene.graph import load_graphs
from sim2sg_core.synthesis.dataset import read_dataset, to_coco
from tests.fuzz import mutations
from tests.fuzz.target import Target, camera, graph, of_json, use_camera, write_image


def graphs(folder: Path) -> Target:
    """Graphs, and their scores against labelled data."""
    domain = load_domain("clevr")
    labelled = _coco_folder(folder, domain)
    targets = load_targets(labelled, "coco", domain)
    path = folder / "graphs.json"

    def use() -> None:
        _, found = load_graphs(path)
        json.dumps([item.to_json() for item in found])
        evaluate(found, targets, domain, "coco")

    return of_json(path, {"model": "m", "images": [graph().to_json()]}, use)


def _coco_folder(folder: Path, domain: Domain) -> Path:
    labelled = folder / "labelled"
    write_image(labelled / "images" / "000000.jpg")
    (labelled / "annotations.json").write_text(json.dumps(to_coco(domain, [graph()])))
    return labelled


def coco(folder: Path) -> Target:
    """COCO with relations, as labelled data and as a data set to train on."""
    domain = load_domain("clevr")
    labelled = _coco_folder(folder, domain)
    seed = json.loads((labelled / "annotations.json").read_text())

    def use() -> None:
        targets = load_targets(labelled, "coco", domain)
        evaluate([graph()], targets, domain, "coco")
        find_doubts([graph()], targets, domain, "coco")
        read_dataset(labelled)

    return of_json(labelled / "annotations.json", seed, use)


def clevr(folder: Path) -> Target:
    """A CLEVR scene."""
    domain = load_domain("clevr")
    write_image(folder / "images" / "a.png")
    objects = [
        {"shape": s, "bbox": [10, 10, 50, 50], "3d_coords": [i, 1.0, 0.7]} for i, s in enumerate(("cube", "sphere"))
    ]
    directions = {"left": [0.0, -1.0, 0.0], "front": [1.0, 0.0, 0.0]}
    scene = {"image_filename": "a.png", "directions": directions, "objects": objects}
    return of_json(folder / "scenes" / "a.json", scene, lambda: load_targets(folder, "clevr", domain))


def frames(folder: Path) -> Target:
    """frames.json beside images."""
    from sim2sg_core.logs.folders import FolderLog

    for k in range(3):
        write_image(folder / f"{k}.jpg")
    view = {"width": 96, "height": 64, **camera().to_json()}
    data = {"frames": [{"file": f"{k}.jpg", "stamp": k * 10**9} for k in range(3)], "camera": view}

    def use() -> None:
        log = FolderLog(folder)
        log.duration()
        found = log.camera()
        if found is not None and found.has_aspect(96, 64):
            use_camera(found.scaled(96, 64))

    return of_json(folder / "frames.json", data, use)


def kitti(folder: Path) -> Target:
    """A KITTI label file and a calibration."""
    domain = load_domain("drive")
    write_image(folder / "image_2" / "000001.png")
    label = "\n".join(f"{kind} 0.00 0 0.5 10 10 60 50 1.5 1.6 4.0 1 1.6 20 0.3" for kind in ("Car", "Van", "Cyclist"))
    region = "DontCare -1 -1 -10 0 0 9 9 -1 -1 -1 -1000 -1000 -1000 -10"
    texts = {"label_2": f"{label}\n{region}", "calib": "P0: 0\nP2: 721.5 0 621 43.29 0 721.5 187.5 0 0 0 1 0"}
    numbers = ["0", "1.5", "2", "3", "nan", "inf", "1e400", "-1", "99999999999999999999", "x", ""]
    for part, text in texts.items():
        (folder / part).mkdir(parents=True)
        (folder / part / "000001.txt").write_text(text)

    def make(rng: random.Random) -> tuple[str, bytes]:
        part = rng.choice(list(texts))
        words = texts[part].split(" ")
        if rng.random() < 0.6:
            for _ in range(rng.choice([1, 2, 4])):
                words[rng.randrange(len(words))] = rng.choice(numbers)
            return part, " ".join(words).encode()
        return part, mutations.some_bytes(rng, texts[part].encode())

    def use(made: tuple[str, bytes]) -> None:
        for part, text in texts.items():
            (folder / part / "000001.txt").write_bytes(made[1] if part == made[0] else text.encode())
        load_targets(folder, "kitti", domain)

    return Target(make, use)
