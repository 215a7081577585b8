import dataclasses

import numpy as np
import pytest

from sim2sg_core.synthesis.appearance import Painter
from sim2sg_core.synthesis.assets.registry import load_asset
from sim2sg_core.synthesis.meshes import Asset, Mesh, Slot
from sim2sg_core.synthesis.render_scene import Instance, Look, RenderScene
from sim2sg_core.synthesis.renderer import Renderer

RED = Look((0.8, 0.02, 0.02))
GLASS = Look((0.6, 0.7, 0.7), roughness=0.1, specular=0.5, opacity=0.2)


def cube(x, look, size=1.0, y=0.0, label="thing"):
    return Instance(load_asset("cube"), np.array([x, y, 0.0]), 0.0, np.full(3, size), (look,), label)


def labelled_cube():
    """A cube with another slot on the faces that look towards -x, to the camera."""
    asset = load_asset("cube")
    mesh = asset.mesh
    facing = mesh.vertices[mesh.faces].mean(1)[:, 0] < -0.4
    slots = (Slot("glass", "glass"), Slot("label", "paint"))
    return Asset("bottle", Mesh(mesh.vertices, mesh.faces, mesh.normals, facing.astype(np.int32)), slots)


def draw(renderer, camera, *items, **kwargs):
    return renderer.render(RenderScene(camera, items, **kwargs))


@pytest.fixture(scope="module", params=[0, 4])
def either(request, camera):
    made = Renderer(camera.width, camera.height, shadow_size=128, samples=request.param)
    yield made
    made.release()


def middle(mask):
    """Pixels well inside a mask: edges are blends when smoothed."""
    inner = mask.copy()
    for axis, step in ((0, 3), (0, -3), (1, 3), (1, -3)):
        inner &= np.roll(mask, step, axis)
    return inner


def test_what_is_behind_shines_through(either, camera):
    behind, pane = cube(10.0, RED), cube(7.5, GLASS, 1.5)
    red, glass = draw(either, camera, behind), draw(either, camera, pane)
    both = draw(either, camera, behind, pane)
    seen = middle((red.ids == 1) & (glass.ids == 1))
    assert seen.sum() > 200
    assert (both.ids[seen] == 2).all()
    redness = [float((o.rgb[seen].astype(int) @ [1, -1, 0]).mean()) for o in (glass, both, red)]
    assert redness[0] + 20 < redness[1] < redness[2] - 10


@pytest.mark.parametrize("opacity", [0.0, 0.3, 0.999])
def test_labels_are_those_of_an_opaque_part(either, camera, opacity):
    items = (cube(10.0, RED), cube(7.5, GLASS, 1.5), cube(6.0, RED, 0.4))
    opaque = draw(either, camera, *(dataclasses.replace(i, looks=(RED,)) for i in items))
    pane = dataclasses.replace(items[1], looks=(dataclasses.replace(GLASS, opacity=opacity),))
    out = draw(either, camera, items[0], pane, items[2])
    for name in ("ids", "boxes", "amodal", "visible_pixels", "alone_pixels"):
        np.testing.assert_array_equal(getattr(out, name), getattr(opaque, name))
    np.testing.assert_allclose(out.depth, opaque.depth, rtol=1e-5)


def test_nearly_opaque_looks_nearly_opaque(renderer, camera):
    looks = dataclasses.replace(RED, opacity=0.999), RED
    # Shadows and contact shade differ, so there are none.
    clear, solid = (draw(renderer, camera, cube(8.0, look), lights=(), occlusion=0.0).rgb for look in looks)
    assert np.abs(clear.astype(int) - solid.astype(int)).max() <= 4


def test_opaque_parts_of_a_translucent_thing_hide(either, camera):
    asset, behind = labelled_cube(), cube(10.0, RED)
    front = Instance(asset, np.array([7.5, 0, 0]), 0.0, np.full(3, 1.5), (GLASS, Look((0.1, 0.1, 0.6))), "bottle")
    bottle, both = draw(either, camera, front), draw(either, camera, behind, front)
    solid = draw(either, camera, dataclasses.replace(front, looks=(RED, RED)))
    np.testing.assert_array_equal(bottle.ids, solid.ids)
    blue = middle(bottle.rgb[..., 2].astype(int) > bottle.rgb[..., 0].astype(int) + 40) & (bottle.ids == 1)
    assert blue.sum() > 200
    np.testing.assert_array_equal(both.rgb[blue], bottle.rgb[blue])
    through = (both.ids == 2) & ~blue
    tinted = bottle.rgb[through, 1].astype(int) - both.rgb[through, 1] > 15
    assert tinted.sum() > 100


def test_two_glasses_blend_back_to_front_whatever_their_order(either, camera):
    far = cube(9.5, dataclasses.replace(GLASS, color=(0.0, 0.0, 0.9), opacity=0.5))
    near = cube(7.5, dataclasses.replace(GLASS, color=(0.9, 0.0, 0.0), opacity=0.5), 1.5)
    one, other = draw(either, camera, far, near), draw(either, camera, near, far)
    np.testing.assert_array_equal(one.rgb, other.rgb)
    hidden = middle(draw(either, camera, far).ids == 1) & (one.ids == 2)
    assert hidden.sum() > 200
    red, _, blue = one.rgb[hidden].astype(int).mean(0)
    assert red > blue  # The nearer one lies over the farther.
    assert blue > draw(either, camera, near).rgb[hidden].astype(int).mean(0)[2] + 5


def test_highlights_keep_their_strength(renderer, camera):
    """With a black body all light is reflected: it must be seen whatever the opacity."""
    body = Look((0.0, 0.0, 0.0), roughness=0.3, specular=1.0)
    dark = {"ground": Look((0.0, 0.0, 0.0), specular=0.0), "occlusion": 0.0}
    ball = Instance(load_asset("sphere"), np.array([8.0, 0, 0]), 0.0, np.full(3, 1.4), (body,), "ball")
    clear = dataclasses.replace(ball, looks=(dataclasses.replace(body, opacity=0.0),))
    solid, glass = draw(renderer, camera, ball, **dark), draw(renderer, camera, clear, **dark)
    assert glass.rgb.max() >= 0.97 * solid.rgb.max() > 60


def test_rims_hide_more_than_the_middle(renderer, camera):
    look = dataclasses.replace(GLASS, color=(0.0, 0.0, 0.0), specular=0.0, opacity=0.1)
    ball = Instance(load_asset("sphere"), np.array([8.0, 0, 0]), 0.0, np.full(3, 1.4), (look,), "ball")
    empty, out = draw(renderer, camera), draw(renderer, camera, ball)
    loss = (empty.rgb.astype(int) - out.rgb).sum(-1)
    inside = out.ids == 1
    core = inside.copy()
    for axis, step in ((0, 12), (0, -12), (1, 12), (1, -12)):
        core &= np.roll(inside, step, axis)
    assert core.any()
    assert np.percentile(loss[inside & ~core], 90) > 2 * loss[core].mean() > 0


def test_translucent_parts_cast_no_shadow(renderer, camera):
    empty, glass, solid = (
        draw(renderer, camera),
        draw(renderer, camera, cube(8, GLASS)),
        draw(renderer, camera, cube(8, RED)),
    )
    ground = (solid.ids == 0) & (glass.ids == 0)
    np.testing.assert_array_equal(glass.rgb[ground], empty.rgb[ground])
    assert (solid.rgb[ground] != empty.rgb[ground]).any()


def test_opaque_pictures_stay_as_they_are(either, camera):
    items = (cube(9.0, RED), cube(7.0, Look((0.1, 0.5, 0.2), metallic=1.0, roughness=0.2), 0.6, 0.7))
    before = draw(either, camera, *items)
    draw(either, camera, *items, cube(6.0, GLASS))  # Its state of the context must not last.
    after = draw(either, camera, *items)
    beside = draw(either, camera, *items, cube(6.0, GLASS, y=40.0))  # Out of sight.
    for name in ("rgb", "ids", "depth"):
        assert getattr(after, name).tobytes() == getattr(before, name).tobytes()
        assert getattr(beside, name).tobytes() == getattr(before, name).tobytes()


def test_same_scene_same_bytes(either, camera):
    items = (cube(9.0, RED), cube(7.0, GLASS, 1.4), cube(8.0, GLASS, 0.8, 0.5))
    first, second = draw(either, camera, *items), draw(either, camera, *items)
    assert first.rgb.tobytes() == second.rgb.tobytes()
    assert first.ids.tobytes() == second.ids.tobytes()


def test_opacity_comes_from_the_slot_alone():
    slots = tuple(Slot(f"{p} {o}", p, opacity=o) for p in ("glass", "skin", "paint", "fixed") for o in (1.0, 0.3))
    asset = dataclasses.replace(load_asset("cube"), slots=slots)
    looks = Painter().looks(asset, np.random.default_rng(0))
    assert [look.opacity for look in looks] == [slot.opacity for slot in slots]
