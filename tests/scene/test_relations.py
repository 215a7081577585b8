"""Layouts, yaw conventions and relation rules."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.scene import Camera, Placement, PredicateRule, derive_relations
from sim2sg_core.scene.relations import rule_matrix

LEFT, FRONT = PredicateRule("left_of", "left_of", 0.2), PredicateRule("in_front_of", "in_front_of", 0.2)
CAMERA = Camera.from_mount(640, 480, np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), 5.0, 0.4, 0.1)


def place(x, y, z=0.0, size=(1, 1, 1), yaw=0.0):
    return Placement("thing", np.array([x, y, z], float), yaw, np.array(size, float))


def names(placements, rules, camera=CAMERA):
    poses = [p.to_pose(camera) for p in placements]
    return {(r.subject, r.predicate, r.object) for r in derive_relations(poses, camera, rules)}


def test_left_and_front_are_the_viewers():
    near_left, far_right = place(4, 1), place(8, -1)
    assert names([near_left, far_right], [LEFT, FRONT]) == {(0, "left_of", 1), (0, "in_front_of", 1)}


def test_ambiguous_pairs_carry_no_label():
    assert names([place(4, 0.1), place(4.1, 0)], [LEFT, FRONT]) == set()


@given(st.lists(st.tuples(st.floats(1, 20), st.floats(-9, 9)), min_size=2, max_size=6))
def test_directional_rules_are_antisymmetric_and_transitive(points):
    for rule in (LEFT, FRONT):
        truth = rule_matrix([place(*p) for p in points], rule)
        assert not (truth & truth.T).any()
        chained = truth.astype(int) @ truth.astype(int) > 0
        assert not (chained & ~truth).any()


def test_on_needs_contact_and_support():
    on = PredicateRule("on", "on", 0.02)
    table = place(5, 0, 0, (1.6, 0.8, 0.75), yaw=0.5)
    assert names([table, place(5.2, 0.1, 0.75, (0.2, 0.2, 0.1))], [on]) == {(1, "on", 0)}
    assert names([table, place(5.2, 0.1, 0.80, (0.2, 0.2, 0.1))], [on]) == set(), "hovers"
    assert names([table, place(6.5, 0.1, 0.75, (0.2, 0.2, 0.1))], [on]) == set(), "beside it"


def test_next_to_counts_once():
    rule = PredicateRule("next_to", "next_to", 0.0)
    assert names([place(5, 0), place(5, 1.3), place(5, 8)], [rule]) == {(0, "next_to", 1)}


def test_without_a_camera_the_view_is_level():
    camera = Camera.from_mount(640, 480, np.eye(3), 1.6, 0.0)
    placements = [place(4, 1), place(8, -1)]
    poses = [p.to_pose(camera) for p in placements]
    assert {(r.subject, r.predicate, r.object) for r in derive_relations(poses, None, [LEFT, FRONT])} == names(
        placements, [LEFT, FRONT], camera
    )


def test_unknown_rule_is_named():
    with pytest.raises(Sim2SGError, match="left_of"):
        rule_matrix([place(1, 1)], PredicateRule("near", "near", 0.1))


def test_yaw_zero_points_along_camera_x():
    camera = Camera.from_mount(640, 480, np.eye(3), 1.6, 0.0)
    to_the_right = place(10, 0, size=(4, 2, 1.5), yaw=-np.pi / 2)
    assert to_the_right.to_pose(camera).yaw == pytest.approx(0.0)
    ahead = place(10, 0, size=(4, 2, 1.5), yaw=0.0)
    assert ahead.to_pose(camera).yaw == pytest.approx(-np.pi / 2), "KITTI: driving away is -pi/2"


@given(st.floats(-3, 3), st.floats(2, 30), st.floats(-8, 8))
def test_placement_and_pose_are_inverse(yaw, x, y):
    p = place(x, y, 0.3, (4, 2, 1.5), yaw)
    q = Placement.from_pose("thing", p.to_pose(CAMERA), CAMERA)
    assert np.allclose(p.position, q.position) and np.allclose(p.size, q.size)
    assert np.isclose(np.cos(p.yaw - q.yaw), 1)
