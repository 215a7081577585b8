"""Options that several verbs share, and the checks of their values."""

from __future__ import annotations

import argparse

import pytest

from sim2sg_core.cli.main import main
from sim2sg_core.cli.options import add_sampling, add_source, check_least, check_output, check_sampling, open_source
from sim2sg_core.errors import Sim2SGError


def parse(add, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add(parser)
    return parser.parse_args(words)


def test_sources_are_opened(log, tmp_path):
    (found,) = open_source(parse(add_source, "--log", str(log)))
    assert found.path == log
    assert open_source(parse(add_source, "--images", str(log)))[0].path == log
    with pytest.raises(Sim2SGError, match="no such file or folder"):
        open_source(parse(add_source, "--images", str(tmp_path / "missing")))
    for words in ((), ("--images", "a", "--log", "b")):
        with pytest.raises(SystemExit):
            parse(add_source, *words)


@pytest.mark.parametrize("words", [("--max", "-1"), ("--every", "nan"), ("--every", "inf"), ("--min-change", "-0.5")])
def test_limits_are_numbers_from_0_up(words):
    check_sampling(parse(add_sampling, words[0], "3"))
    with pytest.raises(Sim2SGError, match=f"{words[0]} is {words[1]}: it must be 0 or more"):
        check_sampling(parse(add_sampling, *words))


def test_least_values():
    check_least(argparse.Namespace(count=1), "count", 1)
    with pytest.raises(Sim2SGError, match="--count is 0: it must be 1 or more"):
        check_least(argparse.Namespace(count=0), "count", 1)


def test_outputs_are_files_in_folders(tmp_path):
    (tmp_path / "file").write_text("")
    check_output(tmp_path / "file")
    check_output(tmp_path / "new" / "folder" / "a.json")
    with pytest.raises(Sim2SGError, match="is a folder; name a file in it"):
        check_output(tmp_path)
    with pytest.raises(Sim2SGError, match="file is a file, not a folder"):
        check_output(tmp_path / "file" / "a.json")


@pytest.mark.parametrize(
    "words",
    [
        ("infer", "--model", "dining", "--images", ".", "--out", "a.json", "--threads", "-1"),
        ("eval", "--model", "dining", "--data", ".", "--format", "kitti", "--out", "a.json", "--threads", "-1"),
        ("synth", "--domain", "clevr", "--count", "1", "--out", "a", "--seed", "-1"),
    ],
)
def test_verbs_refuse_negative_numbers(words, capsys):
    assert main(words) == 2
    assert capsys.readouterr().err.strip().endswith("is -1: it must be 0 or more")


def test_frames_of_a_log_are_chosen_by_the_same_names_everywhere():
    from sim2sg_core.cli import adapt

    needed = ("--domain", "clevr", "--log", "a", "--out", "b")
    now = parse(adapt.add_arguments, *needed, "--max", "7", "--every", "0.5")
    before = parse(adapt.add_arguments, *needed, "--frames", "7", "--min-interval", "0.5")
    assert vars(now) == vars(before) and (now.frames, now.min_interval) == (7, 0.5)
    plain = parse(adapt.add_arguments, *needed)
    assert (plain.frames, plain.min_interval) == (400, 0.2)
