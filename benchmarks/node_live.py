"""The node on a log played live: images sent, graphs received, and how long it took.

Three processes: `sim2sg play --stamp now` as the camera, `sim2sg node`, and this one, which receives. The
header's stamp is the moment just before publishing and is copied into the graph, so latency is the time of
its arrival here less that stamp: transport, decoding, inference and the way back, in one number.

python benchmarks/node_live.py --model RUN/model.onnx --log LOG --hz 10
"""

from __future__ import annotations

import argparse
import math
import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from common import print_rows, summary, write_results

from sim2sg_core.logs import open_logs
from sim2sg_ros import settings
from sim2sg_ros.listener import GraphListener

NODE = "sim2sg_benchmark"
WARM_UP = 10
"""First graphs left out of the latencies: discovery, caches, clock rates."""
SMOKE_GRAPHS = 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True, help="exported model")
    parser.add_argument("--log", type=Path, required=True, help="bag, or a folder of bags")
    parser.add_argument("--hz", type=float, default=10.0, help="images per second")
    parser.add_argument("--runs", type=int, default=3, help="repetitions")
    parser.add_argument("--smoke", action="store_true", help=f"{SMOKE_GRAPHS} graphs, once, nothing written")
    args = parser.parse_args()
    topic = open_logs(args.log)[0].image_topic()
    # Away from other nodes on this machine and network.
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
    settings.apply()
    runs = [measure(args, topic) for _ in range(1 if args.smoke else args.runs)]
    rows = {f"{args.log.stem} at {args.hz:g} Hz": {name: summary([run[name] for run in runs]) for name in runs[0]}}
    print_rows(rows)
    if not args.smoke:
        print(write_results("node_live", rows))


def measure(args: argparse.Namespace, topic: str) -> dict[str, float]:
    """Plays the log once and returns counts and latencies (milliseconds)."""
    listener = GraphListener(f"/{NODE}/scene_graph")
    node = verb("node", "--model", args.model, "--name", NODE, "--image", topic)
    player = None
    with tempfile.TemporaryFile("w+") as report:
        try:
            listener.wait_for_node(timeout=60, process=node)
            words = ("play", args.log, "--hz", args.hz, "--stamp", "now", "--wait-for-subscribers", 1)
            player = verb(*words, stdout=report)
            listener.collect(until=player, settle=1.0, limit=SMOKE_GRAPHS if args.smoke else math.inf)
        finally:
            for process in filter(None, (player, node)):
                process.send_signal(signal.SIGINT)
                process.wait(15)
            listener.close()
        report.seek(0)
        line = report.read()
    if not listener.graphs:
        raise SystemExit(f"error: no graph was received; the player said: {line.strip() or 'nothing'}")
    found = re.search(rf"(\d+) on {re.escape(topic)}\b", line)
    return figures(int(found[1]) if found else 0, listener)


def figures(sent: int, listener: GraphListener) -> dict[str, float]:
    """Returns counts, and percentiles after the warm-up."""
    arrivals = list(zip(listener.arrivals, listener.graphs, strict=True))
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


if __name__ == "__main__":
    main()
