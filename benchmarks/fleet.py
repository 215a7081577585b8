"""What a Ray cluster costs and brings: frames, inference, rendering and training by one worker and by two.

    python benchmarks/fleet.py [--smoke] [--logs 200] [--log-frames 500]

Every row is measured in fresh processes, plain and on a local Ray of one core and of two (`sim2sg … --ray local`):

- `frames`: logs are written (MCAP, JPEGs of 320x240), looked through and sampled as `sim2sg adapt` does, without
  near-duplicates over all logs; the rate counts all their frames. Memory is the driver's and the largest worker's peak.
- `inference`: the model that ships for `dining` on those frames, one image at a time.
- `rendering`: frames of clevr at 320x240, JPEGs and labels written.
- `training`: steps of a small network on these renders, the batch shared by the ranks.
- `tasks`: what the driver spends on a task that does nothing.

`efficiency` is the rate over the plain rate, and over the number of workers. Plain is one process on one thread, which
is what a Ray worker is. The time to start Ray is told apart (`start_s`); workers are warm when a rate is taken.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common import print_rows, summary, write_results
from sim2sg_core.adaptation import AdaptConfig
from sim2sg_core.adaptation.log_frames import FrameWriter
from sim2sg_core.domains import load_domain
from sim2sg_core.fleet import Fleet, Inline, Processes, opened
from sim2sg_core.images import encode_jpeg
from sim2sg_core.logs import open_logs
from sim2sg_core.logs.choosing import Scan, choose
from sim2sg_core.synthesis import render_dataset

PARTS = ("frames", "inference", "rendering", "training", "tasks")
SIZE = (320, 240)
TOPIC, TYPE = "/camera/image_raw/compressed", "sensor_msgs/msg/CompressedImage"
T0 = 1_700_000_000 * 10**9
CHOSEN = 400
DISTINCT = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="small numbers, one repeat, nothing written")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--logs", type=int, default=200)
    parser.add_argument("--log-frames", type=int, default=500)
    parser.add_argument("--images", type=int, default=200, help="inferred and rendered per repeat")
    parser.add_argument("--steps", type=int, default=40, help="of training per repeat")
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--folder", type=Path, help="where the logs are made and left (default: a temporary one)")
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.smoke:
        args.repeats, args.logs, args.log_frames, args.images, args.steps, args.tasks = 1, 4, 20, 8, 4, 50
    if args.part:
        print(json.dumps(measure(args.part, args)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        args.folder = args.folder or Path(temporary)
        make_logs(args.folder / "logs", args.logs, args.log_frames)
        rows = run(args)
    print_rows(rows)
    if not args.smoke:
        print(write_results("fleet", rows, logs=args.logs, log_frames=args.log_frames))


def run(args: argparse.Namespace) -> dict[str, dict[str, dict[str, float]]]:
    """Measures every row, the ways of each part in turn."""
    found: dict[str, list[dict[str, float]]] = {}
    for part in args.parts:
        for _ in range(args.repeats):
            for workers in (0, 1, 2) if part != "tasks" else (1, 2):
                row = f"{part}, plain" if not workers else f"{part}, Ray, {workers} worker{'s' * (workers > 1)}"
                found.setdefault(row, []).append(in_process(part, workers, args))
    rows = {}
    for row, results in found.items():
        part = row.split(",")[0]
        rows[row] = {name: summary([result[name] for result in results]) for name in results[0]}
        plain = found.get(f"{part}, plain")
        if plain and "Ray" in row:
            workers = 2 if "2" in row else 1
            ratios = [a["per_s"] / b["per_s"] / workers for a, b in zip(results, plain)]
            rows[row]["efficiency"] = summary(ratios)
    return rows


def in_process(part: str, workers: int, args: argparse.Namespace) -> dict[str, float]:
    """Measures one row once, in a fresh process."""
    numbers = {name: getattr(args, name) for name in ("logs", "images", "steps", "tasks")}
    words = [word for name, value in numbers.items() for word in (f"--{name}", str(value))]
    words += ["--log-frames", str(args.log_frames), "--folder", str(args.folder), "--workers", str(workers)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, __file__, "--part", part, *words]
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def measure(part: str, args: argparse.Namespace) -> dict[str, float]:
    """Measures one row in this process."""
    import cv2

    cv2.setNumThreads(1)
    begun = time.perf_counter()
    with opened("local" if args.workers else None, args.workers) as fleet, tempfile.TemporaryDirectory() as temporary:
        started = time.perf_counter() - begun
        if args.workers:
            warm(fleet, args.workers)
        result = MEASURES[part](fleet, args, Path(temporary))
        result["driver_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if args.workers:
            result |= {"worker_mib": largest_worker_mib(), "start_s": started}
    return result


@dataclass(frozen=True)
class Waiting:
    """Work that waits, so that every worker gets an item."""

    seconds: float = 0.0

    def open(self) -> Callable[[int], int]:
        """There is nothing to load."""
        return self.do

    def do(self, item: int) -> int:
        """Returns the item, later."""
        time.sleep(self.seconds)
        return item


def warm(fleet: Fleet, workers: int) -> None:
    """Has every worker started."""
    list(fleet.pool(Inline()).map(Waiting(0.5), range(4 * workers)))


def frames(fleet: Fleet, args: argparse.Namespace, out: Path) -> dict[str, float]:
    """Reads and samples all logs."""
    begun = time.perf_counter()
    logs = open_logs(args.folder / "logs")
    config = AdaptConfig(logs=(str(args.folder / "logs"),), frames=CHOSEN)
    pool = fleet.pool(Inline())
    chosen = choose(list(pool.map(Scan(hashed=True), logs)), CHOSEN, DISTINCT)
    named = [[(item, f"{k}_{item.number}.jpg") for item in items] for k, items in enumerate(chosen)]
    writer = FrameWriter(config, load_domain("clevr"), out)
    written = sum(1 for _ in pool.flat_map(writer, [part for part in zip(logs, named) if part[1]]))
    seconds = time.perf_counter() - begun
    return {"per_s": args.logs * args.log_frames / seconds, "seconds": seconds, "chosen": written}


def inference(fleet: Fleet, args: argparse.Namespace, out: Path) -> dict[str, float]:
    """Infers frames of the logs."""
    images = [encode_jpeg(view(k)) for k in range(args.images)]
    pool = fleet.pool(Inline())
    list(pool.map(Inferring(), images[:4]))
    begun = time.perf_counter()
    list(pool.map(Inferring(), images))
    return {"per_s": len(images) / (time.perf_counter() - begun)}


@dataclass(frozen=True)
class Inferring:
    """Infers JPEGs by the model that ships for dining."""

    def open(self) -> Callable[[bytes], int]:
        """Loads the model."""
        from sim2sg_core.images import decode_image
        from sim2sg_core.runtime import Predictor

        predictor = Predictor("dining", provider="cpu", threads=1)
        return lambda code: len(predictor.predict(decode_image(code)).objects)


def rendering(fleet: Fleet, args: argparse.Namespace, out: Path) -> dict[str, float]:
    """Renders frames of clevr."""
    seconds = {}
    for name, count in (("warm", 8), ("all", args.images)):  # shaders are compiled meanwhile
        jobs = [(seed, None) for seed in range(count)]
        begun = time.perf_counter()
        render_dataset(load_domain("clevr"), jobs, out / name, workers=1, size=SIZE, fleet=fleet)
        seconds[name] = time.perf_counter() - begun
    return {"per_s": args.images / seconds["all"], "seconds": seconds["all"]}


def training(fleet: Fleet, args: argparse.Namespace, out: Path) -> dict[str, float]:
    """Takes steps on renders; the rate is over the steps after the first."""
    import torch

    from sim2sg_core.learning import TrainConfig, TrainJob
    from sim2sg_core.model import build_network

    torch.set_num_threads(1)
    domain = load_domain("clevr")
    render_dataset(domain, [(seed, None) for seed in range(16)], out / "data", workers=1, size=SIZE)
    config = TrainConfig(steps=args.steps, batch=8, save_every=10**6)
    job = TrainJob(build_network(domain, backbone="small", seed=0), domain, [(out / "data", 1.0)], config, out / "run")
    times: list[tuple[float, int]] = []
    job.train_on(fleet, max(args.workers, 1), lambda n, **_: times.append((time.perf_counter(), n)))
    steps = sum(n for _, n in times[1:])
    return {"per_s": steps / (times[-1][0] - times[0][0])}


def tasks(fleet: Fleet, args: argparse.Namespace, out: Path) -> dict[str, float]:
    """Hands out tasks that do nothing."""
    before, begun = time.process_time(), time.perf_counter()
    list(fleet.pool(Processes()).map(Waiting(), range(args.tasks)))
    wall, own = time.perf_counter() - begun, time.process_time() - before
    return {"per_s": args.tasks / wall, "driver_cpu_s_per_1000": 1000 * own / args.tasks}


MEASURES = {"frames": frames, "inference": inference, "rendering": rendering, "training": training, "tasks": tasks}


def largest_worker_mib() -> float:
    """Returns the peak memory of the largest Ray worker on this machine."""
    peaks = [0.0]
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cmdline").read_bytes().startswith(b"ray::"):
                lines = (entry / "status").read_text().splitlines()
                peaks += [int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")]
        except OSError:
            continue
    return max(peaks)


def make_logs(folder: Path, count: int, length: int) -> None:
    """Writes logs of few views each, some of which other logs show too; those that are there are kept."""
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    types = store.types
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        path = folder / f"log_{number:03d}"
        if path.exists():
            continue
        pictures = pictures_of(number)
        with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
            connection = writer.add_connection(TOPIC, TYPE, typestore=store)
            for k in range(length):
                stamp = T0 + number * 10**12 + k * 10**8
                time_type = types["builtin_interfaces/msg/Time"](stamp // 10**9, stamp % 10**9)
                header = types["std_msgs/msg/Header"](time_type, "camera")
                message = types[TYPE](header, "jpeg", pictures[k * len(pictures) // length])
                writer.write(connection, stamp, store.serialize_cdr(message, TYPE))


def pictures_of(number: int) -> Sequence[np.ndarray]:
    """Returns the JPEGs that a log shows: half of them those of the log before."""
    return [np.frombuffer(encode_jpeg(view(5 * number + k)), np.uint8) for k in range(10)]


def view(seed: int) -> np.ndarray:
    """Returns a picture of rectangles in noise, (240, 320, 3) uint8 RGB."""
    import cv2

    rng = np.random.default_rng(seed)
    image = np.full((SIZE[1], SIZE[0], 3), 110, np.uint8)
    for _ in range(8):
        x, y = (int(rng.integers(0, limit)) for limit in SIZE)
        cv2.rectangle(image, (x, y), (x + 70, y + 60), rng.integers(0, 255, 3).tolist(), -1)
    return np.clip(image + rng.normal(0, 4, image.shape), 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
