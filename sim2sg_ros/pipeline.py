"""From a received image to a published graph: what the inference thread does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.time import Time
from sensor_msgs.msg import CameraInfo, CompressedImage

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime import DecodeOptions, ModelInfo, Predictor
from sim2sg_core.scene import Camera, SceneGraph
from sim2sg_ros.camera import CameraStream, Latest
from sim2sg_ros.conversions import camera_from_message, graph_to_message
from sim2sg_ros.frames import Frames, place
from sim2sg_ros.images import Pixels, decode_compressed, decode_image
from sim2sg_ros.parameters import Settings
from sim2sg_ros.worker import Frame

THROTTLE = 5.0
"""Seconds between two log lines about the same trouble."""


class Pipeline:
    """Decodes, infers and publishes. `process` runs in the inference thread, all else on the executor.

    The two share single attributes, each replaced as a whole: no locks are needed.

    Attributes:
        predictor: The model in use, of all cameras; None stops the work.
        frames: What knows the target frame; None while the node is not active.
    """

    def __init__(
        self, node: LifecycleNode, cameras: Mapping[str, CameraStream], settings: Callable[[], Settings]
    ) -> None:
        """Starts nothing yet.

        Args:
            node: For its clock and log.
            cameras: By name.
            settings: Returns the parameters in force.
        """
        self.predictor: Predictor | None = None
        self.frames: Frames | None = None
        self._node = node
        self._cameras = cameras
        self._settings = settings

    def age(self, message: Any) -> float:
        """Returns seconds since a message's stamp, by the node's clock."""
        now = self._node.get_clock().now().nanoseconds
        return (now - Time.from_msg(message.header.stamp).nanoseconds) / 1e9

    def process(self, frame: Frame) -> None:
        """Turns one image into a published graph, and what else is wanted of it. Never raises."""
        camera, predictor = self._cameras[frame.camera], self.predictor
        if predictor is None:
            return
        try:
            pixels = self._publish_graph(frame, camera, predictor)
        except Exception as error:
            # Whatever it is, the next image deserves a try.
            self._report(error, camera, "image skipped")
            camera.statistics.count("failed")
            return
        if pixels is None:
            return
        try:
            self._publish_outputs(camera, pixels, predictor.info)
        except Exception as error:
            self._report(error, camera, "the graph is published, but not all that is drawn of it")

    def _publish_graph(self, frame: Frame, camera: CameraStream, predictor: Predictor) -> Pixels | None:
        """Publishes the graph and returns the image; None when it was skipped."""
        message, settings = frame.message, self._settings()
        stamp = Time.from_msg(message.header.stamp).nanoseconds
        if self._is_stale(message, camera, settings.max_age):
            return None
        if camera.jumped_back(stamp) and self.frames is not None:
            self.frames.reset()
        taken = time.perf_counter()
        decode = decode_compressed if isinstance(message, CompressedImage) else decode_image
        pixels = decode(message)
        decoded = time.perf_counter()
        height, width = pixels.image.shape[:2]
        graph = predictor.predict(
            pixels.image,
            self._calibration(camera, predictor, width, height),
            DecodeOptions(settings.object_threshold, settings.relation_threshold, settings.relations),
            bgr=pixels.bgr,
            stamp=stamp,
        )
        predicted = time.perf_counter()
        if settings.tracking:
            graph = camera.track(graph)
        else:
            camera.forget_tracks()
        tracked = time.perf_counter()
        # Kept before it goes out, so that who has got it finds it with ~/get_scene_graph too.
        camera.latest = self._make_message(graph, frame, camera, predictor.info.model_id)
        camera.publisher.publish(camera.latest.message)
        published = time.perf_counter()
        camera.sequence += 1
        camera.statistics.count("published")
        camera.statistics.record(
            {
                "wait": (taken - frame.received) * 1e3,
                "decode": (decoded - taken) * 1e3,
                "preprocess": predictor.last_timing.preprocess_ms,
                "inference": predictor.last_timing.inference_ms,
                "postprocess": predictor.last_timing.postprocess_ms,
                "tracking": (tracked - predicted) * 1e3,
                "publish": (published - tracked) * 1e3,
                "total": (published - frame.received) * 1e3,
                "image_age": self.age(message) * 1e3,
            }
        )
        return pixels

    def _make_message(self, graph: SceneGraph, frame: Frame, camera: CameraStream, model_id: str) -> Latest:
        header = frame.message.header
        placement, camera.frame_problem = self.frames.find(header) if self.frames else (None, "")
        if camera.frame_problem:
            self._node.get_logger().warning(
                f"poses are left out: {camera.frame_problem}", throttle_duration_sec=THROTTLE
            )
        message = graph_to_message(graph, header, model_id, camera.sequence)
        place(message, placement)
        elapsed = int((time.perf_counter() - frame.received) * 1e9)
        message.processing_time.sec, message.processing_time.nanosec = divmod(elapsed, 10**9)
        return Latest(graph, message, header, placement)

    def _publish_outputs(self, camera: CameraStream, pixels: Pixels, info: ModelInfo) -> None:
        """Publishes what is drawn and told of the latest graph, where anybody listens."""
        latest = camera.latest
        if latest is None or not camera.outputs.wanted():
            return
        started = time.perf_counter()
        camera.outputs.publish(
            latest.graph,
            latest.message,
            pixels,
            header=latest.header,
            classes=info.classes,
            predicates=info.predicates,
        )
        camera.statistics.record({"outputs": (time.perf_counter() - started) * 1e3})

    def _is_stale(self, message: Any, camera: CameraStream, limit: float) -> bool:
        age = self.age(message)
        if limit <= 0 or age <= limit:
            return False
        camera.statistics.count("stale")
        self._node.get_logger().warning(
            f"image skipped: {age:.1f} s old, max_age is {limit:g} s (for a recording set use_sim_time, or"
            " play it with --stamp now)",
            throttle_duration_sec=THROTTLE,
        )
        return True

    def _calibration(self, camera: CameraStream, predictor: Predictor, width: int, height: int) -> Camera | None:
        """Returns the camera of an image; None leaves it to the camera that the model was trained for."""
        info, settings = camera.info, self._settings()
        camera.info_problem = ""
        if info is None:
            return None
        # The same object as long as nothing changes: it remembers what was computed of it.
        made_of = (info, settings, predictor.info.camera, width, height)
        if camera.calibration is None or camera.calibrated_by != made_of:
            try:
                camera.calibration = _calibrate(*made_of)
                camera.calibrated_by = made_of
            except Sim2SGError as error:
                camera.calibration, camera.info_problem = None, str(error)
                self._node.get_logger().warning(str(error), throttle_duration_sec=THROTTLE)
        return camera.calibration

    def _report(self, error: Exception, camera: CameraStream, what: str) -> None:
        if not self._node.context.ok():
            return  # At shutdown publishing fails by design.
        reason = str(error) if isinstance(error, Sim2SGError) else f"{type(error).__name__}: {one_line(error)}"
        camera.statistics.last_error = reason
        who = f"camera {camera.name}: " if camera.name else ""
        self._node.get_logger().error(f"{who}{what}: {reason}", throttle_duration_sec=THROTTLE)


def one_line(error: Exception) -> str:
    """Returns an error's text on one line."""
    return " ".join(str(error).split())


def _calibrate(info: CameraInfo, settings: Settings, trained_for: Camera | None, width: int, height: int) -> Camera:
    """Returns the camera of images of width x height. Raises Sim2SGError when the CameraInfo is none of theirs."""
    ground = settings.ground()
    if ground is None and trained_for is not None:
        ground = trained_for.ground
    camera = camera_from_message(info, ground, rectified=settings.rectified)
    if not camera.has_aspect(width, height):
        raise Sim2SGError(
            f"camera_info is for {camera.width}x{camera.height}, the image is {width}x{height}: it"
            " is not used; remap camera_info to this camera's own"
        )
    return camera.scaled(width, height)
