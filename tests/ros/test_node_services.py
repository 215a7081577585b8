"""Services of a live node, and the latched facts about its model."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from sim2sg.msg import GraphInfo
from sim2sg.srv import GetSceneGraph, LoadModel

from tests.ros.live_node import LiveNode, running_node

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]

GET, LOAD, INFO = "/served/get_scene_graph", "/served/load_model", "/served/graph_info"


@pytest.fixture(scope="module")
def live(start: Callable[..., Any], peer: Any, models: tuple[Path, Path]) -> Iterator[LiveNode]:
    with running_node(start, peer, "served", models[0], "/served/image") as live:
        yield live


def test_facts_are_latched_for_who_joins_late(live: LiveNode) -> None:
    infos = live.peer.listen(GraphInfo, INFO, latched=True)
    info = live.peer.spin_until(lambda: infos and infos[-1])
    assert info.model_id == "model-a"
    assert list(info.class_names) == ["cube", "sphere", "cylinder"]
    assert len(info.predicates) == len(info.inverses) == len(info.symmetric) > 0
    assert info.provider == "cpu"
    assert info.max_objects == 8
    assert info.object_threshold == 0.0


def test_the_latest_graph_on_request(live: LiveNode) -> None:
    graph = live.shoot()
    answer = live.peer.call(GetSceneGraph, GET)
    assert answer.success, answer.message
    assert answer.graph == graph
    assert answer.text.count("\n") == len(graph.objects) + len(graph.relations) - 1
    record = json.loads(answer.json)
    assert [item["class"] for item in record["objects"]] == [item.class_name for item in graph.objects]
    assert record["stamp"] == (graph.header.stamp.sec * 10**9 + graph.header.stamp.nanosec)

    wanted = graph.objects[-1].class_name
    part = live.peer.call(GetSceneGraph, GET, class_names=[wanted]).graph
    assert {item.class_name for item in part.objects} == {wanted}
    assert all(max(r.subject, r.object) < len(part.objects) for r in part.relations)

    unknown = live.peer.call(GetSceneGraph, GET, class_names=["unicorn"])
    assert not unknown.success
    assert "unicorn" in unknown.message
    request = GetSceneGraph.Request()
    request.max_age.sec = 1  # The images' stamps are years old.
    old = live.peer.call(GetSceneGraph, GET, max_age=request.max_age)
    assert not old.success
    assert "max_age" in old.message


def test_another_model_is_swapped_in_and_a_bad_one_is_not(
    live: LiveNode, models: tuple[Path, Path], tmp_path: Path
) -> None:
    rubbish = tmp_path / "rubbish.onnx"
    rubbish.write_bytes(b"rubbish")
    for path, reason in ((tmp_path / "none.onnx", "no such file"), (rubbish, "not an ONNX model")):
        answer = live.peer.call(LoadModel, LOAD, model=str(path))
        assert not answer.success
        assert reason in answer.message
        assert "\n" not in answer.message
        assert answer.model_id == "model-a"
        assert live.shoot().model_id == "model-a"
    infos = live.peer.listen(GraphInfo, INFO, latched=True)
    answer = live.peer.call(LoadModel, LOAD, model=str(models[1]), keep_thresholds=True)
    assert answer.success, answer.message
    assert answer.model_id == "model-b"
    assert live.shoot().model_id == "model-b"
    live.peer.spin_until(lambda: infos and infos[-1].model_id == "model-b")
    # Empty: the file in use again.
    assert live.peer.call(LoadModel, LOAD, keep_thresholds=True).model_id == "model-b"


def test_thresholds_go_back_with_another_model_unless_they_are_kept(live: LiveNode, models: tuple[Path, Path]) -> None:
    infos = live.peer.listen(GraphInfo, INFO, latched=True)
    assert live.set_parameter("object_threshold", 1.0).successful
    live.peer.spin_until(lambda: infos and infos[-1].object_threshold == 1.0)
    assert live.peer.call(LoadModel, LOAD, model=str(models[0]), keep_thresholds=True).success
    assert not live.shoot().objects
    assert live.peer.call(LoadModel, LOAD, model=str(models[0])).success
    assert live.shoot().objects
    live.peer.spin_until(lambda: infos[-1].object_threshold == 0.0)


def test_the_old_model_works_on_while_the_new_one_loads(live: LiveNode, models: tuple[Path, Path]) -> None:
    client = live.peer.node.create_client(LoadModel, LOAD)
    live.peer.spin_until(client.service_is_ready)
    future = client.call_async(LoadModel.Request(model=str(models[0]), keep_thresholds=True))
    deadline = time.monotonic() + 180
    while not future.done():
        live.shoot()
        assert time.monotonic() < deadline
    assert future.result().success
    assert live.shoot().model_id == "model-a"
