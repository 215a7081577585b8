"""Procedural textures: grey-balanced tiles that modulate a colour (128 leaves it as it is)."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

SIZE = 256
SPARE_LAYERS = 16
"""Layers left free for patches taken from a camera log."""


@lru_cache(maxsize=1)
def build_textures() -> dict[str, np.ndarray]:
    """Returns every texture as (SIZE, SIZE, 3) uint8 that tiles, mean near 128, by name."""
    made = {}
    for index, (name, make) in enumerate(_MAKERS.items()):
        image = make(np.random.default_rng(7000 + index))
        if image.ndim == 2:
            image = np.repeat(image[..., None], 3, axis=2)
        made[name] = balance(image)
    return made


def balance(image: np.ndarray) -> np.ndarray:
    """Scales an (H, W, 3) float image so that the mean *linear* value is that of mid grey, as uint8.

    The shader multiplies a colour by (2 t)² (its decoding is a square), so mid grey is 127.5.
    """
    image = np.clip(np.asarray(image, float), 0.0, None)
    mean = np.sqrt((image**2).mean(axis=(0, 1), keepdims=True))
    return np.clip(image / np.maximum(mean, 1e-6) * 127.5, 0, 255).astype(np.uint8)


def leaf_cover() -> np.ndarray:
    """(SIZE, SIZE) uint8 alpha of the layer "leaves": evenly spread over 0–255, in clumps."""
    rng = np.random.default_rng(99)
    field = noise(rng, 0.8, low=10) + 0.6 * noise(rng, 0.3, low=24)
    rank = np.empty(field.size)
    rank[np.argsort(field, axis=None)] = np.linspace(0, 255, field.size)
    return rank.reshape(field.shape).astype(np.uint8)


def noise(rng: np.random.Generator, slope: float, low: float = 0.0) -> np.ndarray:
    """(SIZE, SIZE) tiling noise with spectrum 1/f^slope above `low` cycles, zero mean, unit deviation."""
    fy = np.fft.fftfreq(SIZE)[:, None] * SIZE
    fx = np.fft.rfftfreq(SIZE)[None] * SIZE
    radius = np.hypot(fy, fx)
    amplitude = np.where(radius > low, 1.0 / np.maximum(radius, 1.0) ** slope, 0.0)
    spectrum = amplitude * np.exp(2j * np.pi * rng.random(radius.shape))
    field = np.fft.irfft2(spectrum, (SIZE, SIZE))
    return field / max(field.std(), 1e-9)


def _grid() -> tuple[np.ndarray, np.ndarray]:
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    return x, y


def _speckle(rng: np.random.Generator) -> np.ndarray:
    return 1 + 0.10 * noise(rng, 0.0) + 0.05 * noise(rng, 1.2)


def _mottle(rng: np.random.Generator) -> np.ndarray:
    return 1 + 0.12 * noise(rng, 1.6)


def _concrete(rng: np.random.Generator) -> np.ndarray:
    pores = (noise(rng, 0.3) > 2.6) * 0.35
    return 1 + 0.07 * noise(rng, 1.5) + 0.04 * noise(rng, 0.3) - pores


def _asphalt(rng: np.random.Generator) -> np.ndarray:
    cracks = np.exp(-((noise(rng, 1.6) / 0.02) ** 2)) * (noise(rng, 2.0) > 1.0)
    return 1 + 0.16 * noise(rng, 0.2) + 0.08 * noise(rng, 1.5) - 0.3 * cracks


def _grass(rng: np.random.Generator) -> np.ndarray:
    base = 1 + 0.22 * noise(rng, 0.5) + 0.14 * noise(rng, 1.4)
    tint = 0.10 * noise(rng, 1.3)
    return np.stack([base * (1 + 1.4 * tint), base * (1 + 0.3 * tint), base * (1 - tint)], -1)


def _leaves(rng: np.random.Generator) -> np.ndarray:
    clumps = noise(rng, 1.0, low=5)
    base = 1 + 0.35 * np.tanh(clumps) + 0.22 * noise(rng, 0.4, low=20)
    tint = 0.12 * noise(rng, 1.0, low=3)
    return np.stack([base * (1 + 1.2 * tint), base * (1 + 0.2 * tint), base * (1 - 1.2 * tint)], -1)


def _bark(rng: np.random.Generator) -> np.ndarray:
    fy = np.fft.fftfreq(SIZE)[:, None] * SIZE
    fx = np.fft.rfftfreq(SIZE)[None] * SIZE
    radius = np.hypot(fy * 4, fx)
    spectrum = np.where(radius > 3, radius.clip(1) ** -1.0, 0) * np.exp(2j * np.pi * rng.random(radius.shape))
    field = np.fft.irfft2(spectrum, (SIZE, SIZE))
    return 1 + 0.3 * field / field.std()


def _brick(rng: np.random.Generator) -> np.ndarray:
    x, y = _grid()
    rows, cols = 16, 4
    row = np.floor(y * rows).astype(int)
    u = (x * cols + 0.5 * (row % 2)) % cols
    brick = np.floor(u).astype(int)
    tone = rng.normal(0, 0.12, (rows, cols))[row, brick]
    v = (y * rows) % 1
    mortar = (np.minimum(u % 1, 1 - u % 1) < 0.03) | (np.minimum(v, 1 - v) < 0.09)
    warm = np.where(mortar, 0.0, 1.0)
    base = np.where(mortar, 1.25, 1 + tone) + 0.08 * noise(rng, 0.6)
    return np.stack([base * (1 + 0.06 * warm), base, base * (1 - 0.04 * warm)], -1)


def _tiles(rng: np.random.Generator) -> np.ndarray:
    x, y = _grid()
    n = 4
    tone = rng.normal(0, 0.04, (n, n))[np.floor(y * n).astype(int), np.floor(x * n).astype(int)]
    u, v = (x * n) % 1, (y * n) % 1
    joint = np.minimum(np.minimum(u, 1 - u), np.minimum(v, 1 - v)) < 0.015
    return np.where(joint, 0.6, 1 + tone) + 0.03 * noise(rng, 0.8)


def _paving(rng: np.random.Generator) -> np.ndarray:
    x, y = _grid()
    rows, cols = 8, 4
    row = np.floor(y * rows).astype(int)
    u = (x * cols + 0.5 * (row % 2)) % cols
    tone = rng.normal(0, 0.08, (rows, cols))[row, np.floor(u).astype(int)]
    v = (y * rows) % 1
    joint = (np.minimum(u % 1, 1 - u % 1) < 0.02) | (np.minimum(v, 1 - v) < 0.05)
    return np.where(joint, 0.65, 1 + tone) + 0.06 * noise(rng, 0.5)


def _wood(rng: np.random.Generator) -> np.ndarray:
    x, y = _grid()
    planks = 4
    plank = np.floor(y * planks).astype(int)
    shift = rng.random(planks)[plank]
    warp = 0.05 * noise(rng, 2.0)
    rings = np.sin(2 * np.pi * ((y * planks) % 1 * 3 + 6 * shift + warp * 3 + 0.3 * np.sin(2 * np.pi * (x + shift))))
    v = (y * planks) % 1
    joint = np.minimum(v, 1 - v) < 0.02
    fine = np.roll(noise(rng, 0.6), 3, 0)
    return np.where(joint, 0.6, 1 + 0.10 * rings + 0.08 * (shift - 0.5)) + 0.04 * fine


def _checker(rng: np.random.Generator) -> np.ndarray:
    x, y = _grid()
    return np.where((np.floor(x * 4) + np.floor(y * 4)) % 2 > 0, 1.2, 0.75) + 0.01 * noise(rng, 1.0)


def _stripes(rng: np.random.Generator) -> np.ndarray:
    x, _ = _grid()
    return np.where(np.floor(x * 6) % 2 > 0, 1.18, 0.8) + 0.01 * noise(rng, 1.0)


def _ripples(rng: np.random.Generator) -> np.ndarray:
    _, y = _grid()
    return 1 + 0.07 * np.sin(2 * np.pi * (y * 12 + 0.25 * noise(rng, 2.2))) + 0.03 * noise(rng, 0.4)


def _plaster(rng: np.random.Generator) -> np.ndarray:
    stain = noise(rng, 2.2)
    return 1 + 0.05 * stain + 0.035 * noise(rng, 0.5)


def _roof_tiles(rng: np.random.Generator) -> np.ndarray:
    x, y = _grid()
    rows, cols = 12, 16
    row = np.floor(y * rows).astype(int)
    u = x * cols % cols
    tone = rng.normal(0, 0.07, (rows, cols))[row, np.floor(u).astype(int)]
    v = (y * rows) % 1
    bulge = 0.18 * np.sin(np.pi * (u % 1)) - 0.25 * (v > 0.88)
    return 0.95 + tone + bulge + 0.04 * noise(rng, 0.6)


def _planks(rng: np.random.Generator) -> np.ndarray:
    x, _ = _grid()
    board = np.floor(x * 8).astype(int)
    tone = rng.normal(0, 0.07, 8)[board]
    u = (x * 8) % 1
    return np.where(np.minimum(u, 1 - u) < 0.04, 0.55, 1 + tone) + 0.07 * _bark(rng) - 0.07


def _gravel(rng: np.random.Generator) -> np.ndarray:
    field = noise(rng, 0.6, low=18)
    return 1 + 0.28 * np.tanh(field * 1.5) + 0.06 * noise(rng, 1.8)


def _soil(rng: np.random.Generator) -> np.ndarray:
    base = 1 + 0.14 * noise(rng, 0.8) + 0.10 * noise(rng, 1.8)
    dry = np.clip(noise(rng, 0.9, low=8) - 1.0, 0, 1) * 0.35
    return np.stack([base + dry, base + 0.8 * dry, base + 0.4 * dry], -1)


def _weave(rng: np.random.Generator) -> np.ndarray:
    x, y = _grid()
    return 1 + 0.10 * np.sin(2 * np.pi * x * 40) * np.sin(2 * np.pi * y * 40) + 0.06 * noise(rng, 1.3)


def _print(rng: np.random.Generator) -> np.ndarray:
    """A pattern of coarse, tinted blotches, as on clothes and vans."""
    fields = [np.tanh(3 * noise(rng, 2.0, low=2)) for _ in range(3)]
    return np.stack([1 + 0.3 * f for f in fields], -1)


def _folds(rng: np.random.Generator) -> np.ndarray:
    """How cloth hangs: creases that run down more than across, light on one side and dark on the other."""
    fy = np.fft.fftfreq(SIZE)[:, None] * SIZE
    fx = np.fft.rfftfreq(SIZE)[None] * SIZE
    radius = np.hypot(fy * 1.8, fx)
    spectrum = np.where(radius > 3, radius.clip(1) ** -1.5, 0) * np.exp(2j * np.pi * rng.random(radius.shape))
    height = np.fft.irfft2(spectrum, (SIZE, SIZE))
    slope = np.roll(height, -2, 1) - np.roll(height, 2, 1) + 0.5 * (np.roll(height, -2, 0) - np.roll(height, 2, 0))
    return 1 + 0.22 * np.tanh(slope / slope.std()) + 0.1 * height / height.std()


def _jeans(rng: np.random.Generator) -> np.ndarray:
    """Denim: twill, faded in long blotches."""
    x, y = _grid()
    twill = 0.06 * np.sin(2 * np.pi * 64 * (x + y))
    worn = np.clip(noise(rng, 1.8, low=1), 0, 2) * 0.22
    base = _folds(rng) + twill + worn
    return np.stack([base * (1 + 0.15 * worn), base, base * (1 - 0.1 * worn)], -1)


def _striped_cloth(rng: np.random.Generator) -> np.ndarray:
    """Stripes across, of two widths, some of them tinted."""
    _, y = _grid()
    band = (y * 14) % 1 < 0.45
    thin = (y * 14 + 0.3) % 1 < 0.08
    base = np.where(band, 0.55, 1.25) * np.where(thin, 0.7, 1.0) * _folds(rng)
    return np.stack([base, base, base * np.where(band, 1.15, 1.0)], -1)


def _checked_cloth(rng: np.random.Generator) -> np.ndarray:
    """A plaid of broad and narrow bands that cross."""
    x, y = _grid()

    def bands(at: np.ndarray) -> np.ndarray:
        return 0.35 * ((at * 12) % 1 < 0.5) + 0.25 * ((at * 12 + 0.25) % 1 < 0.08)

    base = (1.35 - bands(x) - bands(y)) * _folds(rng)
    return np.stack([base * (1 + 0.2 * bands(x)), base, base * (1 + 0.1 * bands(y))], -1)


def _printed_cloth(rng: np.random.Generator) -> np.ndarray:
    """Plain cloth with a few patches of letters and pictures, light on dark or dark on light."""
    x, y = _grid()
    base = _folds(rng)
    for _ in range(7):
        centre, half = rng.random(2), rng.uniform(0.05, 0.14, 2)
        away = [np.abs((at - c + 0.5) % 1 - 0.5) / h for at, c, h in zip((x, y), centre, half, strict=True)]
        inside = (np.maximum(*away) < 1) & (noise(rng, 0.8, low=10) > -0.2)
        base = np.where(inside, base * rng.choice([0.4, 0.6, 1.7, 2.2]), base)
    return base


def _lamp(rng: np.random.Generator) -> np.ndarray:
    """Reflectors behind a clear glass: bright and dark patches without order, and ribs."""
    x, _ = _grid()
    return 1 + 0.45 * np.tanh(1.5 * noise(rng, 1.6, low=4)) + 0.1 * np.sin(2 * np.pi * x * 32)


def _plate(rng: np.random.Generator) -> np.ndarray:
    """Characters of number plates, as far as they are read from afar: dark strokes on a light ground."""
    x, _ = _grid()
    strokes = rng.random(48) < 0.45
    dark = strokes[np.floor(x * 48).astype(int)] & ((x * 6) % 1 > 0.12)
    return np.where(dark, 0.25, 1.3) + 0.02 * noise(rng, 1.0)


def _brushed(rng: np.random.Generator) -> np.ndarray:
    fy = np.fft.fftfreq(SIZE)[:, None] * SIZE
    fx = np.fft.rfftfreq(SIZE)[None] * SIZE
    spectrum = np.exp(-((fx / 4) ** 2)) * (np.abs(fy) > 2) * np.exp(2j * np.pi * rng.random((SIZE, SIZE // 2 + 1)))
    field = np.fft.irfft2(spectrum, (SIZE, SIZE))
    return 1 + 0.06 * field / field.std()


def _clouds(rng: np.random.Generator) -> np.ndarray:
    """Not a modulation: cloud density for the sky (its mean is balanced like all others)."""
    return np.clip(1 + 0.45 * noise(rng, 1.7), 0, 2)


_MAKERS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "clouds": _clouds,
    "speckle": _speckle,
    "mottle": _mottle,
    "concrete": _concrete,
    "asphalt": _asphalt,
    "grass": _grass,
    "leaves": _leaves,
    "bark": _bark,
    "brick": _brick,
    "tiles": _tiles,
    "paving": _paving,
    "wood": _wood,
    "checker": _checker,
    "stripes": _stripes,
    "ripples": _ripples,
    "plaster": _plaster,
    "roof_tiles": _roof_tiles,
    "planks": _planks,
    "gravel": _gravel,
    "soil": _soil,
    "weave": _weave,
    "print": _print,
    "brushed": _brushed,
    "folds": _folds,
    "jeans": _jeans,
    "striped_cloth": _striped_cloth,
    "checked_cloth": _checked_cloth,
    "printed_cloth": _printed_cloth,
    "lamp": _lamp,
    "plate": _plate,
}
