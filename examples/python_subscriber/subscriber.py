#!/usr/bin/env python3
"""Prints the graphs of a scene-graph node: objects with their ids and positions, and the relations between them.

python subscriber.py [--ros-args -p node:=/sim2sg -p camera:=front]

`node` is the full name of the scene-graph node, `camera` one of its cameras, where it has several.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Mapping

import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sim2sg.msg import GraphInfo, SceneGraph, SceneObject

# The node keeps the last GraphInfo for who joins late; only this pair of policies asks for it.
LATCHED = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
# The newest graph is the one to act on, so no queue. Best effort fits the node's reliable publisher too.
NEWEST = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


def describe(graph: SceneGraph, inverses: Mapping[str, str], known: Collection[str]) -> list[str]:
    """Returns a graph as lines to read.

    Args:
        graph: What one image shows.
        inverses: Name of each predicate's inverse, from GraphInfo; inverses are not sent as relations.
        known: Ids of the objects of the graph before.
    """
    names = [name(item, index) for index, item in enumerate(graph.objects)]
    lines = [f"graph {graph.sequence}: {len(graph.objects)} objects, {len(graph.relations)} relations"]
    for item, its_name in zip(graph.objects, names):
        line = f"  {its_name} ({item.score:.2f})"
        # Without a calibration of the camera there are boxes only, and pose and size mean nothing.
        if item.has_pose:
            at, frame = item.pose.pose.position, graph.header.frame_id
            line += f" at ({at.x:.2f}, {at.y:.2f}, {at.z:.2f}) m in {frame}"
        else:
            line += f" in the box ({item.x1:.0f}, {item.y1:.0f}, {item.x2:.0f}, {item.y2:.0f})"
        lines.append(line + (" new" if item.id and item.id not in known else ""))
    for gone in sorted(set(known) - {item.id for item in graph.objects}):
        lines.append(f"  {gone} gone")
    for relation in graph.relations:
        # Indices are always valid and never equal.
        subject, other = names[relation.subject], names[relation.object]
        line = f"  {subject} {relation.predicate} {other} ({relation.score:.2f})"
        if inverse := inverses.get(relation.predicate):
            line += f", so {other} {inverse} {subject}"
        lines.append(line)
    return lines


def name(item: SceneObject, index: int) -> str:
    """Names an object by its id (`cube_3`), the same from image to image; without tracking by class and index."""
    return item.id or f"{item.class_name}_{index}"


class Subscriber(Node):
    """Listens to one scene-graph topic and to the facts about its model."""

    def __init__(self) -> None:
        """Subscribes."""
        super().__init__("scene_graph_subscriber")
        node = self.declare_parameter("node", "/sim2sg").value.rstrip("/")
        camera = self.declare_parameter("camera", "").value
        self.inverses: dict[str, str] = {}
        self.known: set[str] = set()
        self.create_subscription(GraphInfo, f"{node}/graph_info", self.on_info, LATCHED)
        topic = f"{node}/{camera}/scene_graph" if camera else f"{node}/scene_graph"
        self.create_subscription(SceneGraph, topic, self.on_graph, NEWEST)

    def on_info(self, info: GraphInfo) -> None:
        """Comes at once, and again whenever the model or a threshold changes."""
        self.inverses = dict(zip(info.predicates, info.inverses))
        print(f"model {info.model_id} knows {', '.join(info.class_names)}", flush=True)

    def on_graph(self, graph: SceneGraph) -> None:
        """Comes for every image, also for one in which nothing was found."""
        print("\n".join(describe(graph, self.inverses, self.known)), flush=True)
        self.known = {item.id for item in graph.objects if item.id}


def main() -> int:
    """Prints until SIGINT or SIGTERM."""
    rclpy.init()
    try:
        rclpy.spin(Subscriber())
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    finally:
        rclpy.try_shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main())
