"""A small subscriber: waits for the node, collects its graphs, prints the first few as text."""

from __future__ import annotations

import math
import subprocess
import time

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sim2sg.msg import GraphInfo, SceneGraph

from sim2sg_core.errors import Sim2SGError
from sim2sg_ros.qos import latched_qos

MAX_RELATIONS = 4


class GraphListener:
    """Listens to one scene-graph topic in this process.

    Attributes:
        topic: Full name of the topic.
        graphs: What was received so far.
        arrivals: When each of them was received, nanoseconds since 1970.
    """

    def __init__(self, topic: str) -> None:
        self.topic = topic
        self.graphs: list[SceneGraph] = []
        self.arrivals: list[int] = []
        self._context = rclpy.Context()
        rclpy.init(context=self._context)
        self._node = rclpy.create_node("sim2sg_listener", context=self._context)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        qos = QoSProfile(depth=50, reliability=ReliabilityPolicy.RELIABLE)
        self._subscription = self._node.create_subscription(SceneGraph, topic, self._receive, qos)

    def _receive(self, graph: SceneGraph) -> None:
        self.arrivals.append(time.time_ns())
        self.graphs.append(graph)

    def wait_for_node(self, timeout: float, process: subprocess.Popen[bytes] | None = None) -> None:
        """Returns when the node can be heard.

        Waits for the latched ~/graph_info: it comes over the same discovery as the graphs, so that from then
        on none is lost. (A publisher that is merely known may still drop the first ones.)

        Args:
            timeout: Seconds.
            process: The node; waiting ends when it dies.

        Raises:
            Sim2SGError: Nothing came.
        """
        info_topic = f"{self.topic.rsplit('/', 1)[0]}/graph_info"
        heard: list[GraphInfo] = []
        subscription = self._node.create_subscription(GraphInfo, info_topic, heard.append, latched_qos())
        deadline = time.monotonic() + timeout
        while not heard:
            if process is not None and process.poll() is not None:
                raise Sim2SGError(f"the node ended with status {process.returncode} before it published, see above")
            if time.monotonic() > deadline:
                raise Sim2SGError(f"nothing on {info_topic} within {timeout:.0f} s: is the node running?")
            self._executor.spin_once(timeout_sec=0.1)
        self._node.destroy_subscription(subscription)

    def collect(
        self, until: subprocess.Popen[bytes], settle: float, show: int = 0, limit: float = math.inf
    ) -> list[SceneGraph]:
        """Collects graphs until a process has ended and `settle` seconds have passed without another.

        Args:
            until: The player.
            settle: Seconds.
            show: How many graphs to print.
            limit: How many graphs are enough: no waiting for the player then.
        """
        last = time.monotonic()
        shown = 0
        while len(self.graphs) < limit and (until.poll() is None or time.monotonic() - last < settle):
            before = len(self.graphs)
            self._executor.spin_once(timeout_sec=0.1)
            if len(self.graphs) > before:
                last = time.monotonic()
                if shown < show and self.graphs[-1].objects:
                    print(graph_summary(self.graphs[-1]), flush=True)
                    shown += 1
        return self.graphs

    def close(self) -> None:
        """Ends the subscription."""
        self._executor.shutdown()
        self._node.destroy_node()
        rclpy.shutdown(context=self._context)


def graph_summary(graph: SceneGraph) -> str:
    """Returns a graph as a few lines of text."""
    stamp = graph.header.stamp
    when = f"{stamp.sec}.{stamp.nanosec:09d}"
    lines = [
        f"  received graph {graph.sequence} of image {when} ({graph.header.frame_id}):"
        f" {len(graph.objects)} objects, {len(graph.relations)} relations"
    ]
    names = [o.id or f"{o.class_name}_{i}" for i, o in enumerate(graph.objects)]
    lines.append("    " + ", ".join(f"{n} ({o.score:.2f})" for n, o in zip(names, graph.objects, strict=True)))
    shown = graph.relations[:MAX_RELATIONS]
    lines += [f"    {names[r.subject]} {r.predicate} {names[r.object]} ({r.score:.2f})" for r in shown]
    return "\n".join(lines)
