"""What is fuzzed: for each reader how an input is made, and what is done with it.

A target is made in the process that runs it, in a folder of its own. `make` returns an input, a function of the seed
alone; `use` reads it, and may raise Sim2SGError and nothing else.
"""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import cv2
import numpy as np

from sim2sg_core.domains import Domain, load_domain
from sim2sg_core.domains.loading import parse_domain
from sim2sg_core.evaluation import evaluate, find_doubts, load_targets
from sim2sg_core.scene import Camera, Pose3D, Relation, SceneGraph, SceneObject
from sim2sg_core.scene.graph import load_graphs
from sim2sg_core.synthesis.dataset import read_dataset, to_coco
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


def graphs(folder: Path) -> Target:
    """Graphs, and their scores against labelled data."""
    domain = load_domain("clevr")
    labelled = _coco_folder(folder, domain)
    targets = load_targets(labelled, "coco-rel", domain)
    path = folder / "graphs.json"

    def use() -> None:
        _, found = load_graphs(path)
        json.dumps([item.to_json() for item in found])
        evaluate(found, targets, domain, "coco-rel")

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
        targets = load_targets(labelled, "coco-rel", domain)
        evaluate([graph()], targets, domain, "coco-rel")
        find_doubts([graph()], targets, domain, "coco-rel")
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
            _use_camera(found.scaled(96, 64))

    return of_json(folder / "frames.json", data, use)


def _use_camera(found: Camera) -> None:
    with np.errstate(all="ignore"):
        found.rays(np.array([[1.0, 2.0]]))
        found.project(np.array([[1.0, 2.0, 3.0]]))
        if found.ground is not None:
            found.ground_depth(np.array([[1.0, 2.0]]))


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


def domain_yaml(folder: Path) -> Target:
    """A domain's YAML."""
    from sim2sg_core.packs.pack import shipped_files
    from sim2sg_core.synthesis.validate_assets import validate_assets

    seeds = [path.read_text() for path in shipped_files("domain.yaml").values()]

    def use(text: str) -> None:
        found = parse_domain(text, str(folder / "own.yaml"), validate_assets)
        found.hash()
        Domain.from_json(json.dumps(found.to_json()))

    return Target(lambda rng: mutations.yaml_text(rng, rng.choice(seeds)), use)


def domain_json(folder: Path) -> Target:
    """A domain as models and checkpoints carry it."""
    seed = load_domain("clevr").to_json()

    def use(text: bytes) -> None:
        found = Domain.from_json(text.decode("utf-8", "surrogatepass") if _is_text(text) else "")
        found.hash()
        found.rules()

    return Target(lambda rng: mutations.json_text(rng, seed), use)


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


_ROWS = """v nan nan nan|v 1e400 0 0|f 1 2 99999999|f -1 -2 -3|f 1/1/1 2//2 3|f 1|f|v 1 2|usemtl x|vt 1|o \x1b[31m|s off
mtllib ../../../etc/passwd|f 99999999999999999999 1 2|l 1 2|f 0 0 0|vn 0 0 0|v 0 0 0 1 1 1|f 1 2 3 4 5 6 7"""
OBJ_LINES = [*_ROWS.replace("\n", "|").split("|"), f"g {'x' * 3000}"]
_MATERIAL_ROWS = "Kd nan 0 0|Kd|Kd 1 2|map_Kd /etc/passwd|map_Kd|d 2|Tr x|newmtl|Ns 1e400|Kd é 1 1"
MTL_LINES = _MATERIAL_ROWS.split("|")


def mesh_use(path: Path) -> None:
    """Reads a mesh and builds what is drawn of it."""
    from sim2sg_core.domains.mesh_files import read_mesh
    from sim2sg_core.synthesis.assets.file_assets import file_asset

    read_mesh(path)
    file_asset.cache_clear()
    file_asset(f"file:{quote(str(path))}")


def obj(folder: Path) -> Target:
    """An OBJ, its materials and its texture."""
    cube = (
        "".join(f"v {x} {y} {z}\n" for x in (0, 0.4) for y in (0, 0.3) for z in (0, 0.2)) + "vt 0 0\nvt 1 0\nvt 1 1\n"
    )
    sides = [(1, 3, 4, 2), (5, 6, 8, 7), (1, 2, 6, 5), (3, 7, 8, 4), (1, 5, 7, 3), (2, 4, 8, 6)]
    faces = "".join(
        f"usemtl {'skin' if k % 2 else 'red'}\nf {a}/1 {b}/2 {c}/3 {d}/1\n" for k, (a, b, c, d) in enumerate(sides)
    )
    texts = {
        "a.obj": f"mtllib a.mtl\n{cube}{faces}",
        "a.mtl": "newmtl red\nKd 0.8 0.1 0.1\nnewmtl skin\nKd 1 1 1\nmap_Kd a.png\n",
    }
    write_image(folder / "a.png", 16, 16)
    picture = (folder / "a.png").read_bytes()

    def make(rng: random.Random) -> dict[str, bytes]:
        made = {name: text.encode() for name, text in texts.items()} | {"a.png": picture}
        name = rng.choice(["a.obj", "a.obj", "a.mtl", "a.png"])
        if name == "a.png":
            made[name] = mutations.head(rng, picture, 60)
        elif rng.random() < 0.6:
            others = OBJ_LINES if name == "a.obj" else MTL_LINES
            made[name] = mutations.lines(rng, texts[name], others).encode()
        else:
            made[name] = mutations.some_bytes(rng, texts[name].encode())
        return made

    def use(made: dict[str, bytes]) -> None:
        for name, data in made.items():
            (folder / name).write_bytes(data)
        mesh_use(folder / "a.obj")

    return Target(make, use)


def of_mesh(kind: str) -> Callable[[Path], Target]:
    """Returns what makes the target of GLB or PLY."""

    def target(folder: Path) -> Target:
        import trimesh

        box = trimesh.creation.box((0.4, 0.3, 0.2))
        if kind == "glb":
            uv = np.zeros((len(box.vertices), 2))
            material = trimesh.visual.material.PBRMaterial(baseColorTexture=_picture(), metallicFactor=0.2)
            box.visual = trimesh.visual.TextureVisuals(uv, material=material)
        seed = box.export(file_type=kind)
        seed = seed.encode() if isinstance(seed, str) else seed

        def make(rng: random.Random) -> bytes:
            if kind == "glb" and rng.random() < 0.7:
                return _glb(rng, seed)
            return mutations.head(rng, seed, 300) if rng.random() < 0.5 else mutations.some_bytes(rng, seed)

        def use(data: bytes) -> None:
            (folder / f"a.{kind}").write_bytes(data)
            mesh_use(folder / f"a.{kind}")

        return Target(make, use)

    return target


def _picture() -> Any:
    from PIL import Image

    return Image.fromarray(np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8))


def _glb(rng: random.Random, seed: bytes) -> bytes:
    (length,) = struct.unpack_from("<I", seed, 12)
    text = json.dumps(mutations.tree(rng, json.loads(seed[20 : 20 + length]))).encode("utf-8", "surrogatepass")
    text += b" " * (-len(text) % 4)
    size = 20 + len(text) + len(seed) - 20 - length
    return seed[:8] + struct.pack("<II", size, len(text)) + b"JSON" + text + seed[20 + length :]


def metadata(folder: Path) -> Target:
    """The metadata of an ONNX model."""
    import onnx

    from sim2sg_core.runtime import load_info
    from tests.runtime.constant_model import empty_outputs, write_model

    path = folder / "m.onnx"
    view = {"width": 96, "height": 64, **camera().to_json()}
    model = onnx.load(write_model(path, empty_outputs(2, 1), camera=json.dumps(view)))
    seed = {item.key: item.value for item in model.metadata_props}

    def make(rng: random.Random) -> dict[str, str]:
        made = dict(seed)
        for _ in range(rng.choice([1, 1, 2, 3])):
            key = rng.choice(list(seed))
            kind = rng.randrange(4)
            if kind == 0:
                made.pop(key, None)
            elif kind == 1 or key in ("model_id", "box", "relations"):
                made[key] = str(rng.choice(mutations.TEXTS + mutations.WHOLE + [0.5, "nan"]))
            else:
                text = mutations.json_text(rng, json.loads(seed[key]))
                made[key] = text.decode("utf-8", "replace")
        return {key: value.encode("utf-8", "replace").decode() for key, value in made.items()}

    def use(made: dict[str, str]) -> None:
        onnx.helper.set_model_props(model, made)
        onnx.save(model, path)
        info = load_info(path)
        assert info.rules and len(info.related) and len(info.grounded) and info.surfaces
        if (view := info.camera_for(640, 480)) is not None:
            _use_camera(view)

    return Target(make, use)


def onnx_bytes(folder: Path) -> Target:
    """The bytes of an ONNX model, which then looks at an image."""
    from sim2sg_core.runtime import load_info
    from sim2sg_core.runtime.session import check_runs
    from tests.runtime.constant_model import empty_outputs, write_model

    path = write_model(folder / "m.onnx", empty_outputs(2, 1))
    seed = path.read_bytes()

    def use(data: bytes) -> None:
        path.write_bytes(data)
        check_runs(path, load_info(path))

    return Target(lambda rng: mutations.some_bytes(rng, seed), use)


def checkpoint(folder: Path) -> Target:
    """A checkpoint: its entries, and its bytes."""
    import copy

    import torch

    from sim2sg_core.model import build_network, load_network, save_checkpoint

    path = folder / "c.pt"
    network = build_network(load_domain("clevr"), backbone="small", seed=1)
    averaged = {name: p.detach() for name, p in network.named_parameters()}
    seed = save_checkpoint(path, network, load_domain("clevr"), ema=averaged, frozen_blocks=1).read_bytes()
    entries = torch.load(path, weights_only=True)

    def make(rng: random.Random) -> Any:
        if rng.random() < 0.5:
            ends = (
                mutations.head(rng, seed[::-1], 6000)[::-1] if rng.random() < 0.5 else mutations.head(rng, seed, 6000)
            )
            return ends
        made = copy.copy(entries)
        key = rng.choice([*made, "config", "network"])
        if key in ("network", "ema"):
            made[key] = dict(made[key])
            name = rng.choice(list(made[key]))
            value = rng.choice(
                [
                    mutations.some_value(rng),
                    torch.zeros(3),
                    torch.full_like(made[key][name], 1) / 0,
                    torch.zeros(1).expand(10**12),
                ]
            )
            made[key][name] = value
        elif isinstance(made[key], dict):
            made[key] = mutations.tree(rng, made[key])
        else:
            made[key] = mutations.some_value(rng)
        return made

    def use(made: Any) -> None:
        if isinstance(made, bytes):
            path.write_bytes(made)
        else:
            torch.save(made, path)
        load_network(path)

    return Target(make, use)


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
            if key in ("k", "p", "d"):
                made[key][rng.randrange(len(made[key]))] = rng.choice(numbers)
            elif key == "count":
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
            _use_camera(found.scaled(640, 480))

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


TARGETS: dict[str, Callable[[Path], Target]] = {
    "graphs": graphs,
    "coco": coco,
    "clevr": clevr,
    "kitti": kitti,
    "frames": frames,
    "domain-yaml": domain_yaml,
    "domain-json": domain_json,
    "metadata": metadata,
    "onnx": onnx_bytes,
    "checkpoint": checkpoint,
    "obj": obj,
    "glb": of_mesh("glb"),
    "ply": of_mesh("ply"),
    "camera-info": camera_info,
    "image": image,
    "bag": bag,
}
