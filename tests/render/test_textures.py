"""Textures: they change a colour about its mean, and those of clothes have a pattern to see."""

import numpy as np
import pytest

from sim2sg_core.render.textures import build_textures

CLOTH = ("folds", "jeans", "striped_cloth", "checked_cloth", "printed_cloth")


@pytest.mark.parametrize("name", [*CLOTH, "lamp", "plate"])
def test_a_texture_leaves_the_mean_color_and_has_contrast(name):
    tile = (2 * build_textures()[name].astype(float) / 255) ** 2
    np.testing.assert_allclose(tile.mean(axis=(0, 1)), 1, atol=0.08)
    assert 0.12 < tile.mean(axis=-1).std() < 1.2


@pytest.mark.parametrize("name", CLOTH)
def test_cloth_tiles_without_a_seam(name):
    tile = build_textures()[name].astype(float).mean(axis=-1)
    for axis in (0, 1):
        steps = np.abs(np.diff(tile, axis=axis)).mean(axis=1 - axis)
        seam = np.abs(np.take(tile, 0, axis) - np.take(tile, -1, axis)).mean()
        assert seam <= steps.max() * 1.1
