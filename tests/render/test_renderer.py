import dataclasses
import os
import subprocess
import sys

import numpy as np
import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.render.projection import NEAR, amodal_box, extreme_points
from sim2sg_core.render.render_scene import Instance, Material, RenderScene
from sim2sg_core.render.renderer import Renderer
from sim2sg_core.render.visibility import extents
from sim2sg_core.scene import Camera, Placement
from sim2sg_core.synthesis.assets.registry import load_asset

SIZES = {"cube": 0.99, "sphere": 1.4, "cylinder": 1.4}


def solid(name, x, y, yaw=0.0, scale=1.0, label="thing", **kwargs):
    size = np.full(3, SIZES[name] * scale)
    return Instance(load_asset(name), np.array([x, y, 0.0]), yaw, size, (Material((0.6, 0.1, 0.1)),), label, **kwargs)


def crowd(seed, count=7):
    """Solids that hide one another: the renderer must not care that they intersect."""
    rng = np.random.default_rng(seed)
    names = list(SIZES)
    return tuple(
        solid(names[k % 3], rng.uniform(6, 12), rng.uniform(-2.5, 2.5), rng.uniform(0, 6), rng.choice([0.5, 1.0]))
        for k in range(count)
    )


def mesh_pixels(instance, camera):
    """Projects every vertex of an instance with the camera's own formulas."""
    c, s = np.cos(instance.yaw), np.sin(instance.yaw)
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    world = (instance.asset.mesh.vertices * instance.size) @ turn.T + instance.position
    return camera.project(camera.to_camera(world))


def test_an_image_larger_than_the_device_draws_is_refused():
    with pytest.raises(Sim2SGError, match="pixels a side at most: 1000000x16 is more"):
        Renderer(1_000_000, 16)


@pytest.mark.parametrize("seed", range(6))
def test_boxes_match_the_projected_geometry_within_a_pixel(renderer, camera, seed):
    rng = np.random.default_rng(seed)
    item = solid(list(SIZES)[seed % 3], rng.uniform(7, 11), rng.uniform(-1.5, 1.5), rng.uniform(0, 6))
    out = renderer.render(RenderScene(camera, (item,)))
    pixels = mesh_pixels(item, camera)
    expected = np.concatenate([pixels.min(0), pixels.max(0)])
    np.testing.assert_allclose(out.amodal[0], expected, atol=0.2)
    np.testing.assert_allclose(out.boxes[0], expected, atol=1.0)
    assert (out.ids > 0).sum() == out.visible_pixels[0] == out.unoccluded_pixels[0]


def test_more_light_never_darkens(renderer, camera):
    scene = RenderScene(camera, crowd(3))
    before = renderer.render(dataclasses.replace(scene, exposure=0.5)).rgb.astype(int)
    for exposure in (1.0, 2.0, 4.0, 16.0, 64.0):
        after = renderer.render(dataclasses.replace(scene, exposure=exposure)).rgb.astype(int)
        assert (after >= before - 1).all()
        before = after
    assert before.min() > 200  # all overexposed


def test_depth_of_the_ground_and_of_the_sky(renderer, camera):
    level = dataclasses.replace(camera, ground=np.array([0.0, -1.0, 0.0, 1.5]))
    for view in (camera, level):
        depth = renderer.render(RenderScene(view, ())).depth
        x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
        expected = view.ground_depth(np.stack([x, y], -1))
        near = expected < 80
        np.testing.assert_allclose(depth[near], expected[near], rtol=2e-3)
        assert np.isinf(depth[np.isinf(expected)]).all()
    assert np.isinf(depth).any()


@pytest.mark.parametrize("seed", range(5))
def test_visibility_against_brute_force(renderer, camera, seed):
    items = crowd(seed)
    out = renderer.render(RenderScene(camera, items))
    errors = []
    for k, item in enumerate(items):
        alone = (renderer.render(RenderScene(camera, (item,)), visibility=False).ids > 0).sum()
        if alone:
            errors.append(out.visible_pixels[k] / out.unoccluded_pixels[k] - out.visible_pixels[k] / alone)
    assert np.abs(errors).max() < 0.02
    assert np.abs(errors).mean() < 0.005
    assert (out.visible_pixels < out.unoccluded_pixels).any()


def test_what_hangs_over_the_edge_of_the_image_counts_only_inside(renderer, camera):
    item = solid("cube", 4.6, 1.9)
    alone = renderer.render(RenderScene(camera, (item,)))
    rows, columns = np.nonzero(alone.ids)
    ray = camera.rays(np.array([columns.mean(), rows.mean()]))
    place = camera.to_world(ray * alone.depth[alone.ids > 0].min() * 0.8)
    front = dataclasses.replace(solid("sphere", 0, 0, scale=0.2), position=place)
    out = renderer.render(RenderScene(camera, (item, front)))
    assert out.amodal[0, 3] > camera.height or out.amodal[0, 0] < 0
    assert 0 < out.visible_pixels[0] < alone.visible_pixels[0]
    assert abs(int(out.unoccluded_pixels[0]) - int(alone.visible_pixels[0])) <= 0.02 * alone.visible_pixels[0]


def test_amodal_box_is_clipped_at_the_near_plane():
    K = np.array([[200.0, 0, 160], [0, 200, 120], [0, 0, 1]])
    camera = Camera.from_extrinsics(320, 240, K, 1.6, 0.0)
    beside = Placement("car", np.array([0.6, 1.6, 0.0]), 0.0, np.array([4.0, 1.6, 1.5]))
    corners = camera.to_camera(beside.corners())
    box = amodal_box(corners, camera)
    # Brute force: points all through the solid, those before the near plane projected.
    steps = np.linspace(0, 1, 41)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), -1).reshape(-1, 3)
    world = (grid - [0.5, 0.5, 0]) * beside.size + beside.position
    points = camera.to_camera(world)
    seen = camera.project(points[points[:, 2] >= NEAR])
    assert (box[:2] <= seen.min(0) + 1e-6).all()
    assert (box[2:] >= seen.max(0) - 1e-6).all()
    clipped = np.clip(box, 0, [320, 240, 320, 240])
    np.testing.assert_allclose(clipped, np.clip(np.r_[seen.min(0), seen.max(0)], 0, [320, 240, 320, 240]), atol=8)
    assert clipped[0] == 0
    # Without the clipping, corners behind the camera land on the other side of the image.
    assert (corners[:, :2] / corners[:, 2:] * 200 + K[:2, 2]).max(0)[0] > 320
    assert clipped[2] < 200
    assert np.isnan(amodal_box(camera.to_camera(beside.corners() - [5, 0, 0]), camera)).all()


def test_extreme_points_keep_the_extent():
    rng = np.random.default_rng(0)
    cloud = rng.normal(size=(3000, 3))
    kept = extreme_points(cloud)
    assert len(kept) < 300
    for direction in rng.normal(size=(100, 3)):
        direction /= np.linalg.norm(direction)
        assert (cloud @ direction).max() - (kept @ direction).max() < 0.05


def test_scenery_hides_but_has_no_id(renderer, camera):
    item = solid("cube", 9.0, 0.0)
    wall = solid("cube", 6.5, 0.0, scale=2.0, label=None)
    out = renderer.render(RenderScene(camera, (wall, item)))
    assert set(np.unique(out.ids)) <= {0, 2}
    assert out.visible_pixels[0] == 0
    assert out.visible_pixels[1] < out.unoccluded_pixels[1]


def test_the_higher_layer_wins_on_one_plane(renderer, camera):
    def decal(layer, color):
        size = np.array([6.0, 6.0, 1.0])
        material = (Material(color, emissive=1.0),)
        return Instance(
            load_asset("plane"), np.array([9.0, 0, 0]), 0.3, size, material, None, layer=layer, shadow=False
        )

    for order in (1, -1):
        decals = (decal(1, (0.9, 0.0, 0.0)), decal(2, (0.0, 0.0, 0.9)))[::order]
        rgb = renderer.render(RenderScene(camera, decals)).rgb
        assert rgb[70, 120, 2] > 2 * rgb[70, 120, 0]


def test_shadows_fall_away_from_the_sun(renderer, camera):
    item = solid("cube", 9.0, 0.0)
    lit = renderer.render(RenderScene(camera, ())).rgb.astype(int)
    out = renderer.render(RenderScene(camera, (item,), occlusion=0.0))
    dark = (out.rgb.astype(int).sum(-1) < 0.8 * lit.sum(-1)) & (out.ids == 0)
    rows, columns = np.nonzero(dark)
    assert len(rows) > 20
    # The default sun stands behind the camera's left shoulder... of +x, +y: shadows point to the viewer's right.
    assert columns.mean() > np.nonzero(out.ids)[1].mean()


def test_smooth_edges_keep_the_labels(camera, renderer):
    items = crowd(3)
    smooth = Renderer(camera.width, camera.height, shadow_size=128, samples=4)
    sharp, soft = renderer.render(RenderScene(camera, items)), smooth.render(RenderScene(camera, items))
    smooth.release()
    assert set(np.unique(soft.ids)) == set(np.unique(sharp.ids))
    assert (soft.ids != sharp.ids).mean() < 0.02
    seen = sharp.visible_pixels > 30
    np.testing.assert_allclose(soft.boxes[seen], sharp.boxes[seen], atol=1.01)
    inside = (soft.ids > 0) & (soft.ids == sharp.ids)
    np.testing.assert_allclose(soft.depth[inside], sharp.depth[inside], rtol=0.02)


def test_more_objects_than_one_row_of_tiles(renderer, camera):
    items = crowd(5, count=30)
    out = renderer.render(RenderScene(camera, items))
    k = int(np.argmax(out.unoccluded_pixels - out.visible_pixels))
    alone = (renderer.render(RenderScene(camera, (items[k],))).ids > 0).sum()
    assert abs(int(alone) - int(out.unoccluded_pixels[k])) <= 0.03 * alone


def test_extents():
    ids = np.zeros((5, 7), np.int32)
    ids[1:3, 2:6] = 2
    ids[4, 0] = 1
    pixels, boxes = extents(ids, 3)
    assert pixels.tolist() == [1, 8, 0]
    assert boxes.tolist() == [[0, 4, 1, 5], [2, 1, 6, 3], [0, 0, 0, 0]]


def test_wrong_size_and_unknown_texture_are_told(renderer, camera):
    with pytest.raises(Sim2SGError, match="scaled"):
        renderer.render(RenderScene(camera.scaled(64, 48), ()))
    item = dataclasses.replace(solid("cube", 9, 0), materials=(Material(texture="tartan"),))
    with pytest.raises(Sim2SGError, match="tartan"):
        renderer.render(RenderScene(camera, (item,)))


def test_patches_become_textures(renderer, camera):
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[::2] = (255, 120, 40)
    renderer.add_patches({"from_log": stripes})
    plain = renderer.render(RenderScene(camera, ())).rgb
    out = renderer.render(RenderScene(camera, (), ground=Material(texture="from_log", texture_scale=400.0))).rgb
    assert np.abs(out.astype(int) - plain.astype(int)).max() > 30


def test_patches_stand_upright_on_walls(renderer, camera):
    patch = np.full((256, 256, 3), 60, np.uint8)
    patch[:128] = 200
    renderer.add_patches({"bright above": patch})
    wall = dataclasses.replace(
        solid("cube", 6, 0), size=np.array([1.0, 1.0, 1.0]), materials=(Material(texture="bright above"),)
    )
    scene = RenderScene(camera, (wall,), lights=(), ambient_up=(0.5,) * 3, ambient_down=(0.5,) * 3)
    seen = renderer.render(scene)
    points = camera.project(camera.to_camera(np.array([[5.5, 0.0, 0.8], [5.5, 0.0, 0.2]]))).astype(int)
    upper, lower = (seen.rgb[y, x].astype(int).mean() for x, y in points)
    assert all(seen.ids[y, x] == 1 for x, y in points)
    assert upper > lower + 20


def test_tints_multiply_the_color_at_each_vertex(renderer, camera):
    plain = solid("cube", 8, 0)
    mesh = plain.asset.mesh
    scene = RenderScene(camera, (plain,))

    def drawn(shown):
        tints = np.broadcast_to(np.asarray(shown, np.uint8), (len(mesh.vertices), 3))
        asset = dataclasses.replace(plain.asset, mesh=dataclasses.replace(mesh, tints=tints))
        return renderer.render(dataclasses.replace(scene, instances=(dataclasses.replace(plain, asset=asset),)))

    before, white = renderer.render(scene), drawn([255, 255, 255])
    np.testing.assert_array_equal(white.rgb, before.rgb)
    np.testing.assert_array_equal(drawn([0, 0, 0]).ids, before.ids)
    # As it looks: half the tint is a quarter of the light, like a colour of a quarter.
    halved = dataclasses.replace(plain, materials=(Material((0.15, 0.1, 0.1)),))
    expected = renderer.render(dataclasses.replace(scene, instances=(halved,))).rgb.astype(int)
    np.testing.assert_allclose(drawn([127.5, 255, 255]).rgb.astype(int), expected, atol=1)
    upper = mesh.vertices[:, 2:] > 0.5
    faded = drawn(np.where(upper, 255, 0)).rgb.astype(int).sum(axis=2)
    inside = before.ids > 0
    top, bottom = np.flatnonzero(inside.any(axis=1))[[0, -1]]
    rows = [faded[row][inside[row]].mean() for row in np.linspace(top + 2, bottom - 2, 4).astype(int)]
    assert rows[0] > rows[-1] + 30
    darker = faded[inside] <= before.rgb.astype(int).sum(axis=2)[inside] + 3
    assert darker.all()


def test_without_egl_the_error_names_the_packages():
    code = "from sim2sg_core.render.renderer import Renderer\nRenderer(16, 16)"
    # An empty list of EGL drivers is what a machine without Mesa and without a GPU has.
    broken = {**os.environ, "__EGL_VENDOR_LIBRARY_FILENAMES": os.devnull}
    done = subprocess.run([sys.executable, "-c", code], env=broken, capture_output=True, text=True)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert "Sim2SGError" in last
    assert "apt install libegl1 libgl1 libgl1-mesa-dri" in last
