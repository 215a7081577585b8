"""The sensor: what a real camera adds to a picture. Cheap, on uint8."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

VEIL = 16  # Glare is found on a picture this many times smaller.


@dataclass(frozen=True)
class Sensor:
    """A camera's faults.

    Attributes:
        saturation: Factor on colourfulness.
        balance: White balance, a factor on each of red, green, blue.
        contrast: Factor about mid grey.
        gamma: Power of the tone curve: above 1 shade gets darker, and black and white stay.
        glare: Share of the light that the lens scatters widely over the picture.
        noise: Standard deviation, grey levels.
        grain: Size of the noise's grain, pixels (0 = every pixel alone).
        blur: Standard deviation of the lens's blur, pixels.
        sharpen: Strength of in-camera sharpening.
        vignette: Loss of light in the corners, share.
        jpeg: Quality of the JPEG, 1–100.
    """

    saturation: float = 1.0
    balance: tuple[float, float, float] = (1.0, 1.0, 1.0)
    contrast: float = 1.0
    gamma: float = 1.0
    glare: float = 0.0
    noise: float = 0.0
    grain: float = 0.0
    blur: float = 0.0
    sharpen: float = 0.0
    vignette: float = 0.0
    jpeg: int = 95


def apply_sensor(image: np.ndarray, sensor: Sensor, rng: np.random.Generator) -> np.ndarray:
    """Returns the (H, W, 3) RGB uint8 image as the sensor would give it, before compression."""
    if sensor.glare > 0:
        image = add_glare(image, sensor.glare)
    # One colour matrix does saturation, balance and contrast.
    luma = np.array([0.299, 0.587, 0.114])
    matrix = sensor.saturation * np.eye(3) + (1 - sensor.saturation) * np.tile(luma, (3, 1))
    matrix = np.diag(sensor.balance) @ matrix * sensor.contrast
    shift = np.full((3, 1), 127.5 * (1 - sensor.contrast))
    image = cv2.transform(image, np.hstack([matrix, shift]))
    if sensor.gamma != 1:
        image = cv2.LUT(image, np.round(255 * np.linspace(0, 1, 256) ** sensor.gamma).astype(np.uint8))
    if sensor.vignette > 0.01:
        height, width = image.shape[:2]
        y = np.linspace(-1, 1, height, dtype=np.float32)[:, None] ** 2
        x = np.linspace(-1, 1, width, dtype=np.float32)[None] ** 2
        gain = (255 * (1 - sensor.vignette * 0.5 * (x + y))).astype(np.uint8)
        image = cv2.multiply(image, cv2.merge([gain, gain, gain]), scale=1 / 255)
    if sensor.blur > 0.2:
        image = cv2.GaussianBlur(image, (0, 0), sensor.blur)
    if sensor.sharpen > 0.05:
        image = cv2.addWeighted(image, 1 + sensor.sharpen, cv2.GaussianBlur(image, (0, 0), 1.0), -sensor.sharpen, 0)
    if sensor.noise > 0.1:
        image = add_noise(image, sensor.noise, sensor.grain, rng)
    return image


def add_glare(image: np.ndarray, share: float) -> np.ndarray:
    """Adds the veil of light that a lens scatters about what is bright, as dust and a windscreen do."""
    height, width = image.shape[:2]
    small = cv2.resize(image, (max(width // VEIL, 1), max(height // VEIL, 1)), interpolation=cv2.INTER_AREA)
    veil = cv2.resize(cv2.GaussianBlur(small, (0, 0), 3.0), (width, height), interpolation=cv2.INTER_LINEAR)
    return cv2.addWeighted(image, 1.0, veil, share, 0)


def add_noise(image: np.ndarray, deviation: float, grain: float, rng: np.random.Generator) -> np.ndarray:
    """Adds Gaussian noise, part of it common to the three colours."""
    # A random stretch of one sequence for every row: a tenth of the cost of drawing each pixel anew.
    height, width = image.shape[:2]
    pool = rng.standard_normal(9 * width + (1 << 14)).astype(np.float32) * deviation
    starts = rng.integers(0, len(pool) - 3 * width, height)
    noise = np.stack([pool[s : s + 3 * width] for s in starts]).reshape(height, width, 3)
    if grain > 0.3:
        noise = cv2.GaussianBlur(noise, (0, 0), grain) * (1 + 2.5 * grain)
    return cv2.add(image, noise, dtype=cv2.CV_8U)
