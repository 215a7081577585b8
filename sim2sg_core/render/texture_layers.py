"""What surfaces look like, as the shaders read it: the texture array and the buffer of materials."""

from __future__ import annotations

import moderngl
import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.render.meshes import Picture
from sim2sg_core.render.picture_layers import PictureLayers
from sim2sg_core.render.render_scene import Instance, Material
from sim2sg_core.render.textures import SIZE, SPARE_LAYERS, balance, build_textures, leaf_cover


class Materials:
    """Textures, made once and shared by all frames, and the materials of one frame.

    Attributes:
        layers: Index of every texture by name.
    """

    def __init__(self, context: moderngl.Context) -> None:
        """Makes the built-in textures."""
        self.context = context
        made = build_textures()
        self.layers = {name: k for k, name in enumerate(made)}
        self._first_spare = len(made)
        blank = np.full((SPARE_LAYERS, SIZE, SIZE, 3), 128, np.uint8)
        data = np.concatenate([np.stack(list(made.values())), blank])
        data = np.concatenate([data, np.full((*data.shape[:3], 1), 255, np.uint8)], axis=-1)
        data[self.layers["leaves"], ..., 3] = leaf_cover()
        self._textures = context.texture_array((SIZE, SIZE, len(data)), 4, data.tobytes())
        self._textures.build_mipmaps()
        self._textures.filter = (moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR)
        self._pictures = PictureLayers(context)
        self._materials = context.buffer(reserve=4096 * 48, dynamic=True)

    def add_patches(self, patches: dict[str, np.ndarray]) -> None:
        """Adds textures in the spare layers, see `Renderer.add_patches`."""
        if len(patches) > SPARE_LAYERS:
            raise Sim2SGError(f"{len(patches)} texture patches, room for {SPARE_LAYERS}: give fewer")
        if not patches:
            return
        for k, (name, patch) in enumerate(patches.items()):
            layer = self._first_spare + k
            upright = balance(patch)[::-1]  # rows of a texture go up along walls
            data = np.concatenate([upright, np.full((SIZE, SIZE, 1), 255, np.uint8)], axis=-1)
            self._textures.write(data.tobytes(), viewport=(0, 0, layer, SIZE, SIZE, 1))
            self.layers[name] = layer
        self._textures.build_mipmaps()

    def bind_textures(self, unit: int, picture_unit: int) -> None:
        """Makes the array of textures, and that of pictures of files, current at texture units."""
        self._textures.use(unit)
        self._pictures.use(picture_unit)

    def write_materials(self, instances: list[Instance]) -> np.ndarray:
        """Uploads the materials. Returns (N,) index of each instance's first."""
        rows: list[tuple[float, ...]] = []
        bases: list[int] = []
        shown = [picture for i in instances for picture in i.asset.pictures if picture is not None]
        layers = self._pictures.add(shown) if shown else {}
        for instance in instances:
            bases.append(len(rows))
            height = max(0.35 * float(instance.size[2]), 0.02)
            pictures = instance.asset.pictures or (None,) * len(instance.materials)
            for material, picture in zip(instance.materials, pictures):
                row = self.row(material)
                rows.append((*(row if picture is None else _pictured(row, picture, layers)), height))
        if rows:
            data = np.array(rows, np.float32)
            if data.nbytes > self._materials.size:
                self._materials.release()
                self._materials = self.context.buffer(reserve=data.nbytes * 2, dynamic=True)
            self._materials.write(data.tobytes())
        self._materials.bind_to_storage_buffer(0)
        return np.array(bases, np.int64)

    def row(self, material: Material) -> tuple[float, ...]:
        """Returns a material as the shaders take it, 11 numbers: colour and roughness, surface, texture.

        Raises:
            Sim2SGError: No texture of that name.
        """
        layer = 0 if material.texture is None else self.layers.get(material.texture)
        if layer is None:
            raise Sim2SGError(f"no texture {material.texture!r}; known: {', '.join(self.layers)}")
        return (
            *material.color,
            max(material.roughness, 0.04),
            material.specular,
            material.metallic,
            material.emissive,
            _opacity(material),
            float(layer),
            1.0 / material.texture_scale,
            0.0 if material.texture is None else material.texture_strength,
        )


def _pictured(row: tuple[float, ...], picture: Picture, layers: dict[int, int]) -> tuple[float, ...]:
    """Says in place of a texture, by a number below 0, which layer the picture of a file is."""
    if id(picture) not in layers:
        return (*(np.array(row[:3]) * picture.mean).tolist(), *row[3:])
    return (*row[:8], -1.0 - layers[id(picture)], *row[9:10], 0.0)


def _opacity(material: Material) -> float:
    """The number that the shaders tell kinds of part by: below 0 massive glass, below 1 thin, 1 opaque, 2 cut out."""
    if material.cutout:
        return 2.0
    return material.opacity - 2.0 if material.bends and material.opacity < 1 else material.opacity
