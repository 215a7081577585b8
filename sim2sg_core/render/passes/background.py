"""The passes behind the objects: the ground, with contact shadows on it, and the sky."""

from __future__ import annotations

import moderngl
import numpy as np

from sim2sg_core.render import shaders
from sim2sg_core.render.culling import sees_sky
from sim2sg_core.render.passes.contact import ContactShadows
from sim2sg_core.render.passes.lighting import SHARED, Lighting
from sim2sg_core.render.pipeline import Pipeline
from sim2sg_core.render.projection import FAR, clip_matrix, view_matrix
from sim2sg_core.render.render_scene import Material, RenderScene
from sim2sg_core.render.texture_layers import Materials


class BackgroundPass:
    """Fills what the objects leave free of the current target."""

    def __init__(self, pipeline: Pipeline, materials: Materials) -> None:
        """Keeps what the passes are drawn with."""
        self.pipeline, self.materials = pipeline, materials

    def draw(self, scene: RenderScene, lighting: Lighting, contact: ContactShadows) -> None:
        """Draws ground and sky, each where it is in view.

        Args:
            scene: The scene.
            lighting: Its lighting.
            contact: Its contact shadows.
        """
        if scene.ground is not None:
            self._draw_ground(scene, scene.ground, lighting, contact)
        if scene.ground is None or sees_sky(scene.camera):
            self._draw_sky(scene, lighting)

    def _draw_ground(self, scene: RenderScene, ground: Material, lighting: Lighting, contact: ContactShadows) -> None:
        program = self.pipeline.program(
            shaders.GROUND_VERTEX,
            SHARED + shaders.GROUND_FRAGMENT,
            **lighting.defines,
            TEXTURED=int(ground.texture is not None),
            SHINE=int(ground.specular > 0),
            CONTACT=int(contact.ground),
        )
        row = self.materials.row(ground)
        self.pipeline.set_uniforms(
            program,
            **lighting.uniforms,
            **contact.uniforms,
            u_plane=(FAR * 0.7, scene.ground_height, *np.asarray(lighting.uniforms["u_eye"])[:2]),
            u_ground_color=row[:4],
            u_ground_surface=row[4:8],
            u_ground_texture=(*row[8:], float(self.materials.layers["mottle"])),
        )
        self.pipeline.context.disable(moderngl.CULL_FACE)
        self.pipeline.draw_quad(program)

    def _draw_sky(self, scene: RenderScene, lighting: Lighting) -> None:
        sky = scene.sky
        program = self.pipeline.program(
            shaders.SKY_VERTEX,
            SHARED + shaders.SKY_FRAGMENT,
            LIGHTS=0,
            SHADOWS=0,
            FOG=lighting.defines["FOG"],
            CLOUDS=int(sky.clouds > 0),
        )
        rotation = np.eye(4)
        rotation[:3, :3] = view_matrix(scene.camera)[:3, :3]
        sun = next((light for light in lighting.lights if light.directional), None)
        shared = ("u_zenith", "u_horizon", "u_textures", "u_exposure", "u_fog")
        self.pipeline.set_uniforms(
            program,
            **{name: lighting.uniforms[name] for name in shared},
            u_unclip=np.linalg.inv(clip_matrix(scene.camera) @ rotation),
            u_cloud=(*sky.cloud_color, sky.clouds),
            u_sun=(*(sun.position if sun else (0.0, 0.0, 1.0)), sky.glow if sun else 0.0),
            u_sun_color=sun.color if sun else (0.0, 0.0, 0.0),
            u_offset=sky.cloud_offset,
        )
        self.pipeline.context.depth_func = "<="
        self.pipeline.context.disable(moderngl.CULL_FACE)
        self.pipeline.draw_screen(program)
