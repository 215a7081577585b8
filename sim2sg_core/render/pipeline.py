"""What all passes draw with: compiled shaders, their uniforms, and the draw calls."""

from __future__ import annotations

import moderngl
import numpy as np

from sim2sg_core.render import shaders
from sim2sg_core.render.mesh_store import MeshStore


class Pipeline:
    """Compiles programs when first asked for, and draws with them.

    Attributes:
        context: Everything lives in it; it must be current.
        store: The meshes and instances that `draw_meshes` draws.
    """

    def __init__(self, context: moderngl.Context) -> None:
        """Makes the buffers."""
        self.context = context
        self.store = MeshStore(context)
        self._programs: dict[tuple, moderngl.Program] = {}
        self._members: dict[int, dict] = {}
        self._commands = context.buffer(reserve=2048 * 20, dynamic=True)
        corners = np.array([-1, -1, 3, -1, -1, 3], np.float32)
        self._triangle = context.buffer(corners.tobytes())
        self._quad = context.buffer(np.array([-1, -1, 1, -1, -1, 1, 1, 1], np.float32).tobytes())
        self._flat_arrays: dict[tuple, moderngl.VertexArray] = {}

    def program(self, vertex: str, fragment: str, **defines: int | float) -> moderngl.Program:
        """Returns the program of two GLSL sources, specialised by #define."""
        key = (vertex, fragment, tuple(sorted(defines.items())))
        if key not in self._programs:
            head = shaders.HEADER + "".join(f"#define {k} {v}\n" for k, v in defines.items())
            self._programs[key] = self.context.program(vertex_shader=head + vertex, fragment_shader=head + fragment)
        return self._programs[key]

    def set_uniforms(self, program: moderngl.Program, **values: object) -> None:
        """Writes those of the uniforms that the program uses. Matrices are transposed to OpenGL's column order."""
        if program.glo not in self._members:
            self._members[program.glo] = {name: program[name] for name in program}
        members = self._members[program.glo]
        for name, value in values.items():
            member = members.get(name)
            if member is None:
                continue
            if isinstance(value, int):
                member.value = value
                continue
            data = np.asarray(value, np.float32)
            member.write((data.T if data.shape == (4, 4) else data).tobytes())

    def draw_meshes(self, program: moderngl.Program, commands: np.ndarray) -> None:
        """Draws (N, 5) uint32 `draw_commands` of the store in one indirect call."""
        if not len(commands):
            return
        if commands.nbytes > self._commands.size:
            self._commands.release()
            self._commands = self.context.buffer(reserve=commands.nbytes * 2, dynamic=True)
        self._commands.orphan()
        self._commands.write(commands.tobytes())
        self.store.array(program).render_indirect(self._commands, moderngl.TRIANGLES, count=len(commands))

    def draw_quad(self, program: moderngl.Program) -> None:
        """Draws the square [-1, 1]²; the program reads `in_corner`."""
        self._flat(program, self._quad).render(moderngl.TRIANGLE_STRIP)

    def draw_screen(self, program: moderngl.Program) -> None:
        """Draws one triangle over the whole image; the program reads `in_corner`."""
        self._flat(program, self._triangle).render(moderngl.TRIANGLES)

    def _flat(self, program: moderngl.Program, buffer: moderngl.Buffer) -> moderngl.VertexArray:
        key = (program.glo, buffer.glo)
        if key not in self._flat_arrays:
            self._flat_arrays[key] = self.context.vertex_array(program, [(buffer, "2f", "in_corner")])
        return self._flat_arrays[key]
