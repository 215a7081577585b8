"""The bookkeeping of the benchmarks that compare methods."""

import argparse
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from sim2sg_core.adaptation import METHODS
from sim2sg_core.cli import adapt
from sim2sg_core.manifest import Artefact, Manifest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
import ablation  # noqa: E402
from clevr import Clevr  # noqa: E402
from kitti import Kitti, ensure_predictions  # noqa: E402


def test_rows_are_asked_for_in_words_that_the_verb_understands():
    parser = argparse.ArgumentParser()
    adapt.add_arguments(parser)
    needed = ["--domain", "clevr", "--log", "log", "--out", "run"]
    assert {"meta_sim", "meta_sim2", "scenegen", "self_training", "ours_learned_layouts"} <= set(Clevr.rows())
    for kind in (Clevr, Kitti):
        for method, changes in kind.variants.values():
            args = parser.parse_args([*needed, "--method", method, *map(str, changes)])
            assert args.method in METHODS


def run_and_wait(file):
    child = subprocess.Popen(["sleep", "600"])
    file.write_text(str(child.pid))
    child.wait()


def is_running(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def end_this_script_when(file):
    while not file.exists() or not file.read_text():
        time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks for a process in /proc")
def test_a_script_that_is_ended_ends_all_that_it_started(tmp_path):
    file = tmp_path / "pid"
    threading.Thread(target=end_this_script_when, args=[file], daemon=True).start()
    with pytest.raises(SystemExit), ablation.stopping(1e9), ablation.in_own_groups(1) as pool:
        list(pool.map(run_and_wait, [file]))
    deadline = time.monotonic() + 60
    while is_running(int(file.read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_runs_end_at_the_deadline(capsys):
    began = time.monotonic()
    with ablation.stopping(3.0), ablation.in_own_groups(1) as pool:
        list(pool.map(time.sleep, [600]))
    assert time.monotonic() - began < 300 and "the same command goes on" in capsys.readouterr().out


@pytest.mark.parametrize(("deadline", "trainings"), [(float("inf"), 1), (0.0, 0)])
def test_a_source_model_is_trained_once_and_not_by_the_rows_that_branch_from_it(tmp_path, deadline, trainings):
    trained = []

    class Spy(Clevr):
        def adapt(self, *words):
            trained.append(words)

    work = Spy(tmp_path, tmp_path, [], 1, tmp_path, False, deadline)
    work.train_source(3)
    assert work.source_model(3) == tmp_path / "seed_3" / "source_model"
    assert len(trained) == trainings


def test_a_branch_trusts_the_source_stage_that_it_was_given(tmp_path):
    source, target = tmp_path / "source_model", tmp_path / "ours"
    (source / "source/train").mkdir(parents=True)
    manifest, files = (
        Manifest(source),
        [source / "frames", source / "source/model.onnx", source / "source/inferred.json"],
    )
    for file in files:
        file.write_text(file.name)
        manifest.enter([Artefact(file)])
    ablation.copy_stage(source, target)
    ablation.copy_stage(source, target)
    copied = Manifest(target)
    (target / "frames").write_text("of another log")
    copied.enter([Artefact(target / "frames")])
    assert copied.holds([Artefact(target / "source/model.onnx")]) == [True]
    assert not copied.lists(target / "source/inferred.json") and not (target / "source/inferred.json").exists()


def test_predictions_of_another_model_are_made_again(tmp_path):
    graphs, model = tmp_path / "graphs.json", tmp_path / "model.onnx"
    for content in (b"one", b"one", b"two"):
        model.write_bytes(content)
        ensure_predictions(graphs, model, lambda: graphs.open("ab").write(model.read_bytes() + b" "))
    assert graphs.read_bytes() == b"one two "
