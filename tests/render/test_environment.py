"""What is mirrored: the map of directions, pictures of surroundings, and shining things in them."""

import cv2
import numpy as np
import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.render.environment import ENVIRONMENT, map_directions, read_environment
from sim2sg_core.render.render_scene import Instance, Light, Material, RenderScene
from sim2sg_core.synthesis.assets.registry import load_asset

RED, GREEN = np.array([1.0, 0.1, 0.1]), np.array([0.1, 1.0, 0.1])


def ball(roughness=0.05):
    material = Material((0.9, 0.9, 0.9), roughness=roughness, metallic=1.0)
    return Instance(load_asset("sphere"), np.array([9.0, 0.0, 0.0]), 0.0, np.full(3, 3.0), (material,), "ball")


def two_sides():
    """Red where y > 0, to the left, and green to the right."""
    return np.where(map_directions()[..., 1:2] > 0, RED, GREEN).astype(np.float32)


def redness(renderer, camera, share=1.0, **kwargs):
    """How much more red than green the left and right halves of the ball are, within `share` of its width."""
    out = renderer.render(RenderScene(camera, (ball(**kwargs),), lights=(), environment=two_sides()))
    difference = out.rgb[..., 0].astype(int) - out.rgb[..., 1]
    columns = np.flatnonzero((out.ids > 0).any(axis=0))
    middle, part = (columns[0] + columns[-1]) // 2, int(len(columns) * share / 2)
    sides = slice(middle - part, middle), slice(middle, middle + part)
    return tuple(difference[:, side][out.ids[:, side] > 0].mean() for side in sides)


def test_directions_are_unit_and_cover_the_sphere_evenly():
    directions = map_directions()
    np.testing.assert_allclose(np.linalg.norm(directions, axis=-1), 1, atol=1e-12)
    np.testing.assert_allclose(directions.mean(axis=(0, 1)), 0, atol=1e-3)
    assert directions[ENVIRONMENT // 2, ENVIRONMENT // 2, 2] > 0.99
    assert directions[0, 0, 2] < -0.98


def test_a_ball_mirrors_what_is_on_its_side(renderer, camera):
    left, right = redness(renderer, camera)
    assert left > 60 and right < -60


def test_roughness_blurs_what_is_mirrored(renderer, camera):
    sharp, rough = redness(renderer, camera, 0.15), redness(renderer, camera, 0.15, roughness=0.9)
    assert rough[0] - rough[1] < 0.8 * (sharp[0] - sharp[1])


def test_without_an_environment_sky_and_ground_are_mirrored(renderer, camera):
    out = renderer.render(RenderScene(camera, (ball(),), lights=()))
    left, right = (out.rgb[:, half][out.ids[:, half] > 0].mean() for half in (slice(0, 131), slice(131, None)))
    assert abs(left - right) < 12


def test_a_picture_lies_as_it_was_taken(tmp_path):
    picture = np.zeros((64, 128, 3), np.uint8)
    picture[:32] = 128
    picture[:32, :64, 0] = 255  # RGB: red to the left of the middle, which is straight ahead
    cv2.imwrite(str(tmp_path / "around.png"), picture[..., ::-1])
    light = read_environment(str(tmp_path / "around.png"))
    _, y, z = np.moveaxis(map_directions(), -1, 0)
    above = z > 0.1
    assert light[above & (y > 0.2)][:, 0].mean() > 2 * light[above & (y < -0.2)][:, 0].mean()
    assert light[z < -0.1].max() < 0.01
    assert abs(light[above].mean() - 1) < 0.1


def test_mistakes_in_pictures_are_told(tmp_path):
    with pytest.raises(Sim2SGError, match="no file"):
        read_environment(str(tmp_path / "none.hdr"))
    (tmp_path / "text.hdr").write_text("no picture")
    with pytest.raises(Sim2SGError, match="no picture"):
        read_environment(str(tmp_path / "text.hdr"))
    cv2.imwrite(str(tmp_path / "black.png"), np.zeros((8, 16, 3), np.uint8))
    with pytest.raises(Sim2SGError, match="no light"):
        read_environment(str(tmp_path / "black.png"))


def test_crowns_outdoors_let_spots_of_sun_through(renderer, camera):
    leaves = Material((0.05, 0.1, 0.03), texture="leaves", cutout=True)
    crown = Instance(load_asset("sphere"), np.array([9.0, 0.0, 6.0]), 0.0, np.full(3, 4.0), (leaves,))
    sun = (Light((0.0, 0.1, 1.0), (1.0, 1.0, 1.0), directional=True),)
    closed = RenderScene(camera, (crown,), lights=sun)
    dappled = RenderScene(camera, (crown,), lights=sun, environment=two_sides())
    lower = slice(camera.height // 2, None)
    shade, spots = (renderer.render(scene).rgb[lower].astype(int) for scene in (closed, dappled))
    lighter = (spots - shade).mean(axis=-1) > 20
    assert 0.002 < lighter.mean() < 0.5 * (shade.mean(axis=-1) < shade.mean()).mean()
