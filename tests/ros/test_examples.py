"""The Python example: what it prints of a graph, and as a process beside a real node."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from geometry_msgs.msg import Point
from sensor_msgs.msg import CameraInfo, Image
from sim2sg.msg import SceneGraph, SceneObject, SceneRelation

from tests.loading import PYTHON_SUBSCRIBER, load

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]

TOPIC = "/cam/image"


@pytest.fixture(scope="module")
def example() -> ModuleType:
    return load(PYTHON_SUBSCRIBER)


def graph() -> SceneGraph:
    message = SceneGraph(sequence=7)
    message.header.frame_id = "left_optical"
    message.objects = [
        SceneObject(id="cube_3", class_name="cube", score=0.9, has_pose=True, x1=1.0, y1=2.0, x2=3.0, y2=4.0),
        SceneObject(id="sphere_5", class_name="sphere", score=0.8, x1=10.0, y1=20.0, x2=30.0, y2=40.0),
    ]
    message.objects[0].pose.pose.position = Point(x=0.5, y=-0.25, z=2.0)
    message.relations = [
        SceneRelation(subject=0, predicate="left_of", object=1, score=0.7),
        SceneRelation(subject=1, predicate="on", object=0, score=0.6),
    ]
    return message


def test_it_tells_objects_ids_and_inverses(example: ModuleType) -> None:
    assert example.describe(graph(), {"left_of": "right_of", "on": ""}, {"cube_3", "cube_4"}) == [
        "graph 7: 2 objects, 2 relations",
        "  cube_3 (0.90) at (0.50, -0.25, 2.00) m in left_optical",
        "  sphere_5 (0.80) in the box (10, 20, 30, 40) new",
        "  cube_4 gone",
        "  cube_3 left_of sphere_5 (0.70), so sphere_5 right_of cube_3",
        "  sphere_5 on cube_3 (0.60)",
    ]


def test_without_tracking_it_names_objects_by_index(example: ModuleType) -> None:
    message = graph()
    for item in message.objects:
        item.id = ""
    lines = example.describe(message, {}, set())
    assert lines[-2:] == ["  cube_0 left_of sphere_1 (0.70)", "  sphere_1 on cube_0 (0.60)"]
    assert "new" not in "".join(lines)


def test_nothing_found_is_one_line(example: ModuleType) -> None:
    assert example.describe(SceneGraph(sequence=1), {}, ()) == ["graph 1: 0 objects, 0 relations"]


@pytest.fixture(scope="module", params=["", "front"])
def live(
    request: pytest.FixtureRequest, start: Callable[..., Any], models: tuple[Path, Path]
) -> Iterator[tuple[str, str]]:
    """A node, with one camera or with named ones; its name and its camera's."""
    camera = str(request.param)
    name = f"seer_{camera}".rstrip("_")
    words = ["node", "--model", models[0], "--name", name, "--object-threshold", 0, "--threads", 1]
    prefix = f"{camera}/" if camera else ""
    words += ["--ros-args", "-r", f"{prefix}image:={TOPIC}", "-p", "relation_threshold:=0.0"]
    if camera:
        words += ["-p", f"cameras:=[{camera}, rear]"]
    process = start(*words)
    yield name, camera
    process.stop()


def test_it_prints_what_a_node_sees(live: tuple[str, str], peer: Any, example: ModuleType, tmp_path: Path) -> None:
    name, camera = live
    topic = f"/{name}/{camera}/scene_graph" if camera else f"/{name}/scene_graph"
    graphs: list[SceneGraph] = peer.listen(SceneGraph, topic)
    images, infos = peer.publisher(Image, TOPIC), peer.publisher(CameraInfo, "/cam/camera_info")
    output = tmp_path / "output.txt"
    command = [sys.executable, str(PYTHON_SUBSCRIBER), "--ros-args", "-p", f"node:=/{name}"]
    if camera:
        command += ["-p", f"camera:={camera}"]
    with output.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT)
    try:
        numbers = itertools.count(1)

        def shoot() -> None:
            infos.publish(CameraInfo(width=96, height=64, k=[80.0, 0, 48, 0, 80, 32, 0, 0, 1]))
            images.publish(picture(next(numbers)))

        peer.repeat_until(shoot, lambda: told_by_both(output.read_text(), graphs))
        process.send_signal(signal.SIGINT)
        assert process.wait(180) == 0
    finally:
        process.kill()
        process.wait()
        for publisher in (images, infos):
            peer.node.destroy_publisher(publisher)
    check(output.read_text(), graphs, example)


def picture(number: int) -> Image:
    """The same picture over and over, so that objects keep their ids."""
    values = np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8)
    message = Image(height=64, width=96, encoding="rgb8", step=288, data=values.tobytes())
    message.header.frame_id = "front_optical"
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(number * 100_000_000, 1_000_000_000)
    return message


def blocks(text: str) -> dict[int, list[str]]:
    """Returns the lines that were printed of each graph, by its number."""
    printed = {}
    for block in text.split("\ngraph ")[1:]:
        sequence, colon, rest = block.partition(":")
        if colon and rest:  # The last one may still be on its way.
            printed[int(sequence)] = [f"graph {sequence}:{rest.splitlines()[0]}", *rest.splitlines()[1:]]
    return printed


def told_by_both(text: str, graphs: list[SceneGraph]) -> list[SceneGraph]:
    """Returns the graphs that both processes received, with the one before, and in full."""
    printed = blocks(text)
    mine = {graph.sequence for graph in graphs}
    return [
        graph
        for graph in graphs
        if graph.sequence in printed
        and {graph.sequence - 1} <= printed.keys() & mine
        and any(" at (" in line for line in printed[graph.sequence])  # It had a calibration
        and any(", so " in line for line in printed[graph.sequence])  # and knew the inverses.
    ]


def check(text: str, graphs: list[SceneGraph], example: ModuleType) -> None:
    """Compares what was printed with the same graphs as this process received them."""
    assert "Traceback" not in text
    assert "model model-a knows cube, sphere, cylinder" in text
    latest = told_by_both(text, graphs)[-1]
    [before] = [{item.id for item in graph.objects} for graph in graphs if graph.sequence == latest.sequence - 1]
    inverses = {"left_of": "right_of", "in_front_of": "behind"}
    expected = example.describe(latest, inverses, before)
    assert [line for line in blocks(text)[latest.sequence] if line.startswith((" ", "graph"))] == expected
    assert latest.objects
    assert all(item.id and item.has_pose for item in latest.objects)
    assert "new" not in "".join(expected), "the same picture has the same objects"
    assert any(", so " in line for line in expected)
