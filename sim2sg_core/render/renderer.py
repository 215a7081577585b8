"""Draws scenes with OpenGL through EGL, headless, on a GPU or in software, with exact labels.

Usage::

    renderer = Renderer(320, 240)
    out = renderer.render(RenderScene(camera, instances, ...))   # out.rgb, out.ids, out.boxes, ...

One context per process, made after spawn, never before a fork. One vertex buffer holds every mesh, each instance is
one record, and one indirect draw makes each pass: shadows, then objects, ground and sky with two targets (colour, id),
then what is translucent, over them (what is seen through it is drawn, but the id and depth there are those of the
translucent part), then every labelled object alone in a small tile, which gives its visibility.
"""

from __future__ import annotations

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.render.culling import bounds, cull
from sim2sg_core.render.egl import create_context, is_software
from sim2sg_core.render.framebuffer import Framebuffer
from sim2sg_core.render.mesh_store import MeshRange, draw_commands, instance_records
from sim2sg_core.render.passes.background import BackgroundPass
from sim2sg_core.render.passes.contact import ContactPass
from sim2sg_core.render.passes.lighting import PICTURE_UNIT, TEXTURE_UNIT, Lighting
from sim2sg_core.render.passes.objects import ObjectPass
from sim2sg_core.render.passes.shadows import ShadowMap, ShadowPass
from sim2sg_core.render.passes.unoccluded import AlonePass
from sim2sg_core.render.pipeline import Pipeline
from sim2sg_core.render.projection import Hulls, clip_matrix, view_matrix
from sim2sg_core.render.render_scene import Instance, Rendered, RenderScene
from sim2sg_core.render.texture_layers import Materials
from sim2sg_core.render.translucency import Parts
from sim2sg_core.render.visibility import extents, maybe_hidden, place_tiles
from sim2sg_core.scene.camera import Camera

COARSE_BELOW = 80.0  # Objects smaller than this many pixels are drawn with their coarse mesh, if they have one.


class Renderer:
    """A headless context and everything that lives in it.

    Attributes:
        device: The driver's name of what draws (GL_RENDERER).
    """

    def __init__(self, width: int, height: int, shadow_size: int = 512, samples: int = 0, taps: int = 4) -> None:
        """Makes the context.

        Args:
            width: Image width, pixels.
            height: Image height, pixels.
            shadow_size: Side of each light's shadow map, texels.
            samples: Samples per pixel for smooth edges (MSAA: 4), 0 for none; ids stay exact.
            taps: Shadow lookups per pixel and light, up to 8.

        Raises:
            Sim2SGError: EGL or OpenGL 4.3 is missing, or it draws no image of this size.
        """
        self.width, self.height = width, height
        self.shadow_size, self.taps = shadow_size, taps
        self.context = create_context()
        with self.context:
            info = self.context.info
            self.device = str(info["GL_RENDERER"])
            most = min(info["GL_MAX_RENDERBUFFER_SIZE"], info["GL_MAX_TEXTURE_SIZE"], *info["GL_MAX_VIEWPORT_DIMS"])
            if max(width, height) > most:
                raise Sim2SGError(
                    f"{self.device} draws images of {most} pixels a side at most: {width}x{height} is more"
                )
            self._framebuffer = Framebuffer(self.context, width, height, samples)
            self._materials = Materials(self.context)
            self._pipeline = Pipeline(self.context)
            self._shadows = ShadowPass(self._pipeline, shadow_size)
            self._contact = ContactPass(self._pipeline)
            self._objects = ObjectPass(self._pipeline)
            self._background = BackgroundPass(self._pipeline, self._materials)
            self._alone = AlonePass(self._pipeline)
        self._hulls = Hulls()

    @property
    def is_software(self) -> bool:
        """Whether the CPU draws."""
        return is_software(self.device)

    def release(self) -> None:
        """Frees the context."""
        self.context.release()

    def add_patches(self, patches: dict[str, np.ndarray]) -> None:
        """Adds textures, say taken from a camera log; looks then use their names.

        Args:
            patches: (SIZE, SIZE, 3) uint8 by name, `SPARE_LAYERS` at most; they should tile.
        """
        with self.context:
            self._materials.add_patches(patches)

    def render(self, scene: RenderScene, depth: bool = True, visibility: bool = True) -> Rendered:
        """Draws a scene.

        Args:
            scene: What to draw; its camera must have this renderer's size.
            depth: Whether to read depth back.
            visibility: Whether to find amodal boxes, and the pixels that every object has alone.
        """
        camera = scene.camera
        if (camera.width, camera.height) != (self.width, self.height):
            raise Sim2SGError(
                f"the camera is {camera.width}x{camera.height} and the renderer {self.width}x{self.height}:"
                " scale the camera with Camera.scaled"
            )
        instances = list(scene.instances)
        parts = Parts.of(instances)
        ids = np.array([k + 1 if i.label is not None else 0 for k, i in enumerate(instances)], np.int64)
        painted = [k if i.part_of is None else i.part_of + 1 for k, i in zip(ids, instances, strict=True)]
        view = view_matrix(camera)
        clip = clip_matrix(camera) @ view
        with self.context:
            materials = self._materials.write_materials(instances)
            records, matrices = instance_records(instances, np.array(painted, np.int64), materials)
            distance, visible = cull(instances, matrices, view, clip)
            ranges, caster_ranges = self._add_meshes(instances, matrices, distance, camera)
            order = np.argsort(distance)
            drawn = order[visible[order]]
            wanted = visible & (ids > 0) & visibility
            amodal = self._hulls.amodal_boxes(instances, matrices, wanted, camera)
            alone = maybe_hidden(matrices, drawn, ids, amodal, camera, view) if visibility else drawn[:0]
            scales = place_tiles(records, alone, amodal, camera)
            self._pipeline.store.write_instances(records)
            shadows = self._shadows.draw(scene, instances, caster_ranges, matrices, parts)
            self._draw_picture(scene, instances, parts, draw_commands(ranges, drawn), shadows)
            rgb, id_image, depth_image = self._framebuffer.read(depth)
            pixels, boxes = extents(id_image, len(instances))
            unoccluded_pixels = pixels.copy()
            if len(alone):
                counts = self._alone.count(clip, draw_commands(ranges, alone), scales)
                unoccluded_pixels[alone] = np.maximum(np.round(counts).astype(np.int64), pixels[alone])
        return Rendered(rgb, id_image, depth_image, pixels, unoccluded_pixels, boxes, amodal)

    def _add_meshes(
        self, instances: list[Instance], matrices: np.ndarray, distance: np.ndarray, camera: Camera
    ) -> tuple[list[MeshRange], list[MeshRange]]:
        """Uploads the meshes that are new. Returns which mesh each instance is drawn with, and which casts its shadow.

        What is small in the image is drawn with its coarse mesh; shadows are cast by it in any case.
        """
        small = distance * COARSE_BELOW > camera.focal * bounds(matrices)[1] * 2
        meshes = [i.coarse if s and i.coarse else i.asset for i, s in zip(instances, small, strict=True)]
        casting = [i.coarse or i.asset for i in instances]
        ranges = self._pipeline.store.add(meshes + casting)
        return ranges[: len(instances)], ranges[len(instances) :]

    def _draw_picture(
        self,
        scene: RenderScene,
        instances: list[Instance],
        parts: Parts,
        commands: np.ndarray,
        shadows: list[ShadowMap],
    ) -> None:
        """Draws colour, id and depth of the instances in `commands` (nearest first), the ground and the sky."""
        lighting = Lighting.of(scene, shadows, self.shadow_size, self.taps)
        contact = self._contact.draw(scene, parts.solid(instances))
        batch = self._objects.prepare(scene, instances, parts, commands, lighting, contact)
        self._framebuffer.clear()
        self._materials.bind_textures(TEXTURE_UNIT, PICTURE_UNIT)
        self._objects.draw_opaque(batch)
        self._background.draw(scene, lighting, contact)
        self._objects.draw_translucent(batch, self._framebuffer)
        self._framebuffer.resolve()
