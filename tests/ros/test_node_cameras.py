"""Several cameras on one live node."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.srv import GetState
from sim2sg.msg import GraphInfo, SceneGraph
from sim2sg.srv import GetSceneGraph

from tests.ros.live_node import ImageStream, next_statuses, values_of, with_parameters

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]


@pytest.mark.slow
def test_two_cameras_share_the_model_and_neither_starves(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path]
) -> None:
    process = start(
        "node", "--name", "both", "--model", models[0], "--object-threshold", 0, "--threads", 1,
        # Six graphs a second of all cameras: the fast one alone could take them all.
        *with_parameters(cameras="[left,right]", max_rate=6.0),
    )  # fmt: skip
    graphs = {name: peer.listen(SceneGraph, f"/both/{name}/scene_graph") for name in ("left", "right")}
    infos = peer.listen(GraphInfo, "/both/graph_info", latched=True)
    left = ImageStream(peer, "/left/image", 60, "left_optical")
    right = ImageStream(peer, "/right/image", 5, "right_optical")
    try:
        peer.spin_until(lambda: all(len(received) > 3 for received in graphs.values()))
        counts = {name: len(received) for name, received in graphs.items()}
        peer.spin_until(lambda: all(len(received) >= counts[name] + 8 for name, received in graphs.items()))
        gained = {name: len(received) - counts[name] for name, received in graphs.items()}
    finally:
        left.stop()
        right.stop()
    assert gained["left"] <= 3 * gained["right"], "they take turns as long as both have images"
    # What was under way is done, and has come.
    arrays = peer.listen(DiagnosticArray, "/diagnostics")
    found = peer.spin_until(lambda: all_done(next_statuses(peer, arrays, "/both"), graphs))
    assert len({info.model_id for info in infos}) == len(infos) == 1
    assert (infos[0].requested_provider, infos[0].input_width, infos[0].input_height) == ("auto", 96, 64)
    for name, received in graphs.items():
        assert {graph.header.frame_id for graph in received} == {f"{name}_optical"}
        numbers = [graph.sequence for graph in received]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
        stamps = [(graph.header.stamp.sec, graph.header.stamp.nanosec) for graph in received]
        assert stamps == sorted(stamps)
        service = f"/both/{name}/get_scene_graph"
        peer.spin_until(lambda s=service, r=received: peer.call(GetSceneGraph, s).graph == r[-1])
    assert set(found) == {"left scene graph", "right scene graph", "model"}
    for name in graphs:
        values = values_of(found[f"{name} scene graph"])
        assert values["input"] == f"/{name}/image"
        assert values["camera_info topic"] == f"/{name}/camera_info"
        assert values["camera_info"] == "none"
    values = values_of(found["left scene graph"])
    assert int(values["replaced by newer images"]) > int(values["published"])
    model = values_of(found["model"])
    assert (model["input size"], model["requested provider"], model["provider"]) == ("96x64", "auto", "cpu")
    assert process.stop(signal.SIGTERM) == 0
    assert "Traceback" not in process.log()


def all_done(
    found: dict[str, DiagnosticStatus], graphs: dict[str, list[SceneGraph]]
) -> dict[str, DiagnosticStatus] | None:
    """Returns the statuses once every image that the cameras received was dealt with and its graph has come."""
    for name, received in graphs.items():
        values = values_of(found[f"{name} scene graph"])
        done = sum(int(values[key]) for key in ("published", "replaced by newer images", "stale", "failed"))
        if int(values["received"]) != done or int(values["published"]) != received[-1].sequence + 1:
            return None
    return found


def test_an_empty_list_of_cameras_is_the_camera_without_a_name(start: Callable[..., Any], peer: Any) -> None:
    process = start("node", "--name", "one", *with_parameters(cameras="[]", autostart="false"))
    assert peer.call(GetState, "/one/get_state").current_state.label == "unconfigured"
    peer.spin_until(lambda: peer.node.count_publishers("/one/scene_graph"))
    assert process.stop(signal.SIGINT) == 0
