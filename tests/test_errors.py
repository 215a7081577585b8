"""Failures become one line that tells the fix."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sim2sg_core.errors import Sim2SGError, expecting, first_line, printable


@pytest.mark.parametrize(
    "read",
    [
        lambda: {}["a"],
        lambda: [][0],
        lambda: [].keys(),
        lambda: 3 + "a",
        lambda: json.loads("{\n"),
    ],
)
def test_data_of_another_form(read):
    with (
        pytest.raises(Sim2SGError, match=r"^a\.json: not a list \(\w+Error\(.*\)\): delete it$"),
        expecting("a.json: not a list", "delete it"),
    ):
        read()


def test_other_errors_pass():
    for error in (OSError("disk"), Sim2SGError("a better word"), KeyboardInterrupt()):
        with pytest.raises(type(error)) as caught, expecting("a.json: not a list", "delete it"):
            raise error
        assert caught.value is error


def test_first_lines_are_short_and_never_empty():
    assert first_line(ValueError("\n one\ntwo")) == "one"
    assert first_line(ValueError()) == "ValueError"
    assert len(first_line(ValueError("x" * 1000))) == 200


def test_control_characters_and_odd_bytes_are_escaped():
    assert printable("a\x1b[31m\nb\udcff\u202e×") == r"a\x1b[31m\nb\xff\u202e×"
    assert printable("\ud800") == r"\ud800"


def test_an_error_is_one_line_whatever_it_names():
    error = Sim2SGError("a\x1b[31m\n\udcff.yaml: wrong")
    assert str(error) == r"a\x1b[31m\n\xff.yaml: wrong" == str(Sim2SGError(str(error)))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Küche 厨房.jpg", "Küche 厨房.jpg"),
        (os.fsdecode(b"bad\xff\xfe.jpg"), r"bad\xff\xfe.jpg"),
        ("a\n\x1b[31m\0.jpg", r"a\n\x1b[31m\x00.jpg"),
        ("\ud800", r"\ud800"),
        (Path("a/b"), "a/b"),
    ],
)
def test_names_are_printed_as_text(name, shown):
    assert printable(name) == shown
    shown.encode()
