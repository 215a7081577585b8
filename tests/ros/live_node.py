"""What the tests of the live node share: a node in a process of its own, the images it is shown, and what it says."""

from __future__ import annotations

import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed")
pytest.importorskip("sim2sg.msg", reason="the messages are not built")
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from sensor_msgs.msg import CameraInfo, Image
from sim2sg.msg import SceneGraph

WIDTH, HEIGHT = 96, 64
CALIBRATED = CameraInfo(width=WIDTH, height=HEIGHT, k=[80.0, 0, 48, 0, 80, 32, 0, 0, 1])
UNCALIBRATED = CameraInfo(width=WIDTH, height=HEIGHT, k=[math.nan] * 9)
CONFIGURE, CLEANUP = Transition.TRANSITION_CONFIGURE, Transition.TRANSITION_CLEANUP
ACTIVATE, DEACTIVATE = Transition.TRANSITION_ACTIVATE, Transition.TRANSITION_DEACTIVATE


def noise_image(seed: int, width: int = WIDTH, height: int = HEIGHT) -> Image:
    """A raw image, with a stamp that tells the seed."""
    values = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    result = Image(height=height, width=width, encoding="rgb8", step=3 * width, data=values.tobytes(), is_bigendian=0)
    result.header.frame_id = "left_optical"
    result.header.stamp.sec, result.header.stamp.nanosec = 1_600_000_000 + seed, 123_456_789
    return result


def with_parameters(**values: object) -> list[str]:
    """ROS arguments for parameters, at the end of the command."""
    return ["--ros-args", *(word for name, value in values.items() for word in ("-p", f"{name}:={value}"))]


def set_parameter(peer: Any, name: str, value: float | str, node: str = "sim2sg") -> Any:
    """Sets one parameter of a running node and returns the result."""
    if isinstance(value, str):
        typed = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=value)
    else:
        typed = ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=value)
    request = [Parameter(name=name, value=typed)]
    [result] = peer.call(SetParameters, f"/{node}/set_parameters", parameters=request).results
    return result


def change_state(peer: Any, *transitions: int, node: str = "sim2sg") -> None:
    """Has a running node go through transitions of its lifecycle."""
    for id_ in transitions:
        assert peer.call(ChangeState, f"/{node}/change_state", transition=Transition(id=id_)).success


def values_of(status: DiagnosticStatus) -> dict[str, str]:
    return {item.key: item.value for item in status.values}


def next_statuses(peer: Any, arrays: list[DiagnosticArray], node: str) -> dict[str, DiagnosticStatus]:
    """Returns the next statuses of a node, by what follows its name.

    Args:
        peer: Listens.
        arrays: What it heard on /diagnostics; emptied.
        node: The node's full name.
    """
    del arrays[:]

    def find() -> dict[str, DiagnosticStatus]:
        found = (status for array in arrays for status in array.status)
        return {s.name.removeprefix(f"{node}: "): s for s in found if s.name.startswith(f"{node}: ")}

    return peer.spin_until(find)


class LiveNode:
    """A node in a process of its own, and the only camera that it reads."""

    def __init__(self, peer: Any, process: Any, name: str, topic: str, kind: type[Any] = Image) -> None:
        """Listens and publishes; `connect` waits for the node.

        Args:
            peer: The test's own node.
            process: The node's process.
            name: Of the node.
            topic: Of the images that are published.
            kind: Message type of the images.
        """
        self.peer, self.process, self.name = peer, process, name
        self.graphs: list[SceneGraph] = peer.listen(SceneGraph, f"/{name}/scene_graph")
        self._arrays: list[DiagnosticArray] = peer.listen(DiagnosticArray, "/diagnostics")
        self.publisher = peer.publisher(kind, topic)
        folder = topic.removesuffix("/compressed").rpartition("/")[0]
        self._infos = peer.publisher(CameraInfo, f"{folder}/camera_info")
        self._sent = 0

    def connect(self, image: Any = None) -> None:
        """Returns when images come through, after the graph of the last one: no other is on its way."""
        image = image or noise_image(0)
        before = len(self.graphs)
        self.peer.repeat_until(lambda: self.send(image), lambda: len(self.graphs) > before)
        self.shoot(image)

    def send(self, image: Any) -> Any:
        """Publishes an image with a stamp of its own and returns it."""
        self._sent += 1
        image.header.stamp.sec = 1_700_000_000 + self._sent  # Apart from those of noise_image.
        self.publisher.publish(image)
        return image

    def shoot(self, image: Any = None) -> SceneGraph:
        """Publishes an image and returns its graph."""
        before = len(self.graphs)
        image = self.send(image or noise_image(self._sent))
        return self.peer.spin_until(lambda: self.find(image, before))

    def find(self, image: Any, before: int = 0) -> SceneGraph | None:
        """Returns the graph of an image among those since `before`."""
        return next((graph for graph in self.graphs[before:] if graph.header == image.header), None)

    def calibrate(self, info: CameraInfo, *, poses: bool, image: Any = None) -> None:
        """Publishes a calibration until objects have poses, or have none."""
        self.peer.repeat_until(
            lambda: self._infos.publish(info), lambda: all(o.has_pose == poses for o in self.shoot(image).objects)
        )

    def status(self, title: str = "scene graph") -> tuple[DiagnosticStatus, dict[str, str]]:
        """Returns the next status of the camera, or of the model, and its values."""
        status = next_statuses(self.peer, self._arrays, f"/{self.name}")[title]
        return status, values_of(status)

    def counted(self, event: str) -> int:
        return int(self.status()[1][event])

    def set_parameter(self, name: str, value: float | str) -> Any:
        return set_parameter(self.peer, name, value, self.name)

    def change_state(self, *transitions: int) -> None:
        change_state(self.peer, *transitions, node=self.name)


class ImageStream(threading.Thread):
    """Publishes the same image over and over, stamped with the time, until stopped."""

    def __init__(self, peer: Any, topic: str, rate: float, frame: str) -> None:
        super().__init__(daemon=True)
        self.sent = 0
        self._node = peer.node
        self._publisher = peer.publisher(Image, topic)
        self._image = Image(height=64, width=96, encoding="rgb8", step=3 * 96, data=bytes(range(256)) * 72)
        self._image.header.frame_id = frame
        self._period = 1 / rate
        self._ended = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._ended.wait(self._period):
            self._image.header.stamp = self._node.get_clock().now().to_msg()
            self._publisher.publish(self._image)
            self.sent += 1

    def stop(self) -> None:
        """Ends the thread and withdraws the topic."""
        self._ended.set()
        self.join()
        self._node.destroy_publisher(self._publisher)


@contextmanager
def running_node(
    start: Callable[..., Any], peer: Any, name: str, model: Path, topic: str, **parameters: object
) -> Iterator[LiveNode]:
    """Starts a node that sees every object and has seen an image; when done with it must end cleanly.

    Args:
        start: Starts a verb in a process of its own.
        peer: Talks to it.
        name: The node's.
        model: Its model.
        topic: Of raw images.
        parameters: ROS parameters.
    """
    words = ["--name", name, "--model", model, "--image", topic, "--object-threshold", 0, "--threads", 1]
    process = start("node", *words, *(with_parameters(**parameters) if parameters else ()))
    live = LiveNode(peer, process, name, topic)
    live.connect()
    yield live
    assert process.stop(signal.SIGTERM) == 0
    assert "Traceback" not in process.log()
