"""Pictures of files on meshes, drawn."""

import dataclasses

import numpy as np
import pytest

from sim2sg_core.limits import PICTURES_AT_ONCE
from sim2sg_core.render import texture_layers
from sim2sg_core.render.meshes import PICTURE_SIZE, Picture
from sim2sg_core.render.picture_layers import KEPT, PictureLayers
from sim2sg_core.render.render_scene import Instance, Material, RenderScene
from sim2sg_core.synthesis.assets.primitives import BUILDERS


def plain(*color):
    return Picture(np.broadcast_to(np.array(color, np.uint8), (PICTURE_SIZE, PICTURE_SIZE, 3)))


def cube(picture=None, color=(0.5, 0.4, 0.3), repeats=1.0, x=6.0):
    """A cube on whose sides the picture stands upright."""
    asset = BUILDERS["cube"]()
    if picture is not None:
        uvs = (asset.mesh.vertices[:, [1, 2]] + [0.5, 0]) * repeats
        mesh = dataclasses.replace(asset.mesh, uvs=uvs.astype(np.float32))
        asset = dataclasses.replace(asset, mesh=mesh, pictures=(picture,) * len(asset.slots))
    materials = (Material(color, 0.9, 0.0),) * len(asset.slots)
    return Instance(asset, np.array([x, 0.0, 0.0]), 0.0, np.array([2.0, 2.0, 2.0]), materials, "cube")


def test_a_plain_picture_multiplies_the_color_as_it_looks(renderer, camera):
    half = renderer.render(RenderScene(camera, (cube(plain(128, 255, 255)),)))
    expected = renderer.render(RenderScene(camera, (cube(color=(0.5 * (128 / 255) ** 2, 0.4, 0.3)),)))
    np.testing.assert_allclose(half.rgb.astype(int), expected.rgb.astype(int), atol=1)
    np.testing.assert_array_equal(half.ids, expected.ids)


def test_a_picture_stands_upright_and_is_repeated(renderer, camera):
    pixels = np.zeros((PICTURE_SIZE, PICTURE_SIZE, 3), np.uint8)
    pixels[: PICTURE_SIZE // 2] = (255, 0, 0)  # the lower half
    pixels[PICTURE_SIZE // 2 :] = (0, 0, 255)

    def column(repeats):
        out = renderer.render(RenderScene(camera, (cube(Picture(pixels), (0.8, 0.8, 0.8), repeats),)))
        rows = np.flatnonzero((out.ids > 0).any(axis=1))
        side = out.rgb[rows[len(rows) // 2] : rows[-1] - 2, int(np.mean(np.flatnonzero((out.ids > 0).any(axis=0))))]
        red = side[:, 0].astype(int) > side[:, 2]
        return red, int(np.abs(np.diff(red.astype(int))).sum())

    red, changes = column(1.0)
    assert not red[0] and red[-1] and changes == 1
    assert column(4.0)[1] >= 3


def test_far_away_a_picture_is_its_mean(renderer, camera):
    board = np.indices((PICTURE_SIZE, PICTURE_SIZE)).sum(axis=0) % 2 * 255
    out = renderer.render(
        RenderScene(camera, (cube(Picture(np.repeat(board[..., None], 3, 2).astype(np.uint8)), x=25.0),))
    )
    seen = out.rgb[out.ids > 0].astype(int)
    assert len(seen) > 20 and seen.std(axis=0).max() < 30  # Without levels of detail it would flicker from 0 to 255.


def test_what_finds_no_layer_is_drawn_in_its_mean_color(renderer, camera, monkeypatch):
    picture = plain(60, 120, 240)
    expected = renderer.render(RenderScene(camera, (cube(picture),))).rgb
    monkeypatch.setattr(texture_layers.PictureLayers, "add", lambda self, pictures: {})
    np.testing.assert_allclose(
        renderer.render(RenderScene(camera, (cube(picture),))).rgb.astype(int), expected.astype(int), atol=1
    )


def test_meshes_without_pictures_are_drawn_as_ever_beside_those_with(renderer, camera):
    alone = renderer.render(RenderScene(camera, (cube(),))).rgb
    away = dataclasses.replace(cube(plain(9, 9, 9)), position=np.array([200.0, 0.0, 0.0]))
    np.testing.assert_array_equal(renderer.render(RenderScene(camera, (cube(), away))).rgb[40:], alone[40:])


def test_layers_are_kept_while_there_is_room_and_found_again(renderer):
    with renderer.context:
        layers = PictureLayers(renderer.context)
        first, second = plain(1, 2, 3), plain(4, 5, 6)
        assert layers.add([first, first]) == {id(first): 0}
        both = layers.add([second])
        assert len(set(both.values()) | set(layers.add([first]).values())) == 2
        many = [plain(k, 0, 0) for k in range(KEPT)]
        found = layers.add(many)
        assert sorted(found.values()) == list(range(KEPT))  # The others made room.
        layers.add([first])
        assert len(set(layers.add([second, first]).values())) == 2
        beyond = [Picture(many[0].pixels) for _ in range(PICTURES_AT_ONCE + 1)]
        monkey = pytest.MonkeyPatch()
        monkey.setattr("sim2sg_core.render.picture_layers.PICTURES_AT_ONCE", 3)
        try:
            assert len(layers.add(beyond)) == 3
        finally:
            monkey.undo()
