"""The image subscription of a camera: which topic and transport to read, with which QoS, and why no image arrives."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSCompatibility, QoSPolicyKind, qos_check_compatible
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription
from sensor_msgs.msg import CameraInfo, CompressedImage, Image

from sim2sg_ros.camera_log import CameraLog
from sim2sg_ros.error_text import one_line
from sim2sg_ros.lasting import Lasting
from sim2sg_ros.middleware import LARGEST_MIB
from sim2sg_ros.qos import latched_qos, sensor_qos

try:
    from rclpy.event_handler import SubscriptionEventCallbacks
except ImportError:  # Humble
    from rclpy.qos_event import SubscriptionEventCallbacks

RAW, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
PATIENCE = 3.0
"""Seconds without an image after which another transport is tried, where one is published."""
OVERRIDABLE = (QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH, QoSPolicyKind.RELIABILITY, QoSPolicyKind.DURABILITY)
"""What `qos_overrides` may change of the subscription to camera_info: of images all but durability."""
MESSAGE_TYPES: dict[str, type[Any]] = {RAW: Image, COMPRESSED: CompressedImage}


class ImageInput:
    """Subscribes to the image topic, raw or compressed, and to camera_info.

    The topics are the relative `image` and `camera_info`, of a named camera `<name>/image` and
    `<name>/camera_info`. As with image_transport, the compressed one is `<image>/compressed`, and
    camera_info lies beside the image unless it is remapped itself.

    Attributes:
        topic: The raw image's full topic name.
        compressed_topic: The compressed image's.
        camera_info_topic: CameraInfo's.
        qos_problem: A publisher whose QoS excludes ours, and the fix, in one line; "" when there is none.
        silence: Why no image comes, in one line; "" while they do.
        mixture: Who else publishes on the same topic, in one line; "" where one node does.
    """

    def __init__(
        self,
        node: Node,
        transport: str,
        on_image: Callable[[Any], None],
        on_camera_info: Callable[[CameraInfo], None],
        name: str = "",
    ) -> None:
        """Subscribes to camera_info, and to the image as soon as it is known which.

        Args:
            node: The node.
            transport: "raw", "compressed" or "auto".
            on_image: Called with every Image or CompressedImage.
            on_camera_info: Called with every CameraInfo.
            name: Of the camera; "" for the only one.

        Raises:
            Exception: Of rclpy, which has several: a QoS override or a topic's name is none.
        """
        self._node = node
        self._log = CameraLog(node, name)
        self._transport = transport
        self._on_image = on_image
        self._image: Subscription | None = None
        self._kind = ""
        self._patience = PATIENCE
        self._last_image = self._subscribed = time.monotonic()
        self._crowded = Lasting()
        self.qos_problem = ""
        self.silence = ""
        self.mixture = ""
        self._relative, self._relative_info = (f"{name}/{last}" if name else last for last in ("image", "camera_info"))
        self.topic = node.resolve_topic_name(self._relative)
        self.compressed_topic = _compressed_topic(node, self._relative)
        self.camera_info_topic = _camera_info_topic(node, self._relative)
        self._on_camera_info = on_camera_info
        self._camera_info = self._subscribe(CameraInfo, self.camera_info_topic, on_camera_info, OVERRIDABLE)
        self._latched_info: Subscription | None = None
        try:
            self._update()
        except Exception:
            self.close()
            raise

    @property
    def listening_to(self) -> str:
        """The image topic subscribed to; "" while none is chosen."""
        return self._image.topic_name if self._image else ""

    @property
    def transport(self) -> str:
        """What is read: "raw" or "compressed"; "" while none is chosen."""
        return {RAW: "raw", COMPRESSED: "compressed"}.get(self._kind, "")

    def watch(self, timeout: float) -> None:
        """Looks who publishes images, and whether any arrive. To be called now and then.

        Args:
            timeout: Seconds without an image until `silence` says why; 0 for never.
        """
        try:
            self._update(time.monotonic() - self._last_image)
        except Exception as error:  # As in `__init__`, of a topic that was not there then.
            self.qos_problem = f"images cannot be subscribed to: {one_line(error)}"
            self._log.error("subscription", self.qos_problem)
        self._watch_publishers()
        now = time.monotonic()
        quiet, waited = now - self._last_image, now - self._subscribed
        if timeout <= 0 or quiet < timeout:
            self.silence = ""
        elif waited < timeout:  # What was just subscribed to has not had its chance yet.
            self.silence = f"no image for {quiet:.0f} s: reading {self.listening_to} for {waited:.0f} s"
        else:
            self.silence = f"no image for {quiet:.0f} s: {self.why_silent()}"
            self._log.warning("silence", self.silence)

    def close(self) -> None:
        """Unsubscribes; not to be used any more."""
        for subscription in (self._image, self._camera_info, self._latched_info):
            if subscription is not None:
                self._node.destroy_subscription(subscription)
        self._image = None

    def why_silent(self) -> str:
        """Says in one line why no images arrive and what to do."""
        topics = {RAW: (self.topic,), COMPRESSED: (self.compressed_topic, self.topic)}
        wanted = {"raw": (RAW,), "compressed": (COMPRESSED,)}.get(self._transport, (COMPRESSED, RAW))
        where = " and ".join(dict.fromkeys(topic for kind in wanted for topic in topics[kind]))
        if not self.listening_to or not self._publishers(self.listening_to, self._kind):
            for kind, candidates in topics.items():
                if kind not in wanted and any(self._publishers(topic, kind) for topic in candidates):
                    other = "compressed" if kind == COMPRESSED else "raw"
                    return f"{self.topic} is published as {kind} only: set the parameter transport to {other} or auto"
            return f"nobody publishes images on {where}: {self._advise_remap()}"
        if reason := self.why_incompatible():
            return reason
        silent = f"{self.listening_to} has a publisher but nothing arrives: it is silent"
        if self._kind == COMPRESSED:
            return f"{silent}, or its images are lost on the way: see `ros2 topic hz {self.listening_to}` beside it"
        return (
            f"{silent}, its process lacks config/fastdds.xml, or its images are larger than the {LARGEST_MIB} MiB that"
            " this profile carries (raise its sizes for both processes), or set the parameter transport to compressed"
        )

    def why_incompatible(self) -> str:
        """Names a publisher whose QoS excludes ours, and the fix; "" when there is none."""
        for subscription in (self._image, self._camera_info):
            if subscription is None:
                continue
            topic = subscription.topic_name
            for publisher in self._node.get_publishers_info_by_topic(topic):
                verdict, reason = qos_check_compatible(publisher.qos_profile, subscription.qos_profile)
                if verdict == QoSCompatibility.ERROR:
                    who = f"{publisher.node_namespace.rstrip('/')}/{publisher.node_name}"
                    why = " ".join(reason.split()).rstrip("; ")
                    offered = publisher.qos_profile
                    if subscription.qos_profile.durability == offered.durability:
                        fix = f"reliability:={offered.reliability.name.lower()}"
                    else:
                        fix = f"durability:={offered.durability.name.lower()}"
                    return (
                        f"QoS of {who} on {topic} does not fit ours ({why}):"
                        f" start this node with qos_overrides.{topic}.subscription.{fix}"
                    )
        return ""

    def _update(self, quiet: float = 0.0) -> None:
        """Subscribes anew when another topic carries the images now; `quiet` is seconds since the last one."""
        self.qos_problem = self.why_incompatible()
        self._subscribe_to_latched()
        if quiet < PATIENCE:
            self._patience = PATIENCE
        choice = self._choose(quiet)
        if choice is None or (self.listening_to, self._kind) == choice:
            return
        if self._image is not None:
            self._node.destroy_subscription(self._image)
            self._image = None
        topic, self._kind = choice
        self._image = self._subscribe(MESSAGE_TYPES[self._kind], topic, self._receive)
        self._subscribed = time.monotonic()
        self._node.get_logger().info(f"reading {self._kind} from {topic}")

    def _subscribe_to_latched(self) -> None:
        """Subscribes a second time to a camera_info that is published once, for those who come later too.

        A subscription that gets what was published before it (transient local) gets nothing of a publisher that does
        not keep that, and the other way round, so it takes both.
        """
        latched = DurabilityPolicy.TRANSIENT_LOCAL
        if self._latched_info is not None or self._camera_info.qos_profile.durability == latched:
            return
        found = self._node.get_publishers_info_by_topic(self.camera_info_topic)
        if any(info.qos_profile.durability == latched for info in found):
            # Nothing to override, and no event: publishers that it does not fit are the other subscription's.
            self._latched_info = self._node.create_subscription(
                CameraInfo,
                self._given_name(self.camera_info_topic),
                self._on_camera_info,
                latched_qos(),
                event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=False),
            )

    def _watch_publishers(self) -> None:
        """Sets `mixture`, and says so once."""
        topic = self.listening_to
        found = (
            [i for i in self._node.get_publishers_info_by_topic(topic) if i.topic_type == self._kind] if topic else []
        )
        before, self.mixture = self.mixture, ""
        if self._crowded.update(len(found) > 1):
            who = ", ".join(sorted(f"{i.node_namespace.rstrip('/')}/{i.node_name}" for i in found))
            self.mixture = f"{len(found)} publishers on {topic} ({who}): one camera each, or their images mix"
            if not before:
                self._log.warning("mixture", self.mixture)

    def _receive(self, message: Any) -> None:
        self._last_image = time.monotonic()
        self._on_image(message)

    def _choose(self, quiet: float) -> tuple[str, str] | None:
        """Returns (topic, type) to read from; None to leave things as they are."""
        if self._transport == "raw":
            return self.topic, RAW
        if self._transport == "compressed":
            return self.compressed_topic, COMPRESSED
        # Compressed first: a JPEG gets through any middleware setting, a raw image does not.
        candidates = [
            (self.compressed_topic, COMPRESSED),
            (self.topic, COMPRESSED),  # `image` may be remapped to a compressed topic itself.
            (self.topic, RAW),
        ]
        if self._image is not None and self._publishers(self.listening_to, self._kind):
            if quiet < self._patience:
                return None  # Never leave a camera that is there.
            # A publisher that was killed stays listed for some 20 s. A camera that merely pauses is looked
            # for elsewhere too, but ever more rarely.
            self._patience = 2 * quiet
            candidates = [c for c in candidates if c != (self.listening_to, self._kind)]
        return next((c for c in candidates if self._publishers(*c)), None)

    def _publishers(self, topic: str, kind: str) -> int:
        infos = self._node.get_publishers_info_by_topic(topic)
        return sum(info.topic_type == kind for info in infos)

    def _advise_remap(self) -> str:
        topics = dict(self._node.get_topic_names_and_types())
        found = [name for name, types in topics.items() if set(types) & set(MESSAGE_TYPES)]
        # What a scene-graph node draws is no camera, and subscriptions list their topics too.
        drawn = {name.removesuffix("scene_graph") + "overlay" for name in topics if name.endswith("/scene_graph")}
        found = [name for name in sorted({*found} - drawn) if self._node.count_publishers(name)]
        if not found:
            return "no node publishes images at all; start the camera, or check ROS_DOMAIN_ID"
        bases = dict.fromkeys(name.removesuffix("/compressed") for name in found)
        return f"images are on {', '.join(found)}; remap with {self._relative}:={next(iter(bases))}"

    def _subscribe(
        self,
        kind: type[Any],
        topic: str,
        callback: Callable[[Any], None],
        overridable: Sequence[QoSPolicyKind] = OVERRIDABLE[:-1],
    ) -> Subscription:
        return self._node.create_subscription(
            kind,
            self._given_name(topic),
            callback,
            sensor_qos(),
            event_callbacks=SubscriptionEventCallbacks(incompatible_qos=self._on_incompatible_qos),
            qos_overriding_options=QoSOverridingOptions(overridable),
        )

    def _given_name(self, topic: str) -> str:
        """Returns the name that becomes this topic, in full, once rclpy has remapped it."""
        # rclpy remaps what it is given. Of topics that are exchanged for one another the full name would be remapped
        # back, so the name is taken that becomes this topic.
        names = (topic, self._relative, f"{self._relative}/compressed", self._relative_info)
        given = next((name for name in names if self._node.resolve_topic_name(name) == topic), "")
        if not given:
            raise RuntimeError(
                f"{topic} is remapped to {self._node.resolve_topic_name(topic)}: remap the node's own topics"
                f" ({self._relative}:=…) and no others"
            )
        return given

    def _on_incompatible_qos(self, _event: Any) -> None:
        advice = "a publisher's QoS does not fit ours: see qos_overrides in docs/ros.md"
        self.qos_problem = self.why_incompatible() or advice
        self._log.warning("QoS", self.qos_problem)


def _compressed_topic(node: Node, image: str) -> str:
    base = node.resolve_topic_name(image).removesuffix("/compressed")
    return _remapped(node, f"{image}/compressed") or f"{base}/compressed"


def _camera_info_topic(node: Node, image: str) -> str:
    folder, _, _ = node.resolve_topic_name(image).removesuffix("/compressed").rpartition("/")
    return _remapped(node, f"{image.removesuffix('image')}camera_info") or f"{folder}/camera_info"


def _remapped(node: Node, name: str) -> str:
    """Returns what the user remapped a relative name to, in full; "" where it is not remapped."""
    full = node.resolve_topic_name(name)
    return full if full != node.resolve_topic_name(name, only_expand=True) else ""
