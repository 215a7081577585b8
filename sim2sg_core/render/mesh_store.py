"""Keeps every mesh in one vertex buffer, and writes the per-frame records that place them."""

from __future__ import annotations

from dataclasses import dataclass

import moderngl
import numpy as np

from sim2sg_core.render.meshes import Asset
from sim2sg_core.render.render_scene import Instance

VERTEX_LAYOUT = (
    ("in_position", "3f", 12),
    ("in_normal", "3f", 12),
    ("in_slot", "1i", 4),
    ("in_tint", "4f1", 4),
    ("in_uv", "2f", 8),
)
VERTEX = np.dtype([("p", "<f4", 3), ("n", "<f4", 3), ("s", "<i4"), ("t", "u1", 4), ("u", "<f4", 2)])
VERTEX_BYTES = VERTEX.itemsize
INSTANCE_LAYOUT = (
    ("in_row0", "4f", 16),
    ("in_row1", "4f", 16),
    ("in_row2", "4f", 16),
    ("in_size", "4f", 16),  # size in metres, index of the first look
    ("in_extra", "4f", 16),  # id, depth bias, column and row of the tile
    ("in_tile", "4f", 16),  # scale and shift that make the tile span [-1, 1]: x scale, x shift, y scale, y shift
)
INSTANCE_FLOATS = 24
LAYER_BIAS = 2e-6


@dataclass(frozen=True)
class MeshRange:
    """Where a mesh lies in the buffers, and the radius of the unit mesh's parts."""

    first_index: int
    index_count: int
    base_vertex: int


class MeshStore:
    """All meshes in one vertex and one index buffer; vertex arrays for every program that draws them."""

    def __init__(self, context: moderngl.Context, vertices: int = 1 << 17) -> None:
        """Makes room for `vertices` vertices; grows by itself up to `limit`, then forgets all and starts anew."""
        self.context = context
        self.limit = 1 << 21
        self._ranges: dict[int, tuple[Asset, MeshRange]] = {}
        self._arrays: dict[int, moderngl.VertexArray] = {}
        self.instances = context.buffer(reserve=256 * INSTANCE_FLOATS * 4, dynamic=True)
        self._reserve(vertices)

    def _reserve(self, vertices: int) -> None:
        self.capacity = vertices
        self.vertices = self.context.buffer(reserve=vertices * VERTEX_BYTES)
        self.indices = self.context.buffer(reserve=vertices * 6 * 4)
        self.vertex_count = self.index_count = 0

    def _release(self, *buffers: moderngl.Buffer) -> None:
        """Frees buffers that are replaced, and all vertex arrays, which refer to them: moderngl does not by itself."""
        for array in self._arrays.values():
            array.release()
        self._arrays.clear()
        for buffer in buffers:
            buffer.release()

    def add(self, assets: list[Asset]) -> list[MeshRange]:
        """Uploads the assets that are new. Returns where each lies, in order."""
        new = {id(a): a for a in assets if id(a) not in self._ranges}
        if new:
            packed = {key: _pack(asset) for key, asset in new.items()}
            if not self._fits(packed):
                # Everything that this frame needs goes into a larger buffer; the rest is dropped at the limit.
                keep = {id(a): a for a in assets}
                if self.capacity < self.limit:
                    keep = {**{k: a for k, (a, _) in self._ranges.items()}, **keep}
                packed = {key: packed.get(key) or _pack(asset) for key, asset in keep.items()}
                new = keep
                need = max(sum(len(v) for v, _ in packed.values()), sum(len(f) for _, f in packed.values()) // 6)
                self._ranges.clear()
                self._release(self.vertices, self.indices)
                self._reserve(max(1 << int(np.ceil(np.log2(need * 1.5))), self.capacity))
            for key, (vertices, indices) in packed.items():
                self.vertices.write(vertices.tobytes(), offset=self.vertex_count * VERTEX_BYTES)
                self.indices.write(indices.tobytes(), offset=self.index_count * 4)
                self._ranges[key] = (new[key], MeshRange(self.index_count, len(indices), self.vertex_count))
                self.vertex_count += len(vertices)
                self.index_count += len(indices)
        return [self._ranges[id(a)][1] for a in assets]

    def _fits(self, packed: dict[int, tuple[np.ndarray, np.ndarray]]) -> bool:
        vertices = sum(len(v) for v, _ in packed.values())
        indices = sum(len(f) for _, f in packed.values())
        return self.vertex_count + vertices <= self.capacity and self.index_count + indices <= self.capacity * 6

    def write_instances(self, records: np.ndarray) -> None:
        """Uploads (N, INSTANCE_FLOATS) float32 records."""
        if records.nbytes > self.instances.size:
            self._release(self.instances)
            self.instances = self.context.buffer(reserve=records.nbytes * 2, dynamic=True)
        self.instances.write(records.tobytes())

    def array(self, program: moderngl.Program) -> moderngl.VertexArray:
        """Returns the vertex array of a program, binding only the attributes that it uses."""
        if program.glo not in self._arrays:
            vertex = _format(VERTEX_LAYOUT, program)
            instance = _format(INSTANCE_LAYOUT, program)
            self._arrays[program.glo] = self.context.vertex_array(
                program,
                [
                    (self.vertices, vertex[0], *vertex[1]),
                    (self.instances, instance[0] + "/i", *instance[1]),
                ],
                index_buffer=self.indices,
                index_element_size=4,
            )
        return self._arrays[program.glo]


def _pack(asset: Asset) -> tuple[np.ndarray, np.ndarray]:
    """Interleaves position, normal, slot, tint and place on the picture; a vertex shared by two slots is doubled."""
    mesh = asset.mesh
    if len(asset.slots) == 1 and not mesh.imported:  # Nothing to double: the ground, made anew for every frame.
        data = np.zeros(len(mesh.vertices), VERTEX)
        data["p"], data["n"], data["t"] = mesh.vertices, mesh.normals, 255
        return data, mesh.faces.reshape(-1).astype(np.uint32)
    flat = mesh.faces.reshape(-1).astype(np.int64)
    slot = np.repeat(mesh.slots.astype(np.int64), 3)
    slots = max(len(asset.slots), int(slot.max(initial=0)) + 1)
    unique, inverse = np.unique(flat * slots + slot, return_inverse=True)
    data = np.zeros(len(unique), VERTEX)
    data["p"], data["n"], data["s"] = mesh.vertices[unique // slots], mesh.normals[unique // slots], unique % slots
    data["t"] = 255
    if mesh.tints is not None:
        data["t"][:, :3] = mesh.tints[unique // slots]
    if mesh.uvs is not None:
        data["u"] = mesh.uvs[unique // slots]
    return data, inverse.reshape(-1).astype(np.uint32)


def _format(layout: tuple[tuple[str, str, int], ...], program: moderngl.Program) -> tuple[str, list[str]]:
    parts, names = [], []
    for name, code, size in layout:
        if name in program:
            parts.append(code)
            names.append(name)
        else:
            parts.append(f"{size}x")
    return " ".join(parts), names


def instance_records(
    instances: list[Instance], ids: np.ndarray, look_bases: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Builds the records of the instances.

    Args:
        instances: N instances.
        ids: (N,) ids to draw.
        look_bases: (N,) index of each one's first look.

    Returns:
        Records (N, INSTANCE_FLOATS) float32, tiles still empty, and (N, 3, 4) float64 object-to-world matrices.
    """
    n = len(instances)
    matrices = np.zeros((n, 3, 4))
    if n:
        size = np.array([i.size for i in instances], float)
        yaw = np.array([i.yaw for i in instances], float)
        matrices[:, 0, 0] = matrices[:, 1, 1] = np.cos(yaw)
        matrices[:, 1, 0] = np.sin(yaw)
        matrices[:, 0, 1] = -matrices[:, 1, 0]
        matrices[:, 2, 2] = 1.0
        for k, instance in enumerate(instances):
            if instance.tilt is not None:
                matrices[k, :, :3] = matrices[k, :, :3] @ instance.tilt
        matrices[:, :, :3] *= size[:, None, :]
        matrices[:, :, 3] = [i.position for i in instances]
    records = np.zeros((n, INSTANCE_FLOATS), np.float32)
    if n:
        records[:, :12] = matrices.reshape(n, 12)
        records[:, 12:15] = size
        records[:, 15] = look_bases
        records[:, 16] = ids
        records[:, 17] = [i.layer * LAYER_BIAS for i in instances]
    return records, matrices


def draw_commands(ranges: list[MeshRange], order: np.ndarray) -> np.ndarray:
    """Returns (len(order), 5) uint32 commands of an indexed indirect draw, instance k being `order`'s k-th."""
    commands = np.zeros((len(order), 5), np.uint32)
    for row, k in enumerate(order):
        r = ranges[k]
        commands[row] = (r.index_count, 1, r.first_index, r.base_vertex, k)
    return commands
