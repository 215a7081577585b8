from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.folder_lock import locked

HOLD = """
import sys, time
from pathlib import Path
from sim2sg_core.files import atomic_path
from sim2sg_core.folder_lock import locked
with locked(Path(sys.argv[1])), atomic_path(Path(sys.argv[1]) / "in/half.bin") as temporary:
    temporary.write_bytes(b"half")
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path):
    """Another process that has the folder and is writing a file in it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")], stdout=subprocess.PIPE, env=environment, text=True
    )
    assert process.stdout and process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.communicate()


def test_the_second_process_is_told_folder_and_pid(tmp_path: Path, holder: subprocess.Popen) -> None:
    with pytest.raises(Sim2SGError, match=rf"run: process {holder.pid} is at work in it"), locked(tmp_path / "run"):
        pytest.fail("two in one folder")
    assert list((tmp_path / "run/in").iterdir()), "what the other one writes is left alone"


def test_after_a_kill_the_folder_is_free_and_clean(tmp_path: Path, holder: subprocess.Popen) -> None:
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert list((tmp_path / "run/in").iterdir())
    with locked(tmp_path / "run"):
        assert not list((tmp_path / "run/in").iterdir())
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["in"]


def test_one_after_the_other(tmp_path: Path) -> None:
    for _ in range(2):
        with locked(tmp_path):
            with pytest.raises(Sim2SGError, match="is at work"), locked(tmp_path):
                pytest.fail("two in one folder")
            with locked(tmp_path / "part"):
                pass
    assert [p.name for p in tmp_path.iterdir()] == ["part"]


def test_a_file_in_its_place_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine")
    with pytest.raises(Sim2SGError, match="is a file, not a folder"), locked(tmp_path / "run"):
        pytest.fail("no folder")
    assert (tmp_path / "run").read_text() == "mine"
