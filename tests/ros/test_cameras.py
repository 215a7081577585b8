"""Several cameras, cameras that vanish, and changes of state and model, all while images come in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image
from sim2sg.msg import GraphInfo, SceneGraph
from sim2sg.srv import GetSceneGraph, LoadModel

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]

SCRIPT = Path(__file__).with_name("publish_images.py")


class Stream(threading.Thread):
    """Publishes the same image over and over, stamped with the time, until stopped."""

    def __init__(self, peer: Any, topic: str, rate: float, frame: str) -> None:
        super().__init__(daemon=True)
        self.publisher = peer.publisher(Image, topic)
        self._clock = peer.node.get_clock()
        self._message = Image(height=64, width=96, encoding="rgb8", step=3 * 96, data=bytes(range(256)) * 72)
        self._message.header.frame_id = frame
        self._period = 1 / rate
        self._ended = threading.Event()
        self.sent = 0
        self.start()

    def run(self) -> None:
        while not self._ended.wait(self._period):
            self._message.header.stamp = self._clock.now().to_msg()
            self.publisher.publish(self._message)
            self.sent += 1

    def stop(self) -> None:
        self._ended.set()
        self.join()


@pytest.fixture
def launch_camera() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    running: list[subprocess.Popen[bytes]] = []

    def run(*words: object) -> subprocess.Popen[bytes]:
        running.append(subprocess.Popen([sys.executable, str(SCRIPT), *map(str, words)]))
        return running[-1]

    yield run
    for process in running:
        process.kill()
        process.wait()


def words(**parameters: object) -> list[str]:
    """ROS arguments for parameters, at the end of the command."""
    return ["--ros-args", *(word for name, value in parameters.items() for word in ("-p", f"{name}:={value}"))]


def facts(status: DiagnosticStatus) -> dict[str, str]:
    return {item.key: item.value for item in status.values}


def statuses(peer: Any, arrays: list[DiagnosticArray], node: str) -> dict[str, DiagnosticStatus]:
    """Returns the next statuses of a node, by what follows its name."""
    del arrays[:]

    def find() -> dict[str, DiagnosticStatus]:
        found = (status for array in arrays for status in array.status)
        return {s.name.removeprefix(f"{node}: "): s for s in found if s.name.startswith(f"{node}: ")}

    return peer.spin_until(find)


def test_two_cameras_share_the_model_and_neither_starves(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path]
) -> None:
    process = start(
        "node", "--name", "both", "--model", models[0], "--object-threshold", 0, "--threads", 1,
        # Six graphs a second of all cameras: the fast one alone could take them all.
        *words(cameras="[left,right]", max_rate=6.0),
    )  # fmt: skip
    graphs = {name: peer.listen(SceneGraph, f"/both/{name}/scene_graph") for name in ("left", "right")}
    infos = peer.listen(GraphInfo, "/both/graph_info", latched=True)
    left, right = Stream(peer, "/left/image", 60, "left_optical"), Stream(peer, "/right/image", 5, "right_optical")
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
    found = peer.spin_until(lambda: all_done(statuses(peer, arrays, "/both"), graphs))
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
        values = facts(found[f"{name} scene graph"])
        assert values["input"] == f"/{name}/image"
        assert values["camera_info topic"] == f"/{name}/camera_info"
        assert values["camera_info"] == "none"
    values = facts(found["left scene graph"])
    assert int(values["replaced by newer images"]) > int(values["published"])
    model = facts(found["model"])
    assert (model["input size"], model["requested provider"], model["provider"]) == ("96x64", "auto", "cpu")
    for stream in (left, right):
        peer.node.destroy_publisher(stream.publisher)
    assert process.stop(signal.SIGTERM) == 0
    assert "Traceback" not in process.log()


def all_done(
    found: dict[str, DiagnosticStatus], graphs: dict[str, list[SceneGraph]]
) -> dict[str, DiagnosticStatus] | None:
    """Returns the statuses once every image that the cameras received was dealt with and its graph has come."""
    for name, received in graphs.items():
        values = facts(found[f"{name} scene graph"])
        done = sum(int(values[key]) for key in ("published", "replaced by newer images", "stale", "failed"))
        if int(values["received"]) != done or int(values["published"]) != received[-1].sequence + 1:
            return None
    return found


def test_wrong_names_of_cameras_are_refused_at_start(start: Callable[..., Any]) -> None:
    for names, reason in (("[left,left]", "'left' twice"), ("[front/left]", "letters, digits"), ("left", "cameras")):
        process = start("node", *words(cameras=names))
        assert process.wait() == 2
        [line] = [line for line in process.log().splitlines() if line.startswith("error:")]
        assert reason in line


def test_an_empty_list_of_cameras_is_the_camera_without_a_name(start: Callable[..., Any], peer: Any) -> None:
    process = start("node", "--name", "one", *words(cameras="[]", autostart="false"))
    assert peer.call(GetState, "/one/get_state").current_state.label == "unconfigured"
    peer.spin_until(lambda: peer.node.count_publishers("/one/scene_graph"))
    assert process.stop(signal.SIGINT) == 0


def test_a_camera_that_was_killed_comes_back_also_by_another_transport(
    start: Callable[..., Any],
    peer: Any,
    models: tuple[Path, Path],
    launch_camera: Callable[..., subprocess.Popen[bytes]],
) -> None:
    process = start(
        "node", "--name", "back", "--model", models[0], "--image", "/lost/image", "--threads", 1,
        *words(silence_timeout=1.0),
    )  # fmt: skip
    graphs = peer.listen(SceneGraph, "/back/scene_graph")
    # The middleware goes on listing a dead one, for 20 s; these stay listed for as long as a slow machine takes.
    kinds = {"raw": (Image, "/lost/image"), "compressed": (CompressedImage, "/lost/image/compressed")}
    silent = []
    for frame, transport in (("first", "raw"), ("second", "raw"), ("third", "compressed"), ("fourth", "raw")):
        camera = launch_camera("/lost/image", transport, 20, frame)
        peer.spin_until(lambda f=frame: any(graph.header.frame_id == f for graph in graphs[-5:]))
        silent.append(peer.publisher(*kinds[transport]))
        os.kill(camera.pid, signal.SIGKILL)
        camera.wait()
        before = process.log().count("no image for")
        peer.spin_until(lambda n=before: process.log().count("no image for") > n)
    for publisher in silent:
        peer.node.destroy_publisher(publisher)
    assert process.stop(signal.SIGTERM) == 0
    assert "Traceback" not in process.log()


def test_a_recording_that_loops_under_simulated_time(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path]
) -> None:
    process = start(
        "node", "--name", "looped", "--model", models[0], "--image", "/looped/image", "--object-threshold", 0,
        "--threads", 1, *words(use_sim_time="true", max_age=1.0, silence_timeout=0.0, diagnostics_period=0.3),
    )  # fmt: skip
    graphs = peer.listen(SceneGraph, "/looped/scene_graph")
    clock, images = peer.publisher(Clock, "/clock"), peer.publisher(Image, "/looped/image")
    message = Image(height=64, width=96, encoding="rgb8", step=3 * 96, data=bytes(range(256)) * 72)
    peer.spin_until(lambda: images.get_subscription_count() and clock.get_subscription_count())

    def show(tick: int) -> SceneGraph:
        """Sets the clock, publishes an image of that time and returns its graph."""
        now, before = Clock(), len(graphs)
        now.clock.sec, now.clock.nanosec = 1000 + tick // 20, tick % 20 * 50_000_000
        message.header.stamp = now.clock

        def publish() -> None:
            clock.publish(now)
            peer.spin_for(0.005)  # The clock first.
            images.publish(message)

        return peer.repeat_until(
            publish, lambda: next((g for g in graphs[before:] if g.header.stamp == now.clock), None)
        )

    ids: list[list[set[str]]] = []
    for _ in range(2):
        ids.append([{item.id for item in show(tick).objects} for tick in range(60)])
        answer = peer.call(GetSceneGraph, "/looped/get_scene_graph", max_age=Duration(sec=1))
        assert answer.success, answer.message
    for lap in ids:
        assert lap[-1] == lap[-2]
    assert not set.union(*ids[0]) & set.union(*ids[1]), "after the jump ids begin anew"
    # An image from before the jump is old by the clock of now.
    arrays = peer.listen(DiagnosticArray, "/diagnostics")
    stale = int(facts(statuses(peer, arrays, "/looped")["scene graph"])["stale"])
    message.header.stamp.sec = 900
    before = len(graphs)
    images.publish(message)
    peer.spin_until(lambda: int(facts(statuses(peer, arrays, "/looped")["scene graph"])["stale"]) == stale + 1)
    assert "max_age" in process.log()
    assert len(graphs) == before
    for publisher in (clock, images):
        peer.node.destroy_publisher(publisher)
    assert process.stop(signal.SIGTERM) == 0


def test_a_qos_that_does_not_fit_is_told_at_once(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path]
) -> None:
    override = "qos_overrides./shy/image.subscription.reliability"
    process = start(
        "node", "--name", "shy", "--model", models[0], "--image", "/shy/image",
        *words(silence_timeout=600.0, **{override: "reliable"}),
    )  # fmt: skip
    peer.spin_until(lambda: peer.call(GetState, "/shy/get_state").current_state.label == "active")
    publisher = peer.publisher(Image, "/shy/image", best_effort=True)
    peer.spin_until(lambda: "does not fit ours" in process.log())
    assert f"{override}:=best_effort" in process.log()
    arrays = peer.listen(DiagnosticArray, "/diagnostics")
    status = peer.spin_until(
        lambda: next((s for a in arrays[::-1] for s in a.status if s.name == "/shy: scene graph" and s.message), None)
    )
    assert status.level == DiagnosticStatus.ERROR
    assert "does not fit ours" in status.message
    peer.node.destroy_publisher(publisher)
    peer.spin_until(lambda: statuses(peer, arrays, "/shy")["scene graph"].level == DiagnosticStatus.OK)
    assert process.stop(signal.SIGTERM) == 0


def test_a_target_frame_without_tf2_is_said_and_poses_stay_in_the_cameras_frame(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path]
) -> None:
    try:
        import tf2_ros  # noqa: F401
    except ImportError:
        pass
    else:
        pytest.skip("tf2_ros is installed here")
    process = start(
        "node", "--name", "placed", "--model", models[0], "--image", "/placed/image", *words(target_frame="map")
    )
    graphs = peer.listen(SceneGraph, "/placed/scene_graph")
    stream = Stream(peer, "/placed/image", 10, "eye_optical")
    try:
        graph = peer.spin_until(lambda: graphs and graphs[-1])
        arrays = peer.listen(DiagnosticArray, "/diagnostics")
        model = statuses(peer, arrays, "/placed")["model"]
    finally:
        stream.stop()
    assert graph.header.frame_id == "eye_optical"
    assert model.level == DiagnosticStatus.WARN
    assert "tf2_ros" in model.message and "map" in model.message
    assert process.log().count("target_frame map is not used") == 1
    peer.node.destroy_publisher(stream.publisher)
    assert process.stop(signal.SIGTERM) == 0


def test_transitions_and_reloads_while_images_come_in(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path]
) -> None:
    process = start("node", "--name", "busy", "--model", models[0], "--image", "/busy/image", "--threads", 1)
    graphs = peer.listen(SceneGraph, "/busy/scene_graph")
    load = peer.node.create_client(LoadModel, "/busy/load_model")
    stream = Stream(peer, "/busy/image", 30, "eye_optical")
    try:
        peer.spin_until(lambda: graphs and load.service_is_ready())
        for turn in range(5):
            reload = load.call_async(LoadModel.Request(model=str(models[(turn + 1) % 2]))) if turn < 3 else None
            for id_, label in (
                (Transition.TRANSITION_DEACTIVATE, "inactive"),
                (Transition.TRANSITION_ACTIVATE, "active"),
            ):
                assert peer.call(ChangeState, "/busy/change_state", transition=Transition(id=id_)).success
                assert peer.call(GetState, "/busy/get_state").current_state.label == label
                if label == "inactive":
                    last = peer.call(GetSceneGraph, "/busy/get_scene_graph").graph
                    peer.spin_until(lambda g=last: graphs[-1] == g)  # What was under way has come.
                    before = len(graphs)
                    peer.spin_for(0.1)
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
    peer.node.destroy_publisher(stream.publisher)
    assert process.stop(signal.SIGTERM) == 0
    assert "Traceback" not in process.log()
