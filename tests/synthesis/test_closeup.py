from itertools import combinations

import numpy as np
import pytest

from sim2sg_core.domains import load_domain
from sim2sg_core.packs.dining.room_layout import RoomLayout
from sim2sg_core.scene import Layout
from sim2sg_core.synthesis.layouts.closeup import CLEAR_M, FILLS, OFF_CENTRE, closeup
from sim2sg_core.synthesis.synthesizer import Synthesizer

DOMAIN = load_domain("dining")
SIZE = (320, 240)


def with_closeups(share):
    assert isinstance(DOMAIN.layout, RoomLayout)
    layout = DOMAIN.layout.model_copy(update={"closeup": share, "bare": 0.0})
    return DOMAIN.model_copy(update={"layout": layout})


@pytest.fixture(scope="module")
def far():
    made = Synthesizer(with_closeups(0.0))
    return [made.sample(seed, size=SIZE) for seed in range(30)]


def between(layout):
    """What a camera cannot change: sizes, heights, gaps, and headings against each other."""
    gaps = [np.linalg.norm(a.position - b.position) for a, b in combinations(layout.placements, 2)]
    turns = [np.cos(a.yaw - b.yaw) for a, b in combinations(layout.placements, 2)]
    bodies = [(*p.size, p.position[2]) for p in layout.placements]
    return np.concatenate([gaps, turns, np.ravel(bodies)])


def test_only_the_camera_moves(far):
    for seed, layout in enumerate(far):
        near = closeup(layout, np.random.default_rng(seed))
        np.testing.assert_allclose(between(near), between(layout), atol=1e-9)
        assert [(p.label, p.asset) for p in near.placements] == [(p.label, p.asset) for p in layout.placements]
        np.testing.assert_array_equal(near.camera.K, layout.camera.K)
        assert near is layout or not np.allclose(near.camera.ground, layout.camera.ground)


def test_one_of_the_objects_is_near_the_middle_and_of_the_size_that_was_drawn(far):
    moved = [(closeup(layout, np.random.default_rng(seed)), layout) for seed, layout in enumerate(far)]
    moved = [near for near, layout in moved if near is not layout]
    assert len(moved) > 20
    for near in moved:
        camera, hits = near.camera, []
        for p in near.placements:
            centre = p.position + [0, 0, p.size[2] / 2]
            seen = camera.to_camera(centre)
            off = np.abs(camera.project(seen[None])[0] / SIZE - 0.5) if seen[2] > 0 else np.full(2, np.inf)
            fills = p.size.max() * camera.K[1, 1] / np.linalg.norm(seen) / camera.height
            hits.append((off < OFF_CENTRE + 0.12).all() and FILLS[0] * 0.3 < fills < 8)  # distances have their ends too
        assert any(hits)


def test_the_camera_stands_in_free_air(far):
    for seed, layout in enumerate(far):
        near = closeup(layout, np.random.default_rng(seed))
        height = near.camera.T_world_camera[2, 3]
        assert height > CLEAR_M
        if near is layout:
            continue
        for p in near.placements:
            c, s = np.cos(p.yaw), np.sin(p.yaw)
            own = np.array([[c, s], [-s, c]]) @ -p.position[:2]
            inside = (np.abs(own) < p.size[:2] / 2).all() and p.position[2] < height < p.position[2] + p.size[2]
            assert not inside


def test_roll_is_kept(far):
    def roll(camera):
        return np.arctan2(-camera.ground[0], -camera.ground[1])

    for seed, layout in enumerate(far):
        near = closeup(layout, np.random.default_rng(seed))
        assert roll(near.camera) == pytest.approx(roll(layout.camera), abs=1e-9)


def test_an_empty_scene_stays_as_it_is(far):
    empty = Layout(far[0].camera, ())
    assert closeup(empty, np.random.default_rng(0)) is empty


def test_the_share_is_of_drawn_cameras_and_a_given_one_stays():
    made = Synthesizer(with_closeups(0.5))
    low, high = DOMAIN.camera.height_m
    heights = [made.sample(seed, size=SIZE).camera.ground[3] for seed in range(80)]
    outside = np.mean([not low <= height <= high for height in heights])
    assert 0.03 < outside < 0.4  # Closeups are often, not always, at other heights than the prior's.
    camera = made.sample(0, size=SIZE).camera
    assert all(made.sample(seed, camera).camera is camera for seed in range(6))
