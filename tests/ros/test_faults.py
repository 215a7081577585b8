"""What a live node survives: broken images, absurd ones, a broken calibration and a model that was overwritten.

Raw images with a wrong step or without pixels, models that are none and cameras that are killed: see test_node.py and
test_cameras.py. After each fault here the node says what was wrong, and a good image gives a graph.
"""

from __future__ import annotations

import math
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from sim2sg.msg import SceneGraph
from sim2sg.srv import LoadModel

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]

TOPIC = "/faulty/image"


def jpeg(height: int = 64, width: int = 96) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return bytes(cv2.imencode(".jpg", pixels)[1])


class Rig:
    """A node that reads compressed images, and its camera."""

    def __init__(self, peer: Any, process: Any, model: Path) -> None:
        self.peer, self.process, self.model = peer, process, model
        self.graphs: list[SceneGraph] = peer.listen(SceneGraph, "/faulty/scene_graph")
        self.arrays: list[DiagnosticArray] = peer.listen(DiagnosticArray, "/diagnostics")
        self.publisher = peer.publisher(CompressedImage, f"{TOPIC}/compressed")
        self.infos = peer.publisher(CameraInfo, "/faulty/camera_info")
        self._number = 0
        peer.repeat_until(lambda: self.send(jpeg()), lambda: self.graphs)
        self.shoot()  # After its graph no other is on its way.

    def send(self, data: bytes, format_: str = "jpeg") -> CompressedImage:
        self._number += 1
        message = CompressedImage(format=format_, data=data)
        message.header.stamp.sec = self._number
        message.header.frame_id = "eye_optical"
        self.publisher.publish(message)
        return message

    def shoot(self, data: bytes | None = None) -> SceneGraph:
        """Publishes a good image and returns its graph."""
        header = self.send(data or jpeg()).header
        return self.peer.spin_until(lambda: next((g for g in self.graphs[::-1] if g.header == header), None))

    def calibrate(self, info: CameraInfo, *, poses: bool) -> None:
        """Publishes a calibration until objects have poses, or have none."""
        self.peer.repeat_until(
            lambda: self.infos.publish(info), lambda: all(o.has_pose == poses for o in self.shoot().objects)
        )

    def diagnostics(self, title: str = "scene graph") -> tuple[DiagnosticStatus, dict[str, str]]:
        """Returns the next status of the node, and its values."""
        del self.arrays[:]
        name = f"/faulty: {title}"
        status = self.peer.spin_until(
            lambda: next((s for array in self.arrays for s in array.status if s.name == name), None)
        )
        return status, {item.key: item.value for item in status.values}


@pytest.fixture(scope="module")
def rig(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Rig]:
    model = tmp_path_factory.mktemp("faulty") / "model.onnx"
    shutil.copy(models[0], model)
    process = start(
        "node", "--name", "faulty", "--model", model, "--image", TOPIC, "--compressed", "--object-threshold", 0,
        "--threads", 1, "--ros-args", "-p", "diagnostics_period:=0.3",
    )  # fmt: skip
    yield Rig(peer, process, model)
    assert process.stop(signal.SIGTERM) == 0
    assert "Traceback" not in process.log()


@pytest.mark.parametrize(
    ("data", "format_", "reason"),
    [
        (b"garbage, and quite a lot of it" * 100, "jpeg", "3000 bytes"),
        (b"\xff\xd8" + bytes(500) + b"\xff\xd9", "jpeg", "504 bytes"),
        (jpeg()[: len(jpeg()) // 2], "jpeg", "cut short"),
        (b"", "jpeg", "0 bytes"),
        (jpeg(), "16UC1; compressedDepth png", "depth image"),
    ],
    ids=["garbage", "a JPEG's ends and nothing in between", "truncated JPEG", "no bytes", "a depth image"],
)
def test_a_broken_image_is_skipped_and_told_of(rig: Rig, data: bytes, format_: str, reason: str) -> None:
    failed = int(rig.diagnostics()[1]["failed"])
    graphs = len(rig.graphs)
    rig.send(data, format_)
    rig.peer.spin_until(lambda: int(rig.diagnostics()[1]["failed"]) == failed + 1)
    assert len(rig.graphs) == graphs
    assert reason in rig.diagnostics()[1]["last error"]
    assert rig.shoot().objects


def test_broken_images_among_good_ones_raise_a_warning_that_goes_away(rig: Rig) -> None:
    def level() -> bytes:
        # Both have to be looked at within one period of the diagnostics, without waiting for the graphs.
        for data in (b"garbage", jpeg()) * 5:
            rig.send(data)
            rig.peer.spin_for(0.03)
        return rig.diagnostics()[0].level

    rig.peer.spin_until(lambda: level() == DiagnosticStatus.WARN)
    rig.peer.spin_until(lambda: rig.shoot() and rig.diagnostics()[0].level == DiagnosticStatus.OK)


def test_an_image_of_33_megapixels_gives_a_graph_in_its_own_pixels(rig: Rig) -> None:
    tile = np.random.default_rng(1).integers(0, 256, (64, 96), dtype=np.uint8)
    big = cv2.resize(tile, (7680, 4320), interpolation=cv2.INTER_LINEAR)
    graph = rig.shoot(bytes(cv2.imencode(".jpg", big)[1]))
    assert (graph.image_width, graph.image_height) == (7680, 4320)
    assert graph.objects and max(item.x2 for item in graph.objects) > 96
    assert rig.shoot().image_width == 96


def test_a_calibration_that_is_none_takes_poses_away_and_nothing_else(rig: Rig) -> None:
    good: dict[str, Any] = {"k": [80.0, 0.0, 48.0, 0.0, 80.0, 32.0, 0.0, 0.0, 1.0], "distortion_model": "plumb_bob"}
    infinite = [math.inf, *good["k"][1:]]
    for broken in ({"k": [math.nan] * 9}, {"k": infinite}, {"d": [math.nan] * 5}, {"k": [0.0] * 9}):
        rig.calibrate(CameraInfo(width=96, height=64, **good), poses=True)
        assert rig.shoot().objects
        rig.calibrate(CameraInfo(width=96, height=64, **(good | broken)), poses=False)
        assert rig.shoot().objects
        assert rig.diagnostics()[1]["camera_info problem"].startswith("camera_info")
        # The others come too soon after the first for another line in the log.
        assert "camera_info holds numbers that are not finite" in rig.process.log()


def test_a_model_file_that_became_rubbish_is_refused_and_the_old_one_works_on(
    rig: Rig, models: tuple[Path, Path]
) -> None:
    whole = rig.model.read_bytes()
    for rubbish, reason in ((b"rubbish", "not an ONNX model"), (whole[: len(whole) // 2], "ONNX"), (b"", "ONNX")):
        rig.model.write_bytes(rubbish)
        # Empty: the file in use again.
        answer = rig.peer.call(LoadModel, "/faulty/load_model", keep_thresholds=True)
        assert not answer.success and answer.model_id == "model-a"
        assert reason in answer.message and "model.onnx" in answer.message and "\n" not in answer.message
        assert rig.shoot().model_id == "model-a"
        assert rig.diagnostics("model")[1]["last error"] == answer.message
        assert answer.message in rig.process.log()
    shutil.copy(models[1], rig.model)
    answer = rig.peer.call(LoadModel, "/faulty/load_model", keep_thresholds=True)
    assert answer.success and answer.model_id == "model-b"
    assert rig.shoot().model_id == "model-b"
    assert rig.diagnostics("model")[1]["last error"] == ""


def test_a_raw_image_of_33_megapixels_gets_a_graph_or_a_reason(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path]
) -> None:
    process = start(
        "node", "--name", "vast", "--model", models[0], "--image", "/vast/image", "--transport", "raw",
        "--threads", 1, "--ros-args", "-p", "silence_timeout:=1.0",
    )  # fmt: skip
    graphs = peer.listen(SceneGraph, "/vast/scene_graph")
    publisher = peer.publisher(Image, "/vast/image")
    small = Image(height=64, width=96, encoding="mono8", step=96, data=bytes(64 * 96))
    vast = Image(height=4320, width=7680, encoding="mono8", step=7680, data=bytes(4320 * 7680))

    def arrived(message: Image) -> bool:
        publisher.publish(message)
        peer.spin_for(0.2)
        return any(graph.image_width == message.width for graph in graphs)

    peer.spin_until(lambda: arrived(small))
    peer.spin_until(lambda: arrived(vast) or "too large for the middleware" in process.log())
    del graphs[:]
    peer.spin_until(lambda: arrived(small))
    peer.node.destroy_publisher(publisher)
    assert process.stop(signal.SIGTERM) == 0
    assert "Traceback" not in process.log()
