"""The node that ours is measured against: written as most detection nodes are, with the same model and messages.

A subscription with a queue of 10 and the default QoS; conversion by OpenCV and inference in the callback, in
onnxruntime's default session; the middleware's and the allocator's default settings. What comes after the
network (decoding of its output, poses, making the message) is our own code, so that both publish the same graph.
It does not track. Diagnostics are those of our node, from the same class, to be read in the same way.

python benchmarks/node_naive.py --model MODEL --transport raw --image /camera/image
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

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
from sim2sg_core.runtime.preprocessing import PADDING, Letterbox
from sim2sg_core.scene import Camera
from sim2sg_ros.diagnostics import NodeStatus, StreamStatistics, camera_status
from sim2sg_ros.graph_conversions import graph_to_message
from sim2sg_ros.live_camera import camera_from_message
from sim2sg_ros.parameters import NodeParameters
from sim2sg_ros.signals import until_signal


class NaiveNode(Node):
    """Converts, infers and publishes in the image callback."""

    def __init__(self, name: str, model: Path, transport: str, image: str) -> None:
        super().__init__(name)
        self.info = load_info(model)
        self.session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        self.statistics = StreamStatistics()
        self.camera: Camera | None = None
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
        if self.camera is None:
            trained_for = self.info.camera
            self.camera = camera_from_message(message, trained_for.ground if trained_for else None)

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
        box = Letterbox.fit(image.shape[1], image.shape[0], self.info.width, self.info.height)
        batch = np.full((1, self.info.height, self.info.width, 3), PADDING, np.uint8)
        batch[0, : box.target[1], : box.target[0]] = cv2.resize(rgb, box.target, interpolation=cv2.INTER_AREA)
        prepared = time.perf_counter()
        values = self.session.run(list(OUTPUTS), {"image": batch})
        inferred = time.perf_counter()
        outputs = {name: value[0] for name, value in zip(OUTPUTS, values, strict=True)}
        options = DecodeOptions(NodeParameters.object_threshold, NodeParameters.relation_threshold)
        graph = decode_graph(outputs, self.info, box, self.camera, options)
        decided = time.perf_counter()
        answer = graph_to_message(graph, message.header, self.info.model_id, self.sequence)
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
    parser.add_argument("--name", default="naive")
    parser.add_argument("--transport", choices=("raw", "jpeg"), default="raw")
    parser.add_argument("--image", default="/camera/image")
    args = parser.parse_args()
    rclpy.init()
    node = NaiveNode(args.name, args.model, args.transport, args.image)
    with until_signal():
        rclpy.spin(node)
    node.destroy_node()
    rclpy.try_shutdown()


if __name__ == "__main__":
    main()
