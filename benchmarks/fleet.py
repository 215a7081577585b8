"""What a Ray cluster costs and brings: frames, inference, rendering and training by one worker and by two.

    python benchmarks/fleet.py [--minutes 20]     # about an hour on two quiet cores; the same command goes on
    python benchmarks/fleet.py --smoke            # small numbers, one repeat, nothing kept

Every row is measured plain and on a local Ray of one core and of two (`sim2sg … --ray local`):

- `frames`: logs are written (MCAP, JPEGs of 320x240), looked through and sampled as `sim2sg adapt` does, without
  near-duplicates over all logs; the rate counts all their frames.
- `inference`: the model that ships for `dining` on such frames, one a task.
- `rendering`: frames of clevr at 320x240, JPEGs and labels written.
- `training`: steps of a small network on these renders, the batch shared by the ranks.
- `tasks`: what the driver spends on a task that does nothing.

`efficiency` is the rate over the plain rate, and over the number of workers. Plain is one process on one thread, which
is what a Ray worker is. The time to start Ray is told apart (`start_s`); workers are warm when a rate is taken. Peaks
of memory are those of the driver, of the largest worker, and of the driver and all workers (`driver_mib`, `worker_mib`,
`all_mib`); Ray's own processes are not in them.

A unit is one part, by one way, once, in a fresh process: minutes. It is kept under `--out`, with the logs, so that a
run that was stopped goes on. The results are written when all units are there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
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
from sim2sg_core.scene.graph import write_json
from sim2sg_core.synthesis import render_dataset

PARTS = ("frames", "inference", "rendering", "training", "tasks")
SIZE = (320, 240)
TOPIC, TYPE = "/camera/image_raw/compressed", "sensor_msgs/msg/CompressedImage"
T0 = 1_700_000_000 * 10**9
CHOSEN = 400
DISTINCT = 8
WARM = 8  # images that are inferred before the time is taken
Figures = dict[str, float]
Row = tuple[str, int]
"""Part, and how many workers; 0 for plain."""


def main() -> None:
    args = arguments().parse_args()
    if args.workers is not None:
        print(json.dumps(measure(args)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        if args.smoke:
            args.repeats, args.logs, args.log_frames, args.images, args.steps, args.tasks = 1, 4, 20, 8, 4, 50
            args.out = Path(temporary)
        found = run(args)
    if not found:
        return
    rows = rows_of(found)
    print_rows(rows)
    if not args.smoke:
        print(write_results("fleet", rows, logs=args.logs, log_frames=args.log_frames))


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="small numbers, one repeat, nothing kept")
    parser.add_argument("--out", type=Path, default=Path("runs/fleet"), help="where logs and units are kept")
    parser.add_argument("--minutes", type=float, default=math.inf, help="begin no unit after these (default: go on)")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--logs", type=int, default=200)
    parser.add_argument("--log-frames", type=int, default=500)
    parser.add_argument("--images", type=int, default=200, help="inferred and rendered per repeat")
    parser.add_argument("--steps", type=int, default=40, help="of training per repeat")
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--parts", nargs="+", default=PARTS, choices=PARTS)
    parser.add_argument("--workers", type=int, help=argparse.SUPPRESS)
    return parser


def run(args: argparse.Namespace) -> dict[Row, list[Figures]]:
    """Measures every unit that is not there yet, the ways of each part in turn.

    Returns:
        What was measured of each part and number of workers; nothing where the time was over before.
    """
    begun = time.monotonic()
    make_logs(args.out / "logs", args.logs, args.log_frames)
    found: dict[Row, list[Figures]] = {}
    # A Ray takes longer to start than a smoke to run: it measures all parts by the same one.
    groups = [list(args.parts)] if args.smoke else [[part] for part in args.parts]
    units = [(group, k, workers) for group in groups for k in range(args.repeats) for workers in (0, 1, 2)]
    units = [(group, k, workers) for group, k, workers in units if workers or group != ["tasks"]]
    for number, (group, k, workers) in enumerate(units):
        if time.monotonic() - begun > 60 * args.minutes:
            print(f"{number} of {len(units)} units are there: run the same command again, it goes on")
            return {}
        print(f"{', '.join(group)}: {workers or 'no'} workers, repeat {k + 1}", file=sys.stderr, flush=True)
        for part, figures in unit(group, k, workers, args).items():
            found.setdefault((part, workers), []).append(figures)
    return found


def unit(group: Sequence[str], k: int, workers: int, args: argparse.Namespace) -> dict[str, Figures]:
    """Returns what a fresh process measures, or measured in an earlier run with the same numbers."""
    numbers = {name: getattr(args, name) for name in ("logs", "log_frames", "images", "steps", "tasks")}
    kept = args.out / "units" / f"{'_'.join(group)}_{workers}_{k}.json"
    if kept.is_file() and (data := json.loads(kept.read_text()))["numbers"] == numbers:
        return dict(data["figures"])
    words = [word for name, value in numbers.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    words += ["--out", str(args.out), "--workers", str(workers), "--parts", *group]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, __file__, *words], env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    figures: dict[str, Figures] = json.loads(done.stdout.splitlines()[-1])
    write_json(kept, {"numbers": numbers, "figures": figures}, indent=1)
    return figures


def rows_of(found: dict[Row, list[Figures]]) -> dict[str, dict[str, dict[str, float]]]:
    """Returns the table: means, and what two workers make of it."""
    rows = {}
    for (part, workers), results in found.items():
        row = rows[row_name(part, workers)] = {name: summary([r[name] for r in results]) for name in results[0]}
        plain = found.get((part, 0))
        if plain and workers:
            row["efficiency"] = summary([a["per_s"] / b["per_s"] / workers for a, b in zip(results, plain)])
    return rows


def row_name(part: str, workers: int) -> str:
    return f"{part}, Ray, {workers} worker{'s' * (workers > 1)}" if workers else f"{part}, plain"


def measure(args: argparse.Namespace) -> dict[str, Figures]:
    """Measures parts in this process."""
    import cv2

    cv2.setNumThreads(1)
    begun = time.perf_counter()
    found = {}
    with opened("local" if args.workers else None, args.workers) as fleet:
        started = time.perf_counter() - begun
        if args.workers:
            warm(fleet, args.workers)
        for part in args.parts:
            if part == "tasks" and not args.workers:
                continue  # there is nobody to hand them to
            with tempfile.TemporaryDirectory() as temporary, watched() as peaks:
                figures = MEASURES[part](fleet, args, Path(temporary))
            figures |= {"driver_mib": peak_mib(Path("/proc/self"))}
            if args.workers:
                figures |= {"worker_mib": max(peaks), "start_s": started}
                figures |= {"all_mib": figures["driver_mib"] + args.workers * max(peaks)}
            found[part] = figures
    return found


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
    logs = open_logs(args.out / "logs")
    config = AdaptConfig(logs=(str(args.out / "logs"),), frames=CHOSEN)
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
    done = fleet.pool(Inline()).map(Inferring(), [*images[:WARM], *images])
    for _ in range(WARM):  # meanwhile the workers load the model
        next(done)
    begun = time.perf_counter()
    return {"per_s": sum(1 for _ in done) / (time.perf_counter() - begun)}


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


@contextlib.contextmanager
def watched() -> Iterator[list[float]]:
    """Gives the peak memory of the largest Ray worker, looked at each second: some end before the block does."""
    peaks, over = [0.0], threading.Event()

    def watch() -> None:
        while True:
            peaks.extend(map(peak_mib, ray_workers()))
            if over.wait(1.0):
                break
        peaks.extend(map(peak_mib, ray_workers()))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peaks
    finally:
        over.set()
        thread.join()


def ray_workers() -> Iterator[Path]:
    """Yields the folders in /proc of the Ray workers of this machine."""
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and (entry / "cmdline").read_bytes().startswith(b"ray::"):
                yield entry
        except OSError:
            continue  # it has just ended


def peak_mib(process: Path) -> float:
    """Returns the peak memory of a process, by its folder in /proc; 0 where it has just ended."""
    try:
        lines = (process / "status").read_text().splitlines()
    except OSError:
        return 0.0
    return max((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), default=0.0)


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
        unfinished = folder / ".unfinished" / path.name
        shutil.rmtree(unfinished.parent, ignore_errors=True)
        unfinished.parent.mkdir()
        with Writer(unfinished, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
            connection = writer.add_connection(TOPIC, TYPE, typestore=store)
            for k in range(length):
                stamp = T0 + number * 10**12 + k * 10**8
                time_type = types["builtin_interfaces/msg/Time"](stamp // 10**9, stamp % 10**9)
                header = types["std_msgs/msg/Header"](time_type, "camera")
                message = types[TYPE](header, "jpeg", pictures[k * len(pictures) // length])
                writer.write(connection, stamp, store.serialize_cdr(message, TYPE))
        unfinished.rename(path)


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
