"""Layouts that are drawn object after object."""

import numpy as np
import pytest
import torch

from sim2sg_core.adaptation.content.ground_cells import GroundCells
from sim2sg_core.adaptation.content.scenegen import COLUMNS, ROWS, LearnedPrior, fit_scenegen, heading_of
from sim2sg_core.scene import Layout, Placement
from tests.adaptation.content.scenes import CAMERA, CLEVR, laid_table, table_domain

PLACES = [(6.0, -3.0), (9.0, 0.0), (12.0, 3.0)]
SHARES = [0.6, 0.3, 0.1]


def thing(place, label="cube", yaw=1.0, size=0.9):
    return Placement(label, np.array([*place, 0.0]), yaw, np.full(3, size))


def never(rng):
    raise AssertionError("the prior is not asked")


def test_it_reproduces_how_often_cells_are_taken():
    scenes = [Layout(CAMERA, (thing(PLACES[k]),)) for k in np.repeat([0, 1, 2], [60, 30, 10])]
    prior = LearnedPrior(never, CLEVR, fit_scenegen(scenes, CLEVR, 120, 0))
    drawn = [prior(np.random.default_rng(k)) for k in range(200)]
    cells = GroundCells.over(scenes, ROWS, COLUMNS)
    taken = [cells.cell_of(p.position) for layout in drawn for p in layout.placements]
    assert 170 <= len(taken) <= 220  # one in each, and then the end
    shares = [taken.count(cells.cell_of(np.array(place))) / len(taken) for place in PLACES]
    assert shares == pytest.approx(SHARES, abs=0.09)
    everything = [p for layout in drawn for p in layout.placements]
    sectors = heading_of(torch.tensor([p.yaw for p in everything])).tolist()
    assert sectors.count(int(heading_of(torch.tensor([1.0])))) > 0.8 * len(sectors)
    assert np.median([p.size.mean() for p in everything]) == pytest.approx(0.9, rel=0.05)


def test_sizes_are_those_of_the_log():
    scenes = [Layout(CAMERA, (thing(PLACES[0], size=size),)) for size in (0.7, 1.4) * 30]
    prior = LearnedPrior(never, CLEVR, fit_scenegen(scenes, CLEVR, 120, 0))
    sizes = {p.size.mean().round(6) for k in range(60) for p in prior(np.random.default_rng(k)).placements}
    assert sizes == {0.7, 1.4}


def test_an_object_depends_on_those_before():
    # Two kinds of scenes: a cube with a sphere behind it, or a cylinder alone.
    pair = Layout(CAMERA, (thing(PLACES[0]), thing(PLACES[2], "sphere")))
    alone = Layout(CAMERA, (thing(PLACES[1], "cylinder"),))
    prior = LearnedPrior(never, CLEVR, fit_scenegen([pair, alone] * 20, CLEVR, 160, 0))
    kinds = [tuple(sorted(p.label for p in prior(np.random.default_rng(k)).placements)) for k in range(60)]
    assert kinds.count(("cube", "sphere")) + kinds.count(("cylinder",)) >= 42
    assert 15 <= kinds.count(("cylinder",)) <= 45


def test_what_stands_on_others_comes_with_them():
    domain = table_domain()
    scene = Layout(CAMERA, tuple(laid_table()))
    prior = LearnedPrior(never, domain, fit_scenegen([scene] * 4, domain, 80, 0))
    layout = prior(np.random.default_rng(0))
    labels = [p.label for p in layout.placements]
    assert labels.count("sphere") == labels.count("cube") > 0
    assert all(p.position[2] == pytest.approx(0.99) for p in layout.placements if p.label == "sphere")


def test_where_nothing_was_found_scenes_come_from_the_prior():
    fallback = Layout(CAMERA, ())
    prior = LearnedPrior(lambda rng: fallback, CLEVR, fit_scenegen([Layout(CAMERA, ())], CLEVR, 5, 0))
    assert prior(np.random.default_rng(0)) is fallback
