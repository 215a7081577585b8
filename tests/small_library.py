"""A mesh library of two models that tests make themselves, and the skip for tests on the real one."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import trimesh
from PIL import Image

from sim2sg_core.domains.mesh_library import LIBRARIES, is_installed

needs_library = pytest.mark.skipif(
    not is_installed("sweethome3d"), reason=f"no mesh library: {LIBRARIES['sweethome3d'].install}"
)

HEAD = """\
# Made by a test.
id=Small#Models
name=Small catalogue
license=Creative Commons Attribution 3.0 license  \u00a9 Somebody
"""
CART = """\
id#1=Small#cart
name#1=Ca\\u0072t
tags#1=Wheels,\\
    Small
category#1=Vehicles
model#1=/small/cart/cart.obj
width#1=150
depth#1=400
height#1=120.0
dropOnTopElevation#1=-1
creator#1=Ada & Bob
"""
SHELF = """\
id#7=Small#shelf
name#7=Shelf
category#7=Living room
model#7=/small/shelf/shelf.obj
width#7=80
depth#7=30
height#7=100
dropOnTopElevation#7=50
modelRotation#7=1 0 0 0 0 1 0 -1 0
"""
CART_MTL = """\
newmtl carPaint
Kd 0.8 0.1 0.1
newmtl nose
Kd 1 1 1
map_Kd nose.png
newmtl windows
Kd 0.1 0.1 0.1
d 0.4
newmtl brand_logo
Kd 1 1 0
newmtl flag
Kd 0 0 1
"""
SHELF_MTL = "newmtl glass\nKd 0.5 0.6 0.7\nd 0.25\nnewmtl wood\nKd 0.5 0.3 0.1\nmap_Kd C:\\\\textures\\\\gone.jpg\n"


def obj(library: str, parts: list[tuple[str, trimesh.Trimesh]]) -> str:
    """Returns an OBJ of parts by their materials; texture coordinates are x and y of the part, from 0 to 1."""
    lines, first = [f"mtllib {library}"], 1
    for material, part in parts:
        low, high = part.bounds
        uv = (part.vertices - low)[:, :2] / np.maximum(high - low, 1e-9)[:2]
        lines += [f"v {x} {y} {z}" for x, y, z in part.vertices]
        lines += [f"vt {u} {v}" for u, v in uv]
        lines.append(f"usemtl {material}")
        lines += [f"f {a}/{a} {b}/{b} {c}/{c}" for a, b, c in part.faces + first]
        first += len(part.vertices)
    return "\n".join(lines) + "\n"


def box(extents: tuple[float, float, float], at: tuple[float, float, float]) -> trimesh.Trimesh:
    """Returns a box about a point."""
    made = trimesh.creation.box(extents)
    made.apply_translation(at)
    return made


def sheet(width: float, height: float, at: tuple[float, float, float]) -> trimesh.Trimesh:
    """Returns an upright rectangle that faces along z."""
    corners = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]]) * [width / 2, height / 2, 0]
    return trimesh.Trimesh(corners + at, [[0, 1, 2], [0, 2, 3]], process=False)


def cart() -> str:
    """Returns a cart, y up, ten units a metre, 4 long: its nose, red over blue, is its front, along z."""
    return obj(
        "cart.mtl",
        [
            ("carPaint", box((15, 8, 30), (0, 4, -5))),
            ("windows", box((10, 3, 10), (0, 9.5, -5))),
            ("nose", box((10, 6, 10), (0, 3, 15))),
            ("brand_logo", sheet(2, 2, (0, 5, 20.5))),
            ("flag", sheet(4, 2, (0, 11, -15))),
        ],
    )


def shelf() -> str:
    """Returns a shelf with z up, as its `modelRotation` says: what is up becomes y, and x stays."""
    return obj("shelf.mtl", [("wood", box((8, 3, 10), (0, 0, 5))), ("glass", sheet(4, 4, (0, 2, 5)))])


def picture() -> bytes:
    """Returns a PNG, red above and blue below."""
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:16], pixels[16:] = (255, 0, 0), (0, 0, 255)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


def write_library(folder: Path, name: str = "Small.sh3f", **changed: bytes | str | None) -> Path:
    """Writes the archive.

    Args:
        folder: Where.
        name: Of the file.
        **changed: Members by the keys below, in place of what they are; None leaves one out.

    Returns:
        Its path.
    """
    members: dict[str, tuple[str, bytes | str | None]] = {
        "catalogue": ("PluginFurnitureCatalog.properties", f"{HEAD}\n{CART}\n{SHELF}\nelevation#9=\n"),
        "license": ("LICENSE.TXT", "Look at\nhttp://creativecommons.org/licenses/by/3.0/.\n"),
        "cart": ("small/cart/cart.obj", cart()),
        "materials": ("small/cart/cart.mtl", CART_MTL),
        "picture": ("small/cart/nose.png", picture()),
        "shelf": ("small/shelf/shelf.obj", shelf()),
        "shelf_materials": ("small/shelf/shelf.mtl", SHELF_MTL),
    }
    with zipfile.ZipFile(folder / name, "w", zipfile.ZIP_DEFLATED) as archive:
        for key, (member, content) in members.items():
            content = changed.get(key, content)
            if content is not None:
                archive.writestr(member, content.encode("latin-1") if isinstance(content, str) else content)
    return folder / name
