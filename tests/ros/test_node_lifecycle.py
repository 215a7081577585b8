"""Transitions of a live node: by hand, with a bad model, and while images come in."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.srv import GetState
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from sim2sg.msg import SceneGraph
from sim2sg.srv import GetSceneGraph, LoadModel

from sim2sg_ros.node import SceneGraphNode
from tests.ros.live_node import (
    ACTIVATE,
    CLEANUP,
    CONFIGURE,
    DEACTIVATE,
    ImageStream,
    LiveNode,
    change_state,
    next_statuses,
    noise_image,
    set_parameter,
    values_of,
)

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]


def test_deactivating_stops_and_activating_starts_anew(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path]
) -> None:
    process = start(
        "node", "--name", "paused", "--model", models[0], "--image", "/paused/image", "--object-threshold", 0
    )
    live = LiveNode(peer, process, "paused", "/paused/image")
    live.connect()
    live.change_state(DEACTIVATE)
    answer = peer.call(GetSceneGraph, "/paused/get_scene_graph")
    peer.spin_until(lambda: not live.publisher.get_subscription_count())
    before = len(live.graphs)
    live.publisher.publish(noise_image(1))
    peer.spin_for(0.3)
    assert len(live.graphs) == before
    assert not answer.success and "the node is inactive" in answer.message, "the latest graph may be hours old"
    live.change_state(ACTIVATE)
    answer = peer.call(GetSceneGraph, "/paused/get_scene_graph")
    assert not answer.success and "no image" in answer.message
    live.connect()
    assert live.graphs[before].sequence == 0
    live.change_state(DEACTIVATE, CLEANUP)
    answer = peer.call(GetSceneGraph, "/paused/get_scene_graph")
    assert not answer.success and answer.message == "the node is unconfigured: configure it, then activate it"
    live.change_state(CONFIGURE, ACTIVATE)
    live.connect()
    assert live.shoot().objects
    assert process.stop(signal.SIGTERM) == 0
    assert "Traceback" not in process.log()


def test_a_bad_model_leaves_the_node_unconfigured_and_alive(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(models[0].read_bytes()[:1000])
    process = start("node", "--name", "bad", "--model", bad, "--image", "/bad/image")
    state = peer.call(GetState, "/bad/get_state").current_state
    peer.spin_until(lambda: "not configured:" in process.log())
    assert state.label == "unconfigured"
    [line] = [line for line in process.log().splitlines() if "not configured:" in line]
    assert "bad.onnx" in line
    assert "not an ONNX model" in line
    assert "Traceback" not in process.log()
    for status in next_statuses(peer, peer.listen(DiagnosticArray, "/diagnostics"), "/bad").values():
        assert status.level == b"\x02"
        assert "bad.onnx" in status.message
    answer = peer.call(GetSceneGraph, "/bad/get_scene_graph")
    assert not answer.success
    assert "unconfigured" in answer.message
    # The parameter mended, it configures.
    assert set_parameter(peer, "model", str(models[0]), "bad").successful
    change_state(peer, CONFIGURE, ACTIVATE, node="bad")
    assert process.stop(signal.SIGINT) == 0


FROZEN = """
import gc
from sim2sg_ros import node
node.spin_until = lambda *_: print("frozen", gc.get_freeze_count(), "others", len(gc.get_objects()))
node.run_node([])
"""


def test_a_full_collection_leaves_modules_alone() -> None:
    # In a process of its own, which it holds for.
    done = subprocess.run([sys.executable, "-c", FROZEN], capture_output=True, text=True, check=True)
    _, frozen, _, others = done.stdout.split()
    assert int(frozen) > 10 * int(others)


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_the_model_loads_ends_it_at_once_and_in_silence(
    start: Callable[..., Any], peer: Any, by: signal.Signals
) -> None:
    process = start("node", "--name", "hasty", "--model", "dining", "--image", "/hasty/image")
    peer.spin_until(lambda: "loading dining" in process.log())
    assert process.stop(by) == 0
    [line] = process.log().splitlines()
    assert line.endswith("loading dining")


def test_another_node_of_its_name_is_told(peer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim2sg_ros.lasting.LINGER", 0.3)
    settings = {"autostart": False, "diagnostics_period": 0.2}
    node = SceneGraphNode(parameter_overrides=[Parameter(k, value=v) for k, v in settings.items()])
    peer.executor.add_node(node)
    other = rclpy.create_node("sim2sg")
    arrays = peer.listen(DiagnosticArray, "/diagnostics")

    def warning() -> str:
        return values_of(next_statuses(peer, arrays, "/sim2sg")["model"])["warning"]

    peer.spin_until(lambda: "2 nodes are called /sim2sg" in warning())
    other.destroy_node()
    peer.spin_until(lambda: not warning())
    peer.executor.remove_node(node)
    node.destroy_node()


def test_a_node_that_is_refused_is_gone_while_the_middleware_is_there(peer: Any) -> None:
    with pytest.raises(ValueError, match="letters, digits") as refused:
        SceneGraphNode(namespace="/refused", parameter_overrides=[Parameter("cameras", value=["a b"])])
    # The error still holds what raised it, and so the node.
    peer.spin_until(lambda: ("sim2sg", "/refused") not in peer.node.get_node_names_and_namespaces())
    assert refused.traceback


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("depth_topic", "/my depth", "/my depth"),
        ("qos_overrides./image.subscription.depth", "5", "qos_overrides./image.subscription.depth"),
    ],
)
def test_what_keeps_the_node_from_activating_is_told_until_it_is_mended(
    peer: Any, models: tuple[Path, Path], name: str, value: str, reason: str
) -> None:
    settings = {"autostart": False, "diagnostics_period": 0.2, "model": str(models[0]), "transport": "raw", name: value}
    node = SceneGraphNode(parameter_overrides=[Parameter(k, value=v) for k, v in settings.items()])
    peer.executor.add_node(node)
    arrays = peer.listen(DiagnosticArray, "/diagnostics")
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_activate() != TransitionCallbackReturn.SUCCESS
    status = next_statuses(peer, arrays, "/sim2sg")["model"]
    assert status.level == DiagnosticStatus.ERROR and reason in status.message
    if name == "depth_topic":
        node.set_parameters([Parameter(name, value="")])
        assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
        peer.spin_until(lambda: next_statuses(peer, arrays, "/sim2sg")["model"].level == DiagnosticStatus.OK)
    peer.executor.remove_node(node)
    node.destroy_node()


def quiet(peer: Any, messages: list[Any]) -> bool:
    """Whether none comes for a moment."""
    before = len(messages)
    peer.spin_for(0.3)
    return len(messages) == before


@pytest.mark.slow
def test_transitions_and_reloads_while_images_come_in(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path]
) -> None:
    process = start("node", "--name", "busy", "--model", models[0], "--image", "/busy/image", "--threads", 1)
    graphs = peer.listen(SceneGraph, "/busy/scene_graph")
    load = peer.node.create_client(LoadModel, "/busy/load_model")
    stream = ImageStream(peer, "/busy/image", 30, "eye_optical")
    try:
        peer.spin_until(lambda: graphs and load.service_is_ready())
        for turn in range(5):
            reload = load.call_async(LoadModel.Request(model=str(models[(turn + 1) % 2]))) if turn < 3 else None
            for transition, label in ((DEACTIVATE, "inactive"), (ACTIVATE, "active")):
                change_state(peer, transition, node="busy")
                assert peer.call(GetState, "/busy/get_state").current_state.label == label
                if label == "inactive":
                    peer.spin_until(lambda: quiet(peer, graphs))  # What was under way has come.
                    before, sent = len(graphs), stream.sent
                    peer.spin_until(lambda n=sent: stream.sent > n + 10)
                    assert len(graphs) == before
            if reload is not None:
                peer.spin_until(reload.done)
                assert reload.result().success, reload.result().message
            before = len(graphs)
            peer.spin_until(lambda n=before: len(graphs) > n + 3)
        assert graphs[-1].model_id == "model-b"  # The third reload.
        assert graphs[-1].sequence < len(graphs)
        sent, before = stream.sent, len(graphs)
        peer.spin_until(lambda: len(graphs) > before + 15)
        assert stream.sent - sent < 150
    finally:
        stream.stop()
    assert process.stop(signal.SIGTERM) == 0
    assert "Traceback" not in process.log()
