"""One camera of the node: what comes in from it, what is known of it, and what goes out."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo
from sim2sg.msg import SceneGraph as GraphMessage
from std_msgs.msg import Header

from sim2sg_core.scene import Camera, SceneGraph
from sim2sg_core.scene.tracking import Tracker
from sim2sg_ros.diagnostics import Statistics
from sim2sg_ros.image_input import ImageInput
from sim2sg_ros.outputs import Outputs
from sim2sg_ros.parameters import Settings
from sim2sg_ros.tf_lookup import Placement

JUMP = 1_000_000_000
"""Nanoseconds that stamps go back by when a clock jumped or a recording began anew; less is disorder."""


@dataclass(frozen=True, eq=False)
class Latest:
    """The latest graph of a camera.

    Attributes:
        graph: With poses in the camera's optical frame.
        message: As published.
        header: The image's.
        placement: What turned the message's poses into another frame, or None.
    """

    graph: SceneGraph
    message: GraphMessage
    header: Header
    placement: Placement | None


class CameraStream:
    """One camera. Its input is looked after on the executor, its graphs are made in the inference thread.

    The two share single attributes, each replaced as a whole: no locks are needed.

    Attributes:
        name: "" for a single camera without a name.
        prefix: Of its outputs: `~`, or `~/<name>`.
        publisher: Of sim2sg/SceneGraph.
        outputs: The overlay and the other outputs that cost nothing unless someone subscribes.
        statistics: Counts and latencies.
        input: What it reads; None while the node is not active.
        info: The latest CameraInfo, without its header, or None; the same object until another calibration comes.
        calibration: The camera of the latest image, made of `info`, or None.
        calibrated_by: What `calibration` was made of.
        latest: The latest graph, or None.
        sequence: Number of the next graph.
        silence: Why no images come, in one line; "" when they do.
        info_problem: Why the CameraInfo is not used, in one line; "" when it is.
        frame_problem: Why poses cannot be given in the target frame; "" when they can.
    """

    def __init__(self, node: LifecycleNode, name: str = "") -> None:
        """Creates the publishers; subscribes to nothing yet."""
        self.name = name
        self.prefix = f"~/{name}" if name else "~"
        self.publisher = node.create_lifecycle_publisher(
            GraphMessage,
            f"{self.prefix}/scene_graph",
            QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        self.outputs = Outputs(node, self.prefix)
        self.statistics = Statistics()
        self.input: ImageInput | None = None
        self.silence = self.info_problem = self.frame_problem = ""
        self._node = node
        self._restart(Settings())

    def start(self, settings: Settings, on_image: Callable[[Any], None]) -> None:
        """Counts graphs from zero, forgets what was known and subscribes.

        Raises:
            RuntimeError: A QoS override is none.
        """
        self._restart(settings)
        self.input = ImageInput(self._node, settings.transport, on_image, self._on_camera_info, self.name)

    def stop(self) -> None:
        """Unsubscribes, where subscribed."""
        if self.input is not None:
            self.input.close()
            self.input = None
        self.silence = self.info_problem = self.frame_problem = ""

    def watch(self, timeout: float) -> None:
        """Looks who publishes images, and whether any arrive.

        Args:
            timeout: Seconds without an image until `silence` says why; 0 for never.
        """
        if self.input is None:
            return
        quiet = time.monotonic() - max(self._started, self.statistics.last_received)
        self.input.update(quiet)
        if timeout <= 0 or quiet < timeout:
            self.silence = ""
            return
        self.silence = f"no image for {quiet:.0f} s: {self.input.why_silent()}"
        who = f"camera {self.name}: " if self.name else ""
        self._node.get_logger().warning(f"{who}{self.silence}", throttle_duration_sec=max(5.0, timeout))

    def jumped_back(self, stamp: int) -> bool:
        """Takes the stamp of the next image, nanoseconds. Returns whether a recording or a clock began anew."""
        jumped = stamp < self._stamp - JUMP
        self._stamp = stamp if jumped else max(stamp, self._stamp)
        return jumped

    def track(self, graph: SceneGraph) -> SceneGraph:
        """Returns the graph with ids. When time went back they begin anew."""
        # To the tracker every step back is a jump: an image that merely comes out of order gets a later stamp.
        ordered = dataclasses.replace(graph, stamp=max(graph.stamp, self._stamp))
        return dataclasses.replace(self._tracker.update(ordered), stamp=graph.stamp)

    def forget_tracks(self) -> None:
        """Begins ids anew, after images that were not tracked."""
        self._tracker.reset()

    def facts(self) -> dict[str, str]:
        """Returns what diagnostics tell of the input."""
        source = self.input
        return {
            "input": source.listening_to if source else "",
            "transport": source.transport if source else "",
            "camera_info": "received" if self.info else "none",
            "camera_info topic": source.camera_info_topic if source else "",
            "camera_info problem": self.info_problem,
            "QoS problem": source.problem if source else "",
            "silence": self.silence,
            "target frame problem": self.frame_problem,
        }

    def _restart(self, settings: Settings) -> None:
        self.info: CameraInfo | None = None
        self.calibration: Camera | None = None
        self.calibrated_by: tuple[Any, ...] = ()
        self.latest: Latest | None = None
        self.sequence = 0
        self._stamp = 0
        self._started = time.monotonic()
        self._tracker = Tracker(settings.track_memory)

    def _on_camera_info(self, message: CameraInfo) -> None:
        message.header = Header()  # It alone changes from image to image.
        if message != self.info:
            self.info = message
