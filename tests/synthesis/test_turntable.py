import numpy as np

from sim2sg_core.synthesis.assets.registry import load_asset
from sim2sg_core.synthesis.render_scene import Look
from sim2sg_core.synthesis.turntable import turntable


def test_every_view_shows_the_whole_asset_from_another_side(renderer):
    asset = load_asset("car_sedan_0")
    looks = tuple(Look((0.6, 0.02, 0.02)) for _ in asset.slots)
    sheet = turntable(renderer, asset, looks, views=3)
    assert sheet.shape == (renderer.height, 3 * renderer.width, 3)
    masks = [v[..., 0].astype(int) - v[..., 1] > 60 for v in np.split(sheet, 3, axis=1)]
    for mask in masks:
        assert mask.sum() > 500
        assert not (mask[[0, -1]].any() or mask[:, [0, -1]].any())
    assert not np.array_equal(masks[0], masks[1])
