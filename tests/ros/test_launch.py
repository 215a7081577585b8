"""The launch files: read as Python everywhere, run where `launch` is installed."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "launch"
COMMON = {
    "model", "compressed", "params_file", "namespace", "name", "autostart", "respawn", "use_sim_time", "log_level",
}  # fmt: skip
WANTED = {
    "sim2sg.launch.py": COMMON | {"image", "camera_info"},
    "cameras.launch.py": COMMON | {"cameras", "image_topic", "camera_info_topic"},
}


@pytest.fixture(params=sorted(WANTED))
def file(request: pytest.FixtureRequest) -> Path:
    return FOLDER / str(request.param)


@pytest.fixture
def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text())


def arguments(tree: ast.Module) -> ast.Dict:
    [found] = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "ARGUMENTS"
    ]
    assert isinstance(found, ast.Dict)
    return found


def indexed(tree: ast.Module, name: str) -> set[str]:
    """Returns the keys by which the variable `name` is indexed, or that it is built from."""
    keys = {
        ast.literal_eval(node.slice)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and getattr(node.value, "id", "") == name
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and getattr(node.target, "id", "") == name:
            assert isinstance(node.value, ast.Dict)
            keys |= {ast.literal_eval(key) for key in node.value.keys if key}
    return keys


def test_all_launch_files_are_looked_at() -> None:
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} == set(WANTED)


def test_every_argument_is_there_and_described(file: Path, tree: ast.Module) -> None:
    table = arguments(tree)
    assert {ast.literal_eval(key) for key in table.keys if key} == WANTED[file.name]
    for value in table.values:
        assert isinstance(value, ast.Tuple)
        assert len(ast.literal_eval(value.elts[1])) > 10


def test_every_argument_is_used(file: Path, tree: ast.Module) -> None:
    assert indexed(tree, "value") == WANTED[file.name]


def test_the_parameters_it_sets_exist(file: Path, tree: ast.Module) -> None:
    pytest.importorskip("rclpy", reason="rclpy is not installed")
    from sim2sg_ros.parameters import TABLE

    set_ = indexed(tree, "parameters")
    assert set_ >= {"model", "transport", "autostart", "use_sim_time"}
    assert set_ <= {*TABLE, "use_sim_time"}
    assert ("cameras" in set_) == (file.name == "cameras.launch.py")


def test_the_executable_it_starts_is_installed(tree: ast.Module) -> None:
    [node] = [call for call in ast.walk(tree) if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Node"]
    words = {k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)}
    assert words["package"] == "sim2sg"
    assert (FOLDER.parent / "scripts" / words["executable"]).is_file()


def test_it_sets_the_middlewares_profile(tree: ast.Module) -> None:
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert {"settings.profile_environment", "SetEnvironmentVariable"} <= called


# Neither package is on PyPI; a ROS installation has both.
@pytest.mark.skipif(importlib.util.find_spec("launch_ros") is None, reason="launch and launch_ros are not installed")
def test_it_describes_a_node(file: Path) -> None:
    from launch.actions import DeclareLaunchArgument, OpaqueFunction
    from launch.launch_description_sources import get_launch_description_from_python_launch_file

    from launch import LaunchContext

    context = LaunchContext()
    entities = get_launch_description_from_python_launch_file(str(file)).entities
    assert {e.name for e in entities if isinstance(e, DeclareLaunchArgument)} == WANTED[file.name]
    for entity in entities:
        if isinstance(entity, DeclareLaunchArgument):
            entity.execute(context)
    context.launch_configurations["model"] = "/m.onnx"
    [opaque] = [e for e in entities if isinstance(e, OpaqueFunction)]
    context.launch_configurations |= {"cameras": "left, right", "image_topic": "/{camera}/color/image"}
    [node] = opaque.execute(context)
    assert node.node_executable == "node"
    node._perform_substitutions(context)
    remappings = dict(node.expanded_remapping_rules)
    if file.name == "cameras.launch.py":
        assert remappings == {"left/image": "/left/color/image", "right/image": "/right/color/image"}
    else:
        assert remappings == {"image": "image", "camera_info": "camera_info"}
