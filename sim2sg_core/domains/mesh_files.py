"""Meshes that users bring: read from OBJ, GLB, GLTF, PLY and STL into metres, z up, front along +x."""

from __future__ import annotations

import contextlib
import io
import shlex
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim2sg_core.domains.mesh_checks import check_mesh, named_file, read_text
from sim2sg_core.errors import Sim2SGError, first_line
from sim2sg_core.extras import pip_command

if TYPE_CHECKING:
    import trimesh

SUFFIXES = (".obj", ".glb", ".gltf", ".ply", ".stl")
OTHERS = {".dae": "COLLADA", ".fbx": "FBX", ".3ds": "3D Studio"}
"""Kinds of mesh that are common and not read, by what they are called."""
METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001, "in": 0.0254, "ft": 0.3048}
THINNEST = 1e-4  # of the largest extent: flatter things have no body to draw

# Which axis of the file becomes x, y and z. Axes are only renamed in turn, so nothing is mirrored; glTF's frame (y up,
# front along z, left along x) becomes ours exactly.
AXES = {"z": (0, 1, 2), "y": (2, 0, 1), "x": (1, 2, 0)}


def is_gltf(file: str | Path) -> bool:
    """Whether the format says what its numbers mean: metres, y up, linear colours."""
    return Path(file).suffix.lower() in (".glb", ".gltf")


def conversion(file: Path) -> str:
    """Returns what to say of a mesh of a common kind that is not read; nothing for other files."""
    kind = OTHERS.get(file.suffix.lower())
    if kind is None:
        return ""
    names = f"{shlex.quote(file.name)} {shlex.quote(file.with_suffix('.glb').name)}"
    return f"{kind} is not read; convert it: assimp export {names} (apt-get install assimp-utils)"


def folder_files(folder: Path) -> list[Path]:
    """Returns the mesh files that lie in a folder, sorted by name, without hidden ones (macOS adds `._chair.obj`)."""
    seen = (p for p in folder.iterdir() if not p.name.startswith("."))
    return sorted(p for p in seen if p.suffix.lower() in SUFFIXES and p.is_file())


def read_mesh(
    file: str | Path, unit: str | None = None, up: str | None = None, turn_deg: float = 0, scale: float = 1
) -> trimesh.Trimesh:
    """Reads the geometry of a file as one mesh, without its colours.

    Args:
        file: OBJ, GLB, GLTF, PLY or STL.
        unit: Of its coordinates: m, cm, mm, in, ft; None means metres.
        up: Axis of the file that points up; None means y for GLB and GLTF, else z. With y up, the file's z becomes
            the front (x) and its x the left (y), as glTF has it; with x up, its y the front and its z the left.
        turn_deg: Then turns it about the vertical, counter-clockwise from above.
        scale: Times as large as the file says.

    Returns:
        The mesh, metres, z up.

    Raises:
        Sim2SGError: Not readable, without faces, or flat.
    """
    parts = read_parts(file, unit, up, turn_deg, scale)
    import trimesh  # Not before: `read_parts` says what to install.

    starts = np.cumsum([0, *(len(p.vertices) for p in parts)])
    return trimesh.Trimesh(
        np.concatenate([p.vertices for p in parts]),
        np.concatenate([p.faces + start for p, start in zip(parts, starts)]),
        process=False,
    )


def read_parts(
    file: str | Path, unit: str | None = None, up: str | None = None, turn_deg: float = 0, scale: float = 1
) -> list[trimesh.Trimesh]:
    """Reads the parts of a file, each with its colours and the vertices of its faces; otherwise as `read_mesh`."""
    scene = _load(Path(file))
    c, s = np.cos(np.radians(turn_deg)), np.sin(np.radians(turn_deg))
    to_world = np.eye(4)
    to_world[:3, :3] = np.eye(3)[list(AXES[up or ("y" if is_gltf(file) else "z")])]
    to_world[:3, :3] = scale * METRES[unit or "m"] * np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ to_world[:3, :3]
    return scene_parts(scene, to_world, str(file))


def scene_parts(scene: Any, to_world: np.ndarray, file: str, flat: bool = False) -> list[trimesh.Trimesh]:
    """Returns the parts of what trimesh has read, put in their places.

    Args:
        scene: A trimesh.Scene; its parts are changed.
        to_world: (4, 4) from its frame to ours, metres, z up.
        file: What it was read from, for messages.
        flat: Whether it may be flat.

    Raises:
        Sim2SGError: No faces, broken ones, or flat.
    """
    with _reading(file):
        parts = _placed(scene, to_world, file)
    if not parts:
        raise Sim2SGError(f"{file}: has no faces; export the object as a mesh of triangles")
    _check(file, parts, flat)
    return parts


def _placed(scene: Any, to_world: np.ndarray, file: str) -> list[trimesh.Trimesh]:
    # Points and lines have no faces.
    solid = {name: part for name, part in scene.geometry.items() if len(getattr(part, "faces", ()))}
    for part in solid.values():
        if part.faces.min() < 0 or part.faces.max() >= len(part.vertices):
            raise Sim2SGError(f"{file}: its faces name vertices that are not there; export it again, e.g. as GLB")
        uv = getattr(part.visual, "uv", None)
        if uv is not None and np.shape(uv) != (len(part.vertices), 2):
            raise Sim2SGError(f"{file}: vertices without their place on the texture; export it again, e.g. as GLB")
        part.remove_unreferenced_vertices()  # They may lie anywhere, and be no numbers.
    parts = []
    for node in scene.graph.nodes_geometry:
        transform, name = scene.graph[node]
        if name in solid:
            parts.append(_moved(solid[name], to_world @ transform))
    return parts


def mesh_extents(
    file: str | Path, unit: str | None = None, up: str | None = None, turn_deg: float = 0, scale: float = 1
) -> tuple[float, float, float]:
    """Returns length, width and height of a mesh, metres. Arguments and errors are those of `read_mesh`."""
    mesh = read_mesh(file, unit, up, turn_deg, scale)
    length, width, height = _extents([mesh]).tolist()
    return length, width, height


def _load(file: Path) -> Any:
    try:
        import trimesh
    except ImportError:
        raise Sim2SGError(
            f"{file}: meshes are read with trimesh; install it: {pip_command('train', 'trimesh', 'pillow')}"
        ) from None
    if not file.is_file():
        raise Sim2SGError(f"no mesh {file}; put it back or correct its path")
    if remedy := conversion(file):
        raise Sim2SGError(f"{file}: {remedy}")
    if file.suffix.lower() not in SUFFIXES:
        raise Sim2SGError(f"{file}: is not a mesh that can be read; export it as one of {', '.join(SUFFIXES)}")
    check_mesh(file)
    with _reading(file), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pixels: `check_mesh` has its own limit
        kind = file.suffix[1:].lower()
        return trimesh.load(_stream(file), file_type=kind, resolver=_resolver(file), force="scene", process=False)


@contextlib.contextmanager
def _reading(file: str | Path) -> Iterator[None]:
    """Turns whatever readers raise when their parsing stumbles, or what they made of it is no mesh, into one line."""
    try:
        yield
    except Sim2SGError:
        raise
    except Exception as error:
        reason = first_line(error)[:120]
        raise Sim2SGError(f"{file}: cannot be read as a mesh ({reason}); export it again, e.g. as GLB") from None


def _stream(file: Path) -> io.BytesIO:
    """Returns a file's bytes; of OBJ, whose names are in any encoding, as UTF-8."""
    return io.BytesIO(read_text(file).encode() if file.suffix.lower() == ".obj" else file.read_bytes())


def _resolver(file: Path) -> Any:
    """Returns what trimesh asks for the files that a mesh names: its own takes UTF-8 and the mesh's folder alone."""
    from trimesh.resolvers import Resolver

    class Beside(Resolver):
        def __init__(self) -> None:
            pass

        def get(self, key: str) -> bytes:
            found = named_file(file.parent, key)
            if found is None:
                raise FileNotFoundError(key)
            return read_text(found).encode() if found.suffix.lower() == ".mtl" else found.read_bytes()

        def write(self, name: str, data: Any) -> None:
            raise NotImplementedError

        def namespaced(self, namespace: str) -> Any:
            return self

        def keys(self) -> Any:
            return ()

    return Beside()


def _moved(part: Any, transform: np.ndarray) -> Any:
    """Returns a copy at another place, which shares the colours: trimesh's own would need scipy for some."""
    import trimesh

    faces = part.faces if np.linalg.det(transform[:3, :3]) > 0 else part.faces[:, ::-1]
    moved = trimesh.Trimesh(part.vertices @ transform[:3, :3].T + transform[:3, 3], faces, process=False)
    moved.visual = part.visual
    return moved


def _extents(parts: list[Any]) -> np.ndarray:
    return np.ptp(np.concatenate([np.asarray(p.vertices) for p in parts]), axis=0)


def _check(file: str | Path, parts: list[Any], flat: bool) -> None:
    extents = _extents(parts)
    if not np.isfinite(extents).all():
        raise Sim2SGError(f"{file}: its coordinates are not all numbers; export it again, e.g. as GLB")
    for axis, extent in zip(("length", "width", "height"), extents):
        if not flat and extent <= THINNEST * extents.max():
            raise Sim2SGError(f"{file}: is flat, its {axis} is {extent:g} m; give a mesh with a body, or check `up:`")
