"""The picture's buffers on the GPU: colour, id and depth; and a copy for what bends the light of the rest."""

from __future__ import annotations

import cv2
import moderngl
import numpy as np

from sim2sg_core.render.projection import FAR, NEAR


class Framebuffer:
    """Colour, id and depth of one picture, drawn with several samples per pixel or with one.

    Attributes:
        target: What passes draw into.
    """

    def __init__(self, context: moderngl.Context, width: int, height: int, samples: int) -> None:
        """Makes the buffers; `samples` is 0 for one per pixel."""
        self.context, self.width, self.height = context, width, height
        size = (width, height)
        color = context.renderbuffer(size, 4)
        ids = context.renderbuffer(size, 1, dtype="u2")
        self._resolved = context.framebuffer([color, ids], context.depth_texture(size))
        self._copy = context.texture(size, 4)
        self._copied = context.framebuffer([self._copy, context.renderbuffer(size, 1, dtype="u2")])
        self.target = self._resolved
        if samples:
            self.target = context.framebuffer(
                [
                    context.renderbuffer(size, 4, samples=samples),
                    context.renderbuffer(size, 1, dtype="u2", samples=samples),
                ],
                context.depth_renderbuffer(size, samples=samples),
            )

    def clear(self) -> None:
        """Starts a picture: makes the target current and empties it."""
        self.target.use()
        self.target.clear()

    def copy_picture(self) -> moderngl.Texture:
        """Returns the picture so far, with the samples of each pixel merged; drawing goes on in the target."""
        self.context.copy_framebuffer(self._copied, self.target)
        self.target.use()
        return self._copy

    def resolve(self) -> None:
        """Ends a picture: merges the samples of each pixel."""
        if self.target is not self._resolved:
            self.context.copy_framebuffer(self._resolved, self.target)

    def read(self, depth: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Reads the resolved picture back.

        Args:
            depth: Whether to read depth.

        Returns:
            (H, W, 3) uint8 RGB, (H, W) int32 ids, and (H, W) float32 depth in metres, inf in the sky, or None.
        """
        shape = (self.height, self.width)
        frame = self._resolved
        rgba = np.frombuffer(frame.read(components=4), np.uint8).reshape(*shape, 4)
        rgb = np.asarray(cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB), np.uint8)
        ids = np.frombuffer(frame.read(components=1, attachment=1, dtype="u2"), np.uint16).astype(np.int32)
        if not depth:
            return rgb, ids.reshape(shape), None
        raw = np.frombuffer(frame.read(components=1, attachment=-1, dtype="f4"), np.float32).reshape(shape)
        metres = np.float32(FAR * NEAR) / (np.float32(FAR) - raw * np.float32(FAR - NEAR))
        metres[raw >= 1.0] = np.inf
        return rgb, ids.reshape(shape), metres
