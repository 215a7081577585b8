"""`sim2sg play`: plays a log as a live camera, without rosbag2."""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

from sim2sg_core.errors import Sim2SGError
from sim2sg_ros.error_text import missing_ros

HELP = "play a bag, a video or a folder of images as a live ROS 2 camera"
EXAMPLE = "sim2sg play drive.mcap --loop --stamp now"
OWN_SIGNALS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `sim2sg play`."""
    parser.add_argument(
        "log",
        type=Path,
        metavar="LOG",
        help="MCAP, sqlite3 or ROS 1 bag, or a folder of bags; or a video or a folder of images, which are published on"
        " /camera/image/compressed",
    )
    parser.add_argument("--rate", type=float, default=1.0, help="speed: 2 plays twice as fast (default: 1)")
    parser.add_argument("--hz", type=float, default=0.0, help="images per second; 0 keeps the recorded times (default)")
    parser.add_argument("--loop", action="store_true", help="start again at the end")
    parser.add_argument("--topic", action="append", default=[], help="play this topic only; may be repeated")
    parser.add_argument(
        "--stamp",
        choices=("bag", "now"),
        default="bag",
        help="stamps of messages: as recorded (bag, the default: graphs can be matched with the log), or moved to the"
        " time of publishing, as if the robot were live (now: for ages, latencies, max_age and tf)",
    )
    parser.add_argument("--clock", action="store_true", help="publish recorded time on /clock, for use_sim_time")
    parser.add_argument(
        "--wait-for-subscribers",
        type=int,
        default=0,
        metavar="N",
        help="wait until each image topic has N subscribers (default: 0)",
    )
    parser.add_argument(
        "--wait-timeout", type=float, default=60.0, metavar="S", help="give up waiting after S seconds (default: 60)"
    )
    parser.add_argument(
        "--ros-args",
        nargs=argparse.REMAINDER,
        default=[],
        metavar="ARG",
        help="everything after it goes to ROS",
    )


def run(args: argparse.Namespace) -> int:
    """Plays; says at the end how many messages were sent."""
    for name in ("rate", "wait_timeout"):
        if not getattr(args, name) > 0:  # nan is not
            raise Sim2SGError(f"--{name.replace('_', '-')} is {getattr(args, name):g}: it must be above zero")
    if not 0 <= args.hz < math.inf:
        raise Sim2SGError(f"--hz is {args.hz:g}: images per second, or 0 for the recorded times")
    from sim2sg_core.logs import open_logs

    logs = open_logs(args.log)
    try:
        from sim2sg_ros.folder_camera import playable
        from sim2sg_ros.player import PlayOptions, play
    except ImportError as error:
        raise Sim2SGError(missing_ros(error)) from None
    options = PlayOptions(
        topics=tuple(args.topic),
        rate=args.rate,
        hz=args.hz,
        loop=args.loop,
        stamp=args.stamp,
        clock=args.clock,
        wait_for_subscribers=args.wait_for_subscribers,
        wait_timeout=args.wait_timeout,
    )
    started = time.monotonic()
    sent = play([playable(log) for log in logs], options, ["--ros-args", *args.ros_args] if args.ros_args else [])
    counts = ", ".join(f"{count} on {topic}" for topic, count in sorted(sent.items())) or "nothing"
    print(f"sent {counts} in {time.monotonic() - started:.1f} s", flush=True)
    return 0
