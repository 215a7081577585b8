"""What `sim2sg adapt` says before any work starts."""

import builtins

import pytest

from sim2sg_core.cli.main import main


def without_rerun(monkeypatch):
    real = builtins.__import__

    def imported(name, *args, **kwargs):
        if name == "rerun":
            raise ModuleNotFoundError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", imported)


@pytest.mark.parametrize(
    ("target", "message"),
    [("a.json", "give a file that ends in .rrd, or the word spawn"), ("a.rrd", "pip install 'sim2sg[rerun]'")],
)
def test_what_rerun_lacks_is_told_first(tmp_path, monkeypatch, capsys, target, message):
    """Even before the log is looked for."""
    without_rerun(monkeypatch)
    words = ["adapt", "--domain", "clevr", "--log", str(tmp_path / "none"), "--out", str(tmp_path / "run")]
    assert main([*words, "--rerun", target]) == 2
    assert message in capsys.readouterr().err and not (tmp_path / "run").exists()
