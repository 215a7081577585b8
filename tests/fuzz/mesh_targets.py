"""Readers of meshes."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from tests.fuzz import mutations
from tests.fuzz.target import Target, write_image

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
    """Returns what makes the target of GLB, PLY or STL."""

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
