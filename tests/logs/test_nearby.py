from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.logs.nearby import Nearby

MS = 1_000_000


def near(*stamps: int) -> Nearby[str]:
    found: Nearby[str] = Nearby(32)
    for stamp in stamps:
        found.put(stamp * MS, f"at {stamp}")
    return found


def test_an_equal_stamp_goes_first_whatever_the_period():
    assert near(100).find(100 * MS) == "at 100"
    assert near(100, 101, 102).find(101 * MS) == "at 101"


def test_else_the_nearest_within_half_a_period():
    stream = near(0, 33, 66, 99)
    assert stream.period == 33 * MS
    assert stream.find(40 * MS) == "at 33"
    assert stream.find(115 * MS) == "at 99"
    assert stream.find(116 * MS) is None


def test_of_equal_stamps_the_newest_goes_first():
    stream = near(100, 133)
    stream.put(133 * MS, "another")
    assert stream.find(133 * MS) == stream.find(140 * MS) == "another"


def test_as_many_are_kept_as_are_wanted():
    stream = near(0, 33, 66, 99)
    stream.keep(2)
    assert stream.find(0) is None and stream.find(66 * MS) == "at 66"


def test_of_one_the_period_is_not_known():
    assert near(100).find(101 * MS) is None
    assert near().find(0) is None


def test_it_is_settled_once_nothing_nearer_can_come():
    stream = near(0, 33)
    assert stream.settled(33 * MS) and stream.settled(20 * MS)
    assert stream.settled(49 * MS), "the next comes at 66"
    assert not stream.settled(50 * MS)
    stream.clear()
    assert not stream.settled(0) and stream.find(0) is None


@given(st.lists(st.integers(0, 500), min_size=1, max_size=60), st.integers(0, 500))
def test_none_that_is_kept_is_nearer(stamps, wanted):
    found = near(*stamps).find(wanted * MS)
    if found is not None:
        assert abs(int(found[3:]) - wanted) == min(abs(stamp - wanted) for stamp in stamps[-32:])
