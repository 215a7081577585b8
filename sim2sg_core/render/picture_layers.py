"""Pictures of files as the shaders read them: layers of one texture array, uploaded when a frame first needs them."""

from __future__ import annotations

from collections.abc import Iterable

import moderngl
import numpy as np

from sim2sg_core.limits import PICTURES_AT_ONCE
from sim2sg_core.render.meshes import PICTURE_SIZE, Picture

KEPT = 64
"""Layers up to which what no frame needs just now is kept too: they take 90 MB."""


class PictureLayers:
    """The pictures of this frame, and of earlier ones while there is room."""

    def __init__(self, context: moderngl.Context) -> None:
        """Makes room for none: most scenes have no pictures."""
        self.context = context
        self._layers: dict[int, tuple[Picture, int]] = {}
        self._reserve(1)

    def _reserve(self, capacity: int) -> None:
        self._capacity = capacity
        self._array = self.context.texture_array((PICTURE_SIZE, PICTURE_SIZE, capacity), 4)
        self._array.filter = (moderngl.LINEAR_MIPMAP_LINEAR, moderngl.LINEAR)

    def use(self, unit: int) -> None:
        """Makes the array current at a texture unit."""
        self._array.use(unit)

    def add(self, pictures: Iterable[Picture]) -> dict[int, int]:
        """Uploads the pictures that are new.

        Returns:
            The layer of each by its `id`; those beyond `PICTURES_AT_ONCE` are left out.
        """
        wanted = dict(list({id(p): p for p in pictures}.items())[:PICTURES_AT_ONCE])
        if missing := [p for key, p in wanted.items() if key not in self._layers]:
            if len(self._layers) + len(missing) > self._capacity:
                kept = [p for key, (p, _) in self._layers.items() if key not in wanted]
                missing = [*wanted.values(), *(kept if len(wanted) + len(kept) <= KEPT else ())]
                self._layers.clear()
                self._array.release()
                self._reserve(1 << (len(missing) - 1).bit_length())
            for picture in missing:
                self._write(picture)
            self._array.build_mipmaps()
        return {key: self._layers[key][1] for key in wanted}

    def _write(self, picture: Picture) -> None:
        layer = len(self._layers)
        data = np.full((PICTURE_SIZE, PICTURE_SIZE, 4), 255, np.uint8)
        data[..., :3] = picture.pixels
        self._array.write(data.tobytes(), viewport=(0, 0, layer, PICTURE_SIZE, PICTURE_SIZE, 1))
        self._layers[id(picture)] = picture, layer
