"""How fast the frames of a log are read, and how much memory a log of hours takes.

    python benchmarks/logs.py [--size GIB] [--smoke]

A log is made: one camera that records VGA JPEGs at 30 Hz into an MCAP with chunks of 1 MiB, beside an IMU at 400 Hz,
of the size asked for. `rosbags + cv2` reads it as its users do: rosbags' reader and deserialiser, cv2.imdecode, RGB.
`sim2sg` reads it as `sim2sg log extract` and `infer` do, with checks of every image and frames decoded ahead on two
threads; `sim2sg, one thread` decodes on one. These three read the same first frames in turn, each time in a fresh
process, and their rate is over the wall. The other rows read the whole log: `all frames` decodes every one, `400 of
all, 0.2 s apart` samples as `sim2sg adapt` does, `changes only` lets near-duplicates go by. Their peak memory is that
of the process.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.common import print_rows, summary, write_results
from sim2sg_core.images import encode_jpeg
from sim2sg_core.logs import decoded, open_log, sample_frames

TOPIC, IMU_TOPIC = "/camera/image_raw/compressed", "/imu"
WIDTH, HEIGHT, RATE = 640, 480, 30
VIEWS, VIEW_FRAMES = 60, 15
"""Different pictures of the log, and how long each stays: half a second."""
T0 = 1_700_000_000 * 10**9
READERS = ("rosbags + cv2", "sim2sg", "sim2sg, one thread")
WHOLE = ("all frames", "400 of all, 0.2 s apart", "changes only")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--smoke", action="store_true", help="a small log, one repeat, nothing written")
    parser.add_argument("--size", type=float, default=4.0, metavar="GIB", help="of the log (default: 4)")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--frames", type=int, default=3000, help="that the readers are timed on")
    parser.add_argument("--folder", type=Path, help="where the log is made and left (default: a temporary one)")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.smoke:
        args.size, args.repeats, args.frames = 0.06, 1, 300
    if args.part:
        print(json.dumps(measure(args.part, args.folder, args.frames)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        if not (folder / "log").exists():
            make_log(folder / "log", int(args.size * 2**30))
        rows = run(folder, args)
    print_rows(rows)
    if not args.smoke:
        print(write_results("logs", rows, gib=args.size, image=f"{WIDTH}x{HEIGHT}"))


def run(folder: Path, args: argparse.Namespace) -> dict[str, dict[str, dict[str, float]]]:
    """Measures every row in fresh processes, the readers in turn."""
    rates: dict[str, list[float]] = {part: [] for part in READERS}
    for _ in range(args.repeats):
        for part in READERS:  # in turn, so that whatever else the machine does hits all alike
            rates[part].append(in_process(part, folder, args)["frames_per_s"])
    rows = {part: {"frames_per_s": summary(values)} for part, values in rates.items()}
    for part in READERS[1:]:
        rows[part]["ratio_to_rosbags"] = summary([a / b for a, b in zip(rates[part], rates[READERS[0]])])
    for part in WHOLE:
        rows[part] = {name: summary([value]) for name, value in in_process(part, folder, args).items()}
    return rows


def in_process(part: str, folder: Path, args: argparse.Namespace) -> dict[str, float]:
    """Measures one row in a fresh process."""
    words = ["--part", part, "--folder", str(folder), "--frames", str(args.frames)]
    done = subprocess.run([sys.executable, __file__, *words], check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def measure(part: str, folder: Path, count: int) -> dict[str, float]:
    """Reads the log in this process; rates are over the wall, memory is the process's peak."""
    path = folder / "log"
    if part in READERS:
        frames = plain_frames(path) if part == READERS[0] else our_frames(path, 2 if part == "sim2sg" else 1)
        next(frames)  # imports and the index are not timed
        started = time.perf_counter()
        read = sum(1 for _, image in zip(range(count), frames) if image.shape == (HEIGHT, WIDTH, 3))
        return {"frames_per_s": read / (time.perf_counter() - started)}
    started = time.perf_counter()
    log = open_log(path)
    if part == "all frames":
        read = sum(1 for _ in decoded(log.frames()))
    else:
        limit, interval, change = (400, 0.2, 0.0) if part.startswith("400") else (0, 0.0, 1.0)
        read = sum(1 for _ in decoded(sample_frames(log, None, limit, interval, change)))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds = time.perf_counter() - started
    return {"frames": read, "seconds": round(seconds, 2), "peak_mib": round(peak, 1)}


def plain_frames(path: Path) -> Iterator[np.ndarray]:
    """Yields RGB images by rosbags and OpenCV alone."""
    from rosbags.rosbag2 import Reader
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    with Reader(path) as reader:
        connections = [connection for connection in reader.connections if connection.topic == TOPIC]
        for connection, _, data in reader.messages(connections):
            message: Any = store.deserialize_cdr(data, connection.msgtype)
            image = cv2.imdecode(message.data, cv2.IMREAD_COLOR)
            assert image is not None
            yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def our_frames(path: Path, workers: int) -> Iterator[np.ndarray]:
    """Yields RGB images by sim2sg."""
    return (image for _, image in decoded(open_log(path).frames(), workers=workers))


def make_log(path: Path, size: int) -> None:
    """Writes a log of about `size` bytes."""
    from rosbags.rosbag2 import StoragePlugin, Writer
    from rosbags.typesys import Stores, get_typestore

    store = get_typestore(Stores.ROS2_HUMBLE)
    types = store.types
    pictures = [np.frombuffer(encode_jpeg(view(i)), np.uint8) for i in range(VIEWS)]
    vector = types["geometry_msgs/msg/Vector3"](0.0, 0.0, 9.81)
    turn = types["geometry_msgs/msg/Quaternion"](0.0, 0.0, 0.0, 1.0)
    written, number = 0, 0
    with Writer(path, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        image_type, imu_type = "sensor_msgs/msg/CompressedImage", "sensor_msgs/msg/Imu"
        camera = writer.add_connection(TOPIC, image_type, typestore=store)
        imu = writer.add_connection(IMU_TOPIC, imu_type, typestore=store)
        while written < size:
            stamp = T0 + number * 10**9 // RATE
            header = types["std_msgs/msg/Header"](types["builtin_interfaces/msg/Time"](*divmod(stamp, 10**9)), "camera")
            data = pictures[number // VIEW_FRAMES % VIEWS]
            writer.write(camera, stamp, store.serialize_cdr(types[image_type](header, "jpeg", data), image_type))
            for i in range(13):
                body = types[imu_type](header, turn, np.zeros(9), vector, np.zeros(9), vector, np.zeros(9))
                writer.write(imu, stamp + i * 2_500_000, store.serialize_cdr(body, imu_type))
            written, number = written + data.size + 13 * 330, number + 1


def view(seed: int) -> np.ndarray:
    """A picture with as much detail as a camera's: about 60 kB as JPEG."""
    rng = np.random.default_rng(seed)
    coarse = cv2.resize(rng.uniform(0, 255, (12, 16, 3)).astype(np.float32), (WIDTH, HEIGHT))
    fine = cv2.GaussianBlur(rng.normal(0, 60, (HEIGHT, WIDTH, 3)).astype(np.float32), (0, 0), 1.5)
    return np.clip(coarse + fine, 0, 255).astype(np.uint8)


if __name__ == "__main__":
    main()
