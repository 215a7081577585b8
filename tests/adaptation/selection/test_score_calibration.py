"""Temperature scaling and its outcomes."""

import dataclasses

import numpy as np
import pytest

from sim2sg_core.adaptation.selection.score_calibration import (
    expected_calibration_error,
    fit_class,
    fit_temperature,
    logit,
    object_outcomes,
    relation_outcomes,
    scaled,
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


@pytest.mark.parametrize("bias", [-1.5, 0.0, 2.0])
@pytest.mark.parametrize("temperature", [0.6, 2.0])
def test_the_bias_and_temperature_of_a_class_are_found(bias, temperature):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, 20000)
    correct = rng.random(20000) < 1 / (1 + np.exp(-logits))
    said = scaled(
        1 / (1 + np.exp(-logits)), 1 / temperature, -bias / temperature
    )  # undoes the calibration that is sought
    found = fit_class(said, correct, 1.0)
    assert found == (pytest.approx(temperature, rel=0.06), pytest.approx(bias, abs=0.1))
    assert expected_calibration_error(scaled(said, *found), correct) < 0.02


def test_a_class_with_few_outcomes_stays_near_all_and_one_without_is_theirs():
    assert fit_class(np.zeros(0), np.zeros(0, bool), 1.4) == (pytest.approx(1.4), pytest.approx(0.0))
    few = fit_class(np.array([0.9, 0.8]), np.array([False, False]), 1.4)
    assert few[0] == pytest.approx(1.4, rel=0.6) and 0 < few[1] < 4
    many = fit_class(np.repeat([0.9, 0.8], 400), np.zeros(800, bool), 1.4)
    assert scaled(np.array([0.9]), *many)[0] < 0.02 < scaled(np.array([0.9]), *few)[0]


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
    scores, correct, labels = object_outcomes([predicted], [truth])
    assert labels.tolist() == ["cube", "cube", "cube", "sphere"]
    assert scores.tolist() == [0.9, 0.8, 0.7, 0.6] and correct.tolist() == [True, True, False, False]
    scores, correct = relation_outcomes([predicted], [truth])
    assert scores.tolist() == [0.9, 0.2] and correct.tolist() == [True, False]
    _, correct = relation_outcomes([predicted], [truth], {"left_of"})
    assert correct.tolist() == [True, True], "a predicate that holds both ways is in the truth one way"
    hidden = dataclasses.replace(truth, objects=(dataclasses.replace(truth.objects[0], ignored=True), truth.objects[1]))
    scores, correct, _ = object_outcomes([predicted], [hidden])
    assert scores.tolist() == [0.9, 0.7, 0.6] and correct.tolist() == [True, False, False], (
        "what is ignored is not judged"
    )
