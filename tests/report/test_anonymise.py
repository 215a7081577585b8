"""People and vehicles are blurred, and nothing else is."""

import numpy as np
import pytest

from sim2sg_core.report.anonymise import LEAST_SCORE, anonymise, private_classes
from sim2sg_core.scene import SceneGraph, SceneObject


def graph(*objects: tuple[str, tuple[float, float, float, float], float]) -> SceneGraph:
    items = tuple(SceneObject(label, score, np.array(box, float)) for label, box, score in objects)
    return SceneGraph(160, 120, items)


@pytest.fixture
def noise() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)


def detail(image: np.ndarray) -> float:
    """How much neighbouring pixels differ."""
    return float(np.abs(np.diff(image.astype(float), axis=1)).mean())


def test_classes_are_known_by_their_words():
    names = ["car", "delivery_van", "Persons", "license-plate", "cyclist", "plate", "cart", "building", "vanity"]
    assert private_classes(names) == ("car", "delivery_van", "Persons", "license-plate", "cyclist")


def test_boxes_are_blurred_generously_and_nothing_else_is(noise):
    before = noise.copy()
    found = anonymise(noise, [graph(("pedestrian", (60, 40, 100, 80), 0.9), ("tree", (5, 5, 30, 30), 0.9))])
    assert np.array_equal(noise, before)
    assert detail(found[32:88, 52:108]) < 0.05 * detail(noise)
    outside = np.ones((120, 160), bool)
    outside[32:88, 52:108] = False
    assert np.array_equal(found[outside], noise[outside])


def test_doubtful_ones_and_those_of_any_model_are_blurred(noise):
    graphs = [graph(), graph(("car", (60, 40, 100, 80), LEAST_SCORE))]
    assert detail(anonymise(noise, graphs)[40:80, 60:100]) < 0.05 * detail(noise)
    assert np.array_equal(anonymise(noise, [graph(("car", (60, 40, 100, 80), LEAST_SCORE / 2))]), noise)


def test_nothing_can_be_read_any_more(noise):
    """Two pictures that differ in fine detail alone look the same afterwards."""
    letters = np.full((120, 160, 3), 128, np.uint8)
    letters[40:80:2, 60:100] = 255
    letters[41:80:2, 60:100] = 1
    blank = np.full((120, 160, 3), 128, np.uint8)
    found = [anonymise(image, [graph(("car", (60, 40, 100, 80), 0.9))]) for image in (letters, blank)]
    assert np.abs(found[0].astype(int) - found[1]).max() <= 2


@pytest.mark.parametrize("box", [(-50, -50, 10, 10), (150, 110, 400, 300), (300, 300, 400, 400), (0, 0, 160, 120)])
def test_boxes_may_leave_the_image(noise, box):
    found = anonymise(noise, [graph(("car", box, 0.9))])
    assert found.shape == noise.shape and found.dtype == np.uint8
