"""Settings of another run, read back."""

import argparse
import dataclasses
from pathlib import Path

import pytest
import yaml

from sim2sg_core.adaptation.adapt_config import AdaptConfig
from sim2sg_core.adaptation.config_file import read_config
from sim2sg_core.adaptation.method import METHODS, Method
from sim2sg_core.cli.adapt import add_arguments
from sim2sg_core.cli.main import main
from sim2sg_core.domains import load_domain
from sim2sg_core.errors import Sim2SGError

LOG = Path(__file__).resolve().parents[2] / "sim2sg_core" / "demo" / "log"
EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "warehouse" / "warehouse.yaml"


def write(path, data):
    path.write_text(yaml.safe_dump(data, sort_keys=False))
    return path


@pytest.mark.parametrize("more", [{}, {"start": "dining"}, {"source_steps": 7, "method": METHODS["meta_sim"]}])
def test_what_a_run_writes_is_read_back_as_it_was(tmp_path, more):
    domain = load_domain("clevr")
    config = AdaptConfig((str(LOG),), topic="/a", camera_pitch=0.1, frames=9, real_frames=False, **more)
    if "start" in more:
        pytest.importorskip("torch", reason="finding a checkpoint needs torch")
    resolved = config.resolved(domain)
    file = write(tmp_path / "config.yaml", {**resolved.to_json(), "domain": domain.to_json()})
    settings, found = read_config(file)
    assert settings.resolved(found) == resolved
    assert found.hash() == domain.hash()


def test_parts_of_a_method_change_the_default_one(tmp_path):
    settings, _ = read_config(write(tmp_path / "a.yaml", {"method": {"criterion": "das", "tiled_inference": False}}))
    assert settings.method == dataclasses.replace(METHODS["ours"], criterion="das", tiled_inference=False)


def test_a_part_of_the_settings_is_enough(tmp_path):
    settings, domain = read_config(write(tmp_path / "a.yaml", {"rounds": 2, "method": "paper"}))
    assert settings == AdaptConfig((), rounds=2, method=METHODS["paper"]) and domain is None


def test_an_angle_in_degrees_is_refused_where_radians_are_meant(tmp_path, capsys):
    words = ["adapt", "--log", str(LOG), "--out", str(tmp_path / "run"), "--dry-run"]
    config = write(tmp_path / "a.yaml", {"camera_height": 5.0, "camera_pitch": 10})
    assert main([*words, "--domain", "clevr", "--config", str(config)]) == 2
    assert "--camera-pitch is 572.958: give degrees from" in capsys.readouterr().err


def test_a_setting_given_twice_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_text("rounds: 2\nseed: 1\nrounds: 3\n")
    with pytest.raises(Sim2SGError, match=r"a\.yaml:3: not YAML: rounds is given twice; delete one"):
        read_config(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"round": 2}, "no setting 'round'; did you mean rounds"),
        ({"max": 200}, "no setting 'max'; the option --max is `frames: …` here"),
        ({"round-steps": 9}, "the option --round-steps is `round_steps: …` here"),
        ({"no_real_frames": True}, "the option --no-real-frames is `real_frames: false` here"),
        ({"camera-pitch": 10}, "the option --camera-pitch is `camera_pitch: RADIANS` here"),
        ({"no_rounds": 3}, "no setting 'no_rounds'; did you mean"),
        ({"method": [1]}, "method: write the name of a method, or parts of it"),
        ({"feature_alignment": 1}, "write `method: {feature: …}`"),
        ({"method": {"feature_alignment": 1}}, "method: no setting 'feature_alignment'; the option"),
        ({"rounds": "two"}, "rounds: input should be a valid integer"),
        ({"method": "papers"}, "method 'papers' is not known"),
        ({"method": {"teachers": 1}}, "method: no setting 'teachers'; did you mean teacher"),
        ({"method": {"teacher": "much"}}, "method: teacher: input should be a valid number"),
        ({"domain": "clevr"}, "give --domain NAME beside --config"),
        ({"domain": {"name": "x"}}, "give --domain FILE beside --config"),
        ([1], "holds no settings"),
    ],
)
def test_mistakes_are_told_by_name(tmp_path, data, message):
    with pytest.raises(Sim2SGError, match=message):
        read_config(write(tmp_path / "a.yaml", data))


@pytest.mark.parametrize(
    ("text", "message"),
    [(b"a: [", "a.yaml"), (b"\xff\xfe", "not a text file in UTF-8"), (None, "give the config.yaml of a run")],
)
def test_what_is_no_yaml_is_told_so(tmp_path, text, message):
    if text is not None:
        (tmp_path / "a.yaml").write_bytes(text)
    with pytest.raises(Sim2SGError, match=message):
        read_config(tmp_path / "a.yaml")


def test_files_of_the_domain_are_not_read_from_elsewhere(tmp_path):
    domain = load_domain(EXAMPLE)
    file = write(tmp_path / "config.yaml", {"domain": domain.to_json()})
    with pytest.raises(Sim2SGError, match="lies outside the folder of this file; give --domain FILE"):
        read_config(file)
    _, found = read_config(file, allow_outside=True)
    assert found.hash() == domain.hash()


def test_the_command_line_takes_it(tmp_path, capsys):
    pytest.importorskip("torch", reason="adaptation needs torch")
    config = AdaptConfig((str(LOG),), rounds=3).resolved(load_domain("clevr"))
    file = write(tmp_path / "config.yaml", {**config.to_json(), "domain": load_domain("clevr").to_json()})
    words = ["adapt", "--out", str(tmp_path / "run"), "--dry-run"]
    assert main([*words, "--config", str(file)]) == 0
    assert "round_3" in capsys.readouterr().out
    assert main([*words, "--config", str(file), "--rounds", "1"]) == 0
    assert "round_2" not in capsys.readouterr().out
    assert main(words) == 2
    assert "no log: give --log LOG" in capsys.readouterr().err
    assert main([*words, "--log", str(LOG)]) == 2
    assert "no domain: give --domain NAME" in capsys.readouterr().err


def test_every_option_of_adapt_is_known_by_its_own_name_too(tmp_path):
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    settings = {field.name for kind in (AdaptConfig, Method) for field in dataclasses.fields(kind)}
    for action in parser._actions:
        for option in action.option_strings:
            name = option.removeprefix("--").replace("-", "_")
            if action.dest in settings and name != action.dest and option.startswith("--"):
                with pytest.raises(Sim2SGError, match=rf"\b{action.dest}\b"):
                    read_config(write(tmp_path / "a.yaml", {name: 1}))
