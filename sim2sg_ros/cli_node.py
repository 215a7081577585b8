"""`sim2sg node`: starts the live node where there is no `ros2 run` or `ros2 launch`."""

from __future__ import annotations

import argparse
from pathlib import Path

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.runtime.relation_scores import CHOICES
from sim2sg_ros.error_text import missing_ros

HELP = "start the ROS 2 node: camera images in, scene graphs out"
EXAMPLE = "sim2sg node --model drive --image /camera/image_raw"
OWN_SIGNALS = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `sim2sg node`."""
    parser.add_argument(
        "--model", type=Path, help="ONNX model that `sim2sg adapt` wrote, or the name of one that ships"
    )
    parser.add_argument("--image", metavar="TOPIC", help="topic of the images (default: image)")
    parser.add_argument(
        "--camera-info",
        metavar="TOPIC",
        help="topic of their sensor_msgs/CameraInfo (default: camera_info beside the images)",
    )
    transport = parser.add_mutually_exclusive_group()
    transport.add_argument(
        "--transport",
        choices=("auto", "raw", "compressed"),
        help="read Image (raw) or CompressedImage (compressed), or what is published (auto, the default)",
    )
    transport.add_argument(
        "--compressed",
        dest="transport",
        action="store_const",
        const="compressed",
        help="same as --transport compressed",
    )
    parser.add_argument("--object-threshold", type=float, help="minimum score of published objects (default: 0.3)")
    parser.add_argument("--relation-threshold", type=float, help="minimum score of published relations (default: 0.5)")
    parser.add_argument(
        "--relations",
        choices=CHOICES,
        help="source of relations: the network (learned), the rules on the 3D poses (rule), or both; auto: the model's"
        " default (default)",
    )
    parser.add_argument(
        "--provider",
        choices=("auto", "cpu", "cuda", "tensorrt"),
        help="where the model runs (default: auto, the fastest that works)",
    )
    parser.add_argument("--threads", type=int, help="CPU threads of one inference (default: all cores)")
    parser.add_argument("--name", help="name of the node (default: sim2sg)")
    parser.add_argument("--namespace", help="namespace of the node")
    parser.add_argument("--params", type=Path, metavar="FILE", help="YAML file of parameters, as config/sim2sg.yaml")
    parser.add_argument("--log-level", help="debug, info, warn, error or fatal (default: info)")
    parser.add_argument(
        "--ros-args",
        nargs=argparse.REMAINDER,
        default=[],
        metavar="ARG",
        help="everything after it goes to ROS: -p name:=value, -r from:=to, …",
    )


def run(args: argparse.Namespace) -> int:
    """Runs the node until SIGINT or SIGTERM."""
    if args.params is not None and not args.params.is_file():
        raise Sim2SGError(f"{args.params}: no such file: start from config/sim2sg.yaml")
    try:
        from rclpy.parameter import Parameter

        from sim2sg_ros.node import run_node
    except ImportError as error:
        raise Sim2SGError(missing_ros(error)) from None
    names = ("transport", "object_threshold", "relation_threshold", "relations", "provider", "threads")
    overrides = [Parameter(name, value=value) for name in names if (value := getattr(args, name)) is not None]
    if args.model is not None:
        overrides.append(Parameter("model", value=str(args.model)))
    return run_node(ros_arguments(args), overrides)


def ros_arguments(args: argparse.Namespace) -> list[str]:
    """Returns the options as ROS arguments, the user's own first: of several remaps the first counts."""
    remaps = {
        "__node": args.name,
        "__ns": args.namespace and "/" + args.namespace.strip("/"),
        "image": args.image,
        "camera_info": args.camera_info,
    }
    words = ["--ros-args", *args.ros_args, "--ros-args"]
    for name, target in remaps.items():
        if target:
            words += ["-r", f"{name}:={target}"]
    if args.params is not None:
        words += ["--params-file", str(args.params)]
    if args.log_level:
        words += ["--log-level", args.log_level]
    return words
