"""A run's folder: settings, logs, what was finished, stage times."""

import json
import shutil
from pathlib import Path

import pytest

from sim2sg_core.adaptation.log_contents import read_inputs
from sim2sg_core.adaptation.run_folder import Run
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.manifest import Artefact


@pytest.fixture
def log(tmp_path):
    folder = tmp_path / "log"
    folder.mkdir()
    for k in range(3):
        (folder / f"{k}.png").write_bytes(bytes([k]) * 100)
    return folder


def begin(folder, log, **changes):
    """Begins a run, or goes on, up to where its frames are taken."""
    settings = {"seed": 0, "workers": 1, "rounds": 1, "device": "cpu", "logs": [str(log)], **changes}
    run = Run(folder)
    run.begin(settings, read_inputs([str(log)]))
    run.cached(run.frames, lambda path: path.write_text("{}"), lambda path: None)
    return run


def test_another_seed_needs_another_folder(log, tmp_path):
    first = begin(tmp_path / "run", log)
    again = begin(tmp_path / "run", log, workers=2, rounds=3, device="cuda")
    assert first.identity == again.identity, "what may change is no part of a model's name"
    with pytest.raises(Sim2SGError, match=r"\(--seed: 0 there, 1 here\): repeat them"):
        begin(tmp_path / "run", log, seed=1)


@pytest.mark.parametrize(
    ("begun", "given", "says"),
    [
        (
            {"domain": {"name": "clevr"}, "backbone": "small"},
            {"domain": {"name": "drive"}, "backbone": None},
            "--domain: clevr there, drive here",
        ),
        ({"domain": {"name": "a", "classes": [1]}}, {"domain": {"name": "a", "classes": [2]}}, "a with other classes"),
        ({"start": "dining", "backbone": None}, {"backbone": "lite0"}, "--start: dining there, nothing here"),
        ({"start": "x", "start_digest": "1"}, {"start": "x", "start_digest": "2"}, "--start: another content there"),
        ({"frames": 400}, {"frames": 9}, "--max: 400 there, 9 here"),
        ({"method": {"feature": 0.1}}, {"method": {"feature": 0}}, "--method: feature 0.1 there, 0 here"),
    ],
)
def test_what_differs_is_named_by_its_option(log, tmp_path, begun, given, says):
    begin(tmp_path / "run", log, **begun)
    with pytest.raises(Sim2SGError, match="was begun with other settings") as caught:
        begin(tmp_path / "run", log, **given)
    assert says in str(caught.value)


@pytest.mark.parametrize("text", ["", "[]", "seed: [", "seed: 1", None])
def test_a_damaged_config_is_named_and_written_anew_for_the_same_settings_alone(log, tmp_path, capsys, text):
    begin(tmp_path / "run", log)
    config = tmp_path / "run/config.yaml"
    whole = config.read_text()
    if text is None:
        config.unlink()
    else:
        config.write_text(text)
    with pytest.raises(Sim2SGError, match=r"other settings \(its config.yaml is damaged"):
        begin(tmp_path / "run", log, seed=1)
    begin(tmp_path / "run", log)
    assert config.read_text() == whole and f"{config}: is not" in capsys.readouterr().err


def test_a_run_without_a_manifest_is_refused_and_one_with_a_damaged_one_made_anew(log, tmp_path, capsys):
    run = begin(tmp_path / "run", log)
    run.manifest.path.write_text("{")
    with pytest.raises(Sim2SGError, match="seed: 0 there, 1 here"):
        begin(tmp_path / "run", log, seed=1)
    again = begin(tmp_path / "run", log)
    assert "manifest.json: damaged" in capsys.readouterr().err
    assert again.manifest.holds([Artefact(again.frames)]) == [True]
    again.manifest.path.unlink()
    with pytest.raises(Sim2SGError, match="nothing says that its files are whole; give another --out"):
        begin(tmp_path / "run", log)


def test_logs_are_known_by_what_is_in_them(log, tmp_path):
    first = begin(tmp_path / "run", log)
    (log / ".DS_Store").write_bytes(b"hidden")
    moved = log.rename(tmp_path / "moved")
    assert begin(tmp_path / "run", moved).identity == first.identity
    with pytest.raises(Sim2SGError, match="nowhere: no such log"):
        begin(tmp_path / "run", tmp_path / "nowhere")
    (moved / "1.png").write_bytes(bytes(100))
    with pytest.raises(Sim2SGError, match=r"moved: has changed since .*run was begun with it: bring its contents back"):
        begin(tmp_path / "run", moved)
    with pytest.raises(Sim2SGError, match=r"run was begun with .*moved: give that, or another --out for .*other$"):
        begin(tmp_path / "run", shutil.copytree(moved, tmp_path / "other"))
    for file in moved.iterdir():
        file.unlink()
    assert begin(tmp_path / "run", moved).identity == first.identity, "its frames are taken: it is not needed"
    moved.rmdir()
    assert begin(tmp_path / "run", moved).identity == first.identity


def test_damaged_frames_are_not_sampled_anew_from_another_log(log, tmp_path):
    run = begin(tmp_path / "run", log)
    run.cached(run.path / "source/layouts.json", lambda path: path.write_text("[]"), lambda path: None)
    run.manifest.forget([Artefact(run.frames)])  # As sampling that fails leaves it.
    (log / "1.png").write_bytes(b"another")
    with pytest.raises(Sim2SGError, match=r"log: has changed since .*run was begun with it: bring its contents back"):
        begin(run.path, log)


def test_until_frames_are_taken_a_log_may_be_put_right(log, tmp_path):
    settings = {"logs": [str(log)]}
    Run(tmp_path / "run").begin(settings, read_inputs(settings["logs"]))
    (log / "4.png").write_bytes(b"one more")
    Run(tmp_path / "run").begin(settings, read_inputs(settings["logs"]))
    log.rename(tmp_path / "away")
    with pytest.raises(Sim2SGError, match="no such log"):
        Run(tmp_path / "run").begin(settings, read_inputs(settings["logs"]))


def test_stage_times_add_up_over_starts_and_damaged_ones_begin_anew(tmp_path, capsys):
    for _ in range(2):
        run = Run(tmp_path)
        with run.timed("render", "a few"):
            pass
    with pytest.raises(RuntimeError), run.timed("train", "breaks"):
        raise RuntimeError
    assert set(run.stage_times()) == set(Run(tmp_path).stage_times()) == {"render"}
    for text in ("", "[]", '{"render": "x"}'):
        (tmp_path / "stages.json").write_text(text)
        assert Run(tmp_path).stage_times() == {}
        assert "stages.json: is not as it was" in capsys.readouterr().err


def test_a_stage_is_made_once_and_always_read(tmp_path):
    made = []

    def make(path):
        made.append(path)
        path.write_text("[0.1]")

    def read(path):
        return json.loads(path.read_text())

    for _ in range(2):
        run = Run(tmp_path)
        for _ in range(2):
            assert run.cached(tmp_path / "stage/result.json", make, read) == [0.1]
    assert len(made) == 1 and made[0].parent == tmp_path / "stage"


def test_what_is_not_listed_is_never_used(tmp_path):
    (tmp_path / "result.json").write_text("foreign")
    assert Run(tmp_path).cached(tmp_path / "result.json", lambda path: path.write_text("own"), Path.read_text) == "own"


def test_what_was_made_from_something_else_is_made_anew(tmp_path):
    made = []

    def start(first):
        run = Run(tmp_path)
        for name, text in (("first", first), ("second", "same")):

            def make(path, name=name, text=text):
                made.append(name)
                path.write_text(text)

            run.cached(tmp_path / name, make, Path.read_text)

    start("a")
    (tmp_path / "first").write_text("damaged")
    start("a")
    assert made == ["first", "second", "first"], "it came out as before: what follows stands"
    (tmp_path / "first").write_text("damaged")
    start("b")
    assert made[3:] == ["first", "second"]


def test_a_stage_that_fails_leaves_nothing(tmp_path):
    def make(path):
        path.write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        Run(tmp_path).cached(tmp_path / "result.json", make, lambda path: path.read_text())
    assert not list(tmp_path.iterdir())
