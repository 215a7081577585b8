"""`sim2sg log`: looks into camera logs and takes images out of them."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from sim2sg_core.cli.main import EXIT_USER_ERROR
from sim2sg_core.cli.options import (
    add_action,
    add_rotate,
    add_sampling,
    add_strict,
    check_output_folder,
    check_sampling,
    expected_frames,
    log_path,
)
from sim2sg_core.cli.text_table import table
from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.logs import Log, extract, open_log, open_logs, select_frames
from sim2sg_core.logs.extraction_folder import check_free, extraction_id
from sim2sg_core.logs.frame_flags import describe_flags
from sim2sg_core.logs.output_places import check_apart
from sim2sg_core.progress import Progress
from sim2sg_core.scene import Camera

LOOKED_AT = 20
"""Images among which a whole one is looked for."""

HELP = "look into a camera log, or take images out of it"
EXAMPLE = "sim2sg log extract drive.mcap --every 1 --out frames/"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares `info` and `extract`."""
    verbs = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    info = add_action(verbs, "info", "print topics, duration, intrinsics and extrinsics", "sim2sg log info drive.mcap")
    info.add_argument("log", type=log_path, metavar="LOG", help="bag, folder of bags, folder of images, image or video")
    take = add_action(verbs, "extract", "write frames as JPEG files, and frames.json with their origin", EXAMPLE)
    take.add_argument(
        "log", type=log_path, metavar="LOG", help="bag (.mcap, .db3, .bag, or its folder), folder or video"
    )
    take.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the images")
    add_sampling(take)
    add_rotate(take, camera=False)
    add_strict(take)


def run(args: argparse.Namespace) -> int:
    """Prints what is in a log, or extracts it."""
    if args.action == "info":
        texts, readable = zip(*map(describe_log, open_logs(args.log)), strict=True)
        print("\n\n".join(texts))
        return 0 if all(readable) else EXIT_USER_ERROR
    check_sampling(args)
    check_output_folder(args.out)
    log = open_log(args.log, args.rotate)
    check_apart(args.out, [log], "--out")
    topic = log.image_topic(args.topic)
    options = {"every": args.every, "max": args.max, "min_change": args.min_change}
    if args.rotate:
        options["rotate"] = args.rotate
    check_free(args.out, extraction_id(log, topic, options))
    frames = select_frames([log], args.topic, args.max, args.every, args.min_change)
    with Progress(expected_frames(args, [log], [topic]), "extracting", unit="frames") as progress:
        records = extract(frames, args.out, lambda _: progress.update(), strict=args.strict, options=options)
    if not records:
        raise Sim2SGError(f"no frames in {printable(args.log)}")
    flags = describe_flags(record["flags"] for record in records)
    print(f"{len(records)} frames of {printable(topic)} in {printable(args.out)}{flags and f' ({flags})'}")
    return 0


def describe_log(log: Log) -> tuple[str, bool]:
    """Returns a log as text, a table of its topics, then each camera; and whether images of a camera can be read.

    The latter is also true where there are no cameras.
    """
    seconds = log.duration()
    rows = [("topic", "type", "messages", "per second")]
    for topic in log.topics():
        rate = f"{(topic.count - 1) / seconds:.1f}" if seconds > 0 and topic.count > 1 else "-"
        rows.append((printable(topic.name), printable(topic.type), str(topic.count), rate))
    path = printable(log.path)
    lines = [f"{path}: {seconds:.1f} s" if seconds else path]
    if told := log.describe_time():
        lines.append(told)
    lines.append(table(rows))
    cameras = log.image_topics()
    if not cameras:
        lines.append(f"no camera: {log.why_no_camera()}")
    found = [describe_topic(log, topic.name) for topic in cameras]
    lines += [line for of_topic, _ in found for line in of_topic]
    return "\n".join(lines), not found or any(readable for _, readable in found)


def describe_topic(log: Log, topic: str) -> tuple[list[str], bool]:
    """Returns a camera as lines: its images, intrinsics and extrinsics, or why not; and which of the two."""
    name = printable(topic)
    try:
        return [
            f"camera {name}: {describe_images(log, topic)}",
            f"  intrinsics: {describe_intrinsics(log.camera(topic))}",
            f"  extrinsics: {describe_extrinsics(log, topic)}",
        ], True
    except Sim2SGError as error:
        return [f"camera {name}: {error}"], False


def describe_images(log: Log, topic: str) -> str:
    """Returns the size of the images, by the first one that is whole.

    Raises:
        Sim2SGError: None of the first `LOOKED_AT` is.
    """
    problem = Sim2SGError("it has no images")
    for number, frame in enumerate(log.frames(topic)):
        try:
            image = frame.decode()
        except Sim2SGError as error:
            problem = error if not number else problem
            if number + 1 >= LOOKED_AT:
                break
            continue
        damaged = f" (the first {number} damaged)" if number else ""
        return f"images {image.shape[1]}x{image.shape[0]}{damaged}"
    raise problem


def describe_intrinsics(camera: Camera | None) -> str:
    """Returns focal lengths, centre and distortion as text."""
    if camera is None:
        return "unknown (no CameraInfo beside it that can be used): give --camera FILE where 3D is wanted"
    K = camera.K
    text = (
        f"{camera.width}x{camera.height}, focal length {K[0, 0]:.1f} {K[1, 1]:.1f} px,"
        f" centre {K[0, 2]:.1f} {K[1, 2]:.1f} px"
    )
    if camera.is_pinhole:
        return f"{text}, no distortion"
    return f"{text}, {camera.distortion_model} {' '.join(f'{v:g}' for v in camera.distortion)}"


def describe_extrinsics(log: Log, topic: str) -> str:
    """Returns height and angles of a camera as text."""
    extrinsics = log.extrinsics(topic)
    if extrinsics is None:
        return "unknown (no chain of /tf_static from the camera to base_footprint or base_link)"
    height, pitch, roll = extrinsics
    return f"{height:.2f} m up, pitch {math.degrees(pitch):.1f}, roll {math.degrees(roll):.1f} degrees"
