"""The last pass: every labelled object alone in a small tile, which tells how much of it the others hide."""

from __future__ import annotations

import moderngl
import numpy as np

from sim2sg_core.render import shaders
from sim2sg_core.render.pipeline import Pipeline
from sim2sg_core.render.visibility import TILE, TILE_COLUMNS

CLIP_DISTANCES = (0x3000, 0x3001, 0x3002, 0x3003)


class AlonePass:
    """Owns the tiles."""

    def __init__(self, pipeline: Pipeline) -> None:
        """Makes a few rows of tiles; more come when needed."""
        self.pipeline = pipeline
        self._rows = 0
        self._grow(2)

    def _grow(self, rows: int) -> None:
        if rows > self._rows:
            self._rows = rows
            size = (TILE * TILE_COLUMNS, TILE * rows)
            context = self.pipeline.context
            self._tiles = context.framebuffer([context.renderbuffer(size, 1)])

    def count(self, clip: np.ndarray, commands: np.ndarray, scales: np.ndarray) -> np.ndarray:
        """Draws objects alone and counts their pixels.

        Args:
            clip: (4, 4) world to clip space.
            commands: (n, 5) uint32 draw commands; each instance's record says where its tile is.
            scales: (n,) image pixels per tile pixel.

        Returns:
            (n,) pixels that each would have in the image.
        """
        n = len(scales)
        rows = -(-n // TILE_COLUMNS)
        self._grow(rows)
        context = self.pipeline.context
        self._tiles.use()
        self._tiles.clear()
        context.enable_only(moderngl.CULL_FACE)
        context.front_face = "cw"
        context.cull_face = "back"
        for distance in CLIP_DISTANCES:
            context.enable_direct(distance)
        program = self.pipeline.program(shaders.ALONE_VERTEX, shaders.ALONE_FRAGMENT)
        self.pipeline.set_uniforms(program, u_clip=clip, u_tile=(1 / TILE_COLUMNS, 1 / self._rows))
        self.pipeline.draw_meshes(program, commands)
        for distance in CLIP_DISTANCES:
            context.disable_direct(distance)
        size = (TILE * TILE_COLUMNS, TILE * rows)
        cover = np.frombuffer(self._tiles.read(viewport=(0, 0, *size), components=1), np.uint8)
        tiles = cover.reshape(rows, TILE, TILE_COLUMNS, TILE) > 0
        return np.asarray(tiles.sum(axis=(1, 3)).reshape(-1)[:n] * scales)
