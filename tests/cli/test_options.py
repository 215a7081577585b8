"""Options that several verbs share, and the checks of their values."""

from __future__ import annotations

import argparse
import dataclasses
import math
from pathlib import Path

import pytest

from sim2sg_core.adaptation.adapt_config import AdaptConfig
from sim2sg_core.adaptation.method import METHODS
from sim2sg_core.cli import adapt, quantize
from sim2sg_core.cli.main import main
from sim2sg_core.cli.options import (
    add_negatives,
    add_rotate,
    add_sampling,
    add_source,
    check_least,
    check_output,
    check_sampling,
    open_source,
    parse_shared,
)
from sim2sg_core.errors import Sim2SGError


def parse(add, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add(parser)
    return parser.parse_args(words)


def add_turned_source(parser):
    add_source(parser)
    add_rotate(parser)


def test_sources_are_opened(log, tmp_path):
    (found,) = open_source(parse(add_turned_source, "--log", str(log)))
    assert found.path == log
    assert open_source(parse(add_turned_source, "--images", str(log)))[0].path == log
    with pytest.raises(Sim2SGError, match="no such file or folder"):
        open_source(parse(add_turned_source, "--images", str(tmp_path / "missing")))
    for words in ((), ("--images", "a", "--log", "b"), ("--images", ""), ("--log", "a", "")):
        with pytest.raises(SystemExit):
            parse(add_turned_source, *words)


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
    with pytest.raises(Sim2SGError, match="is a folder; give the path of a file"):
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


@pytest.mark.parametrize("size", [(100_000, 100_000), (16, 16_385), (16_000, 16_000), (8, 64)])
def test_synth_refuses_images_that_nobody_reads(size, tmp_path, capsys):
    words = ["synth", "--domain", "clevr", "--count", "1", "--out", str(tmp_path / "out")]
    assert main([*words, "--width", str(size[0]), "--height", str(size[1])]) == 2
    told = capsys.readouterr().err
    assert told.endswith(": give 16 to 16384 each, and 120,000,000 pixels at most\n") and told.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_frames_of_a_log_are_chosen_by_the_same_names_everywhere():
    needed = ("--domain", "clevr", "--log", "a", "--out", "b")
    now = parse(adapt.add_arguments, *needed, "--max", "7", "--every", "0.5")
    assert (now.frames, now.min_interval) == (7, 0.5)
    assert parse(quantize.add_arguments, "--model", "m", "--log", "a", "--out", "b", "--max", "7").max == 7


@pytest.mark.parametrize(
    ("words", "now"),
    [
        (("adapt", "--frames", "7"), "--frames is called --max now"),
        (("adapt", "--min-interval=0.5"), "--min-interval is called --every now"),
        (("quantize", "--frames", "7"), "--frames is called --max now"),
    ],
)
def test_options_of_earlier_versions_say_what_they_are_called_now(words, now, capsys):
    assert main(words) == 2
    assert capsys.readouterr().err == f"error: {now}\n"


def test_what_is_not_given_is_at_its_default():
    args = parse(adapt.add_arguments, "--domain", "clevr", "--log", "a", "b", "--out", "c")
    assert adapt.given(args, AdaptConfig(())) == AdaptConfig(("a", "b"))


def test_what_is_given_wins_over_other_settings():
    base = AdaptConfig(("a",), source_steps=5, seed=3, strict=True, method=METHODS["paper"])
    words = ("--rounds", "0", "--start", "dining", "--camera-pitch", "180", "--no-real-frames", "--teacher", "0.5")
    settings = adapt.given(parse(adapt.add_arguments, "--out", "c", *words), base)
    assert (settings.logs, settings.seed, settings.rounds, settings.strict) == (("a",), 3, 0, True)
    assert (settings.start, settings.source_steps, settings.real_frames) == ("dining", None, False)
    assert settings.camera_pitch == pytest.approx(math.pi)
    assert settings.method == dataclasses.replace(METHODS["paper"], teacher=0.5)
    other = adapt.given(parse(adapt.add_arguments, "--out", "c", "--method", "source"), base)
    assert other.method == METHODS["source"]


def test_shares_are_read_from_the_command_line(tmp_path):
    assert parse_shared("a/b:0.25") == (Path("a/b"), 0.25)
    assert parse_shared("a/b") == (Path("a/b"), 1.0)
    assert parse_shared("a/b", 0.1) == (Path("a/b"), 0.1)
    (tmp_path / "odd:3").mkdir()
    assert parse_shared(str(tmp_path / "odd:3")) == (tmp_path / "odd:3", 1.0)


@pytest.mark.parametrize("share", ["0", "1", "1.5", "nan"])
def test_negatives_are_a_part_of_the_images(share, capsys):
    assert parse(add_negatives).negatives is None
    assert parse(add_negatives, "--negatives", "street", "hall.mcap:0.2").negatives == [
        ("street", 0.1),
        ("hall.mcap", 0.2),
    ]
    with pytest.raises(SystemExit):
        parse(add_negatives, "--negatives", f"street:{share}")
    assert "more than 0 and less than 1" in capsys.readouterr().err
