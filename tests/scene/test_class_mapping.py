"""Which classes the words of others stand for."""

import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.scene.class_mapping import ClassMapping


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


def test_a_part_may_be_all_that_was_seen():
    mapping = ClassMapping.parse("person=pedestrian,car=car,person+bicycle=cyclist,person+horse=rider")
    assert mapping.wholes == {"pedestrian": {"cyclist", "rider"}}
