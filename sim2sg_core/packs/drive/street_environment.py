"""What paint and panes of a street mirror: rows of houses and trees under the sky, and the road.

The camera looks along +x, and so do streets, about. This is a street like the one in view, not the same.
"""

from __future__ import annotations

import numpy as np

from sim2sg_core.render.environment import map_directions

EYE = 1.0  # metres above the road: the height of what mirrors
FAR = 80.0  # metres along the street beyond which a row ends
BLOCKS = 64  # of a row: houses, gaps and crowns
TREE, HOUSE, GAP = range(3)
ALBEDOS = {TREE: (0.035, 0.05, 0.02), GAP: (0.05, 0.055, 0.03)}


def street_environment(
    sun: np.ndarray,
    light: np.ndarray,
    ambient: np.ndarray,
    sky: tuple[np.ndarray, np.ndarray],
    clouds: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draws the light that comes from every direction.

    Args:
        sun: (3,) unit direction towards the sun.
        light: (3,) linear RGB irradiance of the sun on a facing surface.
        ambient: (3,) linear RGB irradiance without direction.
        sky: (3,) linear RGB overhead and at the horizon.
        clouds: Cover, 0 none to 1 overcast.
        rng: Randomness.

    Returns:
        (ENVIRONMENT, ENVIRONMENT, 3) linear RGB, see `RenderScene.environment`.
    """
    direction = map_directions()
    made = _sky(direction, sun, light, sky, clouds, rng)
    _lay_ground(made, direction, sun, light, ambient, rng)
    for side in (1.0, -1.0):
        kinds = rng.choice(3, BLOCKS, p=rng.dirichlet((1.5, 2.0, 0.8)))
        shown = _row(kinds, side, sun, light, ambient, rng)
        _stand_row(made, direction, side, kinds, shown, rng)
    return made


def _stand_row(
    made: np.ndarray, direction: np.ndarray, side: float, kinds: np.ndarray, shown: np.ndarray, rng: np.random.Generator
) -> None:
    """Hides the sky behind a row of blocks along the street, on the left (`side` 1) or on the right (-1)."""
    away = float(rng.uniform(6, 16))
    found = np.flatnonzero((direction[..., 1] * side > 0.05) & (direction[..., 2] > -0.3))
    x, y, z = direction.reshape(-1, 3)[found].T
    scale = away / (y * side)  # metres along the ray to the row
    height = EYE + z * scale
    place = np.clip(x * scale, -FAR, FAR) / float(rng.uniform(5, 12)) + BLOCKS / 2 + float(rng.random())
    block = place.astype(int) % BLOCKS
    kind = kinds[block]
    tall = np.where(kinds == GAP, rng.uniform(0.8, 2.5, BLOCKS), rng.uniform(4, 14, BLOCKS))
    crown = (0.75 + 0.25 * np.sin(np.pi * (place % 1))) * (1 + 0.12 * rng.standard_normal(len(found)))
    hidden = (height > 0) & (height < tall[block] * np.where(kind == TREE, crown, 1.0))
    panes = (kind == HOUSE) & (place * 4 % 1 > 0.6) & (height / 2.8 % 1 > 0.5)
    light = shown[block] * np.where(panes, 0.25, 1.0)[:, None]
    made.reshape(-1, 3)[found[hidden]] = light[hidden]


def _row(
    kinds: np.ndarray, side: float, sun: np.ndarray, light: np.ndarray, ambient: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """(BLOCKS, 3) light that a row of houses and trees throws back, as its side is sunny or not."""
    walls = rng.uniform(0.08, 0.55, (BLOCKS, 1)) * np.array([1.0, 0.95, 0.86]) ** rng.uniform(0, 2, (BLOCKS, 1))
    albedo = np.where((kinds == HOUSE)[:, None], walls, [ALBEDOS[TREE if k == TREE else GAP] for k in kinds])
    sunny = max(float(-side * sun[1]), 0.0)
    return np.asarray(albedo * (0.6 * ambient + light * sunny))


def _sky(
    direction: np.ndarray,
    sun: np.ndarray,
    light: np.ndarray,
    sky: tuple[np.ndarray, np.ndarray],
    clouds: float,
    rng: np.random.Generator,
) -> np.ndarray:
    """The sky as the renderer draws it, with the haze about the sun, and blots for clouds."""
    low = (1 - np.clip(direction[..., 2], 0, 1))[..., None] ** 3
    made = sky[0] * (1 - low) + sky[1] * low
    if clouds > 0:
        waves = sum(np.sin(direction @ rng.normal(0, 4, 3) + rng.uniform(0, 6)) for _ in range(4)) / 2
        made = made + (sky[1] - made) * (np.clip(waves + 2 * clouds - 1, 0, 1) * 0.8)[..., None]
    glow = np.clip(direction @ sun, 0, 1) ** 24
    return np.asarray(made + 0.5 * glow[..., None] * light, np.float32)


def _lay_ground(
    made: np.ndarray,
    direction: np.ndarray,
    sun: np.ndarray,
    light: np.ndarray,
    ambient: np.ndarray,
    rng: np.random.Generator,
) -> None:
    """Fills what is below the horizon: a road in sun and shade."""
    below = direction[..., 2] < 0
    spot = direction[below] * (EYE / np.maximum(-direction[below][:, 2:], 0.02))
    phase = rng.uniform(0, 6, 2)
    shade = np.sin(spot[:, 0] * rng.uniform(0.2, 0.6) + phase[0]) + np.sin(spot[:, 1] * 0.5 + phase[1])
    lit = (shade > rng.uniform(-1.5, 1.5))[:, None] * light * max(float(sun[2]), 0.0)
    made[below] = rng.uniform(0.08, 0.25) * (ambient + lit)
