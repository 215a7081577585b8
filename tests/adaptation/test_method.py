"""Named methods and their switches."""

import dataclasses

import pytest

from sim2sg_core.adaptation.method import DEFAULT, METHODS, TEACHER_UPDATES, Method, resolve_method
from sim2sg_core.domains import TrainingSpec
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.learning import train_config


def test_every_part_is_off_unless_asked_for():
    plain = Method().resolved(TrainingSpec())
    assert not (plain.labels or plain.appearance or plain.refine or plain.select or plain.reads_log)
    assert not (
        plain.repeat_factor or plain.class_swap or plain.recall_correction or plain.tiled_inference or plain.mixing
    )


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
    [
        ("papre", {}, "use one of"),
        ("ours", {"feature": -1.0}, "--feature-alignment is -1"),
        ("ours", {"teacher": -1.0}, "--teacher is -1"),
        ("ours", {"style_transfer": 1.5}, "--style-transfer is 1"),
        ("ours", {"replay": 1.5}, "--replay is 1"),
        ("ours", {"mixing": -0.1}, "--mixing is -0.1: give a share"),
        ("ours", {"mixing": 1.0}, "--mixing 1 and --replay 0 leave no image"),
        ("ours", {"mixing": 0.7, "replay": 0.5}, "--mixing 0.7 and --replay 0.5"),
        ("ours", {"criterion": "luck"}, "--criterion luck is not known: use one of self_consistency, das, bos"),
        ("paper", {"criterion": "das"}, "--criterion das needs --method ours"),
        ("ours", {"layout_prior": "hoped"}, "--layout-prior hoped is not known: use one of domain, moved"),
    ],
)
def test_mistakes_are_told(name, changes, reason):
    with pytest.raises(Sim2SGError, match=reason):
        resolve_method(name, **changes)


def test_what_is_left_open_and_nothing_else_comes_from_the_domain():
    training = TrainingSpec(prior_share=0.1, class_swap=0.2, teacher_start_round=1, recall_correction=True)
    ours = METHODS["ours"].resolved(training)
    assert (ours.prior_share, ours.class_swap, ours.teacher_start_round) == (0.1, 0.2, 1) and ours.recall_correction
    paper = METHODS["paper"].resolved(training)
    assert dataclasses.asdict(paper) == dataclasses.asdict(METHODS["paper"])
    assert resolve_method("ours", teacher_start_round=0).resolved(training).teacher_start_round == 0
    remembers = TrainingSpec(replay=0.3, average=True)
    assert METHODS["ours"].resolved(remembers).replay == 0.3 and METHODS["ours"].resolved(remembers).average
    assert not resolve_method("ours", average=False).resolved(remembers).average
    assert METHODS["fair_source"].resolved(remembers).replay == 0 and not METHODS["paper"].resolved(remembers).average


@pytest.mark.parametrize(
    ("switches", "learns", "reads"),
    [({}, False, False), ({"style_transfer": 0.5}, False, True), ({"feature": 0.1}, True, True)],
)
def test_training_reads_the_log_only_where_a_part_asks_for_it(switches, learns, reads):
    method = Method(**switches).resolved(TrainingSpec())
    assert (method.learns_from_log, method.reads_log) == (learns, reads)


def test_the_teachers_are_those_of_training():
    assert TEACHER_UPDATES == train_config.TEACHER_UPDATES
    assert METHODS["self_training"].teacher_update == "frozen" and METHODS["ours"].teacher_update == "average"


def test_later_switches_leave_no_trace_at_their_defaults():
    ours = METHODS["ours"].resolved(TrainingSpec())
    assert "criterion" not in ours.to_json() and ours.to_json().items() <= dataclasses.asdict(ours).items()
    assert dataclasses.replace(ours, criterion="das").to_json()["criterion"] == "das"
