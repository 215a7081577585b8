"""Where objects may be pasted."""

import numpy as np
import pytest

from sim2sg_core.adaptation.mixing.free_ground import free_ground
from sim2sg_core.adaptation.mixing.pasting import DISTRACTOR, FreeSpace, draw_distractors, draw_objects
from sim2sg_core.domains import load_domain
from sim2sg_core.scene import Camera, Placement
from sim2sg_core.synthesis.appearance import sample_appearance
from tests.adaptation.mixing.frames import inferred


def cube(x, y, size=1.0):
    return Placement("cube", np.array([x, y, 0.0]), 0.0, np.full(3, size))


@pytest.fixture
def everywhere(camera):
    return np.ones((camera.height, camera.width), bool)


def test_nothing_is_pasted_behind_or_inside_what_is_there(camera, everywhere):
    def accepts(*placement):
        return FreeSpace(inferred(camera, (0.5,), ((9.0, 0.0),)), everywhere).accept(cube(*placement))

    assert accepts(7.0, 0.0), "before it"
    assert not accepts(10.5, 0.0), "behind it"
    assert not accepts(9.0, 0.6), "inside it"
    assert accepts(10.5, 2.5), "farther off, beside it"


def test_nothing_may_overlap_what_stands_nobody_knows_where(camera, everywhere):
    graph = inferred(camera, (0.5,), ((9.0, 0.0),))
    graph.objects[0].__dict__["pose"] = None
    assert not FreeSpace(graph, everywhere).accept(cube(7.0, 0.0))
    assert FreeSpace(graph, everywhere).accept(cube(7.0, 2.5))


def test_what_is_pasted_takes_its_place_and_is_seen(camera, everywhere):
    space = FreeSpace(inferred(camera), everywhere)
    assert space.accept(cube(8.0, 0.0)) and not space.accept(cube(8.2, 0.5))
    assert not space.accept(cube(8.0, 60.0)), "outside the image"
    assert not FreeSpace(inferred(camera), ~everywhere).accept(cube(8.0, 0.0)), "off the ground"


def test_what_stands_on_an_object_needs_room_in_the_image_too(camera, everywhere):
    graph = inferred(camera, (0.5,), ((9.0, 0.0),))
    beside = cube(10.0, 2.5)
    wide = Placement("cube", np.array([10.0, 0.8, 0.1]), 0.0, np.array([0.4, 3.0, 1.0]))  # reaches behind what is there
    assert FreeSpace(graph, everywhere).accept(beside)
    assert not FreeSpace(graph, everywhere).accept(beside, [wide])


def test_tables_are_pasted_with_what_stands_on_them():
    domain = load_domain("dining")
    K = np.array([[300.0, 0, 160], [0, 300, 120], [0, 0, 1]])
    camera = Camera.from_extrinsics(320, 240, K, 1.6, -25.0, 0.0)
    pasted = []
    for seed in range(6):
        space = FreeSpace(inferred(camera), np.ones((240, 320), bool))
        pasted += draw_objects(domain, space, np.random.default_rng(seed))[0]
    labels = {p.label for p in pasted if p.position[2] > 0.3}
    assert len(labels) > 3 and "table" not in labels


def test_free_ground_looks_like_the_ground_ahead():
    K = np.array([[200.0, 0, 120], [0, 200, 80], [0, 0, 1]])
    level = Camera.from_extrinsics(240, 160, K, 1.6, 0.0, 0.0)
    image = np.random.default_rng(0).normal(110, 4, (160, 240, 3)).clip(0, 255).astype(np.uint8)
    image[:, :60] = (60, 140, 40)
    found = free_ground(image, inferred(level))
    assert found[130:, 80:].mean() > 0.95
    assert not found[:, :50].any() and not found[:75].any()


def test_street_distractors_stand_by_themselves_and_are_of_no_class():
    domain = load_domain("drive")
    rng = np.random.default_rng(1)
    camera = Camera.from_extrinsics(310, 94, np.array([[180.0, 0, 152], [0, 180, 43], [0, 0, 1]]), 1.65, 0.0, 0.0)
    space = FreeSpace(inferred(camera), np.ones((94, 310), bool))
    placements, prior = draw_objects(domain, space, rng)
    assert 0 < len(placements) <= 8 and {p.label for p in placements} <= set(domain.relation_classes)
    things = draw_distractors(domain, prior, sample_appearance(domain, rng), space, rng)
    assert 0 < len(things) <= 5
    for thing in things:
        assert thing.label == DISTRACTOR and max(thing.size[:2]) < 3 < 3 + thing.size[2]
        assert not thing.asset.name.startswith(tuple(f"{name}_" for name in domain.class_names))
