"""Layouts, yaw conventions and relation rules."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.scene import Camera, Placement, PredicateRule, derive_relations
from sim2sg_core.scene.predicates import RULES as ALL_RULES
from sim2sg_core.scene.predicates import rule_matrix, soft_rule_matrix

LEFT, FRONT = PredicateRule("left_of", "left_of", 0.2), PredicateRule("in_front_of", "in_front_of", 0.2)
CAMERA = Camera.from_extrinsics(640, 480, np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), 5.0, 0.4, 0.1)


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


def test_on_is_at_any_surface():
    on = PredicateRule("on", "on", 0.02)
    chair, book = place(5, 0, 0, (0.45, 0.45, 0.9)), place(5.1, 0, 0.45, (0.2, 0.15, 0.03))
    poses = [p.to_pose(CAMERA) for p in (chair, book)]
    assert derive_relations(poses, CAMERA, [on]) == ()
    [found] = derive_relations(poses, CAMERA, [on], [(0.5, 1.0), (1.0,)])
    assert (found.subject, found.object) == (1, 0)
    assert derive_relations(poses, CAMERA, [on], [(0.3, 1.0), (1.0,)]) == ()


def test_of_two_thin_things_only_the_upper_is_on_the_other():
    on, under = PredicateRule("on", "on", 0.05), PredicateRule("under", "under", 0.05)
    plate, fork = place(5, 0, 0.75, (0.25, 0.25, 0.02)), place(5, 0, 0.77, (0.2, 0.02, 0.015))
    assert names([plate, fork], [on, under]) == {(1, "on", 0)}
    assert names([place(5, 0, 0, (1.6, 0.8, 0.75)), place(5, 0, 0, (0.2, 0.2, 0.02))], [on, under]) == {
        (1, "under", 0)
    }, "a book on the floor beneath a table does not carry it"


def test_a_chair_is_under_a_table_from_halfway():
    under = PredicateRule("under", "under", 0.03)
    table, chair = place(5, 0, 0, (1.6, 0.8, 0.75), yaw=np.pi / 2), (0.45, 0.45, 0.9)
    assert names([table, place(5, -0.75, 0, chair)], [under]) == {(1, "under", 0)}
    assert names([table, place(5, -0.85, 0, chair)], [under]) == set(), "its centre is in front of the table"
    assert names([table, place(5, -0.5, 0.75, (0.2, 0.2, 0.1))], [under]) == set(), "a cup on it"
    cafe = place(5, 0, 0, (0.6, 0.6, 0.75))
    assert names([cafe, place(5, -0.1, 0, chair)], [under]) == {(1, "under", 0)}, "never both ways round"


def test_next_to_is_at_one_height():
    rule = PredicateRule("next_to", "next_to", 0.0)
    table, cup = place(5, 0, 0, (1.6, 0.8, 0.75)), (0.08, 0.08, 0.1)
    assert names([table, place(5, 0, 0.75, cup)], [rule]) == set(), "it only touches"
    assert names([place(5, 0, 0.75, cup), place(5, 0.1, 0.75, cup)], [rule]) == {(0, "next_to", 1)}
    assert names([place(5, 0, 0.75, cup), place(5, 0.1, 0, cup)], [rule]) == set()
    assert names([table, place(5, 0.7, 0, (0.45, 0.45, 0.9))], [rule]) == {(0, "next_to", 1)}


def test_next_to_counts_once():
    rule = PredicateRule("next_to", "next_to", 0.0)
    assert names([place(5, 0), place(5, 1.3), place(5, 8)], [rule]) == {(0, "next_to", 1)}


def test_without_a_camera_the_view_is_level():
    camera = Camera.from_extrinsics(640, 480, np.eye(3), 1.6, 0.0)
    placements = [place(4, 1), place(8, -1)]
    poses = [p.to_pose(camera) for p in placements]
    assert {(r.subject, r.predicate, r.object) for r in derive_relations(poses, None, [LEFT, FRONT])} == names(
        placements, [LEFT, FRONT], camera
    )


def test_unknown_rule_is_named():
    with pytest.raises(Sim2SGError, match="left_of"):
        rule_matrix([place(1, 1)], PredicateRule("near", "near", 0.1))


def test_yaw_zero_points_along_camera_x():
    camera = Camera.from_extrinsics(640, 480, np.eye(3), 1.6, 0.0)
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


# ---- rules on uncertain positions ----

RULES = [PredicateRule(name, name, margin) for name, margin in zip(ALL_RULES, (0.2, 0.2, 0.05, 0.05, 0.0))]


def crowd(seed: int, count: int = 6) -> list[Placement]:
    """Tables and things of all sizes: some far apart, some on, under or close to a table."""
    rng = np.random.default_rng(seed)
    placements: list[Placement] = []
    for i in range(count):
        size, yaw = rng.uniform(0.2, 1.8, 3), rng.uniform(-3, 3)
        spot = np.array([rng.uniform(2, 8), rng.uniform(-3, 3), 0.0])
        if i % 3:  # relate it to the table before
            table = placements[i - i % 3]
            spot = table.position + [
                *rng.uniform(-0.5, 0.5, 2),
                table.size[2] * (i % 3 == 1) + rng.uniform(-0.07, 0.07),
            ]
        placements.append(Placement("thing", spot, yaw, size))
    return placements


def surfaces_of(seed: int, count: int) -> list[tuple[float, ...]]:
    """Tops, seats and shelves; some surfaces are so close that their margins meet."""
    rng = np.random.default_rng(seed)
    kinds: list[tuple[float, ...]] = [(1.0,), (0.5, 1.0), (0.2, 0.25, 0.9), (0.45,)]
    return [kinds[i] for i in rng.integers(len(kinds), size=count)]


@given(st.integers(0, 10**6), st.floats(0, 2))
def test_of_two_objects_one_at_most_is_on_or_under_the_other(seed, margin):
    placements, surfaces = crowd(seed), surfaces_of(seed, 6)
    on = rule_matrix(placements, PredicateRule("on", "on", margin), surfaces)
    under = rule_matrix(placements, PredicateRule("under", "under", margin), surfaces)
    assert not (on & on.T).any() and not (under & under.T).any() and not (under & on.T).any()


def thin(placements: list[Placement]) -> list[Placement]:
    """The same of a twentieth of the height, so that floor and surface are both within the margin."""
    return [Placement(p.label, p.position * [1, 1, 0.2], p.yaw, p.size * [1, 1, 0.05]) for p in placements]


def spreads(seed: int, count: int, scale: float) -> np.ndarray:
    root = np.random.default_rng(seed + 1).normal(0, scale, (count, 3, 3))
    return root @ root.transpose(0, 2, 1)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_without_uncertainty_the_soft_rule_is_the_rule(rule):
    seen = set()
    for seed in range(30):
        placements = crowd(seed)
        truth = rule_matrix(placements, rule)
        if rule.rule == "next_to":
            truth = truth | truth.T
        soft = soft_rule_matrix(placements, spreads(seed, len(placements), 1e-7), rule)
        np.testing.assert_allclose(soft, truth, atol=1e-9)
        np.testing.assert_allclose(soft_rule_matrix(placements, np.zeros((6, 3, 3)), rule), truth, atol=1e-9)
        seen |= set(truth.ravel().tolist())
    assert seen == {False, True}


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_without_uncertainty_the_soft_rule_knows_the_surfaces(rule):
    differs = False
    for seed in range(40):
        surfaces = surfaces_of(seed, 6)
        for placements in (crowd(seed), thin(crowd(seed))):
            placements[1] = Placement("thing", placements[0].position, 0.3, np.array([0.2, 0.2, 0.1]))
            share = surfaces[0][0] * placements[0].size[2]
            placements[1] = Placement("thing", placements[0].position + [0, 0, share], 0.3, placements[1].size)
            truth = rule_matrix(placements, rule, surfaces)
            differs |= bool((truth != rule_matrix(placements, rule)).any())
            truth = truth | truth.T if rule.rule == "next_to" else truth
            soft = soft_rule_matrix(placements, np.zeros((6, 3, 3)), rule, surfaces)
            np.testing.assert_allclose(soft, truth, atol=1e-9)
    assert differs == (rule.rule in ("on", "under"))


@given(seed=st.integers(0, 10**6), scale=st.floats(0, 5), margin=st.floats(0, 2))
def test_soft_rules_are_probabilities_and_directions_exclude_each_other(seed, scale, margin):
    placements = crowd(seed)
    covariances = spreads(seed, len(placements), scale)
    for name in ALL_RULES:
        chance = soft_rule_matrix(placements, covariances, PredicateRule(name, name, margin))
        assert ((chance >= 0) & (chance <= 1)).all()
        assert not chance.diagonal().any()
        if name in ("left_of", "in_front_of"):
            assert (chance + chance.T <= 1 + 1e-12).all()
        if name == "next_to":
            np.testing.assert_allclose(chance, chance.T, atol=1e-12)


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.name)
def test_a_soft_rule_is_how_often_the_rule_holds(rule):
    """Against 1,500 draws of the positions. The distance of next_to is linearised, which these spreads allow."""
    rng = np.random.default_rng(3)
    placements = crowd(4)
    stds = rng.uniform(0.02, 0.15, len(placements))
    often = np.zeros((6, 6))
    for _ in range(1500):
        moved = [
            Placement("thing", p.position + rng.normal(0, std, 3), p.yaw, p.size)
            for p, std in zip(placements, stds, strict=True)
        ]
        truth = rule_matrix(moved, rule)
        often += truth | truth.T if rule.rule == "next_to" else truth
    chance = soft_rule_matrix(placements, stds[:, None, None] ** 2 * np.eye(3), rule)
    assert ((chance > 0.02) & (chance < 0.98)).any(), "something is uncertain"
    np.testing.assert_allclose(chance, often / 1500, atol=0.05)


def test_the_soft_rule_of_two_objects_by_hand():
    """0.5 m apart along the axis, margin 0.2, deviations 0.18 and 0.24: 0.3 / 0.3 = one deviation."""
    covariances = np.array([np.diag([9.0, 0.18**2, 9.0]), np.diag([9.0, 0.24**2, 9.0])])
    chance = soft_rule_matrix([place(5, 0.5), place(6, 0.0)], covariances, LEFT)
    assert chance[0, 1] == pytest.approx(0.841345, abs=1e-6)
    assert chance[1, 0] == pytest.approx(0.009815, abs=1e-6), "0.7 / 0.3 deviations the other way"


def test_unknown_soft_rule_is_named():
    with pytest.raises(Sim2SGError, match="left_of"):
        soft_rule_matrix([place(1, 1)], np.zeros((1, 3, 3)), PredicateRule("near", "near", 0.1))
