"""Looks into mesh files before they are read: how large, whole or not, and which other files they name."""

from __future__ import annotations

import base64
import binascii
import io
import json
import logging
import re
import struct
import warnings
from pathlib import Path
from typing import IO, Any
from urllib.parse import unquote

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import is_within
from sim2sg_core.json_reader import decode_json
from sim2sg_core.limits import (
    GLTF_PARTS,
    MESH_BYTES,
    MESH_FACES,
    MESH_VERTICES,
    TEXT_BYTES,
    TEXTURE_PIXELS,
    check_file_size,
    check_limit,
)

logger = logging.getLogger(__name__)

SIMPLER = "export it with fewer"
SMALLER = "make it smaller; faces show no more than 512 pixels of it"
COMPRESSIONS = {
    "KHR_draco_mesh_compression": "Draco",
    "EXT_meshopt_compression": "meshopt",
    "KHR_meshopt_compression": "meshopt",
}
"""Extensions of glTF without which a part of the mesh would be missing."""


def check_mesh(file: Path, within: Path | None = None) -> None:
    """Checks a mesh file by its header, and the materials and textures that it names.

    Args:
        file: OBJ, GLB, GLTF, PLY or STL.
        within: The folder in which all files that it names must lie; None lets them lie anywhere.

    Raises:
        Sim2SGError: Too large, compressed, not whole, or a file that it names lies elsewhere.
    """
    check_file_size(file, MESH_BYTES, SIMPLER)
    kind = file.suffix.lower()
    if kind == ".obj":
        _check_obj(file, within)
    elif kind == ".ply":
        _check_ply(file, within)
    elif kind == ".stl":
        _check_stl(file)
    else:
        _check_gltf(file, within)


def read_text(file: Path) -> str:
    """Returns a text of whatever makes meshes: UTF-8, else Latin-1, which Windows exporters write."""
    data = file.read_bytes()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def named_file(folder: Path, name: str) -> Path | None:
    r"""Returns a file that a mesh in `folder` names; where it is not there, one of that name beside the mesh.

    Paths of another machine, `C:\textures\wood.png`, are common: the file often lies beside the mesh.
    """
    name = name.strip().replace("\\", "/")
    for path in (folder / name, folder / name.rsplit("/", 1)[-1]):
        try:
            if path.is_file():
                return path
        except (OSError, ValueError):  # a name that no file can have
            continue
    return None


def _check_obj(file: Path, within: Path | None) -> None:
    text = read_text(file)
    vertices = faces = 0
    for line in text.splitlines():
        if line.startswith("v "):
            vertices += 1
        elif line.startswith("f "):
            faces += max(line.count(" ") - 2, 1)  # of several corners
        elif line.startswith("mtllib"):
            found = _checked(file, line[6:], within, "material file")
            if found is not None:
                _check_materials(file, found, within)
        if vertices > MESH_VERTICES or faces > MESH_FACES:
            break
    check_limit(file, "vertices", vertices, MESH_VERTICES, SIMPLER)
    check_limit(file, "faces", faces, MESH_FACES, SIMPLER)


def _check_materials(file: Path, materials: Path, within: Path | None) -> None:
    """Checks the materials of a mesh; names in them are from the mesh's folder, as the reader takes them."""
    check_file_size(materials, TEXT_BYTES, "a material file has some kilobytes")
    for line in read_text(materials).splitlines():
        key, _, rest = line.strip().partition(" ")
        if key.lower() == "map_kd" and rest.strip():
            found = _checked(file, rest, within, "texture")
            if found is not None:
                _check_picture(str(found), found.open("rb"))


def _check_ply(file: Path, within: Path | None) -> None:
    with file.open("rb") as stream:
        header = stream.read(1 << 16).split(b"end_header")[0].decode("latin-1")
    for line in header.splitlines():
        words = line.split()
        if len(words) == 3 and words[0] == "element":
            count = int(words[2]) if words[2].isdigit() and len(words[2]) < 16 else MESH_BYTES
            limit = MESH_VERTICES if words[1] == "vertex" else MESH_FACES
            check_limit(file, f"of element {words[1]}", count, limit, SIMPLER)
        elif words[:2] == ["comment", "TextureFile"]:
            found = _checked(file, line.split("TextureFile", 1)[1], within, "texture")
            if found is not None:
                _check_picture(str(found), found.open("rb"))


def _check_stl(file: Path) -> None:
    """Counts the faces: a binary file tells how many follow its 84 bytes, 50 bytes each; a text begins with `solid`."""
    data = file.read_bytes()
    count = int.from_bytes(data[80:84], "little") if len(data) >= 84 else 0
    if len(data) == 84 + 50 * count:
        check_limit(file, "faces", count, MESH_FACES, SIMPLER)
    elif data.lstrip()[:5].lower() == b"solid":
        check_limit(file, "faces", data.lower().count(b"endfacet"), MESH_FACES, SIMPLER)
    else:
        raise Sim2SGError(f"{file}: cannot be read as a mesh (a cut STL file); export it again, e.g. as GLB")


def _check_gltf(file: Path, within: Path | None) -> None:
    tree, binary = _gltf(file)
    for key in ("accessors", "nodes", "meshes", "bufferViews", "images", "materials", "textures", "buffers"):
        check_limit(file, key, len(_list(tree, key)), GLTF_PARTS, SIMPLER)
    told = json.dumps([tree.get("extensionsUsed"), tree.get("extensionsRequired"), tree.get("meshes")])
    told += json.dumps(tree.get("bufferViews"))
    for extension, name in COMPRESSIONS.items():
        if f'"{extension}"' in told:
            raise Sim2SGError(
                f"{file}: is compressed by {name} ({extension}), which is not read; export it without compression"
            )
    counts = []
    for accessor in _list(tree, "accessors"):
        count = accessor.get("count")
        counts.append(count if isinstance(count, int) else 0)
        if "bufferView" not in accessor and "sparse" not in accessor:
            raise Sim2SGError(f"{file}: a part of it has no data (an accessor without bufferView); export it again")
        check_limit(file, "vertices in one accessor", counts[-1], 3 * MESH_FACES, SIMPLER)
    _check_drawn(file, tree, counts)
    for buffer in _list(tree, "buffers"):
        _read_uri(file, buffer.get("uri"), within, "buffer")
    for image in _list(tree, "images"):
        data = _read_uri(file, image.get("uri"), within, "texture") or _view(tree, binary, image.get("bufferView"))
        if data:
            _check_picture(str(file), io.BytesIO(data))


def _check_drawn(file: Path, tree: dict[str, Any], counts: list[int]) -> None:
    """Counts what is drawn: a mesh as often as nodes name it."""
    sizes = []
    for mesh in _list(tree, "meshes"):
        named = [_sizes(part, counts) for part in _list(mesh, "primitives")]
        sizes.append((sum(vertices for vertices, _ in named), sum(faces for _, faces in named)))
    drawn = [n.get("mesh") for n in _list(tree, "nodes")]
    found = [sizes[m] for m in drawn if isinstance(m, int) and 0 <= m < len(sizes)] or sizes
    check_limit(file, "vertices", sum(v for v, _ in found), MESH_VERTICES, SIMPLER)
    check_limit(file, "faces", sum(f for _, f in found), MESH_FACES, SIMPLER)


def _sizes(primitive: dict[str, Any], counts: list[int]) -> tuple[int, int]:
    attributes = primitive.get("attributes")
    at = attributes.get("POSITION") if isinstance(attributes, dict) else None
    indices = primitive.get("indices")
    vertices = counts[at] if isinstance(at, int) and 0 <= at < len(counts) else 0
    corners = counts[indices] if isinstance(indices, int) and 0 <= indices < len(counts) else vertices
    return vertices, corners // 3


def _gltf(file: Path) -> tuple[dict[str, Any], bytes]:
    """Returns the JSON part of a glTF file, and the binary part."""
    data = file.read_bytes()
    text, binary = data, b""
    if file.suffix.lower() == ".glb":
        if len(data) < 20 or data[:4] != b"glTF":
            raise Sim2SGError(f"{file}: cannot be read as a mesh (no GLB header); export it again, e.g. as GLB")
        (length,) = struct.unpack_from("<I", data, 12)
        text, binary = data[20 : 20 + length], data[28 + length :]
    tree = decode_json(text.rstrip(b" \0"), str(file), "a mesh")
    if not isinstance(tree, dict):
        raise Sim2SGError(f"{file}: cannot be read as a mesh (no glTF in it); export it again, e.g. as GLB")
    return tree, binary


def _list(tree: dict[str, Any], key: str) -> list[dict[str, Any]]:
    found = tree.get(key)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _view(tree: dict[str, Any], binary: bytes, index: Any) -> bytes:
    views = _list(tree, "bufferViews")
    if not isinstance(index, int) or not 0 <= index < len(views):
        return b""
    start, length = views[index].get("byteOffset", 0), views[index].get("byteLength", 0)
    return binary[start : start + length] if isinstance(start, int) and isinstance(length, int) else b""


def _read_uri(file: Path, uri: Any, within: Path | None, what: str) -> bytes:
    """Returns what a URI holds; nothing where there is none, or no such file."""
    if not isinstance(uri, str):
        return b""
    if uri.startswith("data:"):
        try:
            return base64.b64decode(uri.partition(",")[2])
        except (binascii.Error, ValueError):
            return b""
    found = _checked(file, unquote(uri), within, what)
    if found is None:
        return b""
    check_file_size(found, MESH_BYTES, SIMPLER)
    return found.read_bytes() if what == "texture" else b""


def _checked(file: Path, name: str, within: Path | None, what: str) -> Path | None:
    """Returns a file that a mesh names, if it is there and lies where it may."""
    found = named_file(file.parent, name)
    if found is None:
        if within is not None:
            logger.warning("%s: its %s %s is not there; drawn without it", file, what, name.strip())
        return None
    if within is not None and not is_within(found, within):
        raise Sim2SGError(
            f"{file}: its {what} {found} lies outside {within}; move it there, or give --allow-outside if you trust it"
        )
    return found


def check_picture(file: Path) -> None:
    """Checks the pixels of a picture that a domain names, by its header. Raises Sim2SGError when there are too many."""
    with file.open("rb") as stream:
        size = (
            re.search(rb"[-+]Y (\d{1,9}) [-+]X (\d{1,9})", start) if (start := stream.read(4096))[:2] == b"#?" else None
        )
    if size is None:
        return _check_picture(str(file), file.open("rb"))
    height, width = map(int, size.groups())  # of Radiance's .hdr, which Pillow does not know
    return _check_pixels(str(file), width, height)


def _check_picture(source: str, stream: IO[bytes]) -> None:
    """Checks a picture's pixels by its header."""
    from PIL import Image, UnidentifiedImageError  # comes with trimesh's extra

    with stream:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of pixels: the limit is below
                with Image.open(stream) as picture:
                    width, height = picture.size
        except (UnidentifiedImageError, OSError, ValueError, SyntaxError):
            return  # Whoever reads it says so.
        except Image.DecompressionBombError:
            width = height = TEXTURE_PIXELS
    _check_pixels(source, width, height)


def _check_pixels(source: str, width: int, height: int) -> None:
    check_limit(source, f"pixels of a texture of {width}x{height}", width * height, TEXTURE_PIXELS, SMALLER)
