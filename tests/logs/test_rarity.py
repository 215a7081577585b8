"""A budget of frames spread by what is rare, against cases worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from sim2sg_core.logs.rarity import spread


def counts(*rows):
    return [np.array(row, np.float32) for row in rows]


def test_where_nothing_is_rare_frames_are_even():
    # Chances of 0.2 each: halves are passed at 0.6 and 1.6.
    why = spread(counts(*[[1.0]] * 10), 2, ["car"])
    assert why == {2: "one of 2 evenly chosen", 7: "one of 2 evenly chosen"}


def test_the_one_frame_of_a_rare_class_is_taken_and_it_is_said_why():
    # Eight cars, one a frame, and one cyclist in frame 5. Weights: 1/8 + (1/8) / 2 = 3/16, and with the cyclist
    # 3/16 + 1/2 = 11/16, of 2 in all. Of 4 frames 5 has 1.375: it is taken, and the others share 3, 3/7 each. Sums:
    # 0.43 0.86 1.29 1.71 2.14 3.14 3.57 4.00, so that halves are passed at frames 1, 3, 5 and 6.
    why = spread(counts(*[[1, int(k == 5)] for k in range(8)]), 4, ["car", "cyclist"])
    assert list(why) == [1, 3, 5, 6]
    assert why[5] == "one of 4, for cyclist: 1 of the 1 that are expected in all logs"
    assert {why[k] for k in (1, 3, 6)} == {"one of 4 evenly chosen"}


def test_a_class_that_is_there_for_a_while_is_not_all_that_is_taken():
    # One object in each of frames 10 to 19 of 100, none elsewhere. Of 8 frames, chances of 0.04, and of 0.44 there.
    why = spread(counts(*[[int(10 <= k < 20)] for k in range(100)]), 8, ["van"])
    assert list(why) == [10, 12, 14, 17, 19, 37, 62, 87]
    assert why[12] == "one of 8, for van: 1 of the 10 that are expected in all logs"
    assert why[87] == "one of 8 evenly chosen"


def test_noise_is_no_class():
    # 0.4 objects expected in all: as if the model knew no such class.
    low = counts(*[[1.0, 0.4 * (k == 9)] for k in range(10)])
    assert spread(low, 2, ["car", "tram"]) == spread(counts(*[[1.0]] * 10), 2, ["car"])


def test_frames_that_could_not_be_looked_at_have_their_even_part():
    assert list(spread([None] * 10, 2, ["car"])) == [2, 7]


@pytest.mark.parametrize("budget", [1, 3, 17, 40])
def test_as_many_as_asked_for_are_taken(budget):
    rng = np.random.default_rng(budget)
    found = [np.asarray(row, np.float32) for row in rng.gamma(0.05, 4.0, (40, 5))]
    assert len(spread(found, budget, list("abcde"))) == budget


def test_no_more_than_there_are():
    assert list(spread(counts([1], [2]), 5, ["car"])) == [0, 1]
    assert spread([], 5, ["car"]) == {}
