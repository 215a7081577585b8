"""A subscriber as a process of its own: writes when each graph came, and what the node said of itself.

Writes `ready` when it has found the node, and at Ctrl-C a JSON file: graphs, [stamp, arrival, processing time] in
nanoseconds each; and status, the node's last status on /diagnostics by key.

python benchmarks/node_receiver.py --node NAME --out FILE
"""

from __future__ import annotations

import argparse
import contextlib
import json
import time
from pathlib import Path
from typing import Any

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import ExternalShutdownException
from sim2sg.msg import SceneGraph

PATIENCE = 60.0
"""Seconds to wait for the node."""


def nanoseconds(time_or_duration: Any) -> int:
    return time_or_duration.sec * 10**9 + time_or_duration.nanosec


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--node", required=True, help="name of the node")
    parser.add_argument("--out", type=Path, required=True, help="JSON file to write")
    args = parser.parse_args()
    graphs: list[tuple[int, int, int]] = []
    status: dict[str, str] = {}
    rclpy.init()
    node = rclpy.create_node("receiver")

    def on_graph(graph: SceneGraph) -> None:
        graphs.append((nanoseconds(graph.header.stamp), time.time_ns(), nanoseconds(graph.processing_time)))

    def on_diagnostics(message: DiagnosticArray) -> None:
        for item in message.status:
            if item.name == f"/{args.node}: scene graph":
                if not status:
                    print("ready", flush=True)
                status.update({pair.key: pair.value for pair in item.values})

    def on_patience() -> None:
        if not status:
            raise SystemExit(f"error: no diagnostics of /{args.node} within {PATIENCE:.0f} s")

    node.create_timer(PATIENCE, on_patience)
    node.create_subscription(SceneGraph, f"/{args.node}/scene_graph", on_graph, 50)
    node.create_subscription(DiagnosticArray, "/diagnostics", on_diagnostics, 10)
    try:
        with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
            rclpy.spin(node)  # After a signal it raises, or just returns.
        args.out.write_text(json.dumps({"graphs": graphs, "status": status}), encoding="utf-8")
    finally:
        node.destroy_node()
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()
