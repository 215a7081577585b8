"""colcon builds this very tree, and two processes exchange one of its messages."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# All that the ROS package consists of.
PARTS = (
    "CMakeLists.txt",
    "package.xml",
    "cmake",
    "config",
    "launch",
    "msg",
    "scripts",
    "srv",
    "sim2sg_core",
    "sim2sg_ros",
)
EXCHANGE = Path(__file__).with_name("exchange.py")
HERE = Path(sys.prefix)
COLCON = Path(sys.executable).with_name("colcon")

pytestmark = [
    pytest.mark.ros,
    pytest.mark.slow,
    pytest.mark.skipif(
        not COLCON.exists() or not (HERE / "share/rosidl_default_generators").is_dir(),
        reason="needs the [dev] extra in a virtual environment: colcon, and the wheels that build messages",
    ),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="there are ROS wheels for x86-64 only"),
]


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with the built package."""
    folder = tmp_path_factory.mktemp("colcon")
    # A copy, since CMake refuses to export targets with paths inside the source folder, and that is where the
    # environment with the ROS wheels may lie.
    source = folder / "src" / "sim2sg"
    source.mkdir(parents=True)
    for name in PARTS:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, source / name)
    command = [
        *(str(COLCON), "--log-base", str(folder / "log"), "build"),
        *("--base-paths", str(source)),
        *("--build-base", str(folder / "build"), "--install-base", str(folder / "install")),
        "--cmake-args",
        f"-DPython3_EXECUTABLE={sys.executable}",
        "-DCMAKE_BUILD_TYPE=Release",
        "-DBUILD_TESTING=OFF",
    ]
    env = {
        **os.environ,
        "AMENT_PREFIX_PATH": str(HERE),
        "CMAKE_PREFIX_PATH": str(HERE),
        "PATH": f"{HERE / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }
    done = subprocess.run(command, env=env, cwd=folder, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return folder


def in_workspace(workspace: Path, *command: str) -> subprocess.Popen[str]:
    """Starts a command as a user would: after sourcing the workspace."""
    setup = workspace / "install" / "local_setup.bash"
    return subprocess.Popen(
        ["bash", "-c", f'. "{setup}" && exec "$@"', "bash", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=workspace,
    )


def test_subscriber_in_another_process_reads_a_scene_graph(workspace: Path) -> None:
    receiver = in_workspace(workspace, sys.executable, str(EXCHANGE), "receive")
    publisher = in_workspace(workspace, sys.executable, str(EXCHANGE), "publish")
    try:
        received, errors = receiver.communicate(timeout=120)
        published, publisher_errors = publisher.communicate(timeout=120)
    finally:
        receiver.kill()
        publisher.kill()
    assert receiver.returncode == 0, errors
    assert publisher.returncode == 0, publisher_errors
    origin, record = received.splitlines()[-2:]
    assert Path(origin).is_relative_to(workspace / "install"), "not the messages that colcon built"
    assert Path(published.splitlines()[-1]).is_relative_to(workspace / "install")
    assert json.loads(record) == {
        "sequence": 2**40 + 7,
        "frame_id": "camera_optical",
        "stamp": [12, 345],
        "classes": ["cube", "sphere"],
        "box": [1.5, 2.5, 30.25, 40.75],
        "size": [1.0, 2.0, 3.0],
        "has_pose": [True, False],
        "relation": [0, "left_of", 1, "viewer"],
    }


def test_python_packages_and_verbs_come_from_the_workspace(workspace: Path) -> None:
    code = (
        "import sim2sg_core, sim2sg_ros; from importlib.metadata import distribution as d; "
        "print(sim2sg_core.__file__); print(sim2sg_ros.__file__); "
        "print(*[e.name for n in ('sim2sg_core', 'sim2sg_ros') for e in d(n).entry_points "
        "if e.group == 'sim2sg.verbs'])"
    )
    process = in_workspace(workspace, sys.executable, "-c", code)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    core, ros, verbs = out.splitlines()[-3:]
    assert Path(core).is_relative_to(workspace / "install")
    assert Path(ros).is_relative_to(workspace / "install")
    assert set(verbs.split()) >= {"synth", "log", "adapt", "train", "export", "infer", "eval", "play", "node"}


def test_installs_what_ros_tools_look_for(workspace: Path) -> None:
    prefix = workspace / "install" / "sim2sg"
    for name in ("node", "play", "sim2sg"):
        assert os.access(prefix / "lib" / "sim2sg" / name, os.X_OK), f"ros2 run sim2sg {name}"
    assert (prefix / "share/ament_index/resource_index/packages/sim2sg").exists()
    installed = {p.name for p in (prefix / "share/sim2sg/msg").glob("*.msg")}
    assert installed == {p.name for p in (ROOT / "msg").glob("*.msg")}
    for folder in ("launch", "config"):
        sources = {p.name for p in (ROOT / folder).iterdir() if p.is_file()}
        assert {p.name for p in (prefix / "share/sim2sg" / folder).iterdir() if p.is_file()} == sources
    for package in ("sim2sg_core", "sim2sg_ros"):
        data = {p.relative_to(ROOT) for p in (ROOT / package).rglob("*.yaml")}
        (site,) = prefix.glob("lib/python*/site-packages")
        assert all((site / path).exists() for path in data)


def test_executables_start(workspace: Path) -> None:
    executable = workspace / "install/sim2sg/lib/sim2sg/sim2sg"
    bin_first = f"{HERE / 'bin'}{os.pathsep}{os.environ['PATH']}"
    env_python = shutil.which("env") or "/usr/bin/env"
    process = in_workspace(workspace, env_python, f"PATH={bin_first}", str(executable), "--help")
    out, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "synth" in out
