"""Assets from mesh files: few enough triangles, closed or two-sided, their colours gathered in a few slots.

Such an asset's name says all there is to it, `file:/meshes/crate.obj?unit=mm&up=y`, so that layouts can name it and
any process can build it.
"""

from __future__ import annotations

from functools import cache
from urllib.parse import parse_qsl, quote, unquote, urlencode

import numpy as np

from sim2sg_core.domains.class_spec import MeshSpec
from sim2sg_core.domains.mesh_files import read_parts
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.render.meshes import Asset, MeshBuilder, Slot
from sim2sg_core.render.render_scene import linear
from sim2sg_core.synthesis.assets.file_colors import cluster_materials, face_materials, uncolored
from sim2sg_core.synthesis.assets.shapes import weld

PREFIX = "file:"
MOST_FACES = 6000
MOST_SLOTS = 8
SMOOTH_DEG = 40.0


def file_asset_name(spec: MeshSpec, painted: bool = False) -> str:
    """Returns the name of a mesh file's asset; `painted` has the domain's paints in place of its own colours."""
    options: dict[str, str] = {}
    if spec.unit:
        options["unit"] = spec.unit
    if spec.up:
        options["up"] = spec.up
    if spec.turn_deg:
        options["turn_deg"] = f"{spec.turn_deg:.10g}"
    if painted:
        options["painted"] = "yes"
    return PREFIX + quote(spec.file) + (f"?{urlencode(options)}" if options else "")


@cache
def file_asset(name: str) -> Asset:
    """Builds the asset that `file_asset_name` named, once, and returns the same object ever after.

    Returns:
        The asset: at most about `MOST_FACES` faces (twice as many where both sides must be drawn) and `MOST_SLOTS`
        slots, of palette "fixed" where the file says a colour and "paint" where it says none.

    Raises:
        Sim2SGError: The file is missing or no mesh.
    """
    path, _, query = name.removeprefix(PREFIX).partition("?")
    options = dict(parse_qsl(query))
    turn = float(options.pop("turn_deg", 0.0))
    painted = options.pop("painted", "") == "yes"
    spec = MeshSpec.model_validate({"file": unquote(path), "turn_deg": turn, **options})
    parts = read_parts(spec.file, spec.unit, spec.up, spec.turn_deg)
    starts = np.cumsum([0, *(len(p.vertices) for p in parts)])
    points = np.concatenate([p.vertices for p in parts])
    scale = float(np.ptp(points, axis=0).max())  # `weld` has an absolute tolerance: pins and cranes alike.
    vertices, faces, kept = weld(
        points / scale, np.concatenate([p.faces + start for p, start in zip(parts, starts)]).astype(np.int64)
    )
    vertices = vertices * scale
    materials = np.concatenate([uncolored(len(p.faces)) if painted else face_materials(p, spec.file) for p in parts])[
        kept
    ]
    areas = 0.5 * np.linalg.norm(_crosses(vertices, faces), axis=1)
    centres, index = cluster_materials(materials, areas, MOST_SLOTS)
    if len(faces) > MOST_FACES:
        vertices, faces, survivors = simplify(vertices, faces, MOST_FACES)
        index = index[survivors]
    faces, sources = outward(vertices, faces)
    builder = MeshBuilder()
    builder.add(vertices, faces, 0, SMOOTH_DEG)
    builder.slots[-1] = index[sources]
    return builder.build(name, [_slot(k, material) for k, material in enumerate(centres)])


def _slot(index: int, material: np.ndarray) -> Slot:
    if np.isnan(material[0]):
        return Slot(f"part_{index}", "paint", roughness=0.6, specular=0.3)
    roughness, metallic = float(material[3]), float(material[4])
    return Slot(f"part_{index}", "fixed", linear(material[:3]), roughness, specular=0.4, metallic=metallic)


def simplify(vertices: np.ndarray, faces: np.ndarray, target: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Collapses edges by quadric error (Garland and Heckbert, SIGGRAPH 1997) until about `target` faces are left.

    Args:
        vertices: (V, 3), welded.
        faces: (F, 3).
        target: Number of faces to reach.

    Returns:
        Vertices (V', 3), faces (F', 3), and (F',) the index of the face that each of them was.
    """
    try:
        import fast_simplification
    except ImportError:
        raise Sim2SGError(
            "large meshes are thinned with fast-simplification; install it: pip install 'sim2sg[train]'"
        ) from None
    faces = np.ascontiguousarray(faces, np.int64)
    vertices = np.ascontiguousarray(vertices, np.float64)
    # Lengths of the order of 1: its thresholds are absolute.
    low, scale = vertices.min(axis=0), float(np.ptp(vertices, axis=0).max())
    unit = (vertices - low) / scale
    _, _, collapses = fast_simplification.simplify(unit, faces, target_count=target, return_collapses=True)
    points, _, new_index = fast_simplification.replay_simplification(unit, faces, collapses)
    # A face is left where its corners have not become one; so each knows what it was.
    moved = new_index[faces]
    a, b, c = moved.T
    left = np.flatnonzero((a != b) & (b != c) & (a != c))
    return np.asarray(points, float) * scale + low, moved[left].astype(np.int64), left


def outward(vertices: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Makes faces that are seen from behind visible, for a renderer that draws front sides only.

    Connected pieces that are closed are turned outside out; all others get every face twice, once reversed.

    Returns:
        Faces (F', 3), and (F',) the index of the face that each of them was.
    """
    piece = pieces(faces, len(vertices))[faces[:, 0]]
    open_edges = unmatched_edges(faces, len(vertices)).reshape(-1, 3).any(axis=1)
    a, b, c = (vertices[faces[:, k]] - vertices.mean(axis=0) for k in range(3))
    volume = np.bincount(piece, np.einsum("ij,ij->i", a, np.cross(b, c)) / 6, minlength=len(vertices))
    is_open = np.bincount(piece, open_edges, minlength=len(vertices))[piece] > 0
    turned = np.where((~is_open & (volume[piece] < 0))[:, None], faces[:, ::-1], faces)
    doubled = np.flatnonzero(is_open)
    return np.concatenate([turned, faces[doubled, ::-1]]), np.concatenate([np.arange(len(faces)), doubled])


def pieces(faces: np.ndarray, count: int) -> np.ndarray:
    """Returns (V,) for each of `count` vertices the least vertex that faces connect it with."""
    label = np.arange(count)
    while True:
        lower = label.copy()
        np.minimum.at(lower, faces.reshape(-1), np.repeat(label[faces].min(axis=1), 3))
        lower = lower[lower]
        if np.array_equal(lower, label):
            return label
        label = lower


def unmatched_edges(faces: np.ndarray, count: int) -> np.ndarray:
    """Returns (3 F,) bool: directed edges that are not met by exactly one face the other way round."""
    start, end = faces.reshape(-1), np.roll(faces, -1, axis=1).reshape(-1)
    there, back = start * count + end, end * count + start
    known, times = np.unique(there, return_counts=True)
    at = np.minimum(np.searchsorted(known, back), len(known) - 1)
    return np.asarray((known[at] != back) | (times[at] != 1) | (times[np.searchsorted(known, there)] != 1))


def _crosses(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    a, b, c = (vertices[faces[:, k]] for k in range(3))
    return np.asarray(np.cross(b - a, c - a))
