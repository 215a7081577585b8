"""What a live node survives: broken images, absurd ones, a broken calibration and a model that was overwritten.

After each fault the node says what was wrong, and a good image gives a graph. Raw images with a wrong step or without
pixels are in test_node_diagnostics.py, models that are none in test_node_lifecycle.py, cameras that are killed in
test_node_input.py.
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
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from sim2sg.msg import SceneGraph
from sim2sg.srv import LoadModel

from tests.ros.live_node import LiveNode, with_parameters

pytestmark = [pytest.mark.ros, pytest.mark.xdist_group("ros")]


def jpeg(height: int = 64, width: int = 96) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return bytes(cv2.imencode(".jpg", pixels)[1])


def compressed(data: bytes, format_: str = "jpeg") -> CompressedImage:
    message = CompressedImage(format=format_, data=data)
    message.header.frame_id = "eye_optical"
    return message


def good() -> CompressedImage:
    return compressed(jpeg())


@pytest.fixture(scope="module")
def model(models: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the first model, to be spoilt."""
    path = tmp_path_factory.mktemp("faulty") / "model.onnx"
    shutil.copy(models[0], path)
    return path


@pytest.fixture(scope="module")
def live(start: Callable[..., Any], peer: Any, model: Path) -> Iterator[LiveNode]:
    process = start(
        "node", "--name", "faulty", "--model", model, "--image", "/faulty/image", "--compressed",
        "--object-threshold", 0, "--threads", 1, *with_parameters(diagnostics_period=0.3),
    )  # fmt: skip
    live = LiveNode(peer, process, "faulty", "/faulty/image/compressed", CompressedImage)
    live.connect(good())
    yield live
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
def test_a_broken_image_is_skipped_and_told_of(live: LiveNode, data: bytes, format_: str, reason: str) -> None:
    failed = int(live.status()[1]["failed"])
    graphs = len(live.graphs)
    live.send(compressed(data, format_))
    live.peer.spin_until(lambda: int(live.status()[1]["failed"]) == failed + 1)
    assert len(live.graphs) == graphs
    assert reason in live.status()[1]["last error"]
    assert live.shoot(good()).objects


def test_broken_images_among_good_ones_raise_a_warning_that_goes_away(live: LiveNode) -> None:
    def level() -> bytes:
        # Both have to be looked at within one period of the diagnostics, without waiting for the graphs.
        for data in (b"garbage", jpeg()) * 5:
            live.send(compressed(data))
            live.peer.spin_for(0.03)
        return live.status()[0].level

    live.peer.spin_until(lambda: level() == DiagnosticStatus.WARN)
    live.peer.spin_until(lambda: live.shoot(good()) and live.status()[0].level == DiagnosticStatus.OK)


def test_an_image_of_33_megapixels_gives_a_graph_in_its_own_pixels(live: LiveNode) -> None:
    tile = np.random.default_rng(1).integers(0, 256, (64, 96), dtype=np.uint8)
    big = cv2.resize(tile, (7680, 4320), interpolation=cv2.INTER_LINEAR)
    graph = live.shoot(compressed(bytes(cv2.imencode(".jpg", big)[1])))
    assert (graph.image_width, graph.image_height) == (7680, 4320)
    assert graph.objects and max(item.x2 for item in graph.objects) > 96
    assert live.shoot(good()).image_width == 96


def test_a_calibration_that_is_none_takes_poses_away_and_nothing_else(live: LiveNode) -> None:
    values: dict[str, Any] = {"k": [80.0, 0.0, 48.0, 0.0, 80.0, 32.0, 0.0, 0.0, 1.0], "distortion_model": "plumb_bob"}
    infinite = [math.inf, *values["k"][1:]]
    for broken in ({"k": [math.nan] * 9}, {"k": infinite}, {"d": [math.nan] * 5}, {"k": [0.0] * 9}):
        live.calibrate(CameraInfo(width=96, height=64, **values), poses=True, image=good())
        assert live.shoot(good()).objects
        live.calibrate(CameraInfo(width=96, height=64, **(values | broken)), poses=False, image=good())
        assert live.shoot(good()).objects
        assert live.status()[1]["camera_info problem"].startswith("camera_info")
        # The others come too soon after the first for another line in the log.
        assert "the calibration holds numbers that are not finite" in live.process.log()


def test_a_model_file_that_became_rubbish_is_refused_and_the_old_one_works_on(
    live: LiveNode, model: Path, models: tuple[Path, Path]
) -> None:
    whole = model.read_bytes()
    for rubbish, reason in ((b"rubbish", "not an ONNX model"), (whole[: len(whole) // 2], "ONNX"), (b"", "ONNX")):
        model.write_bytes(rubbish)
        # Empty: the file in use again.
        answer = live.peer.call(LoadModel, "/faulty/load_model", keep_thresholds=True)
        assert not answer.success and answer.model_id == "model-a"
        assert reason in answer.message and "model.onnx" in answer.message and "\n" not in answer.message
        assert live.shoot(good()).model_id == "model-a"
        assert live.status("model")[1]["last error"] == answer.message
        assert answer.message in live.process.log()
    shutil.copy(models[1], model)
    answer = live.peer.call(LoadModel, "/faulty/load_model", keep_thresholds=True)
    assert answer.success and answer.model_id == "model-b"
    assert live.shoot(good()).model_id == "model-b"
    assert live.status("model")[1]["last error"] == ""


@pytest.mark.slow
def test_a_raw_image_of_33_megapixels_gets_a_graph_or_a_reason(
    start: Callable[..., Any], peer: Any, models: tuple[Path, Path]
) -> None:
    process = start(
        "node", "--name", "vast", "--model", models[0], "--image", "/vast/image", "--transport", "raw",
        "--threads", 1, *with_parameters(silence_timeout=1.0),
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


def test_an_image_without_a_frame_has_a_graph_and_a_warning(live: LiveNode) -> None:
    nameless = good()
    nameless.header.frame_id = ""
    for _ in range(3):  # On a busy machine a status may have seen no image in its time.
        live.shoot(nameless)
        status, _ = live.status()
        if status.level != DiagnosticStatus.STALE:
            break
    assert status.level == DiagnosticStatus.WARN
    assert "empty frame_id" in status.message
    live.shoot(good())
    assert "frame_id" not in live.status()[0].message
    assert live.process.log().count("empty frame_id") == 1
