"""The rule `inside`: what is in a bin, a drawer, a mug."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.scene import Camera, Placement, PredicateRule, derive_relations
from sim2sg_core.scene.predicates import RULES, rule_matrix, soft_rule_matrix

INSIDE, ON = PredicateRule("inside", "inside", 0.02), PredicateRule("on", "on", 0.02)
CAMERA = Camera.from_extrinsics(640, 480, np.array([[500.0, 0, 320], [0, 500, 240], [0, 0, 1]]), 2.0, 0.4)
BIN = (0.4, 0.3, 0.3)


def place(x, y, z=0.0, size=(0.06, 0.06, 0.1), yaw=0.0):
    return Placement("thing", np.array([x, y, z], float), yaw, np.array(size, float))


def facts(placements, rules=(INSIDE,), insides=(0.1, None), surfaces=((), (1.0,))):
    poses = [p.to_pose(CAMERA) for p in placements]
    found = derive_relations(poses, CAMERA, rules, surfaces, insides)
    return {(r.subject, r.predicate, r.object) for r in found}


@pytest.mark.parametrize(
    ("thing", "holds"),
    [
        (place(2.1, 0.05, 0.03), True),  # on the floor of it
        (place(2.1, 0.05, 0.2), True),  # on what else is in there
        (place(2.1, 0.05, 0.03, (0.02, 0.02, 0.6)), True),  # sticks out
        (place(2.1, 0.05, 0.3), False),  # hovers at the rim
        (place(2.1, 0.05, -0.02), False),  # beneath it
        (place(2.4, 0.05, 0.03), False),  # beside it
        (place(2.0, 0.0, 0.03, (0.5, 0.5, 0.2)), False),  # larger than it
    ],
)
def test_what_is_between_floor_and_rim_is_inside(thing, holds):
    container = place(2, 0, 0, BIN, yaw=0.3)
    assert facts([container, thing]) == ({(1, "inside", 0)} if holds else set())
    assert facts([container, thing], insides=(None, None)) == set()


def test_what_is_inside_is_neither_under_nor_next_to_nor_on():
    others = [PredicateRule(rule, rule, 0.05 if rule == "under" else 0.02) for rule in ("on", "under", "next_to")]
    container, apple = place(2, 0, 0, BIN), place(2.05, 0, 0.03)
    assert facts([container, apple], [INSIDE, *others]) == {(1, "inside", 0)}
    without = facts([container, apple], others, insides=(None, None), surfaces=((1.0,), (1.0,)))
    assert without == {(1, "under", 0), (0, "next_to", 1)}  # what it would be, were the bin a block


def test_a_shelf_in_a_hollow_is_stood_on():
    container, book = place(2, 0, 0, BIN), place(2, 0, 0.15)
    assert facts([container, book], [INSIDE, ON], surfaces=((0.5,), (1.0,))) == {(1, "on", 0)}


def test_a_spoon_in_a_mug_in_a_drawer_is_in_both():
    drawer, mug, spoon = place(2, 0, 0, BIN), place(2, 0, 0.03, (0.1, 0.1, 0.1)), place(2, 0, 0.04, (0.01, 0.02, 0.18))
    found = facts([drawer, mug, spoon], insides=(0.1, 0.1, None), surfaces=((), (), (1.0,)))
    assert found == {(1, "inside", 0), (2, "inside", 0), (2, "inside", 1)}


def crowd(seed, count=6):
    """Hollow things of all sizes with others in, on and beside them."""
    rng = np.random.default_rng(seed)
    placements = []
    for k in range(count):
        size = rng.uniform(0.1, 0.8, 3)
        spot = np.array([rng.uniform(1, 3), rng.uniform(-1, 1), 0.0])
        if k % 3:
            holder = placements[k - k % 3]
            spot = holder.position + [*rng.uniform(-0.3, 0.3, 2), rng.uniform(-0.1, 1.2) * holder.size[2]]
            size = size * 0.4
        placements.append(Placement("thing", spot, rng.uniform(-3, 3), size))
    insides = [[None, 0.0, 0.05, 0.3][i] for i in rng.integers(4, size=count)]
    surfaces = [[(), (1.0,), (0.5, 1.0)][i] for i in rng.integers(3, size=count)]
    return placements, insides, [s or ((1.0,) if i is None else ()) for s, i in zip(surfaces, insides)]


@given(st.integers(0, 10**6), st.floats(0.001, 0.5))
def test_of_two_objects_one_relation_of_place_holds_at_most(seed, margin):
    placements, insides, surfaces = crowd(seed)
    truth = {rule: rule_matrix(placements, PredicateRule(rule, rule, margin), surfaces, insides) for rule in RULES}
    inside = truth["inside"]
    assert not (inside & inside.T).any()
    for rule in ("on", "under", "next_to"):
        assert not (inside & truth[rule]).any() and not (inside & truth[rule].T & (rule != "on")).any()
    assert not inside[:, [share is None for share in insides]].any()


@given(st.integers(0, 10**6), st.floats(0.001, 0.5), st.sampled_from(RULES))
def test_without_hollows_the_other_rules_are_what_they_were(seed, margin, name):
    placements, _, surfaces = crowd(seed)
    surfaces = [s or (1.0,) for s in surfaces]
    rule = PredicateRule(name, name, margin)
    covariances = np.tile(np.eye(3) * 0.01, (6, 1, 1))
    none = [None] * 6
    np.testing.assert_array_equal(
        rule_matrix(placements, rule, surfaces), rule_matrix(placements, rule, surfaces, none)
    )
    plain, hollow = (soft_rule_matrix(placements, covariances, rule, surfaces, i) for i in (None, none))
    np.testing.assert_array_equal(plain, hollow)
    if name == "inside":
        assert not plain.any()


@pytest.mark.parametrize("name", ["inside", "under", "next_to", "on"])
def test_without_uncertainty_the_soft_rule_is_the_rule(name):
    rule, seen = PredicateRule(name, name, 0.03), set()
    for seed in range(80):
        placements, insides, surfaces = crowd(seed)
        truth = rule_matrix(placements, rule, surfaces, insides)
        truth = truth | truth.T if name == "next_to" else truth
        soft = soft_rule_matrix(placements, np.zeros((6, 3, 3)), rule, surfaces, insides)
        np.testing.assert_allclose(soft, truth, atol=1e-9)
        seen |= set(truth.ravel().tolist())
    assert seen == {False, True} or name == "under"


def test_a_soft_rule_is_how_often_the_rule_holds():
    rng = np.random.default_rng(5)
    placements, insides, surfaces = crowd(12)
    insides, surfaces = [0.05] * 6, [()] * 6
    stds, often = rng.uniform(0.02, 0.08, 6), np.zeros((6, 6))
    for _ in range(1500):
        moved = [
            Placement("thing", p.position + rng.normal(0, std, 3), p.yaw, p.size)
            for p, std in zip(placements, stds, strict=True)
        ]
        often += rule_matrix(moved, INSIDE, surfaces, insides)
    chance = soft_rule_matrix(placements, stds[:, None, None] ** 2 * np.eye(3), INSIDE, surfaces, insides)
    assert ((chance > 0.02) & (chance < 0.98)).any()
    np.testing.assert_allclose(chance, often / 1500, atol=0.05)
