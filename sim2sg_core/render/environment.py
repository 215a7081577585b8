"""What shining surfaces mirror outdoors: a small map of the light from every direction.

The map is octahedral: the unit sphere is projected to an octahedron, whose upper half is the diamond in the middle of
the square and whose lower half fills the corners. A shader finds its texel without trigonometry.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import moderngl
import numpy as np

from sim2sg_core.errors import Sim2SGError

ENVIRONMENT = 96  # Side of the map, texels: a little more than a degree each at the horizon.
BRIGHTEST = 4.0  # What is brighter is stored as this, which burns in any mirror.


@lru_cache(maxsize=1)
def map_directions() -> np.ndarray:
    """Returns (ENVIRONMENT, ENVIRONMENT, 3) the unit direction, in the world, of every texel."""
    steps = (np.arange(ENVIRONMENT) + 0.5) / ENVIRONMENT * 2 - 1
    x, y = np.meshgrid(steps, steps)
    z = 1 - np.abs(x) - np.abs(y)
    below = z < 0
    folded_x, folded_y = (1 - np.abs(y)) * np.sign(x), (1 - np.abs(x)) * np.sign(y)
    made = np.stack([np.where(below, folded_x, x), np.where(below, folded_y, y), z], -1)
    made /= np.linalg.norm(made, axis=-1, keepdims=True)
    made.setflags(write=False)
    return made


@lru_cache(maxsize=8)
def read_environment(file: str) -> np.ndarray:
    """Reads an equirectangular picture of surroundings, the horizon at half its height.

    Args:
        file: What OpenCV reads. Pixels of .hdr files (and others of floating-point numbers) are linear, others encoded.

    Returns:
        (ENVIRONMENT, ENVIRONMENT, 3) float32 linear RGB, on the scale that makes the mean of the upper half 1.

    Raises:
        Sim2SGError: There is no such file, it is no picture, or it is black.
    """
    if not Path(file).is_file():
        raise Sim2SGError(f"appearance.environment: no file {file}; put it back or correct its path")
    try:
        image = cv2.imread(file, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    if image is None:
        raise Sim2SGError(f"appearance.environment: {file} is no picture that OpenCV reads; save it as .hdr or .jpg")
    pixels = np.asarray(image[..., ::-1], np.float32)
    if np.issubdtype(image.dtype, np.integer):
        pixels = np.square(pixels / np.float32(255 if image.dtype == np.uint8 else 65535))
    height, width = pixels.shape[:2]
    level = float(pixels[: max(height // 2, 1)].mean())
    if not np.isfinite(level) or level <= 0:
        raise Sim2SGError(f"appearance.environment: {file} shows no light above the horizon; turn it the right way up")
    small = cv2.resize(
        pixels, (min(width, 4 * ENVIRONMENT), min(height, 2 * ENVIRONMENT)), interpolation=cv2.INTER_AREA
    )
    height, width = small.shape[:2]
    x, y, z = np.moveaxis(map_directions(), -1, 0)
    column = ((0.5 - np.arctan2(y, x) / (2 * np.pi)) * width - 0.5).astype(np.float32)
    row = ((0.5 - np.arcsin(z) / np.pi) * height - 0.5).astype(np.float32)
    found = cv2.remap(small, column, row.clip(0, height - 1), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return np.asarray(found / level, np.float32)


class EnvironmentMap:
    """The texture that shaders take it from."""

    def __init__(self, context: moderngl.Context) -> None:
        """Makes room."""
        self._texture = context.texture((ENVIRONMENT, ENVIRONMENT), 4)
        self._texture.filter = (moderngl.LINEAR_MIPMAP_NEAREST, moderngl.LINEAR)
        self._texture.repeat_x = self._texture.repeat_y = False
        self._written: np.ndarray | None = None

    def use(self, light: np.ndarray, unit: int) -> None:
        """Makes a map current at a texture unit.

        Args:
            light: (ENVIRONMENT, ENVIRONMENT, 3) linear RGB along `map_directions`.
            unit: The texture unit.
        """
        if light is not self._written:
            # Bytes, as roots: software rasterisers filter them faster than floats.
            encoded = np.sqrt(np.clip(light, 0, BRIGHTEST) / BRIGHTEST) * 255
            data = np.concatenate([np.round(encoded), np.full((*light.shape[:2], 1), 255)], -1).astype(np.uint8)
            self._texture.write(data.tobytes())
            self._texture.build_mipmaps()
            self._written = light
        self._texture.use(unit)
