"""colcon builds the C++ example, which says of a message the same as the Python example.

The node itself needs rclcpp, which comes with a ROS installation but not as a wheel. What turns a graph into text
needs the messages only, and is built and run everywhere.
"""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Collection
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from geometry_msgs.msg import Point
from rclpy.serialization import deserialize_message, serialize_message
from sim2sg.msg import SceneGraph, SceneObject, SceneRelation

from tests.loading import PYTHON_SUBSCRIBER, load

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(sys.prefix)
COLCON = Path(sys.executable).with_name("colcon")
PREFIXES = [HERE, *map(Path, filter(None, os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)))]
HAS_RCLCPP = any((prefix / "share" / "rclcpp" / "cmake").is_dir() for prefix in PREFIXES)
NAME = "sim2sg_cpp_subscriber"

pytestmark = [
    pytest.mark.ros,
    pytest.mark.slow,
    pytest.mark.skipif(
        not COLCON.exists() or not (HERE / "share/ament_cmake/cmake").is_dir(),
        reason="needs the [dev] extra in a virtual environment: colcon, and the wheels that build packages",
    ),
    pytest.mark.skipif(not (HERE / "share/sim2sg/cmake").is_dir(), reason="sim2sg's messages are not installed here"),
    pytest.mark.skipif(shutil.which("c++") is None, reason="there is no C++ compiler"),
    pytest.mark.skipif(platform.machine() != "x86_64", reason="there are ROS wheels for x86-64 only"),
]


def environment() -> dict[str, str]:
    """What sourcing a ROS installation sets."""
    prefixes = os.pathsep.join(map(str, dict.fromkeys(PREFIXES)))
    libraries = [str(prefix / "lib") for prefix in PREFIXES] + [os.environ.get("LD_LIBRARY_PATH", "")]
    return {
        **os.environ,
        "AMENT_PREFIX_PATH": prefixes,
        "CMAKE_PREFIX_PATH": prefixes,
        "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries)),
        "PATH": f"{HERE / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built programs."""
    folder = tmp_path_factory.mktemp("cpp")
    shutil.copytree(ROOT / "examples" / "cpp_subscriber", folder / "src" / NAME)
    command = [
        *(str(COLCON), "--log-base", str(folder / "log"), "build", "--base-paths", str(folder / "src")),
        *("--build-base", str(folder / "build"), "--install-base", str(folder / "install")),
        "--cmake-args",
        f"-DPython3_EXECUTABLE={sys.executable}",
        f"-DBUILD_NODE={'ON' if HAS_RCLCPP else 'OFF'}",
        "-DCMAKE_CXX_FLAGS=-Werror",
    ]
    done = subprocess.run(command, env=environment(), cwd=folder, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return folder / "install" / NAME / "lib" / NAME


@pytest.fixture(scope="module")
def python_example() -> ModuleType:
    return load(PYTHON_SUBSCRIBER)


def tracked() -> SceneGraph:
    message = SceneGraph(sequence=2**40 + 7)
    message.header.frame_id = "camera_optical"
    message.objects = [
        SceneObject(id="cube_3", class_name="cube", score=0.905, has_pose=True),
        SceneObject(id="cubé_12", class_name="cubé", score=0.5, x1=1.5, y1=2.5, x2=30.25, y2=40.75),
    ]
    message.objects[0].pose.pose.position = Point(x=0.125, y=-0.005, z=12.345)
    message.relations = [
        SceneRelation(subject=1, predicate="left_of", object=0, score=1.0),
        SceneRelation(subject=0, predicate="next_to", object=1, score=0.333),
    ]
    return message


def untracked() -> SceneGraph:
    message = tracked()
    for item in message.objects:
        item.id = ""
    return message


@pytest.mark.parametrize(
    ("message", "known"),
    [
        (tracked(), ("cubé_12", "cube_2", "cube_7")),
        (tracked(), ()),
        (untracked(), ("cube_3",)),
        (SceneGraph(), ("cube_1",)),
        (SceneGraph(), ()),
    ],
)
def test_both_examples_say_the_same(
    programs: Path, python_example: ModuleType, tmp_path: Path, message: SceneGraph, known: Collection[str]
) -> None:
    file = tmp_path / "graph.cdr"
    file.write_bytes(serialize_message(message))
    message = deserialize_message(file.read_bytes(), SceneGraph)  # Numbers as rounded on the wire.
    done = run(programs / "describe_file", file, *known)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == python_example.describe(message, {"left_of": "right_of"}, set(known))


def test_what_is_no_graph_is_told(programs: Path, tmp_path: Path) -> None:
    file = tmp_path / "graph.cdr"
    file.write_bytes(serialize_message(tracked())[:40])
    done = run(programs / "describe_file", file)
    assert done.returncode == 1
    assert "is no SceneGraph" in done.stderr
    assert run(programs / "describe_file", tmp_path / "none").returncode == 1
    assert "usage" in run(programs / "describe_file").stderr


def run(*command: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(list(map(str, command)), env=environment(), capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(not HAS_RCLCPP, reason="rclcpp is not installed: it comes with ROS and not as a wheel")
def test_the_node_prints_what_is_published(programs: Path, python_example: ModuleType, tmp_path: Path) -> None:
    import rclpy

    output = tmp_path / "output.txt"
    with output.open("wb") as file:
        process = subprocess.Popen([str(programs / "subscriber")], env=environment(), stdout=file)
    context = rclpy.Context()
    rclpy.init(context=context)
    node = rclpy.create_node("cpp_example_peer", context=context)
    try:
        publisher = node.create_publisher(SceneGraph, "/sim2sg/scene_graph", 1)
        expected = python_example.describe(tracked(), {}, {"cube_3", "cubé_12"})  # From its second message on.
        deadline = time.monotonic() + 30
        while "\n".join(expected) not in output.read_text():
            assert time.monotonic() < deadline, output.read_text()
            publisher.publish(tracked())
            time.sleep(0.1)
    finally:
        process.terminate()
        process.wait(10)
        node.destroy_node()
        rclpy.shutdown(context=context)


def test_it_is_a_package_of_its_own_and_not_built_uninvited() -> None:
    package = ElementTree.parse(ROOT / "examples" / "cpp_subscriber" / "package.xml")
    assert package.findtext("name") == NAME
    assert package.findtext("version") == ElementTree.parse(ROOT / "package.xml").findtext("version")
    assert {e.text for e in package.findall("depend")} == {"rclcpp", "sim2sg"}
    command = [str(COLCON), "list", "--names-only", "--base-paths", str(ROOT)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["sim2sg"], done.stderr
