"""Sets a render of objects over bare ground into a real frame: the objects' pixels, and their shadows on its ground."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from sim2sg_core.adaptation.appearance.image_measures import LUMA, linear_light
from sim2sg_core.adaptation.mixing.frame_light import FrameLight
from sim2sg_core.render.render_scene import Color, Fog, Material, Rendered
from sim2sg_core.render.sensor import Sensor, add_noise, apply_sensor
from sim2sg_core.synthesis.appearance import Appearance

ALBEDO = 0.13  # of usual ground, asphalt, which is displayed with a linear brightness of USUAL
USUAL = 0.2
ALBEDOS = (0.06, 0.5)
SURROUNDINGS = (0.15, 0.8)  # share of the sky's light that houses and trees leave to be mirrored
OCCLUSION = 0.95  # under what stands on the ground it is nearly dark
DARKEST = 0.2  # of shadows: what is left of the ground's brightness
RENDERED = 0.14  # linear brightness at which bare ground is rendered: nothing is clipped that white paint reflects
TINT = 0.4  # exponent of the ground's colour that is taken for the light's: ground has some of its own
CONTRAST = (1.0, 1.7)  # exponents about the ground's brightness
BLUR = (0.5, 0.9)  # standard deviation, pixels: cameras are softer than renders
FAINT = 0.02  # share of a pixel that an object covers, below which it does not


def over_plain_ground(appearance: Appearance, light: FrameLight, rng: np.random.Generator) -> Appearance:
    """Returns the appearance over plain ground of a likely albedo, rendered neither dark nor bright.

    Light and ground show only as a product, and brighter ground is half due to each. With the albedo drawn, the real
    ground's brightness says how bright objects on it are, see `matched`.
    """
    likely = ALBEDO * np.sqrt(light.ground @ LUMA / USUAL) * np.exp(rng.normal(0, 0.3))
    albedo = float(np.clip(likely, *ALBEDOS))
    dim = float(rng.uniform(*SURROUNDINGS))
    sky = appearance.sky
    sky = dataclasses.replace(
        sky,
        zenith=_scaled(sky.zenith, dim),
        horizon=_scaled(sky.horizon, dim),
        cloud_color=_scaled(sky.cloud_color, dim),
    )
    return dataclasses.replace(
        appearance,
        exposure=RENDERED / albedo,
        ground=Material((albedo, albedo, albedo), roughness=1.0, specular=0.0),
        ground_height=0.0,
        sky=sky,
        fog=Fog(),
        occlusion=OCCLUSION,
    )


def _scaled(color: Color, factor: float) -> Color:
    return color[0] * factor, color[1] * factor, color[2] * factor


def composite(
    real: np.ndarray,
    objects: Rendered,
    bare: Rendered,
    shaded: np.ndarray,
    light: FrameLight,
    sensor: Sensor,
    rng: np.random.Generator,
) -> np.ndarray:
    """Sets objects into a real frame.

    Args:
        real: (H, W, 3) uint8 RGB frame.
        objects: Objects over bare ground.
        bare: The same ground in the same light, alone.
        shaded: (H, W) in [0, 1]: how far a pixel may be ground that shadows fall on.
        light: The frame's.
        sensor: Its colourfulness and sharpening are the pasted objects'; brightness, tint and noise are the frame's.
        rng: Noise, blur and contrast, which are not exactly the frame's, so that nothing gives pasted objects away.

    Returns:
        (H, W, 3) uint8; pixels that no object and no shadow touches are those of the frame.
    """
    shadow = shadow_factor(objects, bare)
    # Where the ground lies in the shade already, sunlight cannot be taken from it once more.
    factor = 1 - (1 - shadow) * shaded * np.clip(light.level, 0.6, 1.0)
    pasted, cover = matched(objects, bare, light, sensor, rng)
    mixed = cover[..., None] * pasted + (1 - cover[..., None]) * (real * factor[..., None])
    changed = (cover > 0) | (factor < 1)
    return np.where(changed[..., None], np.clip(np.round(mixed), 0, 255).astype(np.uint8), real)


def shadow_factor(objects: Rendered, bare: Rendered) -> np.ndarray:
    """(H, W) float32 in [DARKEST, 1]: what shadows leave of the brightness of the ground, as displayed.

    Displayed values multiply as light does: their encoding is nearly a power.
    """
    with_objects, alone = (cv2.transform(r.rgb, LUMA[None]).astype(np.float32) for r in (objects, bare))
    ratio = np.where((objects.rgb == bare.rgb).all(axis=2), 1.0, with_objects / np.maximum(alone, 1.0))
    return np.clip(ratio, DARKEST, 1.0).astype(np.float32)


def matched(
    objects: Rendered, bare: Rendered, light: FrameLight, sensor: Sensor, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Brings rendered objects to the frame's brightness, tint, softness and noise.

    What maps the rendered ground to the real one maps the objects too.

    Returns:
        (H, W, 3) uint8 objects, without anything of what is about them; (H, W) float32 in [0, 1]: which share of each
        pixel they cover.
    """
    blur = max(float(rng.uniform(*BLUR)), sensor.blur)
    mask = (objects.ids > 0).astype(np.float32)
    cover = cv2.GaussianBlur(mask, (0, 0), blur)
    colors = apply_sensor(objects.rgb, Sensor(saturation=sensor.saturation, sharpen=sensor.sharpen), rng)
    colors = cv2.GaussianBlur(colors * mask[..., None], (0, 0), blur) / np.maximum(cover, FAINT)[..., None]
    rendered = float(np.median(linear_light(bare.rgb[-1]) @ LUMA))
    usual = max(float(light.ground @ LUMA), 1e-3)
    contrast = float(rng.uniform(*CONTRAST))
    tint = (light.ground / usual) ** TINT
    linear = usual * (linear_light(np.arange(256)) / max(rendered, 1e-3)) ** contrast
    table = display(linear[:, None] * tint).astype(np.float32)
    image = np.clip(np.round(colors), 0, 255).astype(np.uint8)
    toned = np.stack([cv2.LUT(image[..., k], table[:, k]) for k in range(3)], axis=-1)
    toned = np.clip(np.round(toned * _local(objects, light)[..., None]), 0, 255).astype(np.uint8)
    noisy = add_noise(toned, light.noise * float(rng.uniform(0.6, 1.3)), 0.0, rng)
    return noisy, np.where(cover > FAINT, cover, 0.0)


def _local(objects: Rendered, light: FrameLight) -> np.ndarray:
    """(H, W) factor on displayed values: an object in the shade is darker than one in the sun, whole."""
    factors = np.ones(len(objects.boxes) + 1, np.float32)
    height, width = light.level.shape
    for k in np.flatnonzero(objects.visible_pixels):
        x1, _, x2, y2 = objects.boxes[k].astype(int)
        foot = light.level[min(y2, height - 1), max(x1, 0) : min(x2, width)]
        factors[k + 1] = np.clip(np.median(foot), 0.25, 1.5) ** 0.45
    # Outlines are soft: they take the factor of what they are the outline of.
    factor = factors[objects.ids]
    return np.where(objects.ids > 0, factor, cv2.erode(factor, np.ones((5, 5), np.uint8)))


def display(light: np.ndarray) -> np.ndarray:
    """Encodes linear light as the renderer does; inverse of `linear_light`. Returns grey levels 0-255."""
    light = np.minimum(light, 2.0)  # The encoding's shoulder falls again from 2.4 on.
    return np.asarray(255 * np.sqrt(np.clip(light / (1 + 0.18 * light**2), 0, 1)))
