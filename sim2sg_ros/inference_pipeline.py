"""From a received image to a published graph, in a thread of its own, while the node is active."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.lifecycle import LifecycleNode

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import turned_image
from sim2sg_core.runtime import DecodeOptions, Predictor
from sim2sg_core.scene.turning import turned_graph
from sim2sg_ros.camera_stream import CameraStream
from sim2sg_ros.diagnostics import PATIENCE
from sim2sg_ros.error_text import one_line
from sim2sg_ros.image_conversions import Pixels, pixels_from_message
from sim2sg_ros.inference_thread import InferenceThread, ReceivedImage
from sim2sg_ros.model_manager import ModelManager
from sim2sg_ros.parameters import NodeParameters
from sim2sg_ros.stamps import stamp_of
from sim2sg_ros.tf_lookup import TransformLookup


class InferencePipeline:
    """Decodes, infers and publishes. `process` runs in the inference thread, all else on the executor."""

    def __init__(
        self,
        node: LifecycleNode,
        cameras: Mapping[str, CameraStream],
        models: ModelManager,
        parameters: Callable[[], NodeParameters],
    ) -> None:
        """Starts the inference thread, and listens to tf where a target frame is wanted.

        Args:
            node: For its clock and log.
            cameras: By name.
            models: Holds the model in use, of all cameras.
            parameters: Returns the parameters in force.
        """
        self._node = node
        self._cameras = cameras
        self._models = models
        self._parameters = parameters
        self._lookup = TransformLookup(node, parameters().target_frame)
        self._thread = InferenceThread(self.process, self._min_period)

    @property
    def transform_problem(self) -> str:
        """Why no camera's poses are in the target frame; "" when nothing is in the way."""
        return self._lookup.problem

    @property
    def patience(self) -> float:
        """Seconds in which images of a camera may come without a graph, by `max_rate`, which all cameras share."""
        return max(PATIENCE, 3 * len(self._cameras) * self._min_period())

    def put(self, image: ReceivedImage) -> bool:
        """Hands an image in. Returns whether it replaced an older one of its camera that was still waiting."""
        return self._thread.put(image)

    def close(self) -> None:
        """Ends the thread after the image in work, and leaves tf."""
        if not self._thread.stop():
            self._node.get_logger().error("the inference thread hangs in its model and was left behind")
        self._lookup.close()

    def process(self, image: ReceivedImage) -> None:
        """Turns one image into a published graph, and what else is wanted of it. Never raises."""
        camera, predictor = self._cameras[image.camera], self._models.predictor
        if predictor is None:
            return
        try:
            pixels = self._publish_graph(image, camera, predictor)
        except Exception as error:
            # Whatever it is, the next image deserves a try.
            self._report(error, camera, "image skipped")
            camera.statistics.count("failed")
            return
        if pixels is None:
            return
        try:
            camera.publish_outputs(pixels, predictor.info.classes, predictor.info.predicates)
        except Exception as error:
            self._report(error, camera, "the graph is published, but not all that is drawn of it")

    def _publish_graph(self, image: ReceivedImage, camera: CameraStream, predictor: Predictor) -> Pixels | None:
        """Publishes the graph and returns the image; None when it was skipped."""
        message, parameters = image.message, self._parameters()
        stamp = stamp_of(message.header)
        if self._is_stale(message, camera, parameters.max_age):
            return None
        if camera.jumped_back(stamp):
            self._lookup.reset()
        taken = time.perf_counter()
        pixels = pixels_from_message(message, camera.value_range)
        decoded = time.perf_counter()
        height, width = pixels.image.shape[:2]
        graph = predictor.predict(
            turned_image(pixels.image, camera.rotate),
            camera.camera(width, height, parameters, predictor.info.camera),
            DecodeOptions(parameters.object_threshold, parameters.relation_threshold, parameters.relations),
            bgr=pixels.bgr,
            stamp=stamp,
            # Asked for after the inference, which gives it time to come.
            depth=lambda: camera.depth_of(message.header, width, height),
        )
        camera.check_relations(graph, predictor.info, parameters.relations)
        graph = turned_graph(graph, -camera.rotate)
        predicted = time.perf_counter()
        if parameters.tracking:
            graph = camera.track(graph)
        else:
            camera.forget_tracks()
        tracked = time.perf_counter()
        camera.publish(graph, image, predictor.info, self._lookup)
        published = time.perf_counter()
        camera.statistics.record(
            {
                "wait": (taken - image.received) * 1e3,
                "decode": (decoded - taken) * 1e3,
                "preprocess": predictor.last_timing.preprocess_ms,
                "inference": predictor.last_timing.inference_ms,
                "postprocess": predictor.last_timing.postprocess_ms,
                "tracking": (tracked - predicted) * 1e3,
                "publish": (published - tracked) * 1e3,
                "total": (published - image.received) * 1e3,
                "image_age": message_age(message, self._node) * 1e3,
            }
        )
        return pixels

    def _is_stale(self, message: Any, camera: CameraStream, limit: float) -> bool:
        age = message_age(message, self._node)
        if limit <= 0 or age <= limit:
            return False
        reason = (
            f"image skipped: {age:.1f} s old, max_age is {limit:g} s (for a recording set use_sim_time, or play it with"
            " --stamp now; else raise max_age, or see that the camera's clock is this machine's)"
        )
        camera.statistics.note_error(reason)
        camera.statistics.count("stale")
        camera.log.warning("age", reason)
        return True

    def _min_period(self) -> float:
        max_rate = self._parameters().max_rate
        return 1.0 / max_rate if max_rate > 0 else 0.0

    def _report(self, error: Exception, camera: CameraStream, what: str) -> None:
        if not self._node.context.ok():
            return  # At shutdown publishing fails by design.
        reason = str(error) if isinstance(error, Sim2SGError) else f"{type(error).__name__}: {one_line(error)}"
        camera.statistics.note_error(reason)
        camera.log.error(what, f"{what}: {reason}")


def message_age(message: Any, node: LifecycleNode) -> float:
    """Returns seconds since a message's stamp, by the node's clock."""
    now = node.get_clock().now().nanoseconds
    age: int = now - stamp_of(message.header)
    return age / 1e9
