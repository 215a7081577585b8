"""How light reaches surfaces in one frame, as the shaders of objects, ground and sky take it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2sg_core.render import shaders
from sim2sg_core.render.passes.shadows import SHADOW_UNIT, ShadowMap
from sim2sg_core.render.projection import clip_matrix, view_matrix
from sim2sg_core.render.render_scene import Light, RenderScene
from sim2sg_core.render.textures import SIZE

# Texture units: the texture array, the maps of contact shadows on the ground and on raised surfaces, the opaque
# picture behind massive glass, what is mirrored, and the pictures of files.
TEXTURE_UNIT, CONTACT_UNIT, RAISED_UNIT, BEHIND_UNIT, ENVIRONMENT_UNIT, PICTURE_UNIT = 0, 2, 3, 4, 5, 6
MOST_LIGHTS = 3
SHARED = shaders.SKY + shaders.LIGHTING
"""What the fragment shaders of objects and ground begin with."""


@dataclass(frozen=True, eq=False)
class Lighting:
    """What the passes of the picture share in one frame.

    Attributes:
        lights: Those that count, first those that cast shadows.
        defines: Of the shaders of objects and ground.
        uniforms: By name; each program takes those that it has.
    """

    lights: list[Light]
    defines: dict[str, int]
    uniforms: dict[str, object]

    @classmethod
    def of(cls, scene: RenderScene, shadows: list[ShadowMap], shadow_size: int, taps: int) -> Lighting:
        """Collects it.

        Args:
            scene: The scene.
            shadows: Its shadow maps.
            shadow_size: Their side, texels.
            taps: Shadow lookups per pixel and light.
        """
        lights = sorted(scene.lights[:MOST_LIGHTS], key=lambda light: not light.shadow)
        fog = int(scene.fog.density > 0)
        defines = {"LIGHTS": len(lights), "SHADOWS": len(shadows), "TAPS": taps, "FOG": fog}
        uniforms = _surroundings(scene, lights)
        if lights:
            uniforms["u_light_position"] = np.array([_position(light) for light in lights])
            uniforms["u_light_color"] = np.array([(*light.color, light.radius) for light in lights])
            uniforms["u_light_reach"] = np.array([_reach(light) for light in lights])
        if shadows:
            soft = scene.shadow_softness / shadow_size
            uniforms["u_shadow_matrix"] = np.array([s.matrix.T for s in shadows])
            uniforms["u_shadow_step"] = np.array([(soft / len(shadows), soft, 1.2 * s.texel) for s in shadows])
        return cls(lights, defines, uniforms)


def _surroundings(scene: RenderScene, lights: list[Light]) -> dict[str, object]:
    """Uniforms of the camera, the textures and of light without direction."""
    view = view_matrix(scene.camera)
    ground = scene.ground.color if scene.ground is not None else (0.2, 0.2, 0.2)
    bounce = np.array(scene.ambient_up)
    for light in lights:
        away = np.array(light.position) - (0 if light.directional else np.array(light.target))
        bounce = bounce + np.array(light.color) * max(away[2] / np.linalg.norm(away), 0)
    return {
        "u_clip": clip_matrix(scene.camera) @ view,
        "u_eye": -view[:3, :3].T @ view[:3, 3],
        "u_pixel": SIZE / scene.camera.focal,
        "u_textures": TEXTURE_UNIT,
        "u_shadow": SHADOW_UNIT,
        "u_contact": CONTACT_UNIT,
        "u_raised": RAISED_UNIT,
        "u_behind": BEHIND_UNIT,
        "u_environment": ENVIRONMENT_UNIT,
        "u_pictures": PICTURE_UNIT,
        "u_ambient_up": scene.ambient_up,
        "u_ambient_down": scene.ambient_down,
        "u_exposure": scene.exposure,
        "u_occlusion": scene.occlusion,
        "u_fog": (*scene.fog.color, scene.fog.density),
        "u_zenith": scene.sky.zenith,
        "u_horizon": scene.sky.horizon,
        "u_floor": np.array(ground) * bounce,
    }


def _position(light: Light) -> tuple[float, float, float, float]:
    if light.directional:
        x, y, z = np.array(light.position) / np.linalg.norm(light.position)
        return (float(x), float(y), float(z), 0.0)
    return (*light.position, 1.0)


def _reach(light: Light) -> float:
    """Squared distance at which a lamp gives its nominal irradiance."""
    return float(np.sum((np.array(light.position) - np.array(light.target)) ** 2))
