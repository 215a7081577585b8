"""What detectors find, by the names of a domain."""

import numpy as np
import pytest

from sim2sg_core.runtime.detectors import Detections
from sim2sg_core.runtime.detectors.mapped_detections import mapped
from sim2sg_core.scene.class_mapping import ClassMapping


def found(*items):
    boxes = np.array([box for _, _, box in items], float).reshape(-1, 4)
    scores = np.array([score for _, score, _ in items], float)
    return Detections(boxes, scores, np.array([name for name, _, _ in items], dtype=object))


def test_a_rider_takes_person_and_bicycle_once():
    mapping = ClassMapping.parse("person=pedestrian, person+bicycle=cyclist, car=car")
    seen = found(
        ("person", 0.9, [10, 0, 30, 50]),
        ("person", 0.8, [200, 0, 220, 50]),
        ("bicycle", 0.4, [5, 30, 35, 70]),
        ("car", 0.3, [300, 0, 400, 50]),
        ("dog", 0.9, [0, 0, 9, 9]),
        ("person", 0.2, [14, 0, 34, 50]),
    )
    said = mapped(seen, mapping)
    assert said.names.tolist() == ["pedestrian", "cyclist", "car", "pedestrian"]
    assert said.scores == pytest.approx([0.8, 0.6, 0.3, 0.2])
    np.testing.assert_allclose(said.boxes[1], [5, 0, 35, 70])
    assert mapping.classes == {"pedestrian", "cyclist", "car"}
    assert not len(mapped(seen.select([4]), mapping)) and not len(mapped(seen.select([]), mapping))


def test_the_surest_of_those_that_overlap_alike_rides_first():
    mapping = ClassMapping.parse("person+bicycle=cyclist")
    seen = found(("person", 0.9, [0, 0, 10, 30]), ("person", 0.5, [1, 0, 11, 30]), ("bicycle", 0.9, [0, 20, 10, 40]))
    assert mapped(seen, mapping).scores == pytest.approx([0.9])


def test_a_row_of_bicycles_is_nobodys_and_a_small_one_far_off_neither():
    mapping = ClassMapping.parse("person=pedestrian,person+bicycle=cyclist")
    row, far = ("bicycle", 0.9, [0, 20, 300, 60]), ("bicycle", 0.9, [12, 40, 26, 50])
    person = ("person", 0.9, [10, 0, 30, 50])
    for bicycle in (row, far):
        assert mapped(found(person, bicycle), mapping).names.tolist() == ["pedestrian"]
    mine = ("bicycle", 0.3, [5, 25, 60, 65])
    said = mapped(found(person, row, mine), mapping)
    assert said.names.tolist() == ["cyclist"] and said.scores == pytest.approx([0.27**0.5])
