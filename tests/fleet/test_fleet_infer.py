"""`sim2sg infer` on a real cluster against the same without one."""

from __future__ import annotations

from sim2sg_core.cli.main import main
from tests.cli.conftest import log
from tests.runtime.conftest import make_model, three_objects

__all__ = ["log", "make_model", "three_objects"]


def test_graphs_and_overlays_are_those_of_one_machine_to_the_byte(
    cluster, fleet, log, make_model, three_objects, tmp_path, monkeypatch
):
    import contextlib

    @contextlib.contextmanager
    def connected(address, cores):
        assert address == cluster.address
        yield fleet

    # The tests of one process share a connection: Ray allows no second one.
    monkeypatch.setattr("sim2sg_core.cli.infer.opened", lambda address, cores: connected(address, cores))
    model = make_model(three_objects)
    for name, more in (("plain", []), ("ray", ["--ray", cluster.address])):
        out = tmp_path / name
        words = ["infer", "--model", model, "--log", log, "--out", out / "graphs.json", "--overlay", out / "drawn"]
        assert main([str(word) for word in [*words, *more]]) == 0
    files = sorted(p.relative_to(tmp_path / "plain") for p in (tmp_path / "plain").rglob("*") if p.is_file())
    assert len(files) == 13
    for file in files:
        assert (tmp_path / "ray" / file).read_bytes() == (tmp_path / "plain" / file).read_bytes(), file
