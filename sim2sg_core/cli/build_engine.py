"""`sim2sg build-engine`: compiles a model for the robot's GPU before the robot needs it."""

from __future__ import annotations

import argparse
from pathlib import Path

from sim2sg_core.cli.options import add_model
from sim2sg_core.errors import Sim2SGError

HELP = "build a model's TensorRT engine in advance, so that the robot need not compile it at the first frame"
EXAMPLE = "sim2sg build-engine --model model.onnx --fp16"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_model(parser)
    parser.add_argument(
        "--provider",
        choices=("tensorrt",),
        default="tensorrt",
        help="what to build for (default: tensorrt; the others need no engine)",
    )
    parser.add_argument("--device", type=int, default=0, metavar="N", help="number of the GPU (default 0)")
    parser.add_argument("--fp16", action="store_true", help="compute in half precision: faster, slightly less exact")
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="folder of engines (default: sim2sg/tensorrt in $XDG_CACHE_HOME or ~/.cache, where the runtime looks)",
    )
    parser.add_argument(
        "--check", action="store_true", help="only check whether a matching engine exists (exit code 1: none)"
    )


def run(args: argparse.Namespace) -> int:
    """Builds an engine, or checks for one."""
    from sim2sg_core.runtime.engine_build import build_engine
    from sim2sg_core.runtime.engines import engine_folder, find_engine
    from sim2sg_core.runtime.metadata import check_file, load_info

    args.model = check_file(args.model)
    info = load_info(args.model)  # one of ours?
    if info.quantized:
        raise Sim2SGError(
            f"{args.model}: is in {info.quantized}, which is for CPUs: give the float model that it was made of;"
            " on a GPU --fp16 makes it faster"
        )
    if args.check:
        engines = find_engine(args.model, args.cache, args.fp16)
        for engine in engines:
            print(f"{engine}: fits, {engine.stat().st_size / 1e6:.1f} MB")
        if not engines:
            print(f"no fitting engine in {engine_folder(args.model, args.cache, args.fp16)}")
        return 0 if engines else 1
    built = build_engine(args.model, args.cache, device=args.device, fp16=args.fp16)
    what = "built and loaded" if built.new else "was there; loaded"
    print(f"{built.folder}: {what} in {built.seconds:.1f} s, {built.size / 1e6:.1f} MB")
    return 0
