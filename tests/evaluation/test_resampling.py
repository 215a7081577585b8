"""Paired differences over groups of images."""

import numpy as np
import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.evaluation.detection import ClassMatches
from sim2sg_core.evaluation.kitti_format import KITTI_PROTOCOL
from sim2sg_core.evaluation.resampling import paired_differences
from sim2sg_core.evaluation.scoring import ImageScore


def image(hit, truths=1):
    """One image, in which every class and level has one box of score .9, a hit or not."""
    matches = {
        (name, level): ClassMatches(np.array([0.9]), np.array([hit]), truths)
        for name in KITTI_PROTOCOL.classes
        for level in KITTI_PROTOCOL.levels
    }
    nothing = {name: np.zeros(0) for name in KITTI_PROTOCOL.classes}
    return ImageScore(matches, nothing, {"sgdet": None, "sgdet_constrained": None})


GOOD, BAD = image(True), image(False)
METRICS = ("mAP50", "AP50_car_easy", "sgdet_R50")


def compare(first, second, groups, draws=200, seed=0):
    rng = np.random.default_rng(seed)
    return paired_differences(first, second, groups, KITTI_PROTOCOL, METRICS, rng, draws)


def test_a_model_that_is_better_everywhere_is_better_for_certain():
    found = compare([[GOOD] * 6], [[BAD] * 6], list("aabbcc"))
    assert set(found) == {"mAP50", "AP50_car_easy"}, "without facts there is no recall to compare"
    assert (found["mAP50"].value, found["mAP50"].low, found["mAP50"].high) == (1.0, 1.0, 1.0)
    same = compare([[GOOD, BAD]], [[GOOD, BAD]], list("ab"))["mAP50"]
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)


def test_what_one_group_alone_shows_is_doubtful_however_many_images_it_has():
    ours, theirs = [GOOD] * 40 + [BAD] * 4, [BAD] * 44
    few = compare([ours], [theirs], ["a"] * 40 + ["b", "c", "d", "e"])["mAP50"]
    many = compare([ours], [theirs], list(range(44)))["mAP50"]
    assert few.value == many.value > 0.8
    assert few.low == 0.0 and many.low > 0.5


def test_seeds_are_averaged_and_the_draws_are_those_of_the_rng():
    both = compare([[GOOD] * 4, [BAD] * 4], [[BAD] * 4, [BAD] * 4], list("aabb"))["mAP50"]
    assert both.value == pytest.approx(0.5)
    args = ([[GOOD, BAD, BAD]], [[BAD, BAD, GOOD]], list("abc"))
    assert compare(*args) == compare(*args)


def test_draws_without_an_object_say_nothing():
    found = compare([[GOOD, image(False, 0)]], [[BAD, image(False, 0)]], list("ab"))["mAP50"]
    assert found.low > 0


def test_sides_must_match():
    with pytest.raises(Sim2SGError, match="as many runs"):
        compare([[GOOD]], [[GOOD], [BAD]], ["a"])
    with pytest.raises(Sim2SGError, match="same images"):
        compare([[GOOD]], [[GOOD, BAD]], ["a"])
