"""The node on a log played live: images sent, graphs received, and how long it took.

Three processes: `sim2sg play --stamp now` as the camera, `sim2sg node`, and this one, which receives. The
header's stamp is the moment just before publishing and is copied into the graph, so latency is the time of
its arrival here less that stamp: transport, decoding, inference and the way back, in one number.

python benchmarks/node_live.py --model RUN/model.onnx --log LOG --hz 10
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sim2sg.msg import GraphInfo, SceneGraph

from sim2sg_core.logs import open_logs
from sim2sg_core.scene.graph import write_json
from sim2sg_ros import settings

RESULT = Path(__file__).parent / "results" / "node_live.json"
NODE = "sim2sg_benchmark"
WARM_UP = 10
"""First graphs left out of the latencies: discovery, caches, clock rates."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="exported model")
    parser.add_argument("--log", type=Path, required=True, help="bag, or a folder of bags")
    parser.add_argument("--hz", type=float, default=10.0, help="images per second")
    parser.add_argument("--runs", type=int, default=3, help="repetitions")
    parser.add_argument("--out", type=Path, default=RESULT, help=f"result file (default: {RESULT.name})")
    parser.add_argument("--smoke", action="store_true", help="three seconds, once: does it work at all?")
    args = parser.parse_args()
    topic = open_logs(args.log)[0].image_topic()
    # Away from other nodes on this machine and network.
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
    settings.init([])
    runs = [measure(args, topic) for _ in range(1 if args.smoke else args.runs)]
    rclpy.shutdown()
    row = f"{args.log.stem} at {args.hz:g} Hz"
    result = {
        "command": "python benchmarks/node_live.py"
        f" --model {args.model.name} --log {args.log.name} --hz {args.hz:g}{' --smoke' * args.smoke}",
        "machine": machine(),
        "date": datetime.date.today().isoformat(),
        "rows": {row: {name: statistics([run[name] for run in runs]) for name in runs[0]}},
    }
    for name, value in result["rows"][row].items():
        print(f"{name:24} {value['mean']:9.2f}  sd {value['sd']:.2f}  n {value['n']}")
    write_json(args.out, result, indent=1)


def measure(args: argparse.Namespace, topic: str) -> dict[str, float]:
    """Plays the log once and returns counts and latencies (milliseconds)."""
    listener = rclpy.create_node("benchmark_listener")
    arrivals: list[tuple[int, SceneGraph]] = []
    listener.create_subscription(
        SceneGraph,
        f"/{NODE}/scene_graph",
        lambda graph: arrivals.append((time.time_ns(), graph)),
        QoSProfile(depth=100, reliability=ReliabilityPolicy.RELIABLE),
    )
    node = verb("node", "--model", args.model, "--name", NODE, "--image", topic)
    player = None
    with tempfile.TemporaryFile("w+") as report:
        try:
            wait_for(listener, node)
            player = verb(
                "play",
                args.log,
                "--hz",
                args.hz,
                "--stamp",
                "now",
                "--wait-for-subscribers",
                1,
                stdout=report,
            )
            listen(listener, player, stop_after=3.0 if args.smoke else 0.0, arrivals=arrivals)
        finally:
            for process in filter(None, (player, node)):
                process.send_signal(signal.SIGINT)
                process.wait(15)
            listener.destroy_node()
        report.seek(0)
        line = report.read()
    if not arrivals:
        raise SystemExit(f"error: no graph was received; the player said: {line.strip() or 'nothing'}")
    found = re.search(rf"(\d+) on {re.escape(topic)}\b", line)
    return summary(int(found[1]) if found else 0, arrivals)


def wait_for(listener: Any, node: subprocess.Popen[bytes]) -> None:
    """Returns when the node's latched facts have come: the graphs take the same way."""
    facts: list[GraphInfo] = []
    latched = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    listener.create_subscription(GraphInfo, f"/{NODE}/graph_info", facts.append, latched)
    deadline = time.monotonic() + 60
    while not facts:
        if node.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("error: the node did not get ready, see its log above")
        rclpy.spin_once(listener, timeout_sec=0.1)


def listen(listener: Any, player: Any, stop_after: float, arrivals: list[tuple[int, SceneGraph]]) -> None:
    """Receives until the player has ended and nothing has come for a second."""
    quiet_since = time.monotonic()
    before = 0
    while player.poll() is None or time.monotonic() - quiet_since < 1.0:
        rclpy.spin_once(listener, timeout_sec=0.1)
        if len(arrivals) > before:
            before, quiet_since = len(arrivals), time.monotonic()
            first = arrivals[0][0]
            if stop_after and (time.time_ns() - first) / 1e9 > stop_after and player.poll() is None:
                player.send_signal(signal.SIGINT)
                stop_after = 0.0


def summary(sent: int, arrivals: list[tuple[int, SceneGraph]]) -> dict[str, float]:
    """Returns counts, and percentiles after the warm-up."""
    settled = arrivals[WARM_UP:] or arrivals
    latency = [
        (arrived - graph.header.stamp.sec * 10**9 - graph.header.stamp.nanosec) / 1e6 for arrived, graph in settled
    ]
    inside = [graph.processing_time.sec * 1e3 + graph.processing_time.nanosec / 1e6 for _, graph in settled]
    p50, p99 = np.percentile(latency, (50, 99)).tolist()
    return {
        "sent": float(sent),
        "received": float(len(arrivals)),
        "latency_p50_ms": p50,
        "latency_p99_ms": p99,
        "in_node_p50_ms": float(np.median(inside)),
        "objects_per_graph": float(np.mean([len(graph.objects) for _, graph in settled])),
    }


def verb(*words: object, stdout: Any = None) -> subprocess.Popen[bytes]:
    """Starts a verb of the command line."""
    return subprocess.Popen([sys.executable, "-m", "sim2sg_core.cli.main", *map(str, words)], stdout=stdout)


def statistics(values: list[float]) -> dict[str, float]:
    """Returns mean, standard deviation and number."""
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return {"mean": round(float(np.mean(values)), 3), "sd": round(spread, 3), "n": len(values)}


def machine() -> str:
    """Returns the CPU's model and the number of cores that this process may use."""
    try:
        names = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    except OSError:
        names = []
    name = names[0] if names else platform.processor() or platform.machine()
    return f"{name}, {len(os.sched_getaffinity(0))} cores"


if __name__ == "__main__":
    main()
