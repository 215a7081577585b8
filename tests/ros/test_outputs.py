from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sim2sg.msg", reason="the messages are not built")
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import Header, String
from visualization_msgs.msg import MarkerArray

from sim2sg_core.scene import Camera, Placement, SceneGraph, SceneObject
from sim2sg_ros.graph_conversions import graph_to_json, graph_to_message
from sim2sg_ros.image_conversions import Pixels
from sim2sg_ros.outputs import OPTIONAL, Outputs, find_optional, optional_outputs

pytestmark = pytest.mark.ros

BASIC = {"overlay": Image, "markers": MarkerArray, "graph_json": String}


@pytest.fixture
def node(ros: None) -> Iterator[Node]:
    node = rclpy.create_node("drawing")
    yield node
    node.destroy_node()


def scene() -> SceneGraph:
    view = Camera.from_extrinsics(64, 48, np.array([[50.0, 0, 32], [0, 50, 24], [0, 0, 1]]), 1.0, 0.4)
    placed = Placement("cup", np.array([2.0, 0.0, 0.0]), 0.4, np.array([0.3, 0.3, 0.3]))
    found = SceneObject("cup", 0.9, np.array([10.0, 10, 30, 30]), placed.to_pose(view))
    return SceneGraph(64, 48, (found,), stamp=5, camera=view)


def publish(outputs: Outputs) -> None:
    graph = scene()
    message = graph_to_message(graph, Header(frame_id="base_link"), "m", 0)
    pixels = Pixels(np.zeros((48, 64, 3), np.uint8), bgr=True)
    header = Header(frame_id="left_optical")
    outputs.publish(graph, message, pixels, header=header, classes=["cup"], predicates=["on"])


def test_nothing_is_made_while_nobody_listens(node: Node) -> None:
    outputs = Outputs(node)
    assert not outputs.wanted()
    publish(outputs)
    assert not outputs.made


@pytest.mark.parametrize("name", BASIC)
def test_what_is_listened_to_is_made_until_it_is_no_more(name: str, node: Node, peer: Any) -> None:
    outputs = Outputs(node)
    received: list[Any] = []
    subscription = peer.node.create_subscription(BASIC[name], f"/drawing/{name}", received.append, 5)
    peer.spin_until(outputs.wanted)
    publish(outputs)
    publish(outputs)
    assert outputs.made == {name: 2}  # And none of the others.
    peer.spin_until(lambda: received)
    peer.node.destroy_subscription(subscription)
    peer.spin_until(lambda: not outputs.wanted())
    publish(outputs)
    assert outputs.made == {name: 2}


def test_subscribers_get_what_they_asked_for(node: Node, peer: Any) -> None:
    outputs = Outputs(node, "~/left")
    overlays, markers, texts = (peer.listen(kind, f"/drawing/left/{name}") for name, kind in BASIC.items())
    publishers = [publisher for _, publisher in outputs._outputs[: len(BASIC)]]
    peer.spin_until(lambda: all(publisher.get_subscription_count() for publisher in publishers))
    publish(outputs)
    peer.spin_until(lambda: overlays and markers and texts)
    assert (overlays[0].width, overlays[0].height, overlays[0].header.frame_id) == (64, 48, "left_optical")
    assert np.frombuffer(overlays[0].data, np.uint8).any()  # The photograph was black.
    assert {marker.ns for marker in markers[0].markers} == {"", "boxes", "edges", "labels"}
    assert {marker.header.frame_id for marker in markers[0].markers} == {"base_link"}  # Where the poses are.
    assert json.loads(texts[0].data) == json.loads(graph_to_json(scene()))


def test_closing_withdraws_the_topics_and_they_can_come_again(node: Node, peer: Any) -> None:
    def topics() -> set[str]:
        return {name for name, _ in node.get_publisher_names_and_types_by_node("drawing", "/")}

    outputs = Outputs(node)
    names = {f"/drawing/{name}" for name in BASIC}
    peer.spin_until(lambda: names <= topics())
    outputs.close()
    assert not outputs.wanted()
    peer.spin_until(lambda: not names & topics())
    Outputs(node)
    peer.spin_until(lambda: names <= topics())


def test_every_optional_package_is_found_or_its_absence_explained() -> None:
    found, missing = find_optional()
    assert {*found, *missing} == set(OPTIONAL)
    assert all(missing.values())
    kinds = [output.kind.__name__ for output in optional_outputs(found)]
    assert kinds == [kind for package in found for kind in OPTIONAL[package]]


def test_optional_outputs_are_published(node: Node, peer: Any) -> None:
    found, missing = find_optional()
    if not found:
        pytest.skip("; ".join(missing.values()))
    outputs = Outputs(node)
    received = {o.name: peer.listen(o.kind, f"/drawing/{o.name}") for o in optional_outputs(found)}
    publishers = [publisher for output, publisher in outputs._outputs if output.name in received]
    peer.spin_until(lambda: all(publisher.get_subscription_count() for publisher in publishers))
    publish(outputs)
    assert outputs.made == dict.fromkeys(received, 1)
    peer.spin_until(lambda: all(received.values()))


def test_a_package_that_cannot_be_used_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # As when it was built for another Python: the classes are there, what is compiled is not.
    for package, kinds in OPTIONAL.items():
        folder = tmp_path / package / "msg"
        folder.mkdir(parents=True)
        (tmp_path / package / "__init__.py").touch()
        (folder / "__init__.py").write_text("".join(f"class {kind}:\n    pass\n" for kind in kinds))
        for name in [name for name in sys.modules if name.split(".")[0] == package]:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    found, missing = find_optional()
    for name in [name for name in sys.modules if name.split(".")[0] in OPTIONAL]:
        del sys.modules[name]
    assert not found
    assert set(missing) == set(OPTIONAL)
    assert all("_TYPE_SUPPORT" in reason for reason in missing.values())
