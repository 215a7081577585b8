"""One camera of the node: its subscription, calibration and tracker, and the topics of its graphs."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CompressedImage, Image
from sim2sg.msg import SceneGraph as GraphMessage
from std_msgs.msg import Header

from sim2sg_core.logs.image_decoding import ValueRange
from sim2sg_core.runtime import ModelInfo
from sim2sg_core.runtime.relation_scores import usable_relations, wanted_relations
from sim2sg_core.scene import Camera, SceneGraph
from sim2sg_core.scene.depth_image import DepthImage
from sim2sg_core.scene.tracking import Tracker
from sim2sg_ros.camera_log import CameraLog
from sim2sg_ros.depth_input import DepthInput
from sim2sg_ros.diagnostics import StreamStatistics
from sim2sg_ros.graph_conversions import graph_to_message
from sim2sg_ros.image_conversions import Pixels, why_odd
from sim2sg_ros.image_input import ImageInput
from sim2sg_ros.inference_thread import ReceivedImage
from sim2sg_ros.live_camera import CameraCalibration
from sim2sg_ros.outputs import Outputs
from sim2sg_ros.parameters import NodeParameters
from sim2sg_ros.qos import graph_qos
from sim2sg_ros.tf_frames import ObjectFrames
from sim2sg_ros.tf_lookup import FrameTransform, TransformLookup, apply_transform

JUMP = 1_000_000_000
"""Nanoseconds that stamps go back by when a clock jumped or a recording began anew; less is disorder."""


@dataclass(frozen=True, eq=False)
class LatestGraph:
    """The latest graph of a camera.

    Attributes:
        graph: With poses in the camera's optical frame.
        message: As published.
        header: The image's.
        transform: What took the message's poses to another frame, or None.
        info: The model that found it.
    """

    graph: SceneGraph
    message: GraphMessage
    header: Header
    transform: FrameTransform | None
    info: ModelInfo


class CameraStream:
    """One camera. Its subscription is looked after on the executor, its graphs are made in the inference thread.

    The two share single attributes, each replaced as a whole: no locks are needed.

    Attributes:
        name: "" for a single camera without a name.
        prefix: Of its outputs: `~`, or `~/<name>`.
        statistics: Counts and latencies.
        log: Lines about it.
        value_range: Of its 16-bit images.
        rotate: Degrees by which its images are turned for the network, clockwise.
    """

    def __init__(self, node: LifecycleNode, name: str = "") -> None:
        """Creates the publishers; subscribes to nothing yet."""
        self.name = name
        self.prefix = f"~/{name}" if name else "~"
        self.statistics = StreamStatistics()
        self.log = CameraLog(node, name)
        self._node = node
        self._publisher = node.create_lifecycle_publisher(
            GraphMessage,
            f"{self.prefix}/scene_graph",
            graph_qos(),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        self._outputs = Outputs(node, self.prefix)
        self._input: ImageInput | None = None
        self._depth: DepthInput | None = None
        self._frames: ObjectFrames | None = None
        self._begin(NodeParameters(cameras=[name]))

    def _begin(self, parameters: NodeParameters) -> None:
        self._calibration = CameraCalibration()
        self.value_range = ValueRange()
        self.rotate = parameters.rotation(self.name)
        self._tracker = Tracker(parameters.track_memory)
        self._latest: LatestGraph | None = None
        self._sequence = 0
        self._stamp = 0
        self._transform_problem = ""
        self._relations_problem = ""
        self._oddity = ""

    # On the executor

    def start(self, parameters: NodeParameters, on_image: Callable[[Any], None]) -> None:
        """Counts graphs from zero, forgets what was known and subscribes.

        Args:
            parameters: `transport`, `rotate`, `depth_topic`, `publish_tf` and `track_memory`.
            on_image: Called with every Image or CompressedImage.

        Raises:
            Exception: As `ImageInput`.
        """
        self._begin(parameters)
        self.statistics.begin()
        if topic := parameters.depth_topic.replace("{camera}", self.name):
            self._depth = DepthInput(self._node, topic)
        if parameters.publish_tf:
            self._frames = ObjectFrames(self._node, self.name)
        self._input = ImageInput(self._node, parameters.transport, on_image, self._calibration.update, self.name)

    def stop(self) -> None:
        """Unsubscribes, where subscribed, and lets go of the latest graph."""
        self._latest = None
        if self._input is not None:
            self._input.close()
            self._input = None
        if self._depth is not None:
            self._depth.close()
            self._depth = None
        if self._frames is not None:
            self._frames.close()
            self._frames = None

    def close(self) -> None:
        """Unsubscribes and withdraws the outputs."""
        self.stop()
        self._outputs.close()

    def watch(self, timeout: float) -> None:
        """Looks who publishes images, and whether any arrive, as `ImageInput.watch`."""
        if self._input is not None:
            self._input.watch(timeout)

    @property
    def latest(self) -> LatestGraph | None:
        """The latest graph since the node was activated; None before there is any."""
        return self._latest

    @property
    def silence(self) -> str:
        """Why no image comes, in one line; "" while they do, and while the node is not active."""
        return self._input.silence if self._input else ""

    def facts(self) -> dict[str, str]:
        """Returns what diagnostics tell of the input."""
        source, depth, frames = self._input, self._depth, self._frames
        return {
            "input": source.listening_to if source else "",
            "transport": source.transport if source else "",
            "camera_info": "received" if self._calibration.received else "none",
            "camera_info topic": source.camera_info_topic if source else "",
            "camera_info problem": self._calibration.problem if source else "",
            "depth": depth.topic if depth else "none",
            "depth problem": depth.problem if depth else "",
            "QoS problem": source.qos_problem if source else "",
            "silence": self.silence,
            "target frame problem": self._transform_problem if source else "",
            "tf problem": frames.problem if frames else "",
            "relations problem": self._relations_problem if source else "",
            "input problem": (source.mixture or self._oddity) if source else "",
        }

    # In the inference thread

    def jumped_back(self, stamp: int) -> bool:
        """Takes the stamp of the next image, nanoseconds. Returns whether a recording or a clock began anew."""
        jumped = stamp < self._stamp - JUMP
        if jumped and self._depth is not None:
            self._depth.reset()
        self._stamp = stamp if jumped else max(stamp, self._stamp)
        return jumped

    def camera(self, width: int, height: int, parameters: NodeParameters, trained_for: Camera | None) -> Camera | None:
        """Returns the camera of an image once turned, as `CameraCalibration.camera`, and logs why there is none."""
        source = self._input
        topic = source.listening_to if source else ""
        camera = self._calibration.camera(width, height, parameters, trained_for, self.rotate, topic)
        if problem := self._calibration.problem:
            self.log.warning("camera_info", problem)
        return camera

    def depth_of(self, header: Header, width: int, height: int) -> DepthImage | None:
        """Returns the depth image of an image, turned with it, as `DepthInput.find`, and logs why there is none."""
        source = self._depth
        if source is None:
            return None
        started = time.perf_counter()
        image = source.find(header, width, height)
        if source.problem:
            self.log.warning("depth", source.problem)
        self.statistics.record({"depth": (time.perf_counter() - started) * 1e3})
        return image.turned(self.rotate) if image else None

    def track(self, graph: SceneGraph) -> SceneGraph:
        """Returns the graph with ids. When time went back they begin anew."""
        # To the tracker every step back is a jump: an image that merely comes out of order gets a later stamp.
        ordered = dataclasses.replace(graph, stamp=max(graph.stamp, self._stamp))
        return dataclasses.replace(self._tracker.update(ordered), stamp=graph.stamp)

    def check_relations(self, graph: SceneGraph, info: ModelInfo, asked: str) -> None:
        """Notes whether a graph's relations are those asked for; `Predictor` logs it, once for all cameras."""
        wanted = wanted_relations(info, asked)
        fell_back = usable_relations(info, asked, graph.camera) != wanted
        self._relations_problem = (
            f"relations by {wanted} were asked for, and are learned: the camera's height and pitch are not known; set"
            " camera_height and camera_pitch"
            if fell_back
            else ""
        )

    def forget_tracks(self) -> None:
        """Begins ids anew, after images that were not tracked."""
        self._tracker.reset()

    def publish(self, graph: SceneGraph, image: ReceivedImage, info: ModelInfo, lookup: TransformLookup) -> None:
        """Publishes the graph of an image, with poses in the target frame, and keeps it as the latest.

        Args:
            graph: With poses in the camera's optical frame.
            image: That it was found in.
            info: The model that found it.
            lookup: Knows the target frame.
        """
        header = image.message.header
        self._check(image.message)
        transform, self._transform_problem = lookup.find(header)
        if problem := self._transform_problem:
            left_out = transform is not None and not transform.known
            self.log.warning("transform", f"poses are left out: {problem}" if left_out else problem)
        message = graph_to_message(graph, header, info.model_id, self._sequence)
        apply_transform(message, transform)
        elapsed = int((time.perf_counter() - image.received) * 1e9)
        message.processing_time.sec, message.processing_time.nanosec = divmod(elapsed, 10**9)
        # Kept before it goes out, so that who has got it finds it with ~/get_scene_graph too.
        self._latest = LatestGraph(graph, message, header, transform, info)
        self._publisher.publish(message)
        if (frames := self._frames) is not None:
            frames.publish(message)
        self._sequence += 1
        self.statistics.count("published")

    def _check(self, message: Image | CompressedImage) -> None:
        """Says once what is odd about the images."""
        before, self._oddity = self._oddity, why_odd(message)
        if self._oddity and self._oddity != before:
            self.log.warning(self._oddity, self._oddity)

    def publish_outputs(self, pixels: Pixels, classes: Sequence[str], predicates: Sequence[str]) -> None:
        """Publishes what is drawn and told of the latest graph, where anybody listens.

        Args:
            pixels: The image of the latest graph.
            classes: All class names of the model.
            predicates: All its predicates.
        """
        latest = self._latest
        if latest is None or not self._outputs.wanted():
            return
        started = time.perf_counter()
        self._outputs.publish(
            latest.graph, latest.message, pixels, header=latest.header, classes=classes, predicates=predicates
        )
        self.statistics.record({"outputs": (time.perf_counter() - started) * 1e3})
