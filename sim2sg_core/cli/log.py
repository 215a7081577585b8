"""`sim2sg log`: looks into camera logs and takes images out of them."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from sim2sg_core.cli.options import add_sampling, check_sampling
from sim2sg_core.cli.text_table import table
from sim2sg_core.logs import Log, extract, open_log, open_logs, sample_frames
from sim2sg_core.progress import Progress
from sim2sg_core.scene import Camera

HELP = "look into a camera log, or take images out of it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares `info` and `extract`."""
    verbs = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    info = verbs.add_parser("info", help="print topics, duration, intrinsics and extrinsics")
    info.add_argument("log", type=Path, metavar="LOG", help="bag, folder of bags, or folder of images")
    take = verbs.add_parser("extract", help="write frames as JPEG files, with frames.json")
    take.add_argument("log", type=Path, metavar="LOG", help="bag (.mcap, .db3, .bag, or its folder)")
    take.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the images go")
    add_sampling(take)


def run(args: argparse.Namespace) -> int:
    """Prints what is in a log, or extracts it."""
    if args.action == "info":
        print("\n\n".join(describe_log(log) for log in open_logs(args.log)))
        return 0
    check_sampling(args)
    log = open_log(args.log)
    frames = sample_frames(log, args.topic, args.max, args.every, args.min_change)
    with Progress(len(frames), "extracting", unit="frames") as progress:
        extract(log, frames, args.out, lambda _: progress.update())
    print(f"{len(frames)} frames of {frames[0].topic} in {args.out}")
    return 0


def describe_log(log: Log) -> str:
    """Returns a log as text: a table of its topics, then each camera."""
    seconds = log.duration()
    rows = [("topic", "type", "messages", "per second")]
    for topic in log.topics():
        rate = f"{(topic.count - 1) / seconds:.1f}" if seconds > 0 and topic.count > 1 else "-"
        rows.append((topic.name, topic.type, str(topic.count), rate))
    lines = [f"{log.path}: {seconds:.1f} s" if seconds else str(log.path), table(rows)]
    cameras = log.image_topics()
    if not cameras:
        lines.append("no camera: no topic with sensor_msgs/msg/Image or CompressedImage")
    for topic in cameras:
        frame = next(iter(log.frames(topic.name))).decode()
        lines += [
            f"camera {topic.name}: images {frame.shape[1]}x{frame.shape[0]}",
            f"  intrinsics: {describe_intrinsics(log.camera(topic.name))}",
            f"  extrinsics: {describe_extrinsics(log, topic.name)}",
        ]
    return "\n".join(lines)


def describe_intrinsics(camera: Camera | None) -> str:
    """Returns focal lengths, centre and distortion as text."""
    if camera is None:
        return "unknown (no CameraInfo beside it): give --camera FILE where 3D is wanted"
    K = camera.K
    text = (
        f"{camera.width}x{camera.height}, focal length {K[0, 0]:.1f} {K[1, 1]:.1f} px,"
        f" centre {K[0, 2]:.1f} {K[1, 2]:.1f} px"
    )
    if not len(camera.distortion):
        return f"{text}, no distortion"
    return f"{text}, {camera.distortion_model} {' '.join(f'{v:g}' for v in camera.distortion)}"


def describe_extrinsics(log: Log, topic: str) -> str:
    """Returns height and angles of a camera as text."""
    extrinsics = log.extrinsics(topic)
    if extrinsics is None:
        return "unknown (no chain of /tf_static from the camera to base_footprint or base_link)"
    height, pitch, roll = extrinsics
    return f"{height:.2f} m up, pitch {math.degrees(pitch):.1f}, roll {math.degrees(roll):.1f} degrees"
