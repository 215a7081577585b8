"""Depth fusion, extrinsics estimated from a log, layouts from graphs."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.lifting import ExtrinsicsPrior, estimate_extrinsics, fuse_depth, lift_graph
from sim2sg_core.lifting.extrinsics import extrinsics_of_ground, ground_of_extrinsics, with_extrinsics
from sim2sg_core.lifting.lift import footprint_overlap
from sim2sg_core.scene import Camera, Placement, SceneGraph, SceneObject

K = np.array([[720.0, 0, 620], [0, 720, 180], [0, 0, 1]])
MOUNT = np.array([1.65, 0.03, -0.01])
CAMERA = with_extrinsics(Camera(1242, 375, K), MOUNT)


def fit_size(label, size):
    return np.clip(size, [3.0, 1.4, 1.2], [5.5, 2.1, 2.0])


def scene(rng, count=6):
    placements = [
        Placement(
            "car",
            np.array([rng.uniform(8, 40), rng.uniform(-8, 8), 0.0]),
            rng.uniform(-3, 3),
            np.array([rng.uniform(3.5, 4.8), 1.8, rng.uniform(1.4, 1.7)]),
        )
        for _ in range(count)
    ]
    return placements


def graph_of(placements, rng=None, noise=0.0, camera=CAMERA):
    objects = []
    for p in placements:
        pose = p.to_pose(camera)
        factor = np.exp(rng.normal(0, noise)) if rng is not None else 1.0
        pose = dataclasses.replace(pose, position=pose.position * factor)
        objects.append(SceneObject("car", 0.9, np.zeros(4), pose))
    return SceneGraph(1242, 375, tuple(objects))


@given(st.floats(0.3, 8), st.floats(-0.6, 1.0), st.floats(-0.5, 0.5))
def test_extrinsics_and_ground_are_inverse(height, pitch, roll):
    extrinsics = np.array([height, pitch, roll])
    assert np.allclose(extrinsics_of_ground(ground_of_extrinsics(extrinsics)), extrinsics)


def test_fusion_takes_the_better_of_both():
    placements = scene(np.random.default_rng(0), 40)
    centres_3d = np.array([p.to_pose(CAMERA).position for p in placements])
    heights = np.array([p.size[2] for p in placements])
    rng = np.random.default_rng(1)
    noisy = centres_3d[:, 2] * np.exp(rng.normal(0, 0.15, 40))
    fused, std = fuse_depth(noisy, np.full(40, 0.15), CAMERA.project(centres_3d), heights, CAMERA)
    before = np.abs(np.log(noisy / centres_3d[:, 2])).mean()
    after = np.abs(np.log(fused / centres_3d[:, 2])).mean()
    assert after < 0.7 * before
    assert (std <= 0.15 + 1e-9).all(), "knowing more never adds doubt"


def test_an_object_off_the_ground_keeps_the_networks_depth():
    pose = Placement("car", np.array([20.0, 0, 3.0]), 0.0, np.array([4, 1.8, 1.5])).to_pose(CAMERA)
    pixel = CAMERA.project(pose.position)[None]
    fused, _ = fuse_depth(pose.position[2:], np.array([0.02]), pixel, np.array([1.5]), CAMERA)
    assert fused[0] == pytest.approx(pose.position[2])


def test_what_may_stand_on_others_is_not_fused():
    placements = scene(np.random.default_rng(0), 10)
    centres_3d = np.array([p.to_pose(CAMERA).position for p in placements])
    depths, stds = centres_3d[:, 2] * 1.05, np.full(10, 0.15)
    given = depths, stds, CAMERA.project(centres_3d), np.array([p.size[2] for p in placements]), CAMERA
    everything, every_std = fuse_depth(*given)
    grounded = np.arange(10) % 2 == 0
    fused, std = fuse_depth(*given, grounded)
    assert np.array_equal(fused[grounded], everything[grounded]) and (everything != depths).all()
    assert np.allclose(fused[~grounded], depths[~grounded]) and np.allclose(std[~grounded], 0.15)
    assert np.array_equal(std[grounded], every_std[grounded])


def test_without_ground_nothing_is_fused():
    fused, std = fuse_depth(np.array([5.0]), np.array([0.1]), np.array([[1.0, 2]]), np.array([1.0]), Camera(9, 9, K))
    assert fused == [5.0] and std == [0.1]


PRIOR = ExtrinsicsPrior(np.array([1.5, 0.0, 0.0]), np.array([0.3, 0.05, 0.03]))


def test_fixed_extrinsics_are_found_from_noisy_objects():
    rng = np.random.default_rng(2)
    all_extrinsics = estimate_extrinsics([graph_of(scene(rng), rng, 0.08) for _ in range(60)], PRIOR)
    assert all_extrinsics.shape == (60, 3)
    assert (np.abs(all_extrinsics.mean(axis=0) - MOUNT) < [0.06, 0.005, 0.004]).all()


def test_a_camera_aimed_by_hand_has_the_extrinsics_of_its_frames():
    rng = np.random.default_rng(3)
    prior = ExtrinsicsPrior(np.array([1.4, np.radians(26), 0.0]), np.array([0.27, np.radians(11), 0.02]))
    true, graphs = [], []
    for _ in range(80):
        height, distance = rng.uniform(1.1, 1.7), rng.uniform(0.9, 2.2)
        # The middle of the table lies in the middle of the picture, near or far: one estimate for all frames would be
        # far from any of them.
        true.append([height, np.arctan2(height - 0.37, distance), 0.0])
        table = Placement("table", np.array([distance, 0.0, 0.0]), 0.2, np.array([1.4, 0.8, 0.74]))
        chairs = [
            Placement("chair", np.array([distance + rng.uniform(0.3, 1.0), side, 0]), 0.0, np.array([0.45, 0.45, 0.9]))
            for side in (-0.5, 0.5)
        ]
        graphs.append(graph_of([table, *chairs], rng, 0.05, with_extrinsics(CAMERA, true[-1])))
    error = estimate_extrinsics(graphs, prior) - true
    assert (np.abs(error.mean(axis=0)) < [0.12, np.radians(4), np.radians(1)]).all()
    assert np.std(error[:, 1]) < 0.65 * np.std(np.array(true)[:, 1])


def test_no_objects_leave_the_prior():
    assert estimate_extrinsics([SceneGraph(10, 10)] * 2, PRIOR) == pytest.approx(np.tile(PRIOR.mean, (2, 1)))
    assert estimate_extrinsics([], PRIOR).shape == (0, 3)


def test_a_frame_without_objects_takes_what_the_log_says():
    rng = np.random.default_rng(2)
    graphs = [graph_of(scene(rng), rng, 0.02) for _ in range(20)]
    all_extrinsics = estimate_extrinsics([*graphs, SceneGraph(10, 10)], PRIOR)
    assert all_extrinsics[-1] == pytest.approx(all_extrinsics[:-1].mean(axis=0), abs=0.03)


def test_a_lifted_graph_is_the_scene_it_came_from():
    placements = list(scene(np.random.default_rng(3), 1))
    [again] = lift_graph(graph_of(placements), CAMERA, fit_size).placements
    assert np.allclose(again.position, placements[0].position) and np.allclose(again.size, placements[0].size)


def test_lifting_drops_overlaps_and_clips_sizes():
    a = Placement("car", np.array([15.0, 0, 0]), 0.0, np.array([4.0, 1.8, 1.5]))
    b = Placement("car", np.array([15.5, 0.2, 0]), 0.3, np.array([9.0, 1.8, 0.4]))
    c = Placement("car", np.array([15.0, 4.0, 0.7]), 0.3, np.array([9.0, 1.8, 0.4]))
    kept = lift_graph(graph_of([a, b, c]), CAMERA, fit_size).placements
    assert len(kept) == 2
    assert kept[1].size == pytest.approx([5.5, 1.8, 1.2]) and kept[1].position[2] == 0


def test_missing_poses_are_left_out():
    objects = (SceneObject("car", 0.9, np.zeros(4)),)
    assert lift_graph(SceneGraph(9, 9, objects), CAMERA, fit_size).placements == ()


def test_footprint_overlap_by_hand():
    a = Placement("car", np.zeros(3), 0.0, np.array([2.0, 2, 1]))
    b = Placement("car", np.array([1.0, 0, 0]), np.pi / 2, np.array([2.0, 2, 1]))
    assert footprint_overlap(a, b) == pytest.approx(0.5)
