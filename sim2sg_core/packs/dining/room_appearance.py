"""How rooms look: lamps near the ceiling, light from windows, floors and walls, and the camera's struggle with both."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.packs.dining.room_layout import RoomLayout
from sim2sg_core.render.render_scene import Fog, Light, Material, Sky, linear
from sim2sg_core.render.sensor import Sensor
from sim2sg_core.synthesis.appearance import AppearancePrior, floor_material, patch_names
from sim2sg_core.synthesis.palettes import Family

FLOORS = ("wood", "wood", "planks", "planks", "tiles", "tiles", "weave", "weave", "concrete", "plain")
FLOOR_FAMILIES = {
    "wood": Family(
        ((170, 128, 84), (128, 88, 56), (198, 164, 122), (92, 64, 44), (152, 140, 126)), jitter=7, shade=(0.8, 1.1)
    ),
    "tiles": Family(((196, 190, 180), (150, 146, 140), (110, 108, 106), (170, 110, 82), (214, 212, 208)), jitter=6),
    "weave": Family(((140, 132, 120), (96, 96, 100), (170, 156, 134), (88, 96, 112), (122, 84, 76)), jitter=8),
    "concrete": Family(((150, 148, 144), (122, 121, 119)), jitter=4),
    "plain": Family(((170, 164, 154), (140, 138, 136), (196, 190, 178), (120, 112, 104)), jitter=8),
}
FLOOR_FAMILIES["planks"] = FLOOR_FAMILIES["wood"]
FLOOR_GLOSS = {  # range of roughness, range of specular
    "wood": ((0.3, 0.8), (0.1, 0.5)),
    "planks": ((0.35, 0.85), (0.1, 0.45)),
    "tiles": ((0.2, 0.6), (0.3, 0.6)),
    "weave": ((0.95, 1.0), (0.0, 0.03)),
}
WALLS = Family(
    ((236, 233, 226), (226, 218, 202), (210, 210, 208), (196, 202, 196), (184, 194, 204), (222, 204, 176),
     (204, 176, 160), (120, 132, 128), (86, 96, 112), (150, 96, 76)),
    (9, 6, 5, 2.5, 2.5, 2.5, 1.2, 1, 0.8, 0.8), jitter=6, shade=(0.88, 1.02), anything=0.03,
)  # fmt: skip
WALLPAPERS = ("plaster", "plaster", "mottle", "weave", "stripes", "brick", "print")
WARM, NEUTRAL, COOL = (1.14, 1.0, 0.78), (1.02, 1.0, 0.97), (0.9, 0.99, 1.12)
DIM = 0.15  # share of badly lit rooms


def floor_color(floor: str, rng: np.random.Generator) -> np.ndarray:
    """Draws (3,) the display colour, 0-1, of a kind of floor."""
    return FLOOR_FAMILIES.get(floor, FLOOR_FAMILIES["plain"]).draw(rng)


def indoors(domain: Domain, rng: np.random.Generator, ambient: float, floor: str) -> dict[str, Any]:
    """Draws the look of a room but for exposure and sensor.

    Args:
        domain: Its layout is a room.
        rng: Randomness.
        ambient: Share of light that walls and ceiling throw about.
        floor: The kind of floor.

    Returns:
        Fields of `Appearance`.
    """
    spec, layout = domain.appearance, domain.layout
    assert isinstance(layout, RoomLayout)
    ground = floor_material(domain, rng, floor, floor_color)
    target = (float(np.mean(layout.distance)), float(np.mean(layout.lateral)), 0.6)
    ambient = min(0.9, ambient + 0.05)  # Less is dark between walls than in the open.
    tint = spec.tint
    if floor in FLOOR_GLOSS:
        rough, shine = FLOOR_GLOSS[floor]
        ground = dataclasses.replace(ground, roughness=float(rng.uniform(*rough)), specular=float(rng.uniform(*shine)))
    wall = linear(WALLS.draw(rng))
    paper = str(rng.choice(WALLPAPERS)) if rng.random() < 0.45 else None
    if patches := spec.patches.get("wall", ()):
        paper = str(rng.choice(patch_names("wall", len(patches))))
    walls = Material(wall, 0.95, 0.04, texture=paper, texture_scale=float(rng.uniform(0.5, 1.6)),
                 texture_strength=float(rng.uniform(0.15, 0.6)))  # fmt: skip
    lit_by = str(rng.choice(["lamps", "window", "both"], p=[0.35, 0.25, 0.4]))
    count = int(rng.integers(spec.lights[0], spec.lights[1] + 1))
    day = 0.0 if lit_by == "lamps" or layout.windows[1] == 0 else 0.85 if lit_by == "window" else rng.uniform(0.2, 0.7)
    lights = []
    if day > 0:
        elevation = spec.light_elevation_deg if spec.changes("light_elevation_deg") else None
        lights.append(_window_light(day * (1 - ambient), tint, elevation, rng))
    lamps = max(1, min(count - len(lights), 3 - len(lights)))
    white = _toned(WARM if rng.random() < 0.55 else NEUTRAL, tint, rng)
    for share in np.sort(rng.dirichlet(np.full(lamps, 2.0)))[::-1] * (1 - day) * (1 - ambient):
        lights.append(_lamp(share, white, target, layout.height[1], len(lights) < 2, rng))
    cast = day * _toned(COOL, tint, rng) + (1 - day) * white
    cast = 1 + 0.6 * (cast - 1)
    bounce = np.array(ground.color) * cast
    return {
        "lights": tuple(lights),
        "ambient_up": tuple((ambient * cast).tolist()),
        "ambient_down": tuple((ambient * (0.45 + 0.4 * bounce) * cast).tolist()),
        "ground": ground,
        "ground_height": 0.0,
        # What things mirror: the walls, and a ceiling that is a little brighter.
        "sky": Sky(
            zenith=tuple((0.75 * ambient * cast).tolist()),
            horizon=tuple((np.array(wall) * cast * rng.uniform(0.6, 0.9)).tolist()),
            glow=0.0,
        ),
        "fog": Fog(float(rng.uniform(*spec.fog)), tuple((0.5 * np.array(wall)).tolist())),
        "occlusion": round(float(rng.uniform(0.45, 0.75)), 1),
        "shadow_softness": float(rng.uniform(2.0, 7.0)),
        "shadow_range": 60.0,
        "walls": walls,
    }


def _toned(white: tuple[float, float, float], tint: float, rng: np.random.Generator) -> np.ndarray:
    """A lamp's colour as a camera shows it that has made up for part of it."""
    return 1 + tint * rng.uniform(0.2, 1.0) * (np.array(white) - 1)


def _window_light(
    share: float, tint: float, elevation_deg: tuple[float, float] | None, rng: np.random.Generator
) -> Light:
    """Sky, or now and then the sun, from one side: never from straight ahead, where it would blind the camera."""
    sun = rng.random() < 0.25
    side = rng.choice([-1, 1]) * rng.uniform(0.6, 2.7)
    elevation = np.radians(rng.uniform(*(elevation_deg or ((25, 50) if sun else (15, 40)))))
    flat = np.cos(elevation)
    towards = (float(flat * np.cos(side)), float(flat * np.sin(side)), float(np.sin(elevation)))
    white = _toned((1.08, 1.0, 0.86) if sun else COOL, tint, rng)
    strength = share / max(np.sin(elevation), 0.45) * (1.3 if sun else 1.0)
    return Light(towards, tuple((strength * white).tolist()), True, radius=0.03 if sun else 0.3)


def _lamp(
    share: float,
    white: np.ndarray,
    target: tuple[float, float, float],
    ceiling: float,
    shadow: bool,
    rng: np.random.Generator,
) -> Light:
    """A lamp over the scene. It lies above all ceilings, which let its light through: so it burns no spot on them."""
    offset = rng.normal(0, 0.8, 2).clip(-1.6, 1.6)
    position = np.array([target[0] + offset[0], target[1] + offset[1], ceiling + rng.uniform(0.05, 0.6)])
    away = position - target
    color = share / max(away[2] / np.linalg.norm(away), 0.35) * white
    return Light(
        tuple(position.tolist()), tuple(color.tolist()), False, target, float(rng.uniform(0.08, 0.35)), shadow=shadow
    )


def room_light(exposure: float, sensor: Sensor, domain: Domain, rng: np.random.Generator) -> tuple[float, Sensor]:
    """Draws what a camera makes of a room: stronger casts of colour, and sometimes too little light.

    Args:
        exposure: As drawn from the domain.
        sensor: As drawn from the domain.
        domain: Its `tint` and `noise` set how far it goes.
        rng: Randomness.
    """
    warm, green = domain.appearance.tint * rng.normal(0, [0.05, 0.015])
    red, mid, blue = sensor.balance
    sensor = dataclasses.replace(sensor, balance=(float(red + warm), float(mid + green), float(blue - warm)))
    if rng.random() < DIM:
        exposure *= float(2 ** rng.uniform(-1.2, -0.4))
        most = domain.appearance.noise[1] * rng.uniform(0.6, 1.2)
        sensor = dataclasses.replace(sensor, noise=max(sensor.noise, float(most)))
    return exposure, sensor


ROOM = AppearancePrior(FLOORS, textured=0.7, surroundings=indoors, adjust=room_light)
