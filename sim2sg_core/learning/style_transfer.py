"""Style transfer: a rendered image takes over colour statistics or low frequencies of an image of the log."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

LARGEST_WINDOW = 0.05
"""Of the Fourier mix: low frequencies up to this share of the shorter side (FDA takes 0.01 to 0.09)."""


def transfer_style(image: np.ndarray, styles: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Gives an image the colours or the low frequencies of a random other one, more or less.

    Args:
        image: (H, W, 3) uint8 RGB.
        styles: Images of any size to take after.
        rng: Decides which, how and how much.
    """
    style = styles[int(rng.integers(len(styles)))]
    strength = float(rng.uniform(0.2, 1.0))
    if rng.random() < 0.5:
        return color_match(image, style, strength)
    return fourier_mix(image, style, float(rng.uniform(0.0, LARGEST_WINDOW)), strength)


def fourier_mix(image: np.ndarray, style: np.ndarray, size: float, strength: float) -> np.ndarray:
    """Takes the amplitudes of low frequencies from another image; phases, and with them edges, stay.

    Yang and Soatto, "FDA: Fourier domain adaptation for semantic segmentation", 2020, with a mix in place of
    their exchange.

    Args:
        image: (H, W, 3) uint8.
        style: (h, w, 3) uint8, resized to the image's size.
        size: Frequencies up to this share of the shorter side, in periods per image; 0 leaves the mean alone to
            change.
        strength: 0 leaves the image, 1 takes the other's amplitudes altogether.

    Returns:
        (H, W, 3) uint8.
    """
    height, width = image.shape[:2]
    style = cv2.resize(style, (width, height), interpolation=cv2.INTER_LINEAR)
    reach = int(size * min(height, width))
    spectrum = np.fft.rfft2(image, axes=(0, 1))
    other = np.fft.rfft2(style, axes=(0, 1))
    low = np.ix_(np.arange(-reach, reach + 1) % height, np.arange(reach + 1))
    block = spectrum[low]
    amplitude = (1 - strength) * np.abs(block) + strength * np.abs(other[low])
    spectrum[low] = amplitude * np.exp(1j * np.angle(block))
    mixed = np.fft.irfft2(spectrum, s=(height, width), axes=(0, 1))
    return np.clip(np.round(mixed), 0, 255).astype(np.uint8)


def color_match(image: np.ndarray, style: np.ndarray, strength: float) -> np.ndarray:
    """Moves mean and standard deviation of each channel in CIE Lab towards another image's.

    Reinhard et al., "Color transfer between images", 2001 (there in lαβ).

    Args:
        image: (H, W, 3) uint8 RGB.
        style: (h, w, 3) uint8 RGB.
        strength: 0 leaves the image, 1 takes the other's statistics altogether.

    Returns:
        (H, W, 3) uint8 RGB, clipped to what RGB can show.
    """
    lab, other = to_lab(image), to_lab(style)
    mean, spread = lab.mean((0, 1)), lab.std((0, 1))
    new_mean = (1 - strength) * mean + strength * other.mean((0, 1))
    new_spread = (1 - strength) * spread + strength * other.std((0, 1))
    # A channel without contrast has none to stretch.
    gain = np.where(spread > 1e-3, new_spread / np.maximum(spread, 1e-3), 1.0)
    moved = ((lab - mean) * gain + new_mean).astype(np.float32)
    rgb = cv2.cvtColor(moved, cv2.COLOR_LAB2RGB)
    return np.clip(np.round(rgb * 255), 0, 255).astype(np.uint8)


def to_lab(image: np.ndarray) -> np.ndarray:
    """(H, W, 3) uint8 RGB to float32 CIE Lab, L in [0, 100]."""
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB))
