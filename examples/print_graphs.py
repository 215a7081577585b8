"""Prints scene graphs as they come: the least that a program of yours needs. Give the topic, stop it with Ctrl-C."""

import contextlib
import sys

import rclpy
from rclpy.executors import ExternalShutdownException
from sim2sg.msg import SceneGraph


def on_graph(graph: SceneGraph) -> None:
    """Prints the objects, and the relations by name."""
    names = [f"{o.class_name}#{i}" for i, o in enumerate(graph.objects)]
    print(f"graph {graph.sequence}: {len(graph.objects)} objects, {len(graph.relations)} relations")
    for name, thing in zip(names, graph.objects, strict=True):
        place = thing.pose.pose.position
        where = f" at {place.x:.1f} {place.y:.1f} {place.z:.1f} m" if thing.has_pose else ""
        print(f"  {name} {thing.score:.2f}{where}")
    for relation in graph.relations:
        print(f"  {names[relation.subject]} {relation.predicate} {names[relation.object]} {relation.score:.2f}")
    sys.stdout.flush()


rclpy.init()
node = rclpy.create_node("print_graphs")
node.create_subscription(SceneGraph, sys.argv[1], on_graph, 10)
with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
    rclpy.spin(node)
