"""How scenes look in a studio: lamps round a seamless floor, before a plain backdrop."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.render.render_scene import Fog, Light, Sky
from sim2sg_core.synthesis.appearance import AppearancePrior, floor_material

FLOORS = ("plain", "plain", "plain", "speckle", "concrete", "mottle", "tiles", "wood", "ripples", "weave")


def studio(domain: Domain, rng: np.random.Generator, ambient: float, floor: str) -> dict[str, Any]:
    """Lamps round a seamless floor, as in a photographer's studio."""
    spec = domain.appearance
    middle = domain.layout.focus_depth()
    target = (middle, 0.0, 0.0)
    count = int(rng.integers(spec.lights[0], spec.lights[1] + 1))
    share = np.sort(rng.dirichlet(np.full(count, 2.0)))[::-1] * (1 - ambient)
    lights = []
    for k in range(count):
        elevation = np.radians(rng.uniform(*spec.light_elevation_deg))
        azimuth = rng.uniform(-np.pi, np.pi)
        reach = rng.uniform(0.45, 1.1) * middle
        away = np.array([np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)])
        tint = 1 + spec.tint * rng.normal(0, 0.04) * np.array([1.0, 0.0, -1.0])
        # `color` is measured facing the lamp; the ground sees it at an angle.
        color = share[k] / max(np.sin(elevation), 0.35) * tint
        position = np.array(target) + reach * away
        radius = float(rng.uniform(0.05, 0.16) * reach)
        lights.append(Light(tuple(position.tolist()), tuple(color.tolist()), False, target, radius, shadow=k < 2))
    ground = floor_material(domain, rng, floor)
    dark = rng.uniform(0.02, 0.2)
    tint = 1 + spec.tint * rng.normal(0, 0.02, 3)
    horizon = tuple((rng.uniform(0.15, 0.9) * tint).tolist())
    bounce = np.array(ground.color) * rng.uniform(0.5, 1.0)
    return {
        "lights": tuple(lights),
        "ambient_up": tuple((ambient * tint).tolist()),
        "ambient_down": tuple((0.2 * ambient + 0.7 * bounce).tolist()),
        "ground": ground,
        "ground_height": 0.0,
        "sky": Sky(zenith=tuple((dark * tint).tolist()), horizon=horizon, glow=0.0),
        "fog": Fog(float(rng.uniform(*spec.fog)), horizon),
        "occlusion": round(float(rng.uniform(0.35, 0.7)), 1),
        "shadow_softness": float(rng.uniform(2.5, 7.0)),
        "shadow_range": 60.0,
    }


STUDIO = AppearancePrior(FLOORS, textured=0.06, surroundings=studio)
