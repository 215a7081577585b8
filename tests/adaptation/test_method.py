"""Named methods and their switches."""

import dataclasses

import pytest

from sim2sg_core.adaptation.method import DEFAULT, METHODS, Method, resolve_method
from sim2sg_core.errors import Sim2SGError


def test_every_part_is_off_unless_asked_for():
    plain = Method()
    assert not (plain.labels or plain.appearance or plain.refine or plain.choose or plain.looks_at_log)
    assert plain.rare == 0


def test_named_methods_are_valid_and_differ():
    for method in METHODS.values():
        method.validate()
    assert len(set(METHODS.values())) == len(METHODS) and DEFAULT in METHODS


def test_changes_win_over_the_name_and_none_leaves_a_switch_alone():
    base = METHODS["paper"]
    assert resolve_method("paper", feature=None) == base
    assert resolve_method("paper", feature=0.0) == dataclasses.replace(base, feature=0.0)


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [("papre", {}, "use one of"), ("ours", {"teacher": -1.0}, "teacher is -1"), ("ours", {"style": 1.5}, "style is 1")],
)
def test_mistakes_are_told(name, changes, reason):
    with pytest.raises(Sim2SGError, match=reason):
        resolve_method(name, **changes)
