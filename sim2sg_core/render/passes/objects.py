"""The passes that draw the instances: opaque parts first, and translucent ones over the finished picture."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import moderngl
import numpy as np

from sim2sg_core.render import shaders
from sim2sg_core.render.environment import EnvironmentMap
from sim2sg_core.render.framebuffer import Framebuffer
from sim2sg_core.render.passes.contact import ContactShadows
from sim2sg_core.render.passes.lighting import BEHIND_UNIT, ENVIRONMENT_UNIT, SHARED, Lighting
from sim2sg_core.render.pipeline import Pipeline
from sim2sg_core.render.render_scene import Instance, RenderScene
from sim2sg_core.render.translucency import ALL, MASSIVE, OPAQUE, THIN, Parts, blend

IMPORTS = ((0, 0), (1, 0), (1, 1))  # meshes of our own, those of others, and those with pictures


@dataclass(frozen=True, eq=False)
class Batch:
    """The instances that one frame draws, the nearest first, and how.

    Attributes:
        commands: (n, 5) uint32 draw commands.
        leafy: (n,) whether any part is cut out.
        imported: (n,) whether the mesh has tints, pictures or sheets, as others' meshes may.
        pictured: (n,) whether it has pictures.
        parts: What they consist of.
        defines: Of the shaders.
        uniforms: Of the shaders.
    """

    commands: np.ndarray
    leafy: np.ndarray
    imported: np.ndarray
    pictured: np.ndarray
    parts: Parts
    defines: dict[str, int]
    uniforms: dict[str, object]


class ObjectPass:
    """Draws instances."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Makes the map of what is mirrored."""
        self.pipeline = pipeline
        self._environment = EnvironmentMap(pipeline.context)

    def prepare(
        self,
        scene: RenderScene,
        instances: list[Instance],
        parts: Parts,
        commands: np.ndarray,
        lighting: Lighting,
        contact: ContactShadows,
    ) -> Batch:
        """Decides how to draw.

        Args:
            scene: The scene.
            instances: N instances.
            parts: Theirs.
            commands: (n, 5) uint32 draw commands of those in view, the nearest first.
            lighting: Of the scene.
            contact: Its contact shadows.
        """
        if scene.environment is not None:
            self._environment.use(scene.environment, ENVIRONMENT_UNIT)
        metals = any(material.metallic > 0 for i in instances for material in i.materials)
        defines = {
            **lighting.defines,
            "STUDIO": int(metals and any(not light.directional for light in lighting.lights)),
            "TEXTURED": int(any(material.texture for i in instances for material in i.materials)),
            "CONTACT": int(contact.floors),
            "RAISED": int(contact.raised),
            "ENVIRONMENT": int(scene.environment is not None),
        }
        leafy = np.array([i.leafy for i in instances], bool)
        imported = np.array([i.asset.mesh.imported for i in instances], bool)
        pictured = np.array([bool(i.asset.pictures) for i in instances], bool)
        drawn = commands[:, 4]
        return Batch(
            commands,
            leafy[drawn],
            imported[drawn],
            pictured[drawn],
            Parts(parts.opaque[drawn], parts.thin[drawn], parts.massive[drawn]),
            defines,
            {**lighting.uniforms, **contact.uniforms},
        )

    def draw_opaque(self, batch: Batch) -> None:
        """Draws the opaque parts into the current target, the nearest first."""
        self._begin_solid()
        # Discarding pixels costs early depth tests, so only leaves get that shader.
        for (imported, pictured), which, cutout in itertools.product(IMPORTS, (ALL, OPAQUE), (0, 1)):
            chosen = (batch.leafy == cutout) & batch.parts.opaque & (batch.parts.translucent == (which == OPAQUE))
            chosen &= (batch.imported == imported) & (batch.pictured == pictured)
            self._shade(batch, chosen, which, CUTOUT=cutout, IMPORTED=imported, PICTURED=pictured)

    def draw_translucent(self, batch: Batch, framebuffer: Framebuffer) -> None:
        """Draws the translucent parts over the opaque picture: massive ones, then thin ones, the farthest first."""
        if batch.parts.massive.any():
            framebuffer.copy_picture().use(BEHIND_UNIT)
            self._begin_solid()
            self._shade(batch, batch.parts.massive, MASSIVE)
        if batch.parts.thin.any():
            self._draw_thin(batch, framebuffer)

    def _draw_thin(self, batch: Batch, framebuffer: Framebuffer) -> None:
        labels = self.pipeline.program(
            shaders.VERTEX, shaders.LABEL_FRAGMENT, TEXTURED=0, IMPORTED=0, PICTURED=0, PARTS=THIN
        )
        imported, pictured = (int((kind & batch.parts.thin).any()) for kind in (batch.imported, batch.pictured))

        def shade(side: float) -> None:
            self._shade(batch, batch.parts.thin, THIN, {"u_side": side}, IMPORTED=imported, PICTURED=pictured)

        def label() -> None:
            self.pipeline.set_uniforms(labels, u_clip=batch.uniforms["u_clip"])
            self.pipeline.draw_meshes(labels, batch.commands[batch.parts.thin][::-1])

        blend(self.pipeline.context, framebuffer.target, shade, label)

    def _begin_solid(self) -> None:
        """Sets the context up for near sides that hide what is behind them."""
        context = self.pipeline.context
        context.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        context.depth_func = "<"
        context.front_face = "cw"  # The image is drawn upside down (see `clip_matrix`), so windings turn round.
        context.cull_face = "back"

    def _shade(
        self,
        batch: Batch,
        chosen: np.ndarray,
        which: int,
        uniforms: dict[str, float] | None = None,
        **defines: int,
    ) -> None:
        """Draws one kind of the parts of the (n,) `chosen` instances, thin ones the farthest first."""
        if not chosen.any():
            return
        commands = batch.commands[chosen]
        options = {"CUTOUT": 0, "IMPORTED": 0, "PICTURED": 0, **batch.defines, **defines, "PARTS": which}
        program = self.pipeline.program(shaders.VERTEX, SHARED + shaders.FRAGMENT, **options)
        self.pipeline.set_uniforms(program, **batch.uniforms, **(uniforms or {}))
        self.pipeline.draw_meshes(program, commands[::-1] if which == THIN else commands)
