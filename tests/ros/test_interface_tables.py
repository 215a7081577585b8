"""The tables: what they say of a running node, and whether the README's are current."""

from __future__ import annotations

import contextlib
import importlib
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from sim2sg_core.errors import Sim2SGError
from sim2sg_ros import interface_tables
from sim2sg_ros.outputs import find_optional
from sim2sg_ros.parameters import TABLE

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]

README = Path(__file__).parents[2] / "README.md"
# What ROS adds to every lifecycle node.
EVERY_NODES_TOPICS = {"/parameter_events", "/rosout", "/clock"}
EVERY_NODES_SERVICES = ("rcl_interfaces/", "lifecycle_msgs/", "type_description_interfaces/")


def resolved(name: str, node: str) -> str:
    return name.replace("~", f"/{node}", 1) if name.startswith("~") else f"/{name.lstrip('/')}"


def expected_outputs(node: str, cameras: tuple[str, ...]) -> dict[str, str]:
    """Full name to type of what the tables promise."""
    topics = [t for t in interface_tables.TOPICS if t.output and (not t.needs or t.needs in find_optional())]
    return {resolved(name, node): topic.type for topic in topics for name in names(topic, cameras)}


def names(item: interface_tables.Topic | interface_tables.Service, cameras: tuple[str, ...]) -> list[str]:
    if not item.per_camera or not cameras:
        return [item.name]
    return [interface_tables.for_camera(item.name, camera) for camera in cameras]


def published(peer: Any, node: str) -> dict[str, str]:
    found = peer.node.get_publisher_names_and_types_by_node(node, "/")
    own = {name: types[0] for name, types in found if name not in EVERY_NODES_TOPICS}
    own.pop(f"/{node}/transition_event", None)
    return own


def subscribed(peer: Any, node: str) -> dict[str, str]:
    found = peer.node.get_subscriber_names_and_types_by_node(node, "/")
    return {name: types[0] for name, types in found if name not in EVERY_NODES_TOPICS}


def services(peer: Any, node: str) -> dict[str, str]:
    found = peer.node.get_service_names_and_types_by_node(node, "/")
    return {name: types[0] for name, types in found if not types[0].startswith(EVERY_NODES_SERVICES)}


@pytest.mark.parametrize(
    ("node", "cameras", "transport", "inputs"),
    [
        ("one", (), "compressed", ("image/compressed", "camera_info")),
        ("two", ("left", "right"), "raw", ("image", "camera_info")),
    ],
)
def test_a_running_node_has_what_the_tables_say(
    start: Callable[..., Any],
    models: tuple[Path, Path],
    peer: Any,
    node: str,
    cameras: tuple[str, ...],
    transport: str,
    inputs: tuple[str, ...],
) -> None:
    words = ["node", "--model", models[0], "--name", node, "--transport", transport, "--threads", 1]
    if cameras:
        words += ["--ros-args", "-p", f"cameras:=[{', '.join(cameras)}]"]
    process = start(*words)
    tables = {t.name: t for t in interface_tables.TOPICS if not t.output}
    wanted = {resolved(name, node): tables[i].type for i in inputs for name in names(tables[i], cameras)}
    peer.spin_until(lambda: (node, "/") in peer.node.get_node_names_and_namespaces())
    comes_to(peer, lambda: subscribed(peer, node), wanted)  # It is active now.
    comes_to(peer, lambda: published(peer, node), expected_outputs(node, cameras))
    offered = {resolved(name, node): item.type for item in interface_tables.SERVICES for name in names(item, cameras)}
    comes_to(peer, lambda: services(peer, node), offered)
    check_qos(peer, node, cameras)
    process.stop()


def comes_to(peer: Any, find: Callable[[], dict[str, str]], expected: dict[str, str]) -> None:
    """Waits until what is found is what is expected, for which topics come to be known one by one."""
    with contextlib.suppress(AssertionError):
        peer.spin_until(lambda: find() == expected)
    assert find() == expected


def check_qos(peer: Any, node: str, cameras: tuple[str, ...]) -> None:
    """Compares reliability and durability, which publishers tell; the depth they keep to themselves."""
    for topic in interface_tables.TOPICS:
        for name in names(topic, cameras):
            find = peer.node.get_publishers_info_by_topic if topic.output else peer.node.get_subscriptions_info_by_topic
            endpoints = [e for e in find(resolved(name, node)) if e.node_name == node]
            for endpoint in endpoints:
                offered = endpoint.qos_profile
                assert topic.qos.startswith(offered.reliability.name.lower().replace("_", " ")), name
                assert ("transient local" in topic.qos) == (offered.durability.name == "TRANSIENT_LOCAL"), name
            assert endpoints or not topic.output or topic.needs, name


def test_the_tables_types_exist() -> None:
    for item in (*interface_tables.TOPICS, *interface_tables.SERVICES):
        package, kind, name = item.type.split("/")
        if getattr(item, "needs", "") and item.needs not in find_optional():  # type: ignore[union-attr]
            continue
        assert hasattr(importlib.import_module(f"{package}.{kind}"), name)


def test_every_parameter_has_its_row() -> None:
    text = interface_tables.parameters_table()
    rows = [line.split(" | ")[0].strip("| `") for line in text.splitlines()[2:]]
    assert rows == list(TABLE)
    widths = {line.replace("\\|", "").count("|") for line in text.splitlines()}
    assert widths == {6}, "a cell breaks the table"


@pytest.mark.parametrize(
    ("value", "text"), [(True, "true"), ("", '""'), (float("nan"), ".nan"), (0.5, "0.5"), ([""], '[""]'), (4, "4")]
)
def test_defaults_stand_as_in_yaml(value: object, text: str) -> None:
    assert interface_tables.value_text(value) == text
    read = yaml.safe_load(text)
    assert read == value or (math.isnan(read) and math.isnan(value))  # type: ignore[arg-type]


def test_names_of_topics_survive_markdown() -> None:
    text = interface_tables.parameters_table()
    assert "`~/<name>/scene_graph`" in text
    outside = re.sub(r"`[^`]*`", "", text)
    assert not set("<>~") & set(outside)


def test_every_executable_is_there() -> None:
    for item in interface_tables.NODES:
        assert (README.parent / "scripts" / item.name).is_file()


def test_the_readme_is_current() -> None:
    text = README.read_text()
    assert interface_tables.rewritten(text) == text, "run: python -m sim2sg_ros.interface_tables README.md"
    assert {f"<!-- table: {name} -->" for name in interface_tables.TABLES} <= set(text.splitlines())


def test_a_document_is_rewritten_in_place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "doc.md"
    file.write_text("before\n<!-- table: services -->\nold\n<!-- end -->\nafter\n")
    assert interface_tables.main([str(file), "--check"]) == 1
    assert "python -m sim2sg_ros.interface_tables" in capsys.readouterr().err
    assert "old" in file.read_text()
    assert interface_tables.main([str(file)]) == 0
    text = file.read_text()
    assert text.startswith("before\n")
    assert text.endswith("<!-- end -->\nafter\n")
    assert "`~/load_model`" in text
    assert "\nold\n" not in text
    assert interface_tables.main([str(file), "--check"]) == 0


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("nothing", "0 tables begin"),
        ("<!-- table: topic -->\n<!-- end -->", "'topic' is unknown"),
        ("<!-- table: topics -->\n<!-- table: services -->\n<!-- end -->", "2 tables begin and 1 end"),
    ],
)
def test_mistakes_in_the_marks_are_told(text: str, reason: str) -> None:
    with pytest.raises(Sim2SGError, match=reason):
        interface_tables.rewritten(text)


def test_no_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert interface_tables.main([str(tmp_path / "none.md")]) == 2
    assert "none.md" in capsys.readouterr().err
