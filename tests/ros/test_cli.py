from __future__ import annotations

import argparse
import ast
import sys
from pathlib import Path

import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_ros import cli_node, cli_play


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    cli_node.add_arguments(parser)
    return parser.parse_args(words)


def test_options_become_ros_arguments_after_the_users_own() -> None:
    args = parse(
        "--image", "/cam/image", "--name", "eye", "--namespace", "robot/", "--log-level", "debug",
        "--ros-args", "-r", "image:=/mine", "--ros-args", "-p", "max_age:=1.0",
    )  # fmt: skip
    assert cli_node.ros_arguments(args) == [
        "--ros-args", "-r", "image:=/mine", "--ros-args", "-p", "max_age:=1.0",
        "--ros-args", "-r", "__node:=eye", "-r", "__ns:=/robot", "-r", "image:=/cam/image",
        "--log-level", "debug",
    ]  # fmt: skip


def test_compressed_is_short_for_the_transport() -> None:
    assert parse("--compressed").transport == "compressed"
    assert parse().transport is None


@pytest.mark.parametrize("module", [cli_node, cli_play])
def test_the_verbs_import_no_ros_until_they_run(module: object) -> None:
    tree = ast.parse(Path(str(module.__file__)).read_text())  # type: ignore[attr-defined]
    top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    names = {getattr(node, "module", None) or node.names[0].name for node in top}
    assert not any(name.split(".")[0] in ("rclpy", "sim2sg") for name in names)


def test_without_ros_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rclpy.parameter", None)
    with pytest.raises(Sim2SGError, match=r"in a clone `pip install '\.\[ros\]'`"):
        cli_node.run(parse("--model", "m.onnx"))
