"""What `sim2sg adapt` says before any work starts."""

import builtins
import subprocess
import sys

import pytest

from sim2sg_core.cli.main import main
from tests.pictures import photos

__all__ = ["photos"]


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


def test_options_are_checked_before_torch_is_imported(tmp_path):
    code = f"""
import sys
from sim2sg_core.cli.main import main
for words in (["--domain", "clevr"], ["--domain", "clevr", "--log", "a.mcap", "--batch", "0"], ["--domain", "no"]):
    assert main(["adapt", "--out", {str(tmp_path / "run")!r}, *words]) == 2
assert not {{"torch", "matplotlib"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "no log: give --log LOG" in done.stderr


@pytest.fixture
def dry(photos, tmp_path, capsys):
    """Runs a dry run; returns its exit code and what it says."""

    def run(*words, out=tmp_path / "run", domain="clevr"):
        before = sorted(tmp_path.rglob("*"))
        words = ["adapt", "--domain", domain, "--log", photos, "--out", out, "--dry-run", *words]
        code = main([str(word) for word in words])
        assert sorted(tmp_path.rglob("*")) == before, "a dry run writes nothing"
        return code, capsys.readouterr()

    return run


def test_a_dry_run_plans_the_frames_that_are_there(dry, photos):
    code, told = dry("--backbone", "small")
    count = len(list(photos.iterdir()))
    assert code == 0 and f"samples up to {count} frames of the log" in told.out


def test_a_dry_run_refuses_what_the_run_would(dry, photos, tmp_path):
    (tmp_path / "file").write_text("")
    start = ("--start", "drive")
    for out, says in ((tmp_path / "file", "is a file, not a folder"), (photos, "give --out another folder")):
        code, told = dry(*start, out=out, domain="drive")
        assert code == 2 and says in told.err and told.err.count("\n") == 1
    code, told = dry(*start, "--topic", "/nowhere", domain="drive")
    assert code == 2 and "/nowhere" in told.err
    code, told = dry(*start, domain="dining")
    assert code == 2 and "a checkpoint of domain drive with classes" in told.err


def test_no_run_is_written_into_its_log(photos, capsys):
    before = sorted(photos.iterdir())
    assert main(["adapt", "--domain", "clevr", "--log", str(photos), "--out", str(photos), "--backbone", "small"]) == 2
    assert "give --out another folder" in capsys.readouterr().err and sorted(photos.iterdir()) == before
