"""`sim2sg infer` on a real cluster against the same without one."""

from __future__ import annotations

import contextlib

import onnxruntime
import pytest

from sim2sg_core.cli.main import main
from tests.cli.conftest import log
from tests.fleet.conftest import another_node
from tests.runtime.conftest import make_model, three_objects

__all__ = ["log", "make_model", "three_objects"]


@pytest.fixture
def shared(cluster, fleet, monkeypatch):
    """The tests of one process share a connection: Ray allows no second one."""

    @contextlib.contextmanager
    def connected(address, cores):
        assert address == cluster.address
        yield fleet

    monkeypatch.setattr("sim2sg_core.cli.infer.opened", connected)
    return cluster


def test_graphs_and_overlays_are_those_of_one_machine_to_the_byte(shared, log, make_model, three_objects, tmp_path):
    model = make_model(three_objects)
    for name, more in (("plain", []), ("ray", ["--ray", shared.address])):
        out = tmp_path / name
        words = ["infer", "--model", model, "--log", log, "--out", out / "graphs.json", "--overlay", out / "drawn"]
        assert main([str(word) for word in [*words, *more]]) == 0
    files = sorted(p.relative_to(tmp_path / "plain") for p in (tmp_path / "plain").rglob("*") if p.is_file())
    assert len(files) == 13
    for file in files:
        assert (tmp_path / "ray" / file).read_bytes() == (tmp_path / "plain" / file).read_bytes(), file


def test_gpus_that_are_not_there_are_told_of(shared, log, make_model, three_objects, tmp_path, capsys):
    out = tmp_path / "graphs.json"
    words = ["infer", "--model", make_model(three_objects), "--log", log, "--out", out]
    words = [str(word) for word in [*words, "--ray", shared.address, "--provider", "cuda"]]
    assert main(words) == 2 and "the Ray cluster has no GPU" in capsys.readouterr().err
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime can run on GPUs")
    with another_node(shared, num_gpus=1):
        assert main(words) == 2 and "this onnxruntime has no provider cuda" in capsys.readouterr().err
    assert not out.exists()
