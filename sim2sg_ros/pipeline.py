"""From a received image to a published graph: what the inference thread does."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.publisher import Publisher
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage
from sim2sg.msg import SceneGraph as GraphMessage

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime import Predictor
from sim2sg_core.runtime.metadata import same_aspect
from sim2sg_core.scene import Camera, SceneGraph
from sim2sg_ros.conversions import camera_from_message, graph_to_message
from sim2sg_ros.diagnostics import Statistics
from sim2sg_ros.images import decode_compressed, decode_image
from sim2sg_ros.parameters import Settings
from sim2sg_ros.worker import Frame

THROTTLE = 5.0
"""Seconds between two log lines about the same trouble."""


class Pipeline:
    """Decodes, infers and publishes. `process` runs in the inference thread, all else on the executor.

    The two share single attributes, each replaced as a whole: no locks are needed.

    Attributes:
        predictor: The model in use; None stops the work.
        camera_info: The latest CameraInfo, or None.
        latest: The latest graph and its message, or None.
    """

    def __init__(
        self,
        node: LifecycleNode,
        publisher: Publisher,
        settings: Callable[[], Settings],
        statistics: Statistics,
    ) -> None:
        """Starts nothing yet.

        Args:
            node: For its clock and log.
            publisher: Of sim2sg/SceneGraph.
            settings: Returns the parameters in force.
            statistics: Counts and latencies go here.
        """
        self.predictor: Predictor | None = None
        self.camera_info: CameraInfo | None = None
        self.latest: tuple[SceneGraph, GraphMessage] | None = None
        self._node = node
        self._publisher = publisher
        self._settings = settings
        self._statistics = statistics
        self._sequence = 0

    def restart(self) -> None:
        """Forgets the camera and the latest graph, and counts from zero."""
        self.camera_info = self.latest = None
        self._sequence = 0

    def age(self, message: Any) -> float:
        """Returns seconds since a message's stamp, by the node's clock."""
        now = self._node.get_clock().now().nanoseconds
        return (now - Time.from_msg(message.header.stamp).nanoseconds) / 1e9

    def process(self, frame: Frame) -> None:
        """Turns one image into a published graph. Never raises."""
        try:
            self._publish_graph(frame)
        except Sim2SGError as error:
            self._report(str(error))
        except Exception as error:
            # Whatever it is, the next image deserves a try. At shutdown publishing fails by design.
            if self._node.context.ok():
                self._report(f"{type(error).__name__}: {' '.join(str(error).split())}")

    def _publish_graph(self, frame: Frame) -> None:
        message, predictor, settings = frame.message, self.predictor, self._settings()
        if predictor is None or self._is_stale(message, settings.max_age):
            return
        taken = time.perf_counter()
        decode = decode_compressed if isinstance(message, CompressedImage) else decode_image
        pixels = decode(message)
        decoded = time.perf_counter()
        height, width = pixels.image.shape[:2]
        graph = predictor.predict(
            pixels.image,
            self._camera(predictor, width, height),
            bgr=pixels.bgr,
            object_threshold=settings.object_threshold,
            relation_threshold=settings.relation_threshold,
            relations=settings.relations,
            stamp=Time.from_msg(message.header.stamp).nanoseconds,
        )
        predicted = time.perf_counter()
        result = graph_to_message(graph, message.header, predictor.info.model_id, self._sequence)
        elapsed = int((time.perf_counter() - frame.received) * 1e9)
        result.processing_time.sec, result.processing_time.nanosec = divmod(elapsed, 10**9)
        self._publisher.publish(result)
        published = time.perf_counter()
        self._sequence += 1
        self.latest = (graph, result)
        self._statistics.count("published")
        self._statistics.record(
            {
                "wait": (taken - frame.received) * 1e3,
                "decode": (decoded - taken) * 1e3,
                "preprocess": predictor.last_timing.preprocess_ms,
                "inference": predictor.last_timing.inference_ms,
                "postprocess": predictor.last_timing.postprocess_ms,
                "publish": (published - predicted) * 1e3,
                "total": (published - frame.received) * 1e3,
                "image_age": self.age(message) * 1e3,
            }
        )

    def _is_stale(self, message: Any, limit: float) -> bool:
        age = self.age(message)
        if limit <= 0 or age <= limit:
            return False
        self._statistics.count("stale")
        self._node.get_logger().warning(
            f"image skipped: {age:.1f} s old, max_age is {limit:g} s (for a recording set use_sim_time, or"
            " play it with --stamp now)",
            throttle_duration_sec=THROTTLE,
        )
        return True

    def _camera(self, predictor: Predictor, width: int, height: int) -> Camera | None:
        """Returns the camera of an image; None leaves it to the camera that the model was trained for."""
        info, settings, trained_for = self.camera_info, self._settings(), predictor.info.camera
        if info is None:
            return None
        ground = settings.ground()
        if ground is None and trained_for is not None:
            ground = trained_for.ground
        try:
            camera = camera_from_message(info, ground, rectified=settings.rectified)
            if not same_aspect(camera, width, height):
                raise Sim2SGError(
                    f"camera_info is for {camera.width}x{camera.height}, the image is {width}x{height}: it is"
                    " not used; remap camera_info to this camera's own"
                )
        except Sim2SGError as error:
            self._node.get_logger().warning(str(error), throttle_duration_sec=THROTTLE)
            return None
        return camera

    def _report(self, reason: str) -> None:
        self._statistics.count("failed")
        self._statistics.last_error = reason
        self._node.get_logger().error(f"image skipped: {reason}", throttle_duration_sec=THROTTLE)
