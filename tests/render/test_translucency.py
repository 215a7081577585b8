import dataclasses

import numpy as np
import pytest

from sim2sg_core.render.meshes import Asset, Mesh, Slot
from sim2sg_core.render.render_scene import Instance, Material, RenderScene
from sim2sg_core.render.renderer import Renderer
from sim2sg_core.synthesis.appearance import Painter
from sim2sg_core.synthesis.assets.registry import load_asset

RED = Material((0.8, 0.02, 0.02))
GLASS = Material((0.6, 0.7, 0.7), roughness=0.1, specular=0.5, opacity=0.2)


def cube(x, material, size=1.0, y=0.0, label="thing"):
    return Instance(load_asset("cube"), np.array([x, y, 0.0]), 0.0, np.full(3, size), (material,), label)


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


@pytest.mark.parametrize("bends", [False, True])
@pytest.mark.parametrize("opacity", [0.0, 0.3, 0.999])
def test_labels_are_those_of_an_opaque_part(either, camera, opacity, bends):
    items = (cube(10.0, RED), cube(7.5, GLASS, 1.5), cube(6.0, RED, 0.4))
    opaque = draw(either, camera, *(dataclasses.replace(i, materials=(RED,)) for i in items))
    pane = dataclasses.replace(items[1], materials=(dataclasses.replace(GLASS, opacity=opacity, bends=bends),))
    out = draw(either, camera, items[0], pane, items[2])
    for name in ("ids", "boxes", "amodal", "visible_pixels", "unoccluded_pixels"):
        np.testing.assert_array_equal(getattr(out, name), getattr(opaque, name))
    np.testing.assert_allclose(out.depth, opaque.depth, rtol=1e-5)


def test_nearly_opaque_looks_nearly_opaque(renderer, camera):
    materials = RED, dataclasses.replace(RED, opacity=0.999), dataclasses.replace(RED, opacity=0.999, bends=True)
    # Shadows and contact shade differ, so there are none.
    solid, *others = (
        draw(renderer, camera, cube(8.0, material), lights=(), occlusion=0.0).rgb for material in materials
    )
    for clear in others:
        assert np.abs(clear.astype(int) - solid.astype(int)).max() <= 4


def test_opaque_parts_of_a_translucent_thing_hide(either, camera):
    asset, behind = labelled_cube(), cube(10.0, RED)
    front = Instance(asset, np.array([7.5, 0, 0]), 0.0, np.full(3, 1.5), (GLASS, Material((0.1, 0.1, 0.6))), "bottle")
    bottle, both = draw(either, camera, front), draw(either, camera, behind, front)
    solid = draw(either, camera, dataclasses.replace(front, materials=(RED, RED)))
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
    body = Material((0.0, 0.0, 0.0), roughness=0.3, specular=1.0)
    dark = {"ground": Material((0.0, 0.0, 0.0), specular=0.0), "occlusion": 0.0}
    ball = Instance(load_asset("sphere"), np.array([8.0, 0, 0]), 0.0, np.full(3, 1.4), (body,), "ball")
    clear = dataclasses.replace(ball, materials=(dataclasses.replace(body, opacity=0.0),))
    solid, glass = draw(renderer, camera, ball, **dark), draw(renderer, camera, clear, **dark)
    assert glass.rgb.max() >= 0.97 * solid.rgb.max() > 60


def test_rims_hide_more_than_the_middle(renderer, camera):
    material = dataclasses.replace(GLASS, color=(0.0, 0.0, 0.0), specular=0.0, opacity=0.1)
    ball = Instance(load_asset("sphere"), np.array([8.0, 0, 0]), 0.0, np.full(3, 1.4), (material,), "ball")
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
    items = (cube(9.0, RED), cube(7.0, Material((0.1, 0.5, 0.2), metallic=1.0, roughness=0.2), 0.6, 0.7))
    before = draw(either, camera, *items)
    draw(either, camera, *items, cube(6.0, GLASS))  # Its state of the context must not last.
    draw(either, camera, *items, cube(6.0, dataclasses.replace(GLASS, bends=True)))
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


def ball(material, size=1.4, x=8.0):
    return Instance(load_asset("sphere"), np.array([x, 0, 0]), 0.0, np.full(3, size), (material,), "ball")


def colors(out, where):
    return np.array([out.rgb[part].astype(float).mean(0) for part in where])


def halves(inside):
    """The left and the right of a mask, its middle and its rim left out."""
    columns = np.flatnonzero(inside.any(0))
    left, right = columns[0], columns[-1]
    x = (np.arange(inside.shape[1]) - left) / (right - left)
    core = middle(inside)
    return core & ((x > 0.25) & (x < 0.42)), core & ((x > 0.58) & (x < 0.75))


def test_massive_glass_shows_left_what_is_right(either, camera):
    """A ball of glass is a lens: through its left half one sees the floor to the right of it."""
    blue = Material((0.02, 0.02, 0.8))
    floors = [
        Instance(load_asset("cube"), np.array([10.0, y, -0.02]), 0.0, np.array([20.0, 10.0, 0.02]), (material,), None)
        for y, material in ((5.0, RED), (-5.0, blue))
    ]
    clear = Material((1.0, 1.0, 1.0), roughness=0.05, specular=0.0, opacity=0.0)
    thin = draw(either, camera, *floors, ball(clear))
    massive = draw(either, camera, *floors, ball(dataclasses.replace(clear, bends=True)))
    np.testing.assert_array_equal(thin.ids, massive.ids)
    where = halves(thin.ids == thin.ids.max())
    for out, first in ((thin, 0), (massive, 1)):  # left is +y, where the floor is red
        seen = colors(out, where)
        assert seen[first, 0] > 2 * seen[first, 2]
        assert seen[1 - first, 2] > 2 * seen[1 - first, 0]


def test_what_comes_through_massive_glass_takes_its_color(either, camera):
    white = cube(14.0, Material((0.8, 0.8, 0.8)), 8.0, label=None)
    materials = [Material(color, 0.05, 0.0, opacity=0.0, bends=True) for color in ((1.0, 1.0, 1.0), (0.1, 1.0, 0.1))]
    clear, green = (draw(either, camera, white, ball(material)) for material in materials)
    core = middle(clear.ids == clear.ids.max())
    ratio = green.rgb[core].astype(float).mean(0) / clear.rgb[core].astype(float).mean(0)
    # A tenth of the light is the root of a tenth in the picture.
    np.testing.assert_allclose(ratio, [np.sqrt(0.1), 1.0, np.sqrt(0.1)], atol=0.04)


def test_massive_and_thin_parts_of_one_thing(either, camera):
    """A thin wall before a massive part tints it; behind it, it is not seen."""
    asset, sides = labelled_cube(), (GLASS, Material((0.9, 0.9, 0.9), opacity=0.0, bends=True))
    front = Instance(asset, np.array([7.5, 0, 0]), 0.0, np.full(3, 1.5), sides, "bottle")
    pane = dataclasses.replace(GLASS, color=(0.0, 0.8, 0.0), opacity=0.5)
    bare = draw(either, camera, front)
    before, behind = (
        draw(either, camera, front, cube(5.5, pane, 0.5)),
        draw(either, camera, front, cube(9.5, pane, 0.5)),
    )
    covered = middle(before.ids == 2)
    assert covered.any()
    greener = (before.rgb.astype(int) - bare.rgb) @ [-1, 2, -1]
    assert greener[covered].mean() > 20
    hidden = middle(bare.ids == 1) & (behind.ids == 1)
    facing = np.abs(behind.rgb[hidden].astype(int) - bare.rgb[hidden]).max(-1) == 0
    assert facing.mean() > 0.5


def test_kinds_of_glass_come_from_the_slot_alone():
    slots = tuple(
        Slot(f"{p} {o} {b}", p, opacity=o, bends=b)
        for p in ("glass", "skin", "paint", "fixed")
        for o in (1.0, 0.3)
        for b in (False, True)
    )
    asset = dataclasses.replace(load_asset("cube"), slots=slots)
    materials = Painter().materials(asset, np.random.default_rng(0))
    assert [(material.opacity, material.bends) for material in materials] == [
        (slot.opacity, slot.bends) for slot in slots
    ]
