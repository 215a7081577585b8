"""YAML as users write it: keys given twice, and what merge keys put together."""

import pytest
import yaml

from sim2sg_core.domains.yaml_errors import UniqueKeyLoader


def read(text):
    return yaml.load(text, Loader=UniqueKeyLoader)


@pytest.mark.parametrize("text", ["", "a: 1", "[1, {a: 2}]", "a: &a {k: 1}\nb: *a", "1: a\n'2': b"])
def test_what_is_given_once_is_read_as_ever(text):
    assert read(text) == yaml.safe_load(text)


def test_merged_keys_do_not_count_as_given():
    text = "a: &a {k: 1, m: 1}\nb: &b {<<: *a, k: 2}\nc: {<<: *b, k: 3}\nd: {<<: *b}"
    assert read(text) == yaml.safe_load(text)
    assert read(text)["d"] == {"k": 2, "m": 1}


@pytest.mark.parametrize(
    ("text", "line"), [("a: 1\na: 2", 1), ("x:\n  - {b: 1,\n     b: 2}", 2), ("a: 1\nb: {c: 1}\nb: {c: 1}", 2)]
)
def test_a_key_given_twice_is_refused_where_it_is(text, line):
    with pytest.raises(yaml.MarkedYAMLError, match="is given twice") as refused:
        read(text)
    assert refused.value.problem_mark.line == line


@pytest.mark.parametrize("text", ["x: !!map 3", "x: !!map [a]"])
def test_wrong_tags_are_errors_of_yaml(text):
    with pytest.raises(yaml.YAMLError):
        read(text)
