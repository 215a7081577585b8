"""Scores that account for missed objects too."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim2sg_core.adaptation.content.recall_correction import (
    COUNTED_SCORE,
    correct_recall,
    describe_correction,
    expected_counts,
    found_shares,
)
from sim2sg_core.scene import SceneGraph, SceneObject


def graph(**scores):
    things = [SceneObject(label, s, np.array([0.0, 0, 9, 9])) for label, each in scores.items() for s in each]
    return SceneGraph(99, 99, tuple(things))


def truth(**counts):
    return graph(**{label: [1.0] * n for label, n in counts.items()})


def test_shares_are_sums_over_counts():
    graphs, truths = [graph(cup=[0.9, 0.5], fork=[0.2])] * 100, [truth(cup=2, fork=1)] * 100
    shares = found_shares(graphs, truths, ["cup", "fork"])
    assert shares["cup"] == pytest.approx(0.7, abs=0.02)
    assert shares["fork"] == pytest.approx(0.2, abs=0.04)


def test_a_class_seldom_seen_takes_the_share_of_all():
    shares = found_shares([graph(cup=[0.8])] * 50, [truth(cup=1)] * 50, ["cup", "laptop"])
    assert shares["laptop"] == pytest.approx(0.8)
    assert found_shares([], [], ["cup"]) == {"cup": 1.0}
    assert found_shares([graph()] * 9, [truth(cup=9)] * 9, ["cup"])["cup"] > 0, "there is no dividing by nothing"


def test_what_nobody_teaches_is_not_missed():
    """A sliver of a cup is in the truth, as an ignored object; the network is not taught to find it."""
    slivers = [dataclasses.replace(item, ignored=True, box=item.box + 50) for item in truth(cup=3).objects]
    there = dataclasses.replace(truth(cup=1), objects=(*truth(cup=1).objects, *slivers))
    assert found_shares([graph(cup=[0.8])] * 200, [there] * 200, ["cup"])["cup"] == pytest.approx(0.8)
    seen = dataclasses.replace(graph(cup=[0.8]), objects=(*graph(cup=[0.8]).objects, slivers[0]))
    assert found_shares([seen] * 200, [there] * 200, ["cup"])["cup"] == pytest.approx(0.8), "nor found"


SCORES = st.lists(st.floats(COUNTED_SCORE, 0.99), min_size=1, max_size=40)


@settings(max_examples=60)
@given(SCORES, st.floats(0.3, 1.2))
def test_scores_are_raised_to_what_is_there_and_stay_in_order(scores, share):
    before = [graph(cup=scores), graph(fork=[0.4, 0.03])]
    after = correct_recall(before, {"cup": share})
    raised = after[0].scores()
    wanted = sum(scores) / share
    if wanted < 0.9 * len(scores):  # there are that many candidates
        assert raised.sum() == pytest.approx(wanted, rel=1e-3)
    assert ((raised >= 0) & (raised <= 1)).all()
    assert (np.argsort(raised, kind="stable") == np.argsort(scores, kind="stable")).all()
    gain = raised - np.array(scores)
    assert (gain >= -1e-6).all() if share < 1 else (gain <= 1e-6).all()
    assert after[1].scores().tolist() == [0.4, 0.03], "a class without a share stays"


def test_what_scores_too_little_is_left_alone():
    [after] = correct_recall([graph(cup=[0.5, 0.02])], {"cup": 0.6})
    assert after.scores()[1] == 0.02 < after.scores()[0]


def test_counts_of_a_detector_that_misses_are_corrected():
    """Whoever finds the same share there as here is told the true number there, whatever it is."""
    rng = np.random.default_rng(3)

    def seen(counts):
        graphs = []
        for n in counts:
            hit = rng.random(n) < 0.6
            graphs.append(graph(cup=np.where(hit, 0.8, 0.1).tolist()))
        return graphs

    here, there = rng.poisson(1.0, 400), rng.poisson(3.0, 400)
    shares = found_shares(seen(here), [truth(cup=n) for n in here], ["cup"])
    estimate = expected_counts(correct_recall(seen(there), shares))["cup"] / 400
    assert estimate == pytest.approx(3.0, rel=0.12)


def test_a_correction_is_told_per_class_and_frame():
    before = [graph(cup=[0.5]), graph(cup=[0.5], fork=[0.4])]
    after = [graph(cup=[0.7]), graph(cup=[0.8], fork=[0.4])]
    assert describe_correction(before, after) == "cup 0.50 -> 0.75, fork 0.20 -> 0.20"
    assert describe_correction([graph()], [graph()]) == "none"
