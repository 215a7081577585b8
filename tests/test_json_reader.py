"""JSON of others: values are checked as they are taken, errors name file and place."""

from __future__ import annotations

import json

import pytest

from sim2sg_core import json_reader
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.json_reader import JsonObject, decode_json, parse_json, read_json

DATA = {
    "name": "a",
    "size": 3.0,
    "share": 0.5,
    "box": [1, 2, 3, 4],
    "on": True,
    "parts": [{"box": [1, 2]}, {"box": [1, None]}],
    "words": ["a", 5],
    "none": None,
}


def test_what_is_right_is_returned():
    data = parse_json(json.dumps(DATA), "a.json")
    assert (data.text("name"), data.whole("size"), data.number("share", 0, 1)) == ("a", 3, 0.5)
    assert data.numbers("box", 4).tolist() == data.numbers("box", -1).tolist() == [1, 2, 3, 4]
    assert data.flag("on") is True and "none" not in data and "box" in data
    first, _ = data.objects("parts")
    assert first.numbers("box", 2).dtype == float


def test_defaults_stand_for_what_is_missing_or_null():
    data = parse_json(json.dumps(DATA), "a.json")
    for key in ("none", "gone"):
        assert (data.text(key, ""), data.number(key, default=None), data.whole(key, default=7)) == ("", None, 7)
        assert data.object(key, None) is None and list(data.objects(key, default=())) == []
        assert data.numbers(key, 3, default=None) is None and data.flag(key, False) is False


WRONG = {
    'name: a whole number is wanted, it is "a"': lambda d: d.whole("name"),
    "gone: is missing; a text is wanted": lambda d: d.text("gone"),
    "share: a whole number is wanted, it is 0.5": lambda d: d.whole("share"),
    "share: a number from 0 to 0.2 is wanted, it is 0.5": lambda d: d.number("share", 0, 0.2),
    "on: a number is wanted, it is true": lambda d: d.number("on"),
    "box: a list of 3x3 finite numbers is wanted, it is [1, 2, 3, 4]": lambda d: d.numbers("box", 3, 3),
    "none: a mapping is wanted, it is null": lambda d: d.object("none"),
    "words[1]: a text is wanted, it is 5": lambda d: d.texts("words"),
    "parts[1].box: a list of 2 finite numbers is wanted, it is [1, null]": lambda d: [
        p.numbers("box", 2) for p in d.objects("parts")
    ],
    "box[0]: a mapping is wanted, it is 1": lambda d: list(d.objects("box")),
    "parts: 2 entries, and at most 1 are read": lambda d: list(d.objects("parts", 1)),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_is_wrong_is_told_with_its_place(message):
    with pytest.raises(Sim2SGError) as caught:
        WRONG[message](parse_json(json.dumps(DATA), "a.json"))
    assert str(caught.value) == f"a.json: {message}"


@pytest.mark.parametrize(
    "number", ["NaN", "Infinity", "-Infinity", "1e999", "1e16", f"1{'0' * 400}", "true", '"1"', "[1]", "{}", "null"]
)
def test_what_is_no_finite_number(number):
    data = parse_json(f'{{"a": {number}, "b": [{number}]}}', "a.json")
    for take in (lambda: data.number("a"), lambda: data.numbers("b", 1), lambda: data.whole("a", most=10**12)):
        with pytest.raises(Sim2SGError, match=r"^a\.json: [ab]: .* wanted, it is .{1,60}$"):
            take()


def test_texts_can_be_written_to_files():
    data = parse_json(r'{"nul": "a\u0000", "half": "\ud800", "bytes": "\udcff.jpg", "e": "é"}', "a.json")
    assert (data.text("bytes"), data.text("e")) == ("\udcff.jpg", "é"), "names of files are bytes"
    for key in ("nul", "half"):
        with pytest.raises(Sim2SGError, match="a text is wanted"):
            data.text(key)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "not JSON"),
        (b'{"a": "\xff"}', r"not JSON \(not a text in UTF-8"),
        (b"[1]", r"a mapping is wanted, it is \[1\]"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (b"[" * 100_000, "JSON of more than 64 lists and mappings"),
        (b'{"a":' * 100_000, "JSON of more than 64 lists and mappings"),
        (b'"' + b"]" * 100_000 + b'",' + b"[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_json(text, message, tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(text)
    with pytest.raises(Sim2SGError, match=rf"a\.json: {message}") as caught:
        read_json(path)
    assert "\n" not in str(caught.value)


def test_a_byte_order_mark_is_no_mistake():
    assert parse_json(b'\xef\xbb\xbf{"a": 1}', "a.json").whole("a") == 1


def test_size_is_looked_at_before_anything_is_decoded(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text("not JSON, " * 10)
    monkeypatch.setattr(json_reader, "JSON_VALUES", 10)
    with pytest.raises(Sim2SGError, match="11 values in JSON, and at most 10 are read"):
        read_json(path)
    monkeypatch.setattr(json_reader, "JSON_BYTES", 99)
    with pytest.raises(Sim2SGError, match=r"a\.json: 100 bytes, and at most 99 are read"):
        read_json(path)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(Sim2SGError, match="no such file"):
        read_json(tmp_path / "none.json")
    with pytest.raises(Sim2SGError, match="is a folder"):
        read_json(tmp_path)


def test_depth_is_counted_over_blocks(monkeypatch):
    monkeypatch.setattr(json_reader, "BLOCK", 7)
    assert decode_json("[" * 64 + "]" * 64, "a") is not None
    with pytest.raises(Sim2SGError, match="more than 64"):
        decode_json("[" * 65 + "]" * 65, "a")


def test_long_values_are_cut_in_messages():
    wide = JsonObject({"a": "x" * 10_000, "b": list(range(10_000)), "c": {"k": "v" * 999}, "d": 10**300}, "a.json")
    for key in "abcd":
        with pytest.raises(Sim2SGError) as caught:
            wide.flag(key)
        assert len(str(caught.value)) < 120
