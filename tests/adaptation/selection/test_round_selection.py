"""Which round is chosen, and when the rounds end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim2sg_core.adaptation.selection.round_selection import choose_round
from sim2sg_core.errors import Sim2SGError


@pytest.mark.parametrize(
    ("history", "patience", "best", "stop"),
    [
        ([0.5], 1, 0, False),
        ([0.5, 0.6], 1, 1, False),
        ([0.5, 0.6, 0.603], 1, 2, True),  # a tie: no news, and the later one
        ([0.5, 0.6, 0.597], 1, 2, True),
        ([0.5, 0.6, 0.55], 1, 1, True),
        ([0.5, 0.6, 0.55], 2, 1, False),
        ([0.5, 0.6, 0.55, 0.58], 2, 1, True),
        ([0.5, 0.6, 0.55, 0.7], 2, 3, False),
    ],
)
def test_rounds_by_hand(history, patience, best, stop):
    assert choose_round(history, patience) == (best, stop)


histories = st.lists(st.floats(0, 1), min_size=1, max_size=8)


@given(histories, st.integers(1, 4), st.floats(0, 0.2))
def test_the_choice_is_within_the_tolerance_and_the_latest_such(history, patience, tolerance):
    best, stop = choose_round(history, patience, tolerance)
    assert history[best] >= max(history) - tolerance
    assert all(value < max(history) - tolerance for value in history[best + 1 :])
    if len(history) <= patience:
        assert not stop
    if stop:
        assert all(choose_round(history[:-patience] + [v], 1, tolerance)[1] for v in history[-patience:])


@given(histories, st.integers(1, 4), st.floats(0, 0.2))
def test_a_clear_gain_goes_on_and_more_patience_never_stops_sooner(history, patience, tolerance):
    assert choose_round([*history, max(history) + tolerance + 0.01], patience, tolerance) == (len(history), False)
    if choose_round(history, patience + 1, tolerance)[1] and len(history) > patience + 1:
        assert max(history[-patience:]) <= max(history[: -patience - 1]) + tolerance


@pytest.mark.parametrize("wrong", [([], 1, 0.1), ([float("nan")], 1, 0.1), ([0.1], 0, 0.1), ([0.1], 1, -0.1)])
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(Sim2SGError):
        choose_round(*wrong)
