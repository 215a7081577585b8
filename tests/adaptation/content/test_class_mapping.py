"""Which classes a detector's stand for."""

import numpy as np
import pytest

from sim2sg_core.adaptation.content.class_mapping import ClassMapping
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime.detectors import Detections


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
    said = mapping.apply(seen)
    assert said.names.tolist() == ["pedestrian", "cyclist", "car", "pedestrian"]
    assert said.scores == pytest.approx([0.8, 0.6, 0.3, 0.2])
    np.testing.assert_allclose(said.boxes[1], [5, 0, 35, 70])
    assert mapping.classes == {"pedestrian", "cyclist", "car"}
    assert not len(mapping.apply(seen.select([4]))) and not len(mapping.apply(seen.select([])))


def test_the_surest_of_those_that_overlap_alike_rides_first():
    mapping = ClassMapping.parse("person+bicycle=cyclist")
    seen = found(("person", 0.9, [0, 0, 10, 30]), ("person", 0.5, [1, 0, 11, 30]), ("bicycle", 0.9, [0, 20, 10, 40]))
    assert mapping.apply(seen).scores == pytest.approx([0.9])


def test_a_row_of_bicycles_is_nobodys_and_a_small_one_far_off_neither():
    mapping = ClassMapping.parse("person=pedestrian,person+bicycle=cyclist")
    row, far = ("bicycle", 0.9, [0, 20, 300, 60]), ("bicycle", 0.9, [12, 40, 26, 50])
    person = ("person", 0.9, [10, 0, 30, 50])
    for bicycle in (row, far):
        assert mapping.apply(found(person, bicycle)).names.tolist() == ["pedestrian"]
    mine = ("bicycle", 0.3, [5, 25, 60, 65])
    said = mapping.apply(found(person, row, mine))
    assert said.names.tolist() == ["cyclist"] and said.scores == pytest.approx([0.27**0.5])


def test_a_part_may_be_all_that_was_seen():
    mapping = ClassMapping.parse("person=pedestrian,car=car,person+bicycle=cyclist,person+horse=rider")
    assert mapping.wholes == {"pedestrian": {"cyclist", "rider"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("person", "'person' is not NAME=CLASS"),
        ("a+b+c=d", r"'a\+b\+c=d' is not"),
        ("=car", "'=car' is not"),
        ("car=car,car=van", "'car' is given twice"),
        ("", "is empty"),
        ("car=lorry", "the domain has no class 'lorry'; it has car, van"),
        ("lorry=car", "the witness knows no 'lorry'; it knows car, bus"),
    ],
)
def test_mappings_that_cannot_be_meant(text, message):
    def check():
        mapping = ClassMapping.parse(text)
        mapping.check_classes(["car", "van"])
        mapping.check_names(["car", "bus"])

    with pytest.raises(Sim2SGError, match=message):
        check()


def test_equal_names_need_no_mapping():
    assert ClassMapping.of_same_names(["car", "bus"], ["van", "car"]).classes == {"car"}
    with pytest.raises(Sim2SGError, match=r"no class of the domain's \(cup\).*--witness-map.*it knows car, bus"):
        ClassMapping.of_same_names(["car", "bus"], ["cup"])
