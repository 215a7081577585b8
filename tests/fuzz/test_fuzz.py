"""A short part of the fuzzing, and that it finds what it looks for. The long part: `python -m tests.fuzz`."""

from __future__ import annotations

import random

import pytest

from sim2sg_core.errors import Sim2SGError
from tests.fuzz import mutations, runner
from tests.fuzz.targets import TARGETS

INPUTS = 12
SHORT = list(TARGETS)


@pytest.mark.parametrize("name", SHORT)
def test_changed_files_are_read_or_refused_in_one_line(name, tmp_path):
    target = TARGETS[name](tmp_path)
    found = {runner.run_input(target, name, number) for number in range(INPUTS)}
    assert found <= {"read", "refused"}


def test_inputs_are_a_function_of_their_number(tmp_path):
    for name in ("graphs", "kitti", "glb", "domain-yaml"):
        (tmp_path / name).mkdir()
        target = TARGETS[name](tmp_path / name)
        first, again, other = (target.make(random.Random(f"{name}-{k}")) for k in (1, 1, 2))
        assert first == again != other


def raises(error):
    def use(_):
        raise error

    return use


@pytest.mark.parametrize(
    ("use", "kind"),
    [
        (lambda _: None, "read"),
        (raises(Sim2SGError("one line")), "refused"),
        (raises(KeyError("a")), "KeyError at elsewhere"),
        (raises(MemoryError()), "out of memory"),
        (raises(SystemExit(1)), "SystemExit at elsewhere"),
    ],
)
def test_what_came_of_an_input(use, kind):
    assert runner.kind_of(use, None) == kind


def test_hangs_are_noticed(monkeypatch):
    monkeypatch.setattr(runner, "SECONDS", 1)

    def forever(_):
        while True:
            try:
                while True:
                    pass
            except Exception:  # as a reader may catch all there is
                continue

    assert runner.kind_of(forever, None) == "hang"


def test_a_process_of_its_own_counts_every_input():
    outcome = runner.fuzz("kitti", 5, start=3)
    assert sum(outcome.counts.values()) == 5 and outcome.failures == 0
    assert set(outcome.examples.values()) <= set(range(3, 8))


def test_trees_stay_trees():
    rng = random.Random(0)
    seed = {"a": [1, 2, {"b": None}], "c": "d"}
    changed = [mutations.tree(rng, seed) for _ in range(200)]
    assert seed == {"a": [1, 2, {"b": None}], "c": "d"} and sum(c != seed for c in changed) > 150
