"""Objects that a model expects in an image, and frames chosen by them."""

from __future__ import annotations

import json
import pickle

import cv2
import numpy as np
import pytest

from sim2sg_core.adaptation.adapt_config import AdaptConfig
from sim2sg_core.adaptation.expected_counts import classes_of, counter_of
from sim2sg_core.adaptation.log_frames import write_frames
from sim2sg_core.domains import load_domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime import Predictor
from tests.runtime.conftest import make_model, three_objects

__all__ = ["make_model", "three_objects"]


@pytest.fixture
def model(make_model, three_objects):
    return make_model(three_objects)


def test_counts_are_sums_of_scores(model):
    image = np.full((48, 64, 3), 90, np.uint8)
    counts = pickle.loads(pickle.dumps(counter_of(str(model), 1)))()(image)
    expected = dict.fromkeys(classes_of(str(model)), 0.0)
    for item in Predictor(model).predict(image).objects:
        expected[item.label] += item.score
    assert counts == pytest.approx(list(expected.values())) and counts.sum() > 1


def test_the_index_says_for_which_class_a_frame_was_chosen(model, tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    for i in range(5):
        cv2.imwrite(str(folder / f"{i}.png"), np.full((48, 64, 3), 40 * i, np.uint8))
    index = tmp_path / "frames" / "frames.json"
    write_frames(AdaptConfig(logs=(str(folder),), frames=2, rare=str(model)), load_domain("clevr"), index)
    entries = json.loads(index.read_text())["frames"]
    # The model finds the same in every image: chances of 0.4 each, halves are passed at 0.8 and 1.6.
    assert [(e["file"], e["why"].split(", ", 1)[1]) for e in entries] == [
        ("1.jpg", "one of 2 evenly chosen"),
        ("3.jpg", "one of 2 evenly chosen"),
    ]


def test_a_model_that_is_not_there_is_named_before_any_work():
    config = AdaptConfig(logs=("log",), rare="nothing.onnx")
    with pytest.raises(Sim2SGError, match=r"nothing.onnx: no such file"):
        config.resolved(load_domain("clevr"))
