from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2sg_core.learning.augment import distort
from sim2sg_core.learning.style_transfer import color_match, fourier_mix, to_lab
from sim2sg_core.learning.train_config import AugmentConfig


def picture(seed: int, low: int, high: int, height: int = 48, width: int = 64) -> np.ndarray:
    """Soft random blobs between two grey levels."""
    noise = np.random.default_rng(seed).uniform(0, 1, (height // 8, width // 8, 3)).astype(np.float32)
    soft = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(low + (high - low) * soft, 0, 255).astype(np.uint8)


@settings(max_examples=20)
@given(st.integers(0, 99), st.floats(0, 0.2))
def test_no_strength_no_change(seed, size):
    image, style = picture(seed, 0, 255), picture(seed + 100, 50, 90, 30, 50)
    np.testing.assert_array_equal(fourier_mix(image, style, size, 0.0), image)
    np.testing.assert_allclose(color_match(image, style, 0.0).astype(int), image, atol=1)


@settings(max_examples=20)
@given(st.integers(0, 99), st.floats(0, 1))
def test_an_image_in_its_own_style_stays_itself(seed, strength):
    image = picture(seed, 0, 255)
    np.testing.assert_array_equal(fourier_mix(image, image, 0.1, strength), image)
    np.testing.assert_allclose(color_match(image, image, strength).astype(int), image, atol=1)


@pytest.mark.parametrize(("strength", "tolerance"), [(1.0, 0.8), (0.5, 0.8)])
def test_colors_move_to_those_of_the_style(strength, tolerance):
    image, style = picture(1, 60, 140), picture(2, 100, 160, 24, 24)
    before, after, want = (to_lab(x) for x in (image, color_match(image, style, strength), style))
    for statistic in (np.mean, np.std):
        old, new, goal = (statistic(x, axis=(0, 1)) for x in (before, after, want))
        np.testing.assert_allclose(new, old + strength * (goal - old), atol=tolerance)


def test_low_frequencies_move_to_those_of_the_style_and_others_stay():
    image, style = picture(3, 80, 160), picture(4, 90, 150)
    mixed = fourier_mix(image, style, 0.1, 1.0)
    reach = int(0.1 * 48)
    old, new, goal = (np.abs(np.fft.rfft2(x.astype(float), axes=(0, 1))) for x in (image, mixed, style))
    # Rounding to whole grey levels leaves noise of about 0.3 * sqrt(pixels) in each amplitude.
    noise = 6 * 0.3 * np.sqrt(48 * 64)
    low = (slice(0, reach + 1), slice(0, reach + 1))
    np.testing.assert_allclose(new[low], goal[low], atol=noise)
    high = (slice(reach + 1, 24), slice(reach + 1, None))
    np.testing.assert_allclose(new[high], old[high], atol=noise)
    assert np.abs(old[low] - goal[low]).max() > 3 * noise


def test_styles_are_used_only_if_asked_for():
    image, styles = picture(5, 60, 200), [picture(6, 0, 60)]
    plain, styled = AugmentConfig.none(), AugmentConfig(color=0, blur=0, noise=0, jpeg=0, cutout=0, style_transfer=1.0)
    assert AugmentConfig().style_transfer == 0
    assert distort(image, plain, np.random.default_rng(0), styles) is image
    assert distort(image, styled, np.random.default_rng(0)) is image
    outputs = [distort(image, styled, np.random.default_rng(seed), styles) for seed in range(8)]
    assert all(output.mean() < image.mean() - 5 for output in outputs)
    assert np.array_equal(outputs[3], distort(image, styled, np.random.default_rng(3), styles))


def test_weak_augmentation_leaves_colors():
    image = picture(7, 0, 255)
    assert distort(image, AugmentConfig.weak(), np.random.default_rng(0)) is image
    assert AugmentConfig.weak().flip > 0
