"""How streets look: sun and sky, and a camera that struggles with both."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.domains.fields import BACKDROP
from sim2sg_core.packs.drive.street_environment import street_environment
from sim2sg_core.render.render_scene import Fog, Light, Sky
from sim2sg_core.synthesis.appearance import AppearancePrior, floor_material
from sim2sg_core.synthesis.studio_appearance import studio

FLOORS = ("grass", "grass", "grass", "soil", "gravel")
SKIES = ("clear", "clear", "cloudy", "cloudy", "overcast")


def outdoors(domain: Domain, rng: np.random.Generator, ambient: float, floor: str) -> dict[str, Any]:
    """Sun and sky, or in its turn the backdrop that a domain names among its skies."""
    spec = domain.appearance
    kinds = spec.skies or SKIES
    kind = kinds[rng.integers(len(kinds))]
    if kind == BACKDROP:
        return studio(domain, rng, ambient, floor)
    overcast = kind == "overcast"
    ambient = min(0.95, ambient + 0.55) if overcast else ambient
    elevation = np.radians(rng.uniform(*spec.light_elevation_deg))
    azimuth = rng.uniform(-np.pi, np.pi)
    sun = (np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation))
    warm = np.array([1.0, 1.0, 1.0 - 0.1 * np.cos(elevation)])
    light = (1 - ambient) / max(np.sin(elevation), 0.3) * 1.2 * warm
    blue = np.array([0.82, 0.96, 1.17]) if not overcast else np.array([0.97, 1.0, 1.04])
    bright = rng.uniform(0.7, 2.4)  # Skies clip in real cameras.
    if overcast:
        zenith = np.full(3, 0.75) * bright * blue
        horizon = zenith * rng.uniform(0.9, 1.2)
        clouds = 0.0
    else:
        zenith = np.array([0.16, 0.34, 0.74]) * rng.uniform(0.6, 1.4) * bright
        horizon = np.array([0.78, 0.86, 0.95]) * bright
        clouds = float(rng.uniform(0.35, 0.9)) if kind == "cloudy" else float(rng.uniform(0, 0.25))
    ground = floor_material(domain, rng, floor)
    around = street_environment(np.array(sun), light, ambient * blue, (zenith, horizon), clouds, rng)
    haze = tuple((0.9 * np.minimum(horizon, 1.0)).tolist())
    return {
        "lights": (Light(sun, tuple(light.tolist()), True, radius=0.02, shadow=not overcast or rng.random() < 0.3),),
        "ambient_up": tuple((ambient * blue).tolist()),
        "ambient_down": tuple((0.25 * ambient * blue + 0.12 * light * np.sin(elevation)).tolist()),
        "ground": ground,
        "ground_height": -0.02,
        "sky": Sky(
            tuple(zenith.tolist()), tuple(horizon.tolist()), clouds,
            tuple((np.full(3, rng.uniform(0.8, 1.1)) * bright).tolist()), float(rng.uniform(0, 50)),
            float(rng.uniform(0.1, 0.6)),
        ),
        "fog": Fog(float(rng.uniform(*spec.fog)), haze),
        "occlusion": round(float(rng.uniform(0.5, 0.8)), 1),
        "shadow_softness": float(rng.uniform(1.0, 2.5)),
        "shadow_range": 60.0,
        "environment": around,
    }  # fmt: skip


OUTDOORS = AppearancePrior(FLOORS, textured=0.95, surroundings=outdoors, contrast=(0.95, 1.6), sharpened=0.7)
