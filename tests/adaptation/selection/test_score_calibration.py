"""Temperature scaling and its outcomes."""

import numpy as np
import pytest

from sim2sg_core.adaptation.selection.score_calibration import (
    expected_calibration_error,
    fit_temperature,
    logit,
    object_outcomes,
    relation_outcomes,
)
from sim2sg_core.scene import Relation, SceneGraph, SceneObject


@pytest.mark.parametrize("true_temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_made_the_scores_is_found(true_temperature):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20000)
    correct = rng.random(20000) < 1 / (1 + np.exp(-logits))
    scores = 1 / (1 + np.exp(-logits * true_temperature))
    found = fit_temperature(scores, correct)
    assert found == pytest.approx(true_temperature, rel=0.05)
    calibrated = 1 / (1 + np.exp(-logit(scores) / found))
    assert expected_calibration_error(calibrated, correct) < 0.02
    if true_temperature != 1:
        assert expected_calibration_error(scores, correct) > 0.05


def test_too_little_evidence_changes_nothing():
    assert fit_temperature(np.array([0.9, 0.1]), np.array([True, False])) == 1.0


def thing(label, box, score=0.9):
    return SceneObject(label, score, np.array(box, float))


def test_outcomes_count_each_truth_once_and_relations_by_matched_pairs():
    truth = SceneGraph(
        99,
        99,
        (thing("cube", [0, 0, 10, 10], 1), thing("cube", [50, 0, 60, 10], 1)),
        (Relation(0, "left_of", 1),),
    )
    predicted = SceneGraph(
        99,
        99,
        (
            thing("cube", [50, 0, 60, 10], 0.9),
            thing("cube", [0, 0, 10, 11], 0.8),
            thing("cube", [0, 1, 10, 10], 0.7),
            thing("sphere", [0, 0, 10, 10], 0.6),
        ),
        (Relation(1, "left_of", 0, 0.9), Relation(0, "left_of", 1, 0.2), Relation(2, "left_of", 0, 0.5)),
    )
    scores, correct = object_outcomes([predicted], [truth])
    assert scores.tolist() == [0.9, 0.8, 0.7, 0.6] and correct.tolist() == [True, True, False, False]
    scores, correct = relation_outcomes([predicted], [truth])
    assert scores.tolist() == [0.9, 0.2] and correct.tolist() == [True, False]
