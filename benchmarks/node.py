"""The live node beside a naive one: latency by stage, CPU, drops, and age under overload.

Four processes: a camera (node_camera.py), the node under test, a receiver (node_receiver.py), and this one,
which starts them and computes. Camera, node and receiver of `ours` run with the package's Fast DDS profile as the
README says; those of `naive` (node_naive.py) with the middleware's own settings; `peer` is the naive node with an
untrained detector of the size of the smallest YOLOs (node_peer_graph.py) at 640x480. Nodes and inputs take turns, so
that a busy machine is busy for all. The notes of the results say how each metric is computed.

python benchmarks/node.py --model runs/demo/model.onnx
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

import numpy as np
from common import print_rows, summary, write_results
from node_processes import DEMO_MODEL, LOG, Processes, check, cpu_ms, end, environment, expect

NAME = "sim2sg_benchmark"
WINDOW = 300
"""Images that the percentiles on /diagnostics are taken over."""
TOPIC = "/camera/image"
PEER_SIZE = "640x480"
"""Input of the peer, and the images that it is shown."""
SETTLE = 2.0
"""Seconds from the last image until the receiver has all graphs and the last diagnostics."""
NOTES = """
Suffixes name the camera's images: `overload` is raw 640x480 at {overload:g} Hz, all others come at {hz:g} Hz.
sent: images published, warm-up included; received: images that reached the node's callback; processed: graphs that
it published; dropped: sent less processed; graphs: those that reached the receiver. Times are in ms, after
{warm_up:g} s of warm-up. total: from the image's stamp, taken right before it is published, to the graph's arrival
in the receiver's callback; transport: total less the graph's processing_time (reception to publishing), graph by
graph: the way in, the naive node's queue, the call of publish and the way out; transport_in, of it: the image's
median age at publishing less the median time in the node. The node's own stages are its percentiles on
/diagnostics, of the last {window} images: wait (for inference, in the node), preprocess (decode + preprocess,
their percentiles added), inference, postprocess, tracking, publish (making and publishing the message). overhead:
median total of the last {window} graphs less median inference. cpu_ms_per_graph: user and system time of the
node's process while the measured images were sent, by their graphs. age: total under overload; age_over_inference:
by the median inference of the same run. gmacs: multiply-accumulates of the peer's convolutions for one image, in
billions; its weights are random and it finds nothing, so no time goes into its boxes."""


@dataclass(frozen=True)
class Input:
    """What the camera sends."""

    size: str
    transport: str
    hz: float


def inputs(hz: float, overload: float) -> dict[str, Input]:
    """Returns the inputs by the suffix of their metrics."""
    return {
        "640x480": Input("640x480", "raw", hz),
        "1280x720": Input("1280x720", "raw", hz),
        "jpeg_640x480": Input("640x480", "jpeg", hz),
        "overload": Input("640x480", "raw", overload),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=DEMO_MODEL, help="exported model (default: the demo's)")
    parser.add_argument("--fast-model", type=Path, help="another model, for a row ours_fast")
    parser.add_argument("--log", type=Path, default=LOG, help="pictures: a bag (default: the demo's)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each run, after the warm-up")
    parser.add_argument("--warm-up", type=float, default=3.0, help="seconds before it")
    parser.add_argument("--runs", type=int, default=3, help="repetitions")
    parser.add_argument("--hz", type=float, default=30.0, help="images per second")
    parser.add_argument("--overload-hz", type=float, default=120.0, help="images per second of the overload")
    parser.add_argument("--smoke", action="store_true", help="3 s of each, once; nothing is written")
    args = parser.parse_args()
    models = {"ours": args.model, "naive": args.model} | ({"ours_fast": args.fast_model} if args.fast_model else {})
    check(args.log, *models.values())
    from node_peer_graph import export as export_peer  # torch, which nothing else here needs

    with tempfile.TemporaryDirectory() as folder:
        peer = Path(folder) / "peer.onnx"
        gmacs = export_peer(peer, *map(int, PEER_SIZE.split("x")))
        rows = measure_all(models | {"peer": peer}, args)
    rows["peer"]["gmacs"] = summary([gmacs])
    print_rows(rows)
    if not args.smoke:
        notes = NOTES.format(overload=args.overload_hz, hz=args.hz, warm_up=args.warm_up, window=WINDOW)
        print(write_results("node", rows, notes=" ".join(notes.split())))


def measure_all(models: Mapping[str, Path], args: argparse.Namespace) -> dict[str, dict[str, dict[str, float]]]:
    """Runs every row on every input. Returns row -> metric -> its mean over the runs, sd and n."""
    if args.smoke:
        args.seconds, args.warm_up, args.runs = 3.0, 1.0, 1
    runs: dict[str, list[dict[str, float]]] = {row: [] for row in models}
    for number in range(args.runs):
        for row in models:
            runs[row].append({})
        for suffix, source in inputs(args.hz, args.overload_hz).items():
            for row, model in models.items():
                if row == "peer" and source.size != PEER_SIZE:
                    continue
                print(f"run {number + 1} of {args.runs}: {row}, {suffix}", flush=True)
                values = measure(row, model, source, args)
                runs[row][-1] |= {f"{name}_{suffix}": value for name, value in values.items()}
    return {row: {name: summary([run[name] for run in each]) for name in each[0]} for row, each in runs.items()}


def measure(row: str, model: Path, source: Input, args: argparse.Namespace) -> dict[str, float]:
    """Runs a node on a camera once and returns its metrics."""
    naive = row in ("naive", "peer")
    env = environment(shared_memory=not naive)
    with tempfile.TemporaryDirectory() as folder, Processes() as processes:
        stamps, received = Path(folder) / "stamps.json", Path(folder) / "received.json"
        words: tuple[object, ...] = ("--model", model, "--name", NAME, "--image", TOPIC)
        if naive:
            words = (*words, "--transport", source.transport, *(["--peer"] if row == "peer" else []))
            node = processes.start("node_naive.py", *words, env=env)
        else:
            node = processes.node(*words, "--log-level", "warn", env=env)
        receiver = processes.start("node_receiver.py", "--node", NAME, "--out", received, env=env, stdout=PIPE)
        expect(receiver, "ready", "receiver")
        camera = processes.start(
            "node_camera.py", "--log", args.log, "--size", source.size, "--transport", source.transport,
            "--hz", source.hz, "--warm-up", args.warm_up, "--seconds", args.seconds, "--topic", TOPIC,
            "--stamps", stamps, env=env, stdout=PIPE,
        )  # fmt: skip
        expect(camera, "measuring", "camera")
        before = cpu_ms(node.pid)
        expect(camera, "done", "camera")
        spent = cpu_ms(node.pid) - before
        time.sleep(SETTLE)
        if node.poll() is not None:
            raise SystemExit(f"error: the node ended with status {node.returncode} while it was measured, see above")
        end(receiver)
        heard = json.loads(received.read_text(encoding="utf-8"))
        sent = json.loads(stamps.read_text(encoding="utf-8"))
    return figures(sent, heard["graphs"], heard["status"], spent, overload=source.hz == args.overload_hz)


def figures(
    sent: Mapping[str, Sequence[int]],
    graphs: Sequence[Sequence[int]],
    status: Mapping[str, str],
    cpu: float,
    overload: bool,
) -> dict[str, float]:
    """Returns the metrics of one run, as NOTES explains them.

    Args:
        sent: Stamps of the images, nanoseconds: `warm_up` and `measured`.
        graphs: Stamp, arrival and processing time of each graph that was received, nanoseconds.
        status: The node's last diagnostics.
        cpu: Milliseconds that the node used while the measured images were sent.
        overload: Give the age in place of the split.
    """
    stamps = sent["measured"]
    measured = np.array([graph for graph in graphs if graph[0] >= stamps[0]], float).reshape(-1, 3)
    if not len(measured):
        raise SystemExit(f"error: none of {len(stamps)} images came back as a graph")
    total = (measured[:, 1] - measured[:, 0]) / 1e6
    transport = total - measured[:, 2] / 1e6

    def stage(name: str, percentile: int = 50) -> float:
        return float(status.get(f"{name} p{percentile} ms", "nan"))

    published = len(sent["warm_up"]) + len(stamps)
    processed = float(status["published"])
    result = {
        "sent": float(published),
        "received": float(status["received"]),
        "processed": processed,
        "dropped": published - processed,
        "graphs": float(len(graphs)),
        "cpu_ms_per_graph": cpu / len(measured),
    }
    inference = stage("inference")
    if overload:
        age = np.percentile(total, (50, 99)).tolist()
        result |= {"age_p50_ms": age[0], "age_p99_ms": age[1], "inference_p50_ms": inference}
        return result | {"age_over_inference_p50": age[0] / inference, "age_over_inference_p99": age[1] / inference}
    latest = float(np.median(total[-WINDOW:]))
    for name, values in (("total", total), ("transport", transport)):
        result |= {f"{name}_p{p}_ms": float(np.percentile(values, p)) for p in (50, 99)}
    result["transport_in_p50_ms"] = stage("image_age") - stage("total")
    for percentile in (50, 99):
        result[f"preprocess_p{percentile}_ms"] = stage("decode", percentile) + stage("preprocess", percentile)
        for name in ("wait", "inference", "postprocess", "tracking", "publish"):
            result[f"{name}_p{percentile}_ms"] = stage(name, percentile)
    result["overhead_p50_ms"] = latest - inference
    return {name: value for name, value in result.items() if not math.isnan(value)}


if __name__ == "__main__":
    main()
