"""What the package says of the node's interface, compared with a running node."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from sim2sg_ros import node_interface
from sim2sg_ros.outputs import find_optional

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]

SCRIPTS = Path(__file__).parents[2] / "scripts"
# What ROS adds to every lifecycle node.
EVERY_NODES_TOPICS = {"/parameter_events", "/rosout", "/clock"}
EVERY_NODES_SERVICES = ("rcl_interfaces/", "lifecycle_msgs/", "type_description_interfaces/")


def resolved(name: str, node: str) -> str:
    return name.replace("~", f"/{node}", 1) if name.startswith("~") else f"/{name.lstrip('/')}"


def expected_outputs(node: str, cameras: tuple[str, ...]) -> dict[str, str]:
    """Full name to type of what the tables promise."""
    topics = [t for t in node_interface.TOPICS if t.output and (not t.needs or t.needs in find_optional()[0])]
    return {resolved(name, node): topic.type for topic in topics for name in names(topic, cameras)}


def names(item: node_interface.Topic | node_interface.Service, cameras: tuple[str, ...]) -> list[str]:
    if not item.per_camera or not cameras:
        return [item.name]
    return [node_interface.for_camera(item.name, camera) for camera in cameras]


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
    tables = {t.name: t for t in node_interface.TOPICS if not t.output}
    wanted = {resolved(name, node): tables[i].type for i in inputs for name in names(tables[i], cameras)}
    peer.spin_until(lambda: (node, "/") in peer.node.get_node_names_and_namespaces())
    comes_to(peer, lambda: subscribed(peer, node), wanted)  # It is active now.
    comes_to(peer, lambda: published(peer, node), expected_outputs(node, cameras))
    offered = {resolved(name, node): item.type for item in node_interface.SERVICES for name in names(item, cameras)}
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
    for topic in node_interface.TOPICS:
        for name in names(topic, cameras):
            find = peer.node.get_publishers_info_by_topic if topic.output else peer.node.get_subscriptions_info_by_topic
            endpoints = [e for e in find(resolved(name, node)) if e.node_name == node]
            for endpoint in endpoints:
                offered = endpoint.qos_profile
                assert topic.qos.startswith(offered.reliability.name.lower().replace("_", " ")), name
                assert ("transient local" in topic.qos) == (offered.durability.name == "TRANSIENT_LOCAL"), name
            assert endpoints or not topic.output or topic.needs, name


def test_the_tables_types_exist() -> None:
    for item in (*node_interface.TOPICS, *node_interface.SERVICES):
        package, kind, name = item.type.split("/")
        needs = getattr(item, "needs", "")
        if needs and needs not in find_optional()[0]:
            continue
        assert hasattr(importlib.import_module(f"{package}.{kind}"), name)


def test_every_executable_is_there() -> None:
    for item in node_interface.NODES:
        assert (SCRIPTS / item.name).is_file()
