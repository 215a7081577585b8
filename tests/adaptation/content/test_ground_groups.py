"""Groups of things upon things, and the cells in which they stand."""

import numpy as np
import pytest

from sim2sg_core.adaptation.content.ground_cells import GroundCells
from sim2sg_core.adaptation.content.ground_groups import RoomFinder, ground_groups
from sim2sg_core.scene import Layout, Placement
from tests.adaptation.content.scenes import CAMERA, CLEVR, laid_table


def test_what_stands_on_others_goes_along():
    ball, table, alone = laid_table()
    groups = ground_groups([ball, table, alone])
    assert [g.root.label for g in groups] == ["cube", "cylinder"]
    assert groups[0].carried == (ball,) and groups[1].carried == ()
    moved = groups[0].moved(np.array([5.0, -1.0]), table.yaw + np.pi / 2)
    offset = ball.position[:2] - table.position[:2]
    place = moved.carried[0].position
    assert place[:2] - [5, -1] == pytest.approx([-offset[1], offset[0]])  # a quarter turn to the left
    assert place[2] == ball.position[2] and moved.root.yaw == pytest.approx(table.yaw + np.pi / 2)


def test_what_carries_others_keeps_its_size():
    groups = ground_groups(laid_table())
    assert (groups[0].sized(np.ones(3) * 2).root.size == groups[0].root.size).all()
    assert (groups[1].sized(np.ones(3) * 2).root.size == 2).all()


def test_what_nothing_carries_is_a_root():
    high = Placement("cube", np.array([9.0, 0, 3.0]), 0.0, np.ones(3))
    assert [g.root for g in ground_groups([high])] == [high]


def test_room_is_told_by_meshes():
    group, other = ground_groups(laid_table())
    room = RoomFinder(CLEVR)
    assert room.fits(other, [group]) and room.fits(group, [])
    assert not room.fits(other.moved(group.root.position[:2], 0.0), [group])


def test_every_place_has_a_cell_and_every_cell_its_places():
    scenes = [Layout(CAMERA, tuple(laid_table()))]
    cells = GroundCells.over(scenes, 4, 3)
    rng = np.random.default_rng(0)
    for cell in range(cells.count):
        assert cells.cell_of(cells.place_in(cell, rng)) == cell
    assert cells.cell_of(np.array([1e6, -1e6])) == 3 * 3 and cells.cell_of(np.array([-1e6, 1e6])) == 2
    again = GroundCells.from_json(cells.to_json())
    assert again.to_json() == cells.to_json()
    assert GroundCells.over([Layout(CAMERA, ())], 4, 3) is None
