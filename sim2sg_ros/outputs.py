"""The outputs beside the graph itself, such as the overlay: made only while their topic has a subscriber."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any, NamedTuple

from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.type_support import check_for_type_support
from sensor_msgs.msg import Image
from sim2sg.msg import SceneGraph as GraphMessage
from std_msgs.msg import Header, String
from visualization_msgs.msg import MarkerArray

from sim2sg_core.scene import SceneGraph
from sim2sg_ros.error_text import one_line
from sim2sg_ros.foxglove import graph_to_annotations
from sim2sg_ros.graph_conversions import graph_to_json
from sim2sg_ros.image_conversions import Pixels
from sim2sg_ros.markers import graph_to_markers
from sim2sg_ros.overlay_image import graph_to_overlay
from sim2sg_ros.qos import latest_qos
from sim2sg_ros.vision_messages import graph_to_detections_2d, graph_to_detections_3d

OPTIONAL = {
    "vision_msgs": ("Detection2DArray", "Detection3DArray"),
    "foxglove_msgs": ("ImageAnnotations",),
}
"""Packages that need not be there, and the types that are used of each."""


class OutputSource(NamedTuple):
    """Everything that an output may be made from; see `Outputs.publish`."""

    graph: SceneGraph
    message: GraphMessage
    pixels: Pixels
    header: Header
    classes: Sequence[str]
    predicates: Sequence[str]


class Output(NamedTuple):
    """One topic.

    Attributes:
        name: Last part of the topic's name.
        kind: Message type.
        make: Makes the message.
    """

    name: str
    kind: type[Any]
    make: Callable[[OutputSource], Any]


class Outputs:
    """The outputs of one camera, each made only while its topic has a subscriber.

    Attributes:
        made: How many messages were made for each topic, by the topic's last part.
    """

    def __init__(self, node: Node, prefix: str = "~") -> None:
        """Creates the publishers.

        Args:
            node: Of the publishers.
            prefix: What the topics' names begin with: "~", or "~/<camera>" where there are several.
        """
        self.made: Counter[str] = Counter()
        self._node = node
        found, missing = find_optional()
        self._outputs = [
            (output, self._publisher(output, prefix)) for output in [*basic_outputs(), *optional_outputs(found)]
        ]
        topics = ", ".join(publisher.topic_name for _, publisher in self._outputs)
        left_out = "; ".join(f"{name}: {reason}" for name, reason in missing.items())
        node.get_logger().debug(f"outputs: {topics}; left out: {left_out or 'none'}")

    def wanted(self) -> bool:
        """Returns whether anybody listens to any of them."""
        return any(publisher.get_subscription_count() for _, publisher in self._outputs)

    def publish(
        self,
        graph: SceneGraph,
        message: GraphMessage,
        pixels: Pixels,
        *,
        header: Header | None = None,
        classes: Sequence[str] = (),
        predicates: Sequence[str] = (),
    ) -> None:
        """Makes and publishes what somebody listens to, and nothing else.

        Args:
            graph: The graph; boxes in pixels of the original image.
            message: The same as published.
            pixels: The original image.
            header: The image's header; None takes the message's, which differs where poses are in another frame.
            classes: All class names of the model, in its order: they decide the colours.
            predicates: All predicate names, likewise.
        """
        source = OutputSource(graph, message, pixels, message.header if header is None else header, classes, predicates)
        for output, publisher in self._outputs:
            if publisher.get_subscription_count():
                publisher.publish(output.make(source))
                self.made[output.name] += 1

    def close(self) -> None:
        """Withdraws the topics."""
        for _, publisher in self._outputs:
            self._node.destroy_publisher(publisher)
        self._outputs = []

    def _publisher(self, output: Output, prefix: str) -> Publisher:
        return self._node.create_publisher(
            output.kind,
            f"{prefix}/{output.name}",
            latest_qos(),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )


def basic_outputs() -> list[Output]:
    """Returns the outputs that are always there."""
    return [
        Output("overlay", Image, lambda s: graph_to_overlay(s.graph, s.pixels, s.header, s.classes, s.predicates)),
        Output("markers", MarkerArray, lambda s: graph_to_markers(s.graph, s.message, s.classes, s.predicates)),
        Output("graph_json", String, lambda s: String(data=graph_to_json(s.graph))),
    ]


def optional_outputs(found: dict[str, ModuleType]) -> list[Output]:
    """Returns the outputs of the message packages that were found.

    Args:
        found: What `find_optional` returned.
    """
    outputs = []
    if vision := found.get("vision_msgs"):
        outputs += [
            Output(
                "detections", vision.Detection2DArray, lambda s: graph_to_detections_2d(vision, s.message, s.header)
            ),
            Output("detections_3d", vision.Detection3DArray, lambda s: graph_to_detections_3d(vision, s.message)),
        ]
    if foxglove := found.get("foxglove_msgs"):
        outputs.append(
            Output(
                "annotations",
                foxglove.ImageAnnotations,
                lambda s: graph_to_annotations(foxglove, s.graph, s.header, s.classes, s.predicates),
            )
        )
    return outputs


def find_optional() -> tuple[dict[str, ModuleType], dict[str, str]]:
    """Looks for the `OPTIONAL` packages.

    Returns:
        The `msg` modules of those that can be used, and why the others cannot, by package.
    """
    found, missing = {}, {}
    for package, kinds in OPTIONAL.items():
        try:
            module = importlib.import_module(f"{package}.msg")
            for kind in kinds:
                check_for_type_support(getattr(module, kind))
            found[package] = module
        except Exception as error:  # Not installed, too old, or built for another Python: each raises its own.
            missing[package] = one_line(error) or type(error).__name__
    return found, missing
