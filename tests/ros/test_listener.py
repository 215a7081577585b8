"""The small subscriber that the demo and the benchmark share."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from sim2sg.msg import SceneGraph, SceneObject, SceneRelation

from sim2sg_core.errors import Sim2SGError
from sim2sg_ros.listener import MAX_RELATIONS, GraphListener, graph_summary

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]

TOPIC = "/listened_to/scene_graph"


@pytest.fixture
def listener() -> Iterator[GraphListener]:
    listener = GraphListener(TOPIC)
    yield listener
    listener.close()


@pytest.fixture
def running() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        yield process
        process.kill()


@pytest.fixture
def ended() -> subprocess.Popen[bytes]:
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    process.wait()
    return process


@pytest.mark.parametrize(
    ("ids", "names"), [(("cube_3", "sphere_7"), ("cube_3", "sphere_7")), (("", ""), ("cube_0", "sphere_1"))]
)
def test_a_graph_as_text_names_objects_by_id_or_index(ids: tuple[str, str], names: tuple[str, str]) -> None:
    graph = SceneGraph(sequence=4)
    graph.header.frame_id = "eye"
    graph.header.stamp.sec, graph.header.stamp.nanosec = 12, 34
    graph.objects = [SceneObject(id=i, class_name=c, score=0.5) for i, c in zip(ids, ("cube", "sphere"), strict=True)]
    graph.relations = [SceneRelation(subject=0, predicate="left_of", object=1, score=0.93)] * (MAX_RELATIONS + 1)
    first, second = names
    assert graph_summary(graph).splitlines() == [
        "  received graph 4 of image 12.000000034 (eye): 2 objects, 5 relations",
        f"    {first} (0.50), {second} (0.50)",
        *[f"    {first} left_of {second} (0.93)"] * MAX_RELATIONS,
    ]


def test_collects_until_it_has_enough(peer: Any, listener: GraphListener, running: subprocess.Popen[bytes]) -> None:
    publisher, stop = peer.publisher(SceneGraph, TOPIC), threading.Event()

    def publish() -> None:
        while not stop.wait(0.02):
            publisher.publish(SceneGraph())

    thread = threading.Thread(target=publish)
    started = time.time_ns()
    thread.start()
    try:
        graphs = listener.collect(until=running, settle=60, limit=3)
    finally:
        stop.set()
        thread.join()
    assert running.poll() is None
    assert len(graphs) == len(listener.arrivals) == 3
    assert started <= listener.arrivals[0] <= listener.arrivals[1] <= listener.arrivals[2] <= time.time_ns()


def test_collects_until_the_player_has_ended(listener: GraphListener, ended: subprocess.Popen[bytes]) -> None:
    assert listener.collect(until=ended, settle=0.2) == []


def test_says_that_the_node_died_or_is_silent(
    listener: GraphListener, ended: subprocess.Popen[bytes], running: subprocess.Popen[bytes]
) -> None:
    with pytest.raises(Sim2SGError, match="ended with status 3"):
        listener.wait_for_node(timeout=60, process=ended)
    with pytest.raises(Sim2SGError, match="nothing on /listened_to/graph_info"):
        listener.wait_for_node(timeout=0.2, process=running)
