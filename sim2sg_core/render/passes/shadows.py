"""The first pass: shadow maps, the scene's depth as seen from its lights."""

from __future__ import annotations

from dataclasses import dataclass

import moderngl
import numpy as np

from sim2sg_core.render import shaders
from sim2sg_core.render.culling import casters_of, enclose
from sim2sg_core.render.mesh_store import MeshRange, draw_commands
from sim2sg_core.render.pipeline import Pipeline
from sim2sg_core.render.projection import shadow_matrix
from sim2sg_core.render.render_scene import Instance, RenderScene
from sim2sg_core.render.translucency import ALL, OPAQUE, Parts

SHADOW_UNIT = 1  # The texture unit of the maps.
MOST_LIGHTS = 2  # that cast shadows
# From clip space to 0-1; the shader finds the light's own map.
TO_TEXTURE = np.array([[0.5, 0, 0, 0.5], [0, 0.5, 0, 0.5], [0, 0, 0.5, 0.5], [0, 0, 0, 1]])


@dataclass(frozen=True, eq=False)
class ShadowMap:
    """The finished map of one light.

    Attributes:
        matrix: (4, 4) world to texture.
        texel: Its side, metres.
    """

    matrix: np.ndarray
    texel: float


class ShadowPass:
    """Owns the maps."""

    def __init__(self, pipeline: Pipeline, size: int) -> None:
        """Makes room for maps of `size` x `size` texels."""
        self.pipeline, self.size = pipeline, size
        # One target for each number of lights: only a full clear is fast.
        self._targets = {count: self._target(count) for count in range(1, MOST_LIGHTS + 1)}

    def _target(self, lights: int) -> tuple[moderngl.Texture, moderngl.Framebuffer]:
        """Maps of that many lights side by side."""
        context = self.pipeline.context
        texture = context.depth_texture((self.size * lights, self.size))
        texture.compare_func = "<="
        texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
        texture.repeat_x = texture.repeat_y = False
        return texture, context.framebuffer([], texture)

    def draw(
        self,
        scene: RenderScene,
        instances: list[Instance],
        ranges: list[MeshRange],
        matrices: np.ndarray,
        parts: Parts,
    ) -> list[ShadowMap]:
        """Fills the maps and makes their texture current at `SHADOW_UNIT`.

        Args:
            scene: Gives the lights.
            instances: N instances.
            ranges: The mesh that casts the shadow of each.
            matrices: (N, 3, 4) object to world.
            parts: Theirs.

        Returns:
            The map of each light that has one, in the lights' order.
        """
        lights = [light for light in scene.lights if light.shadow][:MOST_LIGHTS]
        casters = casters_of(scene, instances, matrices)
        casters = casters[parts.opaque[casters]]
        if not lights or not len(casters):
            return []
        centre, radius = enclose(matrices[casters])
        some = OPAQUE if parts.translucent[casters].any() else ALL
        # Crowns out of doors let spots of sun through; discarding costs, so only they get that shader.
        leafy = np.array([scene.environment is not None and instances[k].leafy for k in casters], bool)
        groups = [
            (
                self.pipeline.program(shaders.SHADOW_VERTEX, shaders.SHADOW_FRAGMENT, PARTS=some, DAPPLED=dappled),
                commands,
            )
            for dappled in (0, 1)
            if len(commands := draw_commands(ranges, casters[leafy == dappled]))
        ]
        texture, frame = self._targets[len(lights)]
        texture.use(SHADOW_UNIT)
        frame.use()
        frame.clear(depth=1.0)
        context = self.pipeline.context
        context.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        context.front_face = "ccw"
        context.cull_face = "front"  # Far sides cast: no acne on lit faces, contact at the ground.
        made = []
        for k, light in enumerate(lights):
            position, target = np.array(light.position, float), np.array(light.target)
            matrix = shadow_matrix(position, light.directional, target, centre, radius)
            frame.viewport = (k * self.size, 0, self.size, self.size)
            texel = 2 * radius / self.size
            for program, commands in groups:
                self.pipeline.set_uniforms(program, u_clip=matrix, u_texel=texel)
                self.pipeline.draw_meshes(program, commands)
            made.append(ShadowMap(TO_TEXTURE @ matrix, texel))
        return made
