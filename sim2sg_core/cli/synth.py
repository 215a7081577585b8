"""`sim2sg synth`: synthetic frames of a domain with exact labels."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sim2sg_core.cli.domain_arguments import add_library_arguments, domain_to_draw
from sim2sg_core.cli.options import add_fleet, check_least
from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import make_folder
from sim2sg_core.fleet import opened
from sim2sg_core.limits import IMAGE_PIXELS
from sim2sg_core.logs import load_calibration
from sim2sg_core.progress import Progress

HELP = "render synthetic frames with exact labels (COCO with relations)"
EXAMPLE = "sim2sg synth --domain clevr --count 100 --out frames/"
RESUMES = True
MOST = 16384
"""Pixels of a side: no camera of a domain has more."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    parser.add_argument("--domain", required=True, metavar="NAME|FILE", help="built-in domain, or a YAML file")
    add_library_arguments(parser)
    parser.add_argument("--count", type=int, required=True, metavar="N", help="frames in all")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder; an incomplete one is completed")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="frame k is made from S + k (default 0)")
    parser.add_argument("--workers", type=int, default=0, metavar="W", help="processes (default: one per core)")
    add_fleet(parser)
    parser.add_argument("--width", type=int, metavar="PX", help="image width (default: the camera's)")
    parser.add_argument("--height", type=int, metavar="PX", help="image height (default: the camera's)")
    parser.add_argument(
        "--camera",
        type=Path,
        metavar="FILE",
        help="intrinsics: YAML of ROS, Kalibr, EuRoC or OpenCV, or KITTI calib (default: the domain's prior)",
    )
    parser.add_argument(
        "--samples",
        type=int,
        choices=(0, 2, 4, 8),
        help="samples per pixel for anti-aliasing (default: 4 for small images)",
    )


def run(args: argparse.Namespace) -> int:
    """Renders what is missing."""
    from sim2sg_core.render.renderer import Renderer
    from sim2sg_core.synthesis.workers import render_dataset

    check_least(args, "count", 1)
    check_least(args, "seed", 0)
    check_least(args, "workers", 0)
    domain = domain_to_draw(args)
    size = size_of(args, domain)
    camera = load_calibration(args.camera, *size) if args.camera else None
    probe = Renderer(16, 16, shadow_size=16)  # Fails early, with one line, where there is no EGL.
    note = "; software rendering, a GPU with EGL would be faster" if probe.is_software else ""
    print(f"drawing with {probe.device}{note}", file=sys.stderr)
    probe.release()
    seeds = range(args.seed, args.seed + args.count)
    with opened(args.ray, args.workers) as fleet, Progress(args.count, "rendering", unit="frames") as progress:
        if args.ray:
            make_folder(args.out)
            fleet.check(args.out)
        path = render_dataset(
            domain,
            [(seed, None) for seed in seeds],
            args.out,
            workers=args.workers,
            progress=progress,
            camera=camera,
            samples=args.samples,
            size=size,
            fleet=fleet,
        )
    print(path)
    return 0


def size_of(args: argparse.Namespace, domain: Domain) -> tuple[int, int]:
    """Returns the image size. Raises Sim2SGError when only half of it is given."""
    if (args.width is None) != (args.height is None):
        raise Sim2SGError("give both --width and --height, or neither")
    if args.width is None:
        return domain.camera.width, domain.camera.height
    if (
        min(args.width, args.height) < 16
        or max(args.width, args.height) > MOST
        or args.width * args.height > IMAGE_PIXELS
    ):
        raise Sim2SGError(
            f"--width {args.width} --height {args.height}: give 16 to {MOST} each, and {IMAGE_PIXELS:,} pixels at most"
        )
    return args.width, args.height
