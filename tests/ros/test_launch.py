"""The launch file: read as Python everywhere, run where `launch` is installed."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

LAUNCH = Path(__file__).parents[2] / "launch" / "sim2sg.launch.py"
WANTED = {
    "model", "image", "camera_info", "compressed", "params_file", "namespace", "name", "autostart",
    "use_sim_time", "log_level",
}  # fmt: skip


@pytest.fixture(scope="module")
def tree() -> ast.Module:
    return ast.parse(LAUNCH.read_text())


def arguments(tree: ast.Module) -> ast.Dict:
    [found] = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "ARGUMENTS"
    ]
    assert isinstance(found, ast.Dict)
    return found


def test_every_argument_is_there_and_described(tree: ast.Module) -> None:
    table = arguments(tree)
    assert {ast.literal_eval(key) for key in table.keys if key} == WANTED
    for value in table.values:
        assert isinstance(value, ast.Tuple)
        assert len(ast.literal_eval(value.elts[1])) > 10


def test_every_argument_is_used(tree: ast.Module) -> None:
    used = {
        ast.literal_eval(node.slice)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and getattr(node.value, "id", "") == "value"
    }
    assert used == WANTED


def test_the_parameters_it_sets_exist(tree: ast.Module) -> None:
    pytest.importorskip("rclpy", reason="rclpy is not installed")
    from sim2sg_ros.parameters import TABLE

    set_ = {
        ast.literal_eval(node.slice)
        for node in ast.walk(tree)
        if isinstance(node, ast.Subscript) and getattr(node.value, "id", "") == "parameters"
    }
    assert set_
    assert set_ <= set(TABLE)


def test_the_executable_it_starts_is_installed(tree: ast.Module) -> None:
    [node] = [call for call in ast.walk(tree) if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Node"]
    words = {k.arg: k.value.value for k in node.keywords if isinstance(k.value, ast.Constant)}
    assert words["package"] == "sim2sg"
    assert (LAUNCH.parents[1] / "scripts" / words["executable"]).is_file()


@pytest.mark.skipif(importlib.util.find_spec("launch_ros") is None, reason="launch and launch_ros are not installed")
def test_it_describes_a_node() -> None:
    from launch.actions import DeclareLaunchArgument, OpaqueFunction
    from launch.launch_description_sources import get_launch_description_from_python_launch_file

    from launch import LaunchContext

    context = LaunchContext()
    entities = get_launch_description_from_python_launch_file(str(LAUNCH)).entities
    assert {e.name for e in entities if isinstance(e, DeclareLaunchArgument)} == WANTED
    for entity in entities:
        if isinstance(entity, DeclareLaunchArgument):
            entity.execute(context)
    context.launch_configurations["model"] = "/m.onnx"
    [opaque] = [e for e in entities if isinstance(e, OpaqueFunction)]
    [node] = opaque.execute(context)
    assert node.node_executable == "node"
