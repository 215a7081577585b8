"""Draws scenes with OpenGL through EGL, headless, on a GPU or in software, with exact labels.

Usage::

    renderer = Renderer(320, 240)
    out = renderer.render(RenderScene(camera, instances, ...))   # out.rgb, out.ids, out.boxes, ...

or, to look at one asset from around::

    sheet = turntable(renderer, asset, looks)                    # (H, 4 W, 3) uint8

One context per process, made after spawn, never before a fork. One vertex buffer holds every mesh, each instance is
one record, and one indirect draw makes each pass: shadows, then objects, ground and sky with two targets (colour, id),
then what is translucent, blended over them (what is seen through it is drawn, but the id and depth there are those of
the translucent part), then every labelled object alone in a small tile, which gives its visibility.
"""

from __future__ import annotations

import os
from typing import Any

import cv2
import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.scene.camera import Camera
from sim2sg_core.synthesis import shaders
from sim2sg_core.synthesis.contact import CONTACT, contact_map, raised_map
from sim2sg_core.synthesis.counting import TILE, TILE_COLUMNS, extents, maybe_hidden, place_tiles
from sim2sg_core.synthesis.culling import bounds, casters_of, cull, enclose, sees_sky
from sim2sg_core.synthesis.mesh_store import MeshStore, draw_commands, instance_records
from sim2sg_core.synthesis.meshes import Asset
from sim2sg_core.synthesis.projection import (
    FAR,
    NEAR,
    Hulls,
    amodal_box,
    clip_matrix,
    shadow_matrix,
    view_matrix,
)
from sim2sg_core.synthesis.render_scene import Instance, Light, Look, Rendered, RenderScene
from sim2sg_core.synthesis.textures import SIZE, SPARE_LAYERS, balance, build_textures, leaf_cover
from sim2sg_core.synthesis.translucency import ALL, OPAQUE, TRANSLUCENT, Parts, blend

try:
    import moderngl
except ImportError as error:  # pragma: no cover - depends on the installation
    raise Sim2SGError("rendering needs moderngl: pip install 'sim2sg[train]'") from error

COARSE_BELOW = 80.0  # Objects smaller than this many pixels are drawn with their coarse mesh, if they have one.
EGL: dict[str, Any] = {"backend": "egl", "libegl": "libEGL.so.1", "libgl": "libGL.so.1"}
SOFTWARE = ("llvmpipe", "softpipe", "swrast", "software")
CLIP_DISTANCES = (0x3000, 0x3001, 0x3002, 0x3003)
POLYGON_OFFSET_FILL = 0x8037


class Renderer:
    """A headless context and everything that lives in it.

    Attributes:
        device: The driver's name of what draws (GL_RENDERER).
        layers: Index of every texture by name.
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
            Sim2SGError: EGL or OpenGL 4.3 is missing.
        """
        self.width, self.height = width, height
        self.shadow_size, self.samples, self.taps = shadow_size, samples, taps
        self.context = _create_context()
        with self.context:
            self.device = str(self.context.info["GL_RENDERER"])
            self.store = MeshStore(self.context)
            self._programs: dict[tuple, moderngl.Program] = {}
            self._members: dict[int, dict] = {}
            self._make_targets()
            self._make_textures()
            corners = np.array([-1, -1, 3, -1, -1, 3], np.float32)
            self._triangle = self.context.buffer(corners.tobytes())
            self._quad = self.context.buffer(np.array([-1, -1, 1, -1, -1, 1, 1, 1], np.float32).tobytes())
            self._looks = self.context.buffer(reserve=4096 * 48, dynamic=True)
            self._commands = self.context.buffer(reserve=2048 * 20, dynamic=True)
        self.hulls = Hulls()
        self._flat_arrays: dict[tuple, moderngl.VertexArray] = {}

    # ---- set-up ----------------------------------------------------------------------------------------------

    @property
    def is_software(self) -> bool:
        """Whether the CPU draws."""
        return any(word in self.device.lower() for word in SOFTWARE)

    def release(self) -> None:
        """Frees the context."""
        self.context.release()

    def _make_targets(self) -> None:
        ctx, size = self.context, (self.width, self.height)
        self._color = ctx.renderbuffer(size, 4)
        self._ids = ctx.renderbuffer(size, 1, dtype="u2")
        self._depth = ctx.depth_texture(size)
        self._frame = ctx.framebuffer([self._color, self._ids], self._depth)
        self._target = self._frame
        if self.samples:
            self._target = ctx.framebuffer(
                [
                    ctx.renderbuffer(size, 4, samples=self.samples),
                    ctx.renderbuffer(size, 1, dtype="u2", samples=self.samples),
                ],
                ctx.depth_renderbuffer(size, samples=self.samples),
            )
        self._shadows = {count: self._shadow_target(count) for count in (1, 2)}
        self._contact = ctx.texture((CONTACT, CONTACT), 1)
        self._contact.repeat_x = self._contact.repeat_y = False
        self._raised = ctx.texture((CONTACT, CONTACT), 2, dtype="f2")
        self._raised.repeat_x = self._raised.repeat_y = False
        self._tile_rows = 0
        self._grow_tiles(2)

    def _shadow_target(self, lights: int) -> tuple[moderngl.Texture, moderngl.Framebuffer]:
        """Maps of that many lights side by side. One target for each number: only a full clear is fast."""
        texture = self.context.depth_texture((self.shadow_size * lights, self.shadow_size))
        texture.compare_func = "<="
        texture.filter = (moderngl.LINEAR, moderngl.LINEAR)
        texture.repeat_x = texture.repeat_y = False
        return texture, self.context.framebuffer([], texture)

    def _grow_tiles(self, rows: int) -> None:
        if rows > self._tile_rows:
            self._tile_rows = rows
            size = (TILE * TILE_COLUMNS, TILE * rows)
            self._tiles = self.context.framebuffer([self.context.renderbuffer(size, 1)])

    def _make_textures(self) -> None:
        made = build_textures()
        self.layers = {name: k for k, name in enumerate(made)}
        self._first_spare = len(made)
        blank = np.full((SPARE_LAYERS, SIZE, SIZE, 3), 128, np.uint8)
        data = np.concatenate([np.stack(list(made.values())), blank])
        data = np.concatenate([data, np.full((*data.shape[:3], 1), 255, np.uint8)], axis=-1)
        data[self.layers["leaves"], ..., 3] = leaf_cover()
        self._textures = self.context.texture_array((SIZE, SIZE, len(data)), 4, data.tobytes())
        self._textures.build_mipmaps()
        self._textures.filter = (moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR)

    def add_patches(self, patches: dict[str, np.ndarray]) -> None:
        """Adds textures, say taken from a camera log; looks then use their names.

        Args:
            patches: (SIZE, SIZE, 3) uint8 by name, `SPARE_LAYERS` at most; they should tile.
        """
        if len(patches) > SPARE_LAYERS:
            raise Sim2SGError(f"{len(patches)} texture patches, room for {SPARE_LAYERS}: give fewer")
        if not patches:
            return
        with self.context:
            for k, (name, patch) in enumerate(patches.items()):
                layer = self._first_spare + k
                data = np.concatenate([balance(patch), np.full((SIZE, SIZE, 1), 255, np.uint8)], axis=-1)
                self._textures.write(data.tobytes(), viewport=(0, 0, layer, SIZE, SIZE, 1))
                self.layers[name] = layer
            self._textures.build_mipmaps()

    def _set(self, program: moderngl.Program, **values: object) -> None:
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

    def _program(self, vertex: str, fragment: str, **defines: int | float) -> moderngl.Program:
        key = (vertex, fragment, tuple(sorted(defines.items())))
        if key not in self._programs:
            head = shaders.HEADER + "".join(f"#define {k} {v}\n" for k, v in defines.items())
            self._programs[key] = self.context.program(vertex_shader=head + vertex, fragment_shader=head + fragment)
        return self._programs[key]

    # ---- one frame -------------------------------------------------------------------------------------------

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
        ids = np.array([k + 1 if i.label is not None else 0 for k, i in enumerate(instances)], np.int64)
        with self.context:
            painted = [k if i.part_of is None else i.part_of + 1 for k, i in zip(ids, instances, strict=True)]
            records, matrices = instance_records(instances, np.array(painted, np.int64), self._write_looks(instances))
            view = view_matrix(camera)
            clip = clip_matrix(camera) @ view
            distance, visible = cull(instances, matrices, view, clip)
            far = distance * COARSE_BELOW > camera.focal * bounds(matrices)[1] * 2
            meshes = [i.coarse if f and i.coarse else i.asset for i, f in zip(instances, far, strict=True)]
            in_shadow = [i.coarse or i.asset for i in instances]
            ranges = self.store.add(meshes + in_shadow)
            order = np.argsort(distance)
            drawn = order[visible[order]]
            wanted = visible & (ids > 0) & visibility
            amodal = self._amodal_boxes(instances, matrices, wanted, camera, view)
            alone = maybe_hidden(matrices, drawn, ids, amodal, camera, view) if visibility else drawn[:0]
            scales = place_tiles(records, alone, amodal, camera)
            self.store.write_instances(records)
            parts = Parts.of(instances)
            shadows = self._draw_shadows(scene, instances, ranges[len(instances) :], matrices, parts)
            self._draw_picture(scene, clip, view, draw_commands(ranges, drawn), shadows, instances, parts)
            rgb, id_image, depth_image = self._read(depth)
            pixels, boxes = extents(id_image, len(instances))
            alone_pixels = pixels.copy()
            if len(alone):
                counts = self._draw_alone(clip, draw_commands(ranges, alone), scales)
                alone_pixels[alone] = np.maximum(np.round(counts).astype(np.int64), pixels[alone])
        return Rendered(rgb, id_image, depth_image, pixels, alone_pixels, boxes, amodal)

    def _amodal_boxes(
        self, instances: list[Instance], matrices: np.ndarray, wanted: np.ndarray, camera: Camera, view: np.ndarray
    ) -> np.ndarray:
        """(N, 4) xyxy boxes of the projected meshes, NaN where not wanted."""
        boxes = np.full((len(instances), 4), np.nan)
        for k in np.flatnonzero(wanted):
            to_camera = view[:3, :3] @ matrices[k, :, :3]
            points = self.hulls.of(instances[k].asset) @ to_camera.T
            boxes[k] = amodal_box(points + (view[:3, :3] @ matrices[k, :, 3] + view[:3, 3]), camera)
        return boxes

    def _write_looks(self, instances: list[Instance]) -> np.ndarray:
        """Uploads the looks. Returns (N,) index of each instance's first."""
        rows: list[tuple[float, ...]] = []
        bases: list[int] = []
        for instance in instances:
            bases.append(len(rows))
            height = max(0.35 * float(instance.size[2]), 0.02)
            for look in instance.looks:
                rows.append((*self._look_row(look), height))
        if rows:
            data = np.array(rows, np.float32)
            if data.nbytes > self._looks.size:
                self._looks.release()
                self._looks = self.context.buffer(reserve=data.nbytes * 2, dynamic=True)
            self._looks.write(data.tobytes())
        self._looks.bind_to_storage_buffer(0)
        return np.array(bases, np.int64)

    def _look_row(self, look: Look) -> tuple[float, ...]:
        layer = 0 if look.texture is None else self.layers.get(look.texture)
        if layer is None:
            raise Sim2SGError(f"no texture {look.texture!r}; known: {', '.join(self.layers)}")
        return (
            *look.color,
            max(look.roughness, 0.04),
            look.specular,
            look.metallic,
            look.emissive,
            2.0 if look.cutout else look.opacity,  # The shaders tell the three kinds of part by it.
            float(layer),
            1.0 / look.texture_scale,
            0.0 if look.texture is None else look.texture_strength,
        )

    # ---- passes ----------------------------------------------------------------------------------------------

    def _indirect(self, program: moderngl.Program, commands: np.ndarray) -> None:
        if not len(commands):
            return
        if commands.nbytes > self._commands.size:
            self._commands.release()
            self._commands = self.context.buffer(reserve=commands.nbytes * 2, dynamic=True)
        self._commands.orphan()
        self._commands.write(commands.tobytes())
        self.store.array(program).render_indirect(self._commands, moderngl.TRIANGLES, count=len(commands))

    def _draw_shadows(
        self, scene: RenderScene, instances: list[Instance], ranges: list, matrices: np.ndarray, parts: Parts
    ) -> list[tuple[np.ndarray, float]]:
        """Fills the shadow maps. Returns (matrix world to texture, texel in metres) of each light that has one."""
        lights = [light for light in scene.lights if light.shadow][:2]
        casters = casters_of(scene, instances, matrices)
        casters = casters[parts.opaque[casters]]
        if not lights or not len(casters):
            return []
        centre, radius = enclose(matrices[casters])
        program = self._program(
            shaders.SHADOW_VERTEX, shaders.EMPTY_FRAGMENT, PARTS=OPAQUE if parts.translucent[casters].any() else ALL
        )
        commands = draw_commands(ranges, casters)
        ctx, s, made = self.context, self.shadow_size, []
        texture, frame = self._shadows[len(lights)]
        texture.use(1)
        frame.use()
        frame.clear(depth=1.0)
        ctx.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        ctx.front_face = "ccw"
        ctx.cull_face = "front"  # Far sides cast: no acne on lit faces, contact at the ground.
        for k, light in enumerate(lights):
            matrix = shadow_matrix(
                np.array(light.position, float), light.directional, np.array(light.target), centre, radius
            )
            frame.viewport = (k * s, 0, s, s)
            self._set(program, u_clip=matrix)
            self._indirect(program, commands)
            # Clip space to 0–1; the shader finds the light's own map.
            to_texture = np.array([[0.5, 0, 0, 0.5], [0, 0.5, 0, 0.5], [0, 0, 0.5, 0.5], [0, 0, 0, 1]])
            made.append((to_texture @ matrix, 2 * radius / s))
        return made

    def _draw_picture(
        self,
        scene: RenderScene,
        clip: np.ndarray,
        view: np.ndarray,
        commands: np.ndarray,
        shadows: list[tuple[np.ndarray, float]],
        instances: list[Instance],
        parts: Parts,
    ) -> None:
        ctx = self.context
        lights = sorted(scene.lights[:3], key=lambda light: not light.shadow)
        metals = any(look.metallic > 0 for i in instances for look in i.looks)
        studio = int(metals and any(not light.directional for light in lights))
        fog = int(scene.fog.density > 0)
        defines = {"LIGHTS": len(lights), "SHADOWS": len(shadows), "TAPS": self.taps, "FOG": fog}
        shared = shaders.SKY + shaders.LIGHTING
        leafy = np.array([any(look.cutout for look in i.looks) for i in instances], bool)
        textured = int(any(look.texture for i in instances for look in i.looks))
        self._target.use()
        self._target.clear()
        ctx.enable_only(moderngl.DEPTH_TEST | moderngl.CULL_FACE)
        ctx.depth_func = "<"
        ctx.front_face = "cw"  # The image is drawn upside down (see `clip_matrix`), so windings turn round.
        ctx.cull_face = "back"
        self._textures.use(0)
        self._contact.use(2)
        values = self._uniforms(scene, clip, view, lights, shadows)
        standing = parts.solid(instances)
        raised, values["u_raised_rect"] = raised_map(standing, scene.ground_height, scene.occlusion)
        if raised is not None:
            self._raised.write(raised.tobytes())
            self._raised.use(3)
        cut = leafy[commands[:, 4]] if len(commands) else np.zeros(0, bool)
        clear = parts.translucent[commands[:, 4]]
        solid = parts.opaque[commands[:, 4]]
        variant = {**defines, "STUDIO": studio, "TEXTURED": textured, "RAISED": int(raised is not None)}
        # Discarding pixels costs early depth tests, so only leaves get that shader.
        for cutout, which in ((0, ALL), (1, ALL), (0, OPAQUE), (1, OPAQUE)):
            part = commands[(cut == cutout) & solid & (clear == (which == OPAQUE))]
            if len(part):
                program = self._program(
                    shaders.VERTEX, shared + shaders.FRAGMENT, **variant, CUTOUT=cutout, PARTS=which
                )
                self._set(program, **values)
                self._indirect(program, part)
        if scene.ground is not None:
            self._draw_ground(scene, values, defines, shared, standing)
        if scene.ground is None or sees_sky(scene.camera):
            self._draw_sky(scene, values, view, shared, fog, lights)
        if clear.any():
            self._draw_translucent(commands[clear][::-1], values, variant, shared)
        if self.samples:
            ctx.copy_framebuffer(self._frame, self._target)

    def _draw_translucent(
        self, commands: np.ndarray, values: dict[str, object], defines: dict[str, int], shared: str
    ) -> None:
        """Blends the translucent parts of these instances, the farthest first, over the picture."""
        fragment = shared + shaders.FRAGMENT
        program = self._program(shaders.VERTEX, fragment, **defines, CUTOUT=0, PARTS=TRANSLUCENT)
        labels = self._program(shaders.VERTEX, shaders.LABEL_FRAGMENT, TEXTURED=0, PARTS=TRANSLUCENT)

        def shade(side: float) -> None:
            self._set(program, **values, u_side=side)
            self._indirect(program, commands)

        def label() -> None:
            self._set(labels, u_clip=values["u_clip"])
            self._indirect(labels, commands)

        blend(self.context, self._target, shade, label)

    def _uniforms(
        self,
        scene: RenderScene,
        clip: np.ndarray,
        view: np.ndarray,
        lights: list[Light],
        shadows: list[tuple[np.ndarray, float]],
    ) -> dict[str, object]:
        ground = scene.ground.color if scene.ground is not None else (0.2, 0.2, 0.2)
        bounce = np.array(scene.ambient_up)
        for light in lights:
            away = np.array(light.position) - (0 if light.directional else np.array(light.target))
            bounce = bounce + np.array(light.color) * max(away[2] / np.linalg.norm(away), 0)
        soft = scene.shadow_softness / self.shadow_size
        values: dict[str, object] = {
            "u_clip": clip,
            "u_eye": -view[:3, :3].T @ view[:3, 3],
            "u_pixel": SIZE / scene.camera.focal,
            "u_textures": 0,
            "u_shadow": 1,
            "u_contact": 2,
            "u_raised": 3,
            "u_ambient_up": scene.ambient_up,
            "u_ambient_down": scene.ambient_down,
            "u_exposure": scene.exposure,
            "u_occlusion": scene.occlusion,
            "u_fog": (*scene.fog.color, scene.fog.density),
            "u_zenith": scene.sky.zenith,
            "u_horizon": scene.sky.horizon,
            "u_floor": np.array(ground) * bounce,
        }
        if lights:
            values["u_light_position"] = np.array([_position(light) for light in lights])
            values["u_light_color"] = np.array([(*light.color, light.radius) for light in lights])
            values["u_light_reach"] = np.array([_reach(light) for light in lights])
        if shadows:
            values["u_shadow_matrix"] = np.array([m.T for m, _ in shadows])
            values["u_shadow_step"] = np.array([(soft / len(shadows), soft, 1.2 * texel) for _, texel in shadows])
        return values

    def _draw_ground(
        self,
        scene: RenderScene,
        values: dict[str, object],
        defines: dict[str, int],
        shared: str,
        instances: list[Instance],
    ) -> None:
        ground = scene.ground
        assert ground is not None
        textured = int(ground.texture is not None)
        contact, rect = contact_map(instances, scene.ground_height, scene.occlusion)
        program = self._program(
            shaders.GROUND_VERTEX,
            shared + shaders.GROUND_FRAGMENT,
            **defines,
            TEXTURED=textured,
            SHINE=int(ground.specular > 0),
            CONTACT=int(contact is not None),
        )
        if contact is not None:
            self._contact.write(contact.tobytes())
        row = self._look_row(ground)
        self._set(
            program,
            **values,
            u_plane=(FAR * 0.7, scene.ground_height, *np.asarray(values["u_eye"])[:2]),
            u_contact_rect=rect,
            u_ground_color=row[:4],
            u_ground_surface=row[4:8],
            u_ground_texture=(*row[8:], float(self.layers["mottle"])),
        )
        self.context.disable(moderngl.CULL_FACE)
        self._flat(program, self._quad).render(moderngl.TRIANGLE_STRIP)

    def _draw_sky(
        self,
        scene: RenderScene,
        values: dict[str, object],
        view: np.ndarray,
        shared: str,
        fog: int,
        lights: list[Light],
    ) -> None:
        sky = scene.sky
        program = self._program(
            shaders.SKY_VERTEX,
            shared + shaders.SKY_FRAGMENT,
            LIGHTS=0,
            SHADOWS=0,
            FOG=fog,
            CLOUDS=int(sky.clouds > 0),
        )
        rotation = np.eye(4)
        rotation[:3, :3] = view[:3, :3]
        sun = next((light for light in lights if light.directional), None)
        self._set(
            program,
            **{k: values[k] for k in ("u_zenith", "u_horizon", "u_textures", "u_exposure", "u_fog")},
            u_unclip=np.linalg.inv(clip_matrix(scene.camera) @ rotation),
            u_cloud=(*sky.cloud_color, sky.clouds),
            u_sun=(*(sun.position if sun else (0.0, 0.0, 1.0)), sky.glow if sun else 0.0),
            u_sun_color=sun.color if sun else (0.0, 0.0, 0.0),
            u_offset=sky.cloud_offset,
        )
        self.context.depth_func = "<="
        self.context.disable(moderngl.CULL_FACE)
        self._flat(program, self._triangle).render(moderngl.TRIANGLES)

    def _flat(self, program: moderngl.Program, buffer: moderngl.Buffer) -> moderngl.VertexArray:
        key = (program.glo, buffer.glo)
        if key not in self._flat_arrays:
            self._flat_arrays[key] = self.context.vertex_array(program, [(buffer, "2f", "in_corner")])
        return self._flat_arrays[key]

    def _draw_alone(self, clip: np.ndarray, commands: np.ndarray, scales: np.ndarray) -> np.ndarray:
        """Draws every labelled object alone. Returns (n,) pixels that each would have in the image."""
        n = len(scales)
        rows = -(-n // TILE_COLUMNS)
        self._grow_tiles(rows)
        ctx = self.context
        self._tiles.use()
        self._tiles.clear()
        ctx.enable_only(moderngl.CULL_FACE)
        ctx.front_face = "cw"
        ctx.cull_face = "back"
        for distance in CLIP_DISTANCES:
            ctx.enable_direct(distance)
        program = self._program(shaders.ALONE_VERTEX, shaders.ALONE_FRAGMENT)
        self._set(program, u_clip=clip, u_tile=(1 / TILE_COLUMNS, 1 / self._tile_rows))
        self._indirect(program, commands)
        for distance in CLIP_DISTANCES:
            ctx.disable_direct(distance)
        size = (TILE * TILE_COLUMNS, TILE * rows)
        cover = np.frombuffer(self._tiles.read(viewport=(0, 0, *size), components=1), np.uint8)
        tiles = cover.reshape(rows, TILE, TILE_COLUMNS, TILE) > 0
        return tiles.sum(axis=(1, 3)).reshape(-1)[:n] * scales

    def _read(self, depth: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        shape = (self.height, self.width)
        rgba = np.frombuffer(self._frame.read(components=4), np.uint8).reshape(*shape, 4)
        rgb = np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), np.uint8)
        ids = np.frombuffer(self._frame.read(components=1, attachment=1, dtype="u2"), np.uint16).astype(np.int32)
        if not depth:
            return rgb, ids.reshape(shape), None
        raw = np.frombuffer(self._frame.read(components=1, attachment=-1, dtype="f4"), np.float32).reshape(shape)
        metres = np.float32(FAR * NEAR) / (np.float32(FAR) - raw * np.float32(FAR - NEAR))
        metres[raw >= 1.0] = np.inf
        return rgb, ids.reshape(shape), metres


def _create_context() -> moderngl.Context:
    """Opens EGL. Raises Sim2SGError with what to install when that fails."""
    # Mesa's shader cache is not keyed by the width of the CPU's vectors: a foreign one corrupts the heap.
    os.environ.setdefault("MESA_SHADER_CACHE_DISABLE", "true")
    try:
        return moderngl.create_context(require=430, standalone=True, **EGL)
    except Exception as error:  # glcontext raises bare Exception
        raise Sim2SGError(
            f"no OpenGL 4.3 through EGL ({error}): install it, e.g. apt install libegl1 libgl1 libgl1-mesa-dri"
        ) from error


def _position(light: Light) -> tuple[float, float, float, float]:
    if light.directional:
        x, y, z = np.array(light.position) / np.linalg.norm(light.position)
        return (float(x), float(y), float(z), 0.0)
    return (*light.position, 1.0)


def _reach(light: Light) -> float:
    """Squared distance at which a lamp gives its nominal irradiance."""
    return float(np.sum((np.array(light.position) - np.array(light.target)) ** 2))


def turntable(renderer: Renderer, asset: Asset, looks: tuple[Look, ...], views: int = 4) -> np.ndarray:
    """Draws an asset from all sides on grey ground. Returns (H, views * W, 3) uint8."""
    length, width, height = asset.size
    reach = float(np.linalg.norm(asset.size))
    focal = 1.1 * renderer.width
    K = np.array([[focal, 0, renderer.width / 2], [0, focal, renderer.height / 2], [0, 0, 1]])
    distance, eye = 1.5 * reach + 0.5, 0.35 * reach + 0.4 * height
    pitch = np.arctan2(eye - 0.5 * height, distance)
    camera = Camera.from_mount(renderer.width, renderer.height, K, eye, pitch)
    size = np.array([length, width, height])
    pictures = []
    for k in range(views):
        yaw = 2 * np.pi * k / views + 0.5
        item = Instance(asset, np.array([distance, 0.0, 0.0]), yaw, size, looks, "asset")
        pictures.append(renderer.render(RenderScene(camera, (item,))).rgb)
    return np.hstack(pictures)
