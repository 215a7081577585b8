"""JSON files with a long list: read entry by entry, whatever their length, and as a whole in other layouts."""

from __future__ import annotations

import json

import pytest

from sim2sg_core import json_lists, json_reader
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.json_lists import read_list

ENTRIES = [{"n": i, "box": [1, 2, 3, 4]} for i in range(20)]


def by_line(entries=ENTRIES):
    return '{"model": "m", "images": [\n' + ",\n".join(map(json.dumps, entries)) + "\n]}\n"


def read(path):
    head, found = read_list(path, "images", "a list of n", lambda entry: entry.whole("n"))
    return head.text("model"), found


@pytest.fixture
def file(tmp_path):
    def write(text):
        (tmp_path / "a.json").write_text(text)
        return tmp_path / "a.json"

    return write


LAYOUTS = {
    "an entry a line": by_line(),
    "one line": json.dumps({"model": "m", "images": ENTRIES}),
    "indented": json.dumps({"model": "m", "images": ENTRIES}, indent=1),
    "the list first": json.dumps({"images": ENTRIES, "model": "m"}, indent=1),
    "bracket behind the last entry": by_line().replace("\n]}", "]}"),
    "end in two lines": by_line().replace("\n]}", "\n]\n}"),
    "spaces": by_line().replace("\n", " \r\n  "),
    "more after the list": by_line().replace("]}\n", '], "more": [\n]}'),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_read(file, layout):
    assert read(file(LAYOUTS[layout])) == ("m", list(range(20)))


def test_no_entries(file):
    assert read(file(by_line([]))) == read(file('{"model": "m", "images": []}')) == ("m", [])


def test_limits_hold_for_each_entry_of_an_entry_a_line(file, monkeypatch):
    monkeypatch.setattr(json_reader, "JSON_VALUES", 100)
    monkeypatch.setattr(json_reader, "JSON_BYTES", 500)
    assert read(file(by_line())) == ("m", list(range(20)))
    with pytest.raises(Sim2SGError, match=r"a\.json: .* bytes, and at most 500 are read"):
        read(file(LAYOUTS["one line"]))


def test_an_entry_beyond_the_limits_is_named(file, monkeypatch):
    monkeypatch.setattr(json_lists, "ENTRY_BYTES", 200)
    monkeypatch.setattr(json_lists, "ENTRY_VALUES", 10)
    entries = [*ENTRIES, {"n": 20, "box": list(range(20))}]
    with pytest.raises(Sim2SGError, match=r"line 22: images\[20\]: 23 values in JSON, and at most 10"):
        read(file(by_line(entries)))
    with pytest.raises(Sim2SGError, match="line 22: more than 200 bytes"):
        read(file(by_line([*ENTRIES, {"n": 20, "name": "a" * 200}])))


DAMAGED = {
    "an entry is cut": by_line()[:300] + "\n" + by_line()[305:],
    "the file is cut": by_line()[:-4],
    "a comma is missing": by_line().replace("},\n", "}\n", 3),
    "a comma too many": by_line().replace("}\n]", "},\n]"),
    "an entry that is none": by_line().replace('{"n": 3, "box": [1, 2, 3, 4]}', "3"),
    "more behind the end": by_line() + "{}\n",
}


@pytest.mark.parametrize("small", [True, False])
@pytest.mark.parametrize("damage", DAMAGED)
def test_damaged_files_are_one_line(file, damage, small, monkeypatch):
    if not small:
        monkeypatch.setattr(json_lists, "ENTRY_BYTES", 100)
    with pytest.raises(Sim2SGError, match=r"a\.json: ") as caught:
        read(file(DAMAGED[damage]))
    assert "\n" not in str(caught.value) and ("line " in str(caught.value) or "mapping" in str(caught.value))


def test_what_an_entry_lacks_is_told_with_its_place(file):
    for text in (by_line([*ENTRIES, {"n": "x"}]), json.dumps({"model": "m", "images": [*ENTRIES, {"n": "x"}]})):
        with pytest.raises(Sim2SGError, match=r'a\.json: not a list of n: images\[20\]\.n: a whole number .* "x"'):
            read(file(text))


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(Sim2SGError, match="no such file"):
        read(tmp_path / "a.json")
    with pytest.raises(Sim2SGError, match="is a folder"):
        read(tmp_path)
