"""Contact shadows on the ground and on the tops of tables."""

import dataclasses

import numpy as np
import pytest

from sim2sg_core.render.contact_shadow import CONTACT, contact_map, raised_map
from sim2sg_core.render.render_scene import Instance, Material, RenderScene
from sim2sg_core.synthesis.assets.registry import load_asset

GREY = (Material((0.3, 0.3, 0.3)),)
TABLE = Instance(load_asset("cube"), np.array([5.0, 0.0, 0.0]), 0.0, np.array([2.0, 1.6, 0.7]), GREY, "table")
CUP = Instance(load_asset("cylinder"), np.array([5.0, 0.2, 0.7]), 0.0, np.array([0.3, 0.3, 0.4]), GREY, "cup")

ROAD = Instance(load_asset("cube"), np.array([10.0, 0.0, 0.0]), 0.0, np.array([60.0, 8.0, 0.02]), GREY)


def at(map_, rectangle, x, y):
    column, row = ((np.array([x, y]) - rectangle[:2]) * rectangle[2:] * CONTACT).astype(int)
    return map_[row, column]


def test_the_raised_map_is_dark_beneath_things_and_open_away_from_them():
    other = dataclasses.replace(CUP, position=np.array([5.6, -0.5, 0.7]))
    made, rectangle = raised_map([TABLE, CUP, other], 0.0, 0.6)
    for thing in (CUP, other):
        openness, level = at(made, rectangle, *thing.position[:2])
        assert openness < 0.5
        assert abs(level - 0.7) < 0.001
    assert at(made, rectangle, 5.3, -0.1)[0] == 1
    assert made[..., 0].min() >= 0.4 - 1e-3


def test_only_things_that_stand_on_others_are_raised_and_only_the_rest_on_the_ground():
    assert raised_map([TABLE], 0.0, 0.6)[0] is None
    assert raised_map([CUP], 0.0, 0.0)[0] is None
    assert raised_map([dataclasses.replace(CUP, shadow=False)], 0.0, 0.6)[0] is None
    assert contact_map([CUP], 0.0, 0.6)[0] is None
    assert contact_map([TABLE], 0.0, 0.6)[0] is not None


def test_a_floor_shades_nothing_and_a_tree_only_at_its_trunk():
    assert contact_map([ROAD], 0.0, 0.6)[0] is None
    made, rectangle = contact_map([ROAD, TABLE], 0.0, 0.6)
    assert at(made, rectangle, 5.0, 0.0) < 128 and 1 / rectangle[2] < 4  # the map is of the table, not of the road
    leaves = (dataclasses.replace(GREY[0], cutout=True),)
    made, rectangle = contact_map(
        [dataclasses.replace(TABLE, size=np.array([6.0, 6.0, 7.0]), materials=leaves)], 0, 0.6
    )
    assert at(made, rectangle, 5.0, 0.0) < 200
    assert at(made, rectangle, 5.9, 0.0) >= 254


def test_the_map_of_the_ground_leaves_out_what_is_far():
    far = dataclasses.replace(TABLE, position=np.array([60.0, 0.0, 0.0]))
    assert contact_map([far], 0.0, 0.6)[0] is None
    _, rectangle = contact_map([TABLE, far], 0.0, 0.6)
    assert 1 / rectangle[2] < 4


def test_long_low_things_with_a_label_are_no_floors():
    beam = dataclasses.replace(TABLE, size=np.array([3.0, 0.2, 0.06]))
    assert contact_map([beam], 0.0, 0.6)[0] is not None


def test_low_things_beside_a_floor_are_not_shaded_by_themselves(renderer, camera):
    pallet = dataclasses.replace(TABLE, position=np.array([5.6, 0.0, 0.0]), size=np.array([1.2, 0.8, 0.14]))
    dull = {"camera": camera, "lights": (), "ambient_up": (0.8, 0.8, 0.8)}
    alone, beside = (renderer.render(RenderScene(instances=i, **dull)).rgb for i in ((pallet,), (pallet, ROAD)))
    [column], [row] = camera.project(camera.to_camera(np.array([[5.6, 0.0, 0.14]]))).astype(int).T
    np.testing.assert_array_equal(alone[row, column], beside[row, column])


@pytest.mark.parametrize("thickness", [0.003, 0.01])
def test_thin_things_on_tables_are_not_shaded_by_themselves(renderer, camera, thickness):
    napkin = dataclasses.replace(CUP, asset=TABLE.asset, size=np.array([0.4, 0.4, thickness]))
    dull = {"camera": camera, "lights": (), "ambient_up": (0.8, 0.8, 0.8)}
    shaded, bare = (
        renderer.render(RenderScene(instances=(TABLE, dataclasses.replace(napkin, shadow=s)), **dull)).rgb
        for s in (True, False)
    )
    [column], [row] = camera.project(camera.to_camera(napkin.position[None] + [0, 0, thickness])).astype(int).T
    np.testing.assert_allclose(shaded[row, column].astype(int), bare[row, column], atol=2)


def test_a_road_is_dark_under_a_car_as_the_ground_is(renderer, camera):
    car = dataclasses.replace(TABLE, position=np.array([6.5, 0.0, 0.0]), size=np.array([2.0, 1.6, 1.0]))
    dull = {"camera": camera, "lights": (), "ambient_up": (0.8, 0.8, 0.8)}
    bare, parked = (renderer.render(RenderScene(instances=i, **dull)).rgb for i in ((ROAD,), (ROAD, car)))
    beside, away = camera.project(camera.to_camera(np.array([[5.45, 0.0, 0.02], [5.4, -1.3, 0.02]]))).astype(int)
    loss = bare.astype(float).mean(-1) - parked.astype(float).mean(-1)
    assert loss[beside[1], beside[0]] > 8
    assert loss[away[1], away[0]] == 0


def test_the_highest_surface_counts_where_things_stand_on_each_other():
    book = dataclasses.replace(CUP, size=np.array([0.5, 0.5, 0.1]))
    top = dataclasses.replace(CUP, position=np.array([5.0, 0.2, 0.8]))
    for order in ([book, top], [top, book]):
        made, rectangle = raised_map(order, 0.0, 0.6)
        assert abs(at(made, rectangle, 5.0, 0.2)[1] - 0.8) < 0.001


def test_a_table_is_darker_at_the_foot_of_a_cup_but_not_elsewhere(renderer, camera):
    dull = {"camera": camera, "lights": (), "ambient_up": (0.8, 0.8, 0.8)}
    bare, with_cup = (renderer.render(RenderScene(instances=tuple(i), **dull)) for i in ([TABLE], [TABLE, CUP]))
    on_table = (with_cup.ids == 1) & (bare.ids == 1)
    loss = bare.rgb.astype(float).mean(-1) - with_cup.rgb.astype(float).mean(-1)
    point = camera.project(camera.to_camera(np.array([[4.83, 0.2, 0.7], [5.7, -0.5, 0.7], [5.0, 0.2, 1.1]])))
    (c0, r0), (c1, r1), (c2, r2) = point.astype(int)
    assert on_table[r0, c0] and loss[r0, c0] > 4
    assert on_table[r1, c1] and loss[r1, c1] == 0
    assert with_cup.ids[r2, c2] == 2  # The cup's own top is not in its own shade.
    lifted = dataclasses.replace(CUP, position=np.array([5.0, 0.2, 5.0]))
    aloft = renderer.render(RenderScene(instances=(TABLE, lifted), **dull)).rgb
    np.testing.assert_array_equal(aloft[on_table], bare.rgb[on_table])
