"""The node that ours is measured against: written as most detection nodes are.

A subscription with a queue of 10 and the default QoS; conversion by OpenCV and inference in the callback, in
onnxruntime's default session; the middleware's and the allocator's default settings. It does not track. Diagnostics
are those of our node, from the same class, to be read in the same way.

With our model, what comes after the network (decoding of its output, poses, making the message) is our own code, so
that both publish the same graph. With `--peer` the model is a detector as of node_peer_graph.py: OpenCV suppresses
what overlaps, and boxes are published as objects without poses or relations.

python benchmarks/node_naive.py --model MODEL --transport raw --image /camera/image
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np
import onnxruntime
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.node import Node
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from sim2sg.msg import SceneGraph

from sim2sg_core.runtime.graph_decoding import DecodeOptions, decode_graph
from sim2sg_core.runtime.metadata import OUTPUTS, load_info
from sim2sg_core.runtime.preprocessing import PADDING, Letterbox, NetworkInput
from sim2sg_core.scene import Camera, SceneObject
from sim2sg_core.scene import SceneGraph as Graph
from sim2sg_ros.diagnostics import NodeStatus, StreamStatistics, camera_status
from sim2sg_ros.graph_conversions import graph_to_message
from sim2sg_ros.live_camera import camera_from_message
from sim2sg_ros.parameters import NodeParameters
from sim2sg_ros.signals import until_signal

OVERLAP = 0.45
"""IoU above which the peer drops the less sure of two boxes."""


class Network(Protocol):
    """What the node asks of a network: pixels to its input, its outputs to a graph.

    Attributes:
        name: Kept in the messages.
        outputs: Names of its outputs.
    """

    name: str
    outputs: Sequence[str]

    def batch(self, rgb: np.ndarray) -> np.ndarray:
        """Returns the input of an image (H, W, 3) uint8."""

    def graph(self, outputs: Mapping[str, np.ndarray], rgb: np.ndarray, message: CameraInfo | None) -> Graph:
        """Returns what the outputs, without the batch axis, say of the image; the calibration may be missing."""


class OurNetwork:
    """A model of sim2sg."""

    outputs = tuple(OUTPUTS)

    def __init__(self, model: Path) -> None:
        self.info = load_info(model)
        self.name = self.info.model_id
        self.camera: Camera | None = None

    def batch(self, rgb: np.ndarray) -> np.ndarray:
        """Returns (1, H, W, 3) uint8, letterboxed."""
        box = self.letterbox(rgb)
        batch = np.full((1, self.info.height, self.info.width, 3), PADDING, np.uint8)
        batch[0, : box.target[1], : box.target[0]] = cv2.resize(rgb, box.target, interpolation=cv2.INTER_AREA)
        return batch

    def graph(self, outputs: Mapping[str, np.ndarray], rgb: np.ndarray, message: CameraInfo | None) -> Graph:
        """Returns the graph that our node would."""
        if self.camera is None and message is not None:
            trained_for = self.info.camera
            self.camera = camera_from_message(message, trained_for.ground if trained_for else None)
        options = DecodeOptions(NodeParameters.object_threshold, NodeParameters.relation_threshold)
        return decode_graph(dict(outputs), self.info, self.letterbox(rgb), self.camera, options)

    def letterbox(self, rgb: np.ndarray) -> Letterbox:
        """Returns how the image lies in the input."""
        return Letterbox.fit(rgb.shape[1], rgb.shape[0], NetworkInput(self.info.width, self.info.height))


class PeerNetwork:
    """A one-stage detector, see node_peer_graph.py; its input has the aspect ratio of the images."""

    name = "peer"
    outputs = ("boxes", "scores")

    def __init__(self, model: Path) -> None:
        shape = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"]).get_inputs()[0].shape
        self.size = shape[3], shape[2]

    def batch(self, rgb: np.ndarray) -> np.ndarray:
        """Returns (1, 3, H, W) float32 from 0 to 1."""
        return cv2.dnn.blobFromImage(rgb, 1 / 255, self.size)

    def graph(self, outputs: Mapping[str, np.ndarray], rgb: np.ndarray, message: CameraInfo | None) -> Graph:
        """Returns the boxes that are left when of each class only the best of those that overlap are kept."""
        height, width = rgb.shape[:2]
        scores = outputs["scores"].max(1)
        keep = np.flatnonzero(scores >= NodeParameters.object_threshold)
        boxes, scores, labels = outputs["boxes"][keep], scores[keep], outputs["scores"][keep].argmax(1)
        corners = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)
        best = cv2.dnn.NMSBoxesBatched(corners.tolist(), scores.tolist(), labels.tolist(), 0.0, OVERLAP)
        boxes = boxes * (np.tile((width, height), 2) / np.tile(self.size, 2))
        objects = [SceneObject(f"class_{labels[i]}", float(scores[i]), boxes[i]) for i in best]
        return Graph(width, height, tuple(objects))


class NaiveNode(Node):
    """Converts, infers and publishes in the image callback."""

    def __init__(self, name: str, model: Path, network: Network, transport: str, image: str) -> None:
        super().__init__(name)
        self.network = network
        self.session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0].name
        self.statistics = StreamStatistics()
        self.calibration: CameraInfo | None = None
        self.sequence = 0
        self.publisher = self.create_publisher(SceneGraph, "~/scene_graph", 10)
        self.diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_timer(1.0, self.publish_diagnostics)
        self.create_subscription(CameraInfo, f"{image.rpartition('/')[0]}/camera_info", self.on_camera_info, 10)
        if transport == "raw":
            self.create_subscription(Image, image, self.on_image, 10)
        else:
            self.create_subscription(CompressedImage, f"{image}/compressed", self.on_image, 10)

    def on_camera_info(self, message: CameraInfo) -> None:
        """Keeps the first calibration."""
        self.calibration = self.calibration or message

    def on_image(self, message: Any) -> None:
        """Does everything, while the next images wait in the queue."""
        started = time.perf_counter()
        self.statistics.count("received")
        if isinstance(message, CompressedImage):
            image = cv2.imdecode(np.frombuffer(message.data, np.uint8), cv2.IMREAD_COLOR)
        else:
            image = np.frombuffer(message.data, np.uint8).reshape(message.height, message.width, 3)
        decoded = time.perf_counter()
        rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
        batch = self.network.batch(rgb)
        prepared = time.perf_counter()
        values = self.session.run(list(self.network.outputs), {self.input: batch})
        inferred = time.perf_counter()
        outputs = {name: value[0] for name, value in zip(self.network.outputs, values, strict=True)}
        graph = self.network.graph(outputs, rgb, self.calibration)
        decided = time.perf_counter()
        answer = graph_to_message(graph, message.header, self.network.name, self.sequence)
        spent = int((time.perf_counter() - started) * 1e9)
        answer.processing_time.sec, answer.processing_time.nanosec = divmod(spent, 10**9)
        self.publisher.publish(answer)
        published = time.perf_counter()
        age = (self.get_clock().now().nanoseconds - Time.from_msg(message.header.stamp).nanoseconds) / 1e6
        self.sequence += 1
        self.statistics.count("published")
        milliseconds = {
            "decode": decoded - started,
            "preprocess": prepared - decoded,
            "inference": inferred - prepared,
            "postprocess": decided - inferred,
            "publish": published - decided,
            "total": published - started,
        }
        self.statistics.record({stage: 1e3 * value for stage, value in milliseconds.items()} | {"image_age": age})

    def publish_diagnostics(self) -> None:
        """Publishes what our node does of itself."""
        status = camera_status(NodeStatus(self.get_fully_qualified_name(), "active"), "", {}, self.statistics)
        self.diagnostics.publish(DiagnosticArray(status=[status]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--peer", action="store_true", help="the model is a detector, see node_peer_graph.py")
    parser.add_argument("--name", default="naive")
    parser.add_argument("--transport", choices=("raw", "jpeg"), default="raw")
    parser.add_argument("--image", default="/camera/image")
    args = parser.parse_args()
    rclpy.init()
    network = PeerNetwork(args.model) if args.peer else OurNetwork(args.model)
    node = NaiveNode(args.name, args.model, network, args.transport, args.image)
    with until_signal():
        rclpy.spin(node)
    node.destroy_node()
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
