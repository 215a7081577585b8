"""The node as a process of its own, fed and read by the test's process."""

from __future__ import annotations

import json
import math
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, SetParameters
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from sim2sg.msg import GraphInfo, SceneGraph
from sim2sg.srv import GetSceneGraph, LoadModel

from sim2sg_ros.parameters import PARAMETER_SPECS

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]

TOPIC = "/cam/image"


def image(number: int, width: int = 96, height: int = 64) -> Image:
    values = np.random.default_rng(number).integers(0, 256, (height, width, 3), dtype=np.uint8)
    result = Image(height=height, width=width, encoding="rgb8", step=3 * width, data=values.tobytes(), is_bigendian=0)
    result.header.frame_id = "left_optical"
    result.header.stamp.sec, result.header.stamp.nanosec = 1_600_000_000 + number, 123_456_789
    return result


CALIBRATED = CameraInfo(width=96, height=64, k=[80.0, 0, 48, 0, 80, 32, 0, 0, 1])
UNCALIBRATED = CameraInfo(width=96, height=64, k=[math.nan] * 9)


def number_value(value: float) -> ParameterValue:
    return ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=value)


class Camera:
    """A camera of the node, and what comes back for its images."""

    def __init__(self, peer: Any) -> None:
        self.peer = peer
        self.graphs: list[SceneGraph] = peer.listen(SceneGraph, "/sim2sg/scene_graph")
        self.arrays: list[DiagnosticArray] = peer.listen(DiagnosticArray, "/diagnostics")
        self.publisher = peer.publisher(Image, TOPIC)
        self.infos = peer.publisher(CameraInfo, "/cam/camera_info")
        self.number = 0

    def connect(self) -> None:
        """Returns when images come through, after the graph of the last one: no other is on its way."""
        before = len(self.graphs)
        self.peer.repeat_until(lambda: self.publisher.publish(image(0)), lambda: len(self.graphs) > before)
        self.shoot()

    def shoot(self, message: Image | None = None) -> SceneGraph:
        """Publishes one image and returns its graph."""
        self.number += 1
        message = message or image(self.number)
        message.header.stamp.sec = 1_700_000_000 + self.number  # Apart from those of image().
        before = len(self.graphs)
        self.publisher.publish(message)
        return self.peer.spin_until(lambda: self.find(message, before))

    def find(self, message: Image, before: int) -> SceneGraph | None:
        """Returns the graph of an image among those since `before`."""
        return next((g for g in self.graphs[before:] if g.header == message.header), None)

    def calibrate(self, info: CameraInfo, *, poses: bool) -> None:
        """Publishes a calibration until objects have poses, or have none."""
        self.peer.repeat_until(
            lambda: self.infos.publish(info), lambda: all(o.has_pose == poses for o in self.shoot().objects)
        )

    def status(self) -> tuple[DiagnosticStatus, dict[str, str]]:
        """Returns the next status of the node's camera, and its values."""
        del self.arrays[:]
        status = self.peer.spin_until(
            lambda: next((s for a in self.arrays for s in a.status if s.name == "/sim2sg: scene graph"), None)
        )
        return status, {item.key: item.value for item in status.values}

    def counted(self, event: str) -> int:
        return int(self.status()[1][event])


@pytest.fixture(scope="module")
def node(start: Callable[..., Any], models: tuple[Path, Path]) -> Iterator[Any]:
    process = start(
        "node", "--model", models[0], "--image", TOPIC, "--object-threshold", 0, "--threads", 1,
        "--ros-args", "-p", "diagnostics_period:=0.3",
    )  # fmt: skip
    yield process
    assert process.stop(signal.SIGTERM) == 0
    assert "Traceback" not in process.log()


@pytest.fixture(scope="module")
def camera(node: Any, peer: Any) -> Camera:
    camera = Camera(peer)
    camera.connect()
    return camera


def set_parameter(peer: Any, name: str, value: ParameterValue, node: str = "sim2sg") -> Any:
    [result] = peer.call(
        SetParameters, f"/{node}/set_parameters", parameters=[Parameter(name=name, value=value)]
    ).results
    return result


def test_the_graph_has_the_images_header_and_size(camera: Camera) -> None:
    graph = camera.shoot()  # Compares whole headers.
    assert (graph.image_width, graph.image_height) == (96, 64)
    assert graph.model_id == "model-a"
    assert graph.objects
    for item in graph.objects:
        assert 0 <= item.x1 < item.x2 <= 96
        assert 0 <= item.y1 < item.y2 <= 64
        assert not item.has_pose  # No calibration is known.
    scores = [item.score for item in graph.objects]
    assert scores == sorted(scores, reverse=True)
    assert all(max(r.subject, r.object) < len(graph.objects) for r in graph.relations)
    spent = graph.processing_time.sec + graph.processing_time.nanosec / 1e9
    assert 0 < spent < 10


def test_sequence_counts_published_graphs(camera: Camera) -> None:
    first = camera.shoot().sequence
    assert [camera.shoot().sequence for _ in range(3)] == [first + 1, first + 2, first + 3]


def test_camera_info_brings_poses(camera: Camera) -> None:
    camera.calibrate(CALIBRATED, poses=True)
    graph = camera.shoot()
    assert graph.objects
    assert all(item.has_pose and item.size.x > 0 for item in graph.objects)
    # One that is unusable takes them away, and the node goes on.
    camera.calibrate(UNCALIBRATED, poses=False)
    assert camera.shoot().objects


def test_facts_are_latched_for_who_joins_late(camera: Camera) -> None:
    infos = camera.peer.listen(GraphInfo, "/sim2sg/graph_info", latched=True)
    info = camera.peer.spin_until(lambda: infos and infos[-1])
    assert info.model_id == "model-a"
    assert list(info.class_names) == ["cube", "sphere", "cylinder"]
    assert len(info.predicates) == len(info.inverses) == len(info.symmetric) > 0
    assert info.provider == "cpu"
    assert info.max_objects == 8
    assert info.object_threshold == 0.0


def test_thresholds_change_at_run_time_and_empty_graphs_are_published(camera: Camera) -> None:
    infos = camera.peer.listen(GraphInfo, "/sim2sg/graph_info", latched=True)
    assert camera.shoot().objects
    assert set_parameter(camera.peer, "object_threshold", number_value(1.0)).successful
    graph = camera.shoot()
    assert not graph.objects
    assert not graph.relations
    camera.peer.spin_until(lambda: infos and infos[-1].object_threshold == 1.0)
    refused = set_parameter(camera.peer, "object_threshold", number_value(1.5))
    assert not refused.successful
    assert not camera.shoot().objects
    assert set_parameter(camera.peer, "object_threshold", number_value(0.0)).successful
    assert camera.shoot().objects


def test_rules_decide_relations_when_told_to(camera: Camera) -> None:
    def put(name: str, value: float | str) -> bool:
        word = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=value)
        return set_parameter(camera.peer, name, number_value(value) if isinstance(value, float) else word).successful

    def scores() -> list[float]:
        return [relation.score for relation in camera.shoot(image(5)).relations]

    camera.calibrate(CALIBRATED, poses=True)
    before = {"relation_threshold": 0.5, "camera_height": math.nan, "camera_pitch": math.nan, "relations": "auto"}
    assert all([put("relation_threshold", 0.0), put("camera_height", 5.0), put("camera_pitch", 0.4)])
    learned = scores()
    assert put("relations", "learned")
    assert scores() == learned, "what the model says"
    assert put("relations", "rule")
    by_rule = scores()
    assert by_rule and by_rule != learned
    assert put("camera_height", math.nan)
    assert scores() == learned, "no ground is known"
    assert not put("relations", "rules")
    assert all(put(name, value) for name, value in before.items())
    camera.calibrate(UNCALIBRATED, poses=False)


def test_every_parameter_is_described(camera: Camera) -> None:
    names = list(PARAMETER_SPECS)
    answer = camera.peer.call(DescribeParameters, "/sim2sg/describe_parameters", names=names)
    for name, descriptor in zip(names, answer.descriptors, strict=True):
        parameter = PARAMETER_SPECS[name]
        assert descriptor.description == parameter.description
        ranges = [*descriptor.floating_point_range, *descriptor.integer_range]
        if parameter.limits and not parameter.may_be_nan:
            assert (ranges[0].from_value, ranges[0].to_value) == parameter.limits


def test_the_latest_graph_on_request(camera: Camera) -> None:
    graph = camera.shoot()
    answer = camera.peer.call(GetSceneGraph, "/sim2sg/get_scene_graph")
    assert answer.success, answer.message
    assert answer.graph == graph
    assert answer.text.count("\n") == len(graph.objects) + len(graph.relations) - 1
    record = json.loads(answer.json)
    assert [item["class"] for item in record["objects"]] == [item.class_name for item in graph.objects]
    assert record["stamp"] == (graph.header.stamp.sec * 10**9 + graph.header.stamp.nanosec)

    wanted = graph.objects[-1].class_name
    part = camera.peer.call(GetSceneGraph, "/sim2sg/get_scene_graph", class_names=[wanted]).graph
    assert {item.class_name for item in part.objects} == {wanted}
    assert all(max(r.subject, r.object) < len(part.objects) for r in part.relations)

    unknown = camera.peer.call(GetSceneGraph, "/sim2sg/get_scene_graph", class_names=["unicorn"])
    assert not unknown.success
    assert "unicorn" in unknown.message
    request = GetSceneGraph.Request()
    request.max_age.sec = 1  # The images' stamps are years old.
    old = camera.peer.call(GetSceneGraph, "/sim2sg/get_scene_graph", max_age=request.max_age)
    assert not old.success
    assert "max_age" in old.message


def test_garbage_is_reported_and_survived(node: Any, camera: Camera) -> None:
    broken = image(0)
    broken.step = 7
    unknown = image(0)
    unknown.encoding = "32FC9"
    empty = Image(encoding="rgb8")
    huge = image(0)
    huge.width = 2**31
    for count, message in enumerate((broken, unknown, empty, huge), start=1):
        camera.publisher.publish(message)
        camera.peer.spin_until(lambda n=count: camera.counted("failed") == n)
        assert camera.shoot().objects
    assert "step 7" in node.log()
    values = camera.status()[1]
    assert int(values["failed"]) == 4
    assert values["last error"]


def test_diagnostics_tell_rates_latencies_and_provider(camera: Camera) -> None:
    for _ in range(5):
        camera.shoot()
    status, values = camera.status()
    assert status.hardware_id == "model-a"
    assert values["state"] == "active"
    assert values["provider"] == "cpu"
    assert values["input"] == TOPIC
    assert int(values["received"]) >= int(values["published"]) > 5
    for stage in (
        "wait",
        "decode",
        "preprocess",
        "inference",
        "postprocess",
        "publish",
        "total",
        "image_age",
    ):
        assert float(values[f"{stage} p50 ms"]) <= float(values[f"{stage} p99 ms"])
    assert float(values["inference p50 ms"]) > 0
    assert "replaced by newer images" in values


def test_another_model_is_swapped_in_and_a_bad_one_is_not(
    camera: Camera, models: tuple[Path, Path], tmp_path: Path
) -> None:
    rubbish = tmp_path / "rubbish.onnx"
    rubbish.write_bytes(b"rubbish")
    for path, reason in ((tmp_path / "none.onnx", "no such file"), (rubbish, "not an ONNX model")):
        answer = camera.peer.call(LoadModel, "/sim2sg/load_model", model=str(path))
        assert not answer.success
        assert reason in answer.message
        assert "\n" not in answer.message
        assert answer.model_id == "model-a"
        assert camera.shoot().model_id == "model-a"
    infos = camera.peer.listen(GraphInfo, "/sim2sg/graph_info", latched=True)
    answer = camera.peer.call(LoadModel, "/sim2sg/load_model", model=str(models[1]), keep_thresholds=True)
    assert answer.success, answer.message
    assert answer.model_id == "model-b"
    assert camera.shoot().model_id == "model-b"
    camera.peer.spin_until(lambda: infos and infos[-1].model_id == "model-b")
    # Empty: the file in use again.
    assert camera.peer.call(LoadModel, "/sim2sg/load_model", keep_thresholds=True).model_id == "model-b"


def test_the_old_model_works_on_while_the_new_one_loads(camera: Camera, models: tuple[Path, Path]) -> None:
    client = camera.peer.node.create_client(LoadModel, "/sim2sg/load_model")
    camera.peer.spin_until(client.service_is_ready)
    future = client.call_async(LoadModel.Request(model=str(models[0]), keep_thresholds=True))
    deadline = time.monotonic() + 180
    while not future.done():
        camera.shoot()
        assert time.monotonic() < deadline
    assert future.result().success
    assert camera.shoot().model_id == "model-a"


def test_max_age_and_max_rate(camera: Camera) -> None:
    set_parameter(camera.peer, "max_rate", number_value(5.0))
    before, started, number = len(camera.graphs), time.monotonic(), 0
    while len(camera.graphs) < before + 6:
        number += 1
        camera.publisher.publish(image(number))
        camera.peer.spin_for(0.02)
        assert time.monotonic() < started + 180
    # Six starts at five a second have a second between them, however slow the machine.
    assert time.monotonic() - started >= 1.0
    assert number > 6, "the others were left out"
    camera.peer.spin_until(lambda: camera.graphs[-1].header == image(number).header)
    set_parameter(camera.peer, "max_rate", number_value(0.0))
    set_parameter(camera.peer, "max_age", number_value(100.0))
    before, stale = len(camera.graphs), camera.counted("stale")
    camera.publisher.publish(image(1))
    camera.peer.spin_until(lambda: camera.counted("stale") == stale + 1)
    fresh = image(2)
    fresh.header.stamp = camera.peer.node.get_clock().now().to_msg()
    camera.publisher.publish(fresh)
    camera.peer.spin_until(lambda: camera.graphs[-1].header == fresh.header)
    assert len(camera.graphs) == before + 1
    set_parameter(camera.peer, "max_age", number_value(0.0))


def test_deactivating_stops_and_activating_starts_anew(camera: Camera) -> None:
    change = "/sim2sg/change_state"
    off = Transition(id=Transition.TRANSITION_DEACTIVATE)
    assert camera.peer.call(ChangeState, change, transition=off).success
    answer = camera.peer.call(GetSceneGraph, "/sim2sg/get_scene_graph")
    camera.peer.spin_until(lambda: not camera.publisher.get_subscription_count())
    before = len(camera.graphs)
    camera.publisher.publish(image(1))
    camera.peer.spin_for(0.3)
    assert len(camera.graphs) == before
    assert answer.success or "inactive" in answer.message
    on = Transition(id=Transition.TRANSITION_ACTIVATE)
    assert camera.peer.call(ChangeState, change, transition=on).success
    camera.connect()
    assert camera.graphs[before].sequence == 0
    for id_ in (
        Transition.TRANSITION_DEACTIVATE,
        Transition.TRANSITION_CLEANUP,
        Transition.TRANSITION_CONFIGURE,
        Transition.TRANSITION_ACTIVATE,
    ):
        assert camera.peer.call(ChangeState, change, transition=Transition(id=id_)).success
    camera.connect()
    assert camera.shoot().objects


def test_vga_images_get_through_raw(camera: Camera) -> None:
    lost, message = 0, image(5, 640, 480)
    for number in range(30):
        message.header.stamp.sec = number
        before, deadline = len(camera.graphs), time.monotonic() + 20
        camera.publisher.publish(message)
        while not (arrived := camera.find(message, before)) and time.monotonic() < deadline:
            camera.peer.spin_for(0.01)
        lost += not arrived
        assert lost <= 3, f"of {number + 1}"


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
    statuses = peer.listen(DiagnosticArray, "/diagnostics")
    status = peer.spin_until(lambda: next((s for a in statuses for s in a.status if s.name.startswith("/bad:")), None))
    assert status.level == b"\x02"
    assert "bad.onnx" in status.message
    answer = peer.call(GetSceneGraph, "/bad/get_scene_graph")
    assert not answer.success
    assert "unconfigured" in answer.message
    # The parameter mended, it configures.
    value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=str(models[0]))
    assert set_parameter(peer, "model", value, "bad").successful
    for id_ in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
        assert peer.call(ChangeState, "/bad/change_state", transition=Transition(id=id_)).success
    assert process.stop(signal.SIGINT) == 0


def test_without_autostart_it_waits_and_then_says_why_it_hears_nothing(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path]
) -> None:
    overrides = (
        "qos_overrides./strict/image.subscription.reliability:=reliable",
        "silence_timeout:=1.0",
        "autostart:=false",
        "use_sim_time:=true",
    )
    words = [word for override in overrides for word in ("-p", override)]
    process = start(
        "node", "--name", "quiet", "--model", models[0], "--image", "/strict/image", "--transport", "raw",
        "--ros-args", *words,
    )  # fmt: skip
    assert peer.call(GetState, "/quiet/get_state").current_state.label == "unconfigured"
    other = peer.publisher(CompressedImage, "/elsewhere/image/compressed")
    for id_ in (Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_ACTIVATE):
        assert peer.call(ChangeState, "/quiet/change_state", transition=Transition(id=id_)).success
    peer.spin_until(lambda: "nobody publishes images on /strict/image" in process.log())
    # The first of these may come before the node knows of the other publisher.
    peer.spin_until(lambda: "/elsewhere/image/compressed; remap with image:=/" in process.log())
    # A publisher that offers less than the override asks for: named, with the fix.
    best_effort = peer.publisher(Image, "/strict/image", best_effort=True)
    peer.spin_until(lambda: "does not fit ours" in process.log())
    assert "qos_overrides./strict/image.subscription.reliability:=best_effort" in process.log()
    for publisher in (best_effort, other):
        peer.node.destroy_publisher(publisher)
    assert process.stop(signal.SIGTERM) == 0


def test_compressed_images_are_found_by_themselves(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path]
) -> None:
    graphs = peer.listen(SceneGraph, "/robot/eye/scene_graph")
    process = start("node", "--name", "eye", "--namespace", "robot", "--model", models[0], "--object-threshold", 0)
    # The relative topic `image` in the node's namespace; nothing says that it is compressed.
    publisher = peer.publisher(CompressedImage, "/robot/image/compressed")
    message = CompressedImage(format="jpeg", data=bytes(cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1]))
    message.header.frame_id = "eye_optical"
    message.header.stamp.sec = 42
    peer.repeat_until(lambda: publisher.publish(message), lambda: graphs)
    assert graphs[0].header == message.header
    assert (graphs[0].image_width, graphs[0].image_height) == (64, 48)
    # Lost in part, as by best effort: reported, survived.
    cut = CompressedImage(header=message.header, format="jpeg", data=message.data[:-100])
    publisher.publish(cut)
    peer.spin_until(lambda: "cut short" in process.log())
    message.header.stamp.sec = 43
    publisher.publish(message)
    peer.spin_until(lambda: graphs[-1].header == message.header)
    peer.node.destroy_publisher(publisher)
    assert process.stop(signal.SIGINT) == 0


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--object-threshold", "1.5"), "object_threshold"),
        (("--params", "/no/such/file.yaml"), "no such file"),
        (("--ros-args", "-p", "transport:=theora"), "auto, raw, compressed"),
        (("--ros-args", "-r", "not a remap"), "not a remap"),
    ],
)
def test_a_mistake_at_start_is_one_line_and_status_two(
    start: Callable[..., Any], words: tuple[str, ...], reason: str
) -> None:
    process = start("node", *words)
    assert process.wait() == 2
    [line] = [line for line in process.log().splitlines() if line.startswith("error:")]
    assert reason in line
    assert "Traceback" not in process.log()
