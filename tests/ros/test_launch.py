"""The launch files: run with stand-ins for `launch` everywhere, and with `launch` where it is installed."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from sim2sg_ros import launching, middleware
from tests.loading import load

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


class Record:
    """In place of a class of launch or launch_ros: keeps what it is made of."""

    def __init__(self, *positional: Any, **words: Any) -> None:
        self.positional, self.words = positional, words


class Configuration(Record):
    """In place of LaunchConfiguration; the context is the values."""

    def perform(self, context: dict[str, str]) -> str:
        return context[self.positional[0]]


STAND_INS: dict[str, dict[str, type[Record]]] = {
    "launch": {"LaunchContext": Record, "LaunchDescription": Record},
    "launch.actions": {
        name: type(name, (Record,), {})
        for name in ("DeclareLaunchArgument", "OpaqueFunction", "SetEnvironmentVariable")
    },
    "launch.substitutions": {"LaunchConfiguration": Configuration},
    "launch_ros": {},
    "launch_ros.actions": {"Node": Record},
    "launch_ros.parameter_descriptions": {"ParameterValue": Record},
}


@pytest.fixture
def entities(file: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """What a launch file describes, by the names of the classes, with stand-ins for these."""
    for name, members in STAND_INS.items():
        module = ModuleType(name)
        module.__dict__.update(members)
        monkeypatch.setitem(sys.modules, name, module)
    for name in (middleware.OLD_VARIABLE, middleware.NEW_VARIABLE, "RMW_IMPLEMENTATION"):
        monkeypatch.delenv(name, raising=False)
    module = load(file)
    found: dict[str, list[Any]] = {}
    for entity in module.generate_launch_description().positional[0]:
        found.setdefault(type(entity).__name__, []).append(entity)
    return found


@pytest.fixture
def launch(entities: dict[str, list[Any]]) -> Callable[..., SimpleNamespace]:
    """Launches with some arguments and returns what the node is made of."""
    defaults = {item.positional[0]: item.words["default_value"] for item in entities["DeclareLaunchArgument"]}
    [opaque] = entities["OpaqueFunction"]

    def run(**arguments: str) -> SimpleNamespace:
        assert arguments.keys() <= defaults.keys()
        [node] = opaque.words["function"](defaults | arguments)
        words = dict(node.words)
        file, parameters = words.pop("parameters")
        plain = {name: v.positional[0] if isinstance(v, Record) else v for name, v in parameters.items()}
        return SimpleNamespace(**words, file=file, parameters=plain, typed=parameters)

    return run


def test_all_launch_files_are_looked_at() -> None:
    assert {path.name for path in FOLDER.iterdir() if path.is_file()} == set(WANTED)
    assert set(launching.ARGUMENTS) == COMMON


def test_every_argument_is_there_and_described(file: Path, entities: dict[str, list[Any]]) -> None:
    declared = entities["DeclareLaunchArgument"]
    assert {item.positional[0] for item in declared} == WANTED[file.name]
    assert all(len(item.words["description"]) > 10 for item in declared)
    assert entities.keys() == {"DeclareLaunchArgument", "SetEnvironmentVariable", "OpaqueFunction"}


def test_every_argument_is_used(file: Path, launch: Callable[..., SimpleNamespace]) -> None:
    usual = launch()
    values = {"respawn": "true", "use_sim_time": "True", "compressed": "false", "autostart": "false"}
    for name in WANTED[file.name]:
        changed = launch(**{name: values.get(name, "other")})
        assert changed.__dict__ | {"typed": None} != usual.__dict__ | {"typed": None}, name


def test_what_is_empty_is_left_to_the_file(file: Path, launch: Callable[..., SimpleNamespace]) -> None:
    node = launch()
    assert Path(node.file) == FOLDER.parent / "config" / "sim2sg.yaml"
    assert node.parameters.keys() == ({"cameras"} if file.name == "cameras.launch.py" else set())
    assert node.respawn is False


def test_words_for_true_and_false_are_those_of_yaml_and_no_others(launch: Callable[..., SimpleNamespace]) -> None:
    for word, meant in (("1", True), ("Yes", True), ("0", False), ("off", False)):
        node = launch(use_sim_time=word, compressed=word, respawn=word)
        assert (node.parameters["use_sim_time"], node.respawn) == (meant, meant)
        assert node.parameters["transport"] == ("compressed" if meant else "raw")
    with pytest.raises(ValueError, match="autostart:=ture: write true or false"):
        launch(autostart="ture")


def test_the_parameters_it_sets_exist(file: Path, launch: Callable[..., SimpleNamespace]) -> None:
    pytest.importorskip("rclpy", reason="rclpy is not installed")
    from sim2sg_ros.parameter_specs import PARAMETER_SPECS
    from sim2sg_ros.parameters import why_invalid

    node = launch(model="7", compressed="true", autostart="False", use_sim_time="true", respawn="true")
    wanted: dict[str, object] = {"model": "7", "transport": "compressed", "autostart": False, "use_sim_time": True}
    if file.name == "cameras.launch.py":
        wanted["cameras"] = ["front", "rear"]
    assert node.parameters == wanted
    assert wanted.keys() <= {*PARAMETER_SPECS, "use_sim_time"}
    assert why_invalid(node.parameters) == ""
    assert node.respawn is True
    # Otherwise launch takes text for YAML, and a name for a number.
    assert node.typed["model"].words == {"value_type": str}


def test_the_executable_it_starts_is_installed(launch: Callable[..., SimpleNamespace]) -> None:
    node = launch()
    assert node.package == "sim2sg"
    assert (FOLDER.parent / "scripts" / node.executable).is_file()


def test_topics_are_remapped(file: Path, launch: Callable[..., SimpleNamespace]) -> None:
    if file.name == "cameras.launch.py":
        pattern = "/{camera}/color/image"
        node = launch(cameras=" left,right,", image_topic=pattern)
        expected = {"left/image": "/left/color/image", "right/image": "/right/color/image"}
        assert dict(node.remappings) == expected
        node = launch(cameras="left,right", image_topic=pattern, camera_info_topic="/{camera}/info")
        expected |= {"left/camera_info": "/left/info", "right/camera_info": "/right/info"}
        assert dict(node.remappings) == expected
    else:
        assert dict(launch(image="/eye").remappings) == {"image": "/eye", "camera_info": "camera_info"}


def test_it_sets_the_middlewares_profile(entities: dict[str, list[Any]]) -> None:
    variables = dict(item.positional for item in entities["SetEnvironmentVariable"])
    assert variables == middleware.profile_environment() != {}


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
