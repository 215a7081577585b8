"""`sim2sg adapt`: from an unlabelled camera log to a model that fits it."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import math
import shlex
import sys
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from sim2sg_core.adaptation.adapt_config import AdaptConfig
from sim2sg_core.adaptation.config_file import read_config
from sim2sg_core.adaptation.method import (
    CRITERIA,
    DEFAULT,
    LAYOUT_PRIORS,
    METHODS,
    TEACHER_UPDATES,
    Method,
    resolve_method,
)
from sim2sg_core.allocator import prepare_training
from sim2sg_core.cli.domain_arguments import add_library_arguments, domain_to_draw
from sim2sg_core.cli.options import (
    add_fleet,
    add_former_names,
    add_negatives,
    add_ranks,
    add_rotate,
    add_strict,
    check_output_folder,
    check_ranks,
    listed_negatives,
)
from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.fleet import opened
from sim2sg_core.logs import listed_logs
from sim2sg_core.scene.class_mapping import MAPPING_EXAMPLE

if TYPE_CHECKING:
    from sim2sg_core.report.rerun_adaptation import RerunAdaptation

HELP = "adapt a domain to an unlabelled camera log: train, infer, rebuild, render, train again; then export"
EXAMPLE = "sim2sg adapt --domain drive --start drive --log drive.mcap --out runs/street"
RESUMES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the options of `sim2sg adapt`. Those that are not given are None: `AdaptConfig` has the defaults."""
    parser.add_argument("--domain", help="name of a built-in domain (see `sim2sg domain show`), or its YAML file")
    add_library_arguments(parser)
    parser.add_argument(
        "--log",
        nargs="+",
        dest="logs",
        help="bags (.mcap, .db3, .bag), videos (.mp4, …), folders of them or of images; patterns in quotes; a .txt"
        " with one of these on each line; or addresses such as s3://bucket/log",
    )
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the run; the same command continues an interrupted run"
    )
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="RUN/config.yaml of another run, whose settings, domain and logs are used; other options override them",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="check the machine and the options, print the stages, and end"
    )
    parser.add_argument("--topic", help="image topic (default: the only one)")
    _add_camera(parser)
    _add_work(parser)
    _add_method(parser)
    _add_witness(parser)
    parser.add_argument(
        "--no-real-frames",
        dest="real_frames",
        action="store_false",
        default=None,
        help="leave the log's frames out of the report, so that it can be shared (default: some are shown)",
    )
    parser.add_argument(
        "--anonymise",
        action="store_true",
        default=None,
        help="blur people and vehicles that a model finds in the report's frames of the log; those it misses are not"
        " blurred (default: no blurring)",
    )
    parser.add_argument(
        "--rerun",
        metavar="FILE.rrd|spawn",
        help="also show losses, frames with their graphs and rebuilt scenes in Rerun during the run: write a file, or"
        " start the viewer with spawn (default: off)",
    )
    parser.add_argument("--seed", type=int, help="seed of all random numbers (default: 0)")
    parser.add_argument("--device", help="cpu (default) or cuda")
    parser.add_argument(
        "--workers",
        type=int,
        help="processes that render, and on a GPU prepare images (default: one per core)",
    )
    add_fleet(parser)
    add_ranks(parser)


def _add_camera(parser: argparse.ArgumentParser) -> None:
    camera = parser.add_argument_group(
        "camera",
        "default: the log's calibration, then an estimate, then the domain's prior; with height and pitch the roll is"
        " 0, with one of them the others are estimated",
    )
    camera.add_argument(
        "--camera",
        dest="camera_file",
        metavar="FILE",
        help="intrinsics: YAML of ROS, Kalibr, EuRoC or OpenCV, or KITTI calib",
    )
    add_rotate(camera, default=None)
    camera.add_argument("--camera-height", type=float, metavar="M", help="height over the ground, metres")
    camera.add_argument("--camera-pitch", type=degrees, metavar="DEG", help="positive looks down")
    camera.add_argument("--camera-roll", type=degrees, metavar="DEG", help="positive is clockwise")


def _add_work(parser: argparse.ArgumentParser) -> None:
    work = parser.add_argument_group("work", "defaults from the domain's `training`")
    work.add_argument("--max", type=int, dest="frames", metavar="N", help="maximum number of frames (default: 400)")
    work.add_argument(
        "--every",
        type=float,
        dest="min_interval",
        metavar="S",
        help="minimum seconds between two frames (default: 0.2)",
    )
    work.add_argument(
        "--min-change",
        type=float,
        metavar="G",
        help="minimum change between frames, see `sim2sg log extract --help` (default: 0)",
    )
    work.add_argument(
        "--distinct",
        type=int,
        metavar="BITS",
        help="drop near-duplicates over all logs: the 64-bit perceptual hashes of any two chosen frames differ in at"
        " least this many bits; 8 drops frames that look the same (default: 0, none are dropped)",
    )
    work.add_argument(
        "--rare",
        metavar="FILE|NAME",
        help="choose half of the frames for rare objects, which this model (model.onnx, or the name of one that ships)"
        " finds in every candidate frame (default: all frames are spread evenly)",
    )
    add_former_names(work, frames="--max", min_interval="--every")
    add_strict(work)
    work.add_argument(
        "--start",
        metavar="FILE|NAME",
        help="checkpoint.pt to start from instead of source training, or the name of a model that ships",
    )
    work.add_argument("--backbone", help="lite0 or small")
    work.add_argument("--source-frames", type=int, help="prior scenes of source training")
    work.add_argument("--source-steps", type=int, help="optimiser steps of source training")
    add_negatives(work)
    work.add_argument("--rounds", type=int, help="rounds of infer, rebuild, render, train; 0: source training only")
    work.add_argument("--round-frames", type=int, help="scenes per round")
    work.add_argument("--round-steps", type=int, help="optimiser steps per round")
    work.add_argument("--batch", type=int, help="images per step")
    work.add_argument("--learning-rate", type=float, help="peak learning rate in source training")
    work.add_argument("--round-learning-rate", type=float, metavar="RATE", help="peak learning rate in the rounds")


def _add_method(parser: argparse.ArgumentParser) -> None:
    how = parser.add_argument_group("method", "a named method, and changes of its parts (0 turns a part off)")
    how.add_argument("--method", help=f"one of {', '.join(METHODS)} (default: {DEFAULT})")
    how.add_argument("--prior-share", type=float, metavar="SHARE", help="share of prior scenes in a round")
    how.add_argument(
        "--layout-prior",
        choices=LAYOUT_PRIORS,
        help=f"source of prior scenes: the domain (default: {LAYOUT_PRIORS[0]}), or a fit to the log",
    )
    how.add_argument("--replay", type=float, metavar="SHARE", help="share of renders of earlier stages in a round")
    how.add_argument(
        "--feature-alignment",
        dest="feature",
        type=float,
        metavar="WEIGHT",
        help="weight of the domain classifier on features",
    )
    how.add_argument(
        "--prediction-alignment",
        dest="prediction",
        type=float,
        metavar="WEIGHT",
        help="weight of the domain classifier on predictions",
    )
    how.add_argument(
        "--teacher", type=float, metavar="WEIGHT", help="weight of the averaged teacher's soft targets on the log"
    )
    how.add_argument(
        "--teacher-update", choices=TEACHER_UPDATES, help="how the teacher is updated, see docs/methods.md"
    )
    how.add_argument("--teacher-start-round", type=int, metavar="N", help="rounds before teacher and alignments start")
    how.add_argument(
        "--mixing", type=float, metavar="SHARE", help="share of images that are frames of the log with rendered objects"
    )
    how.add_argument(
        "--style-transfer", type=float, metavar="SHARE", help="share of renders that take on colours of the log"
    )
    how.add_argument(
        "--criterion",
        choices=CRITERIA,
        help=f"how ours ends its rounds, and without --average chooses its final model (default: {CRITERIA[0]})",
    )
    how.add_argument(
        "--average",
        action=argparse.BooleanOptionalAction,
        help="the final model is the mean of the weights of source training and all rounds",
    )


def _add_witness(parser: argparse.ArgumentParser) -> None:
    witness = parser.add_argument_group("witness", "a third-party detector whose boxes on the log are extra evidence")
    witness.add_argument(
        "--witness", metavar="FILE", help="ONNX, or a frozen TensorFlow graph (.pb) beside its .pbtxt (default: none)"
    )
    witness.add_argument(
        "--witness-map",
        metavar="NAME=CLASS,…",
        help=f"the domain's classes for those of the witness (default: equal names), as {MAPPING_EXAMPLE}",
    )
    witness.add_argument(
        "--witness-labels",
        metavar="FILE",
        help="names of its classes, one per line, from index 0 (default: those in the model, else COCO's)",
    )


def run(args: argparse.Namespace) -> int:
    """Runs or continues an adaptation."""
    if args.rerun is not None:
        from sim2sg_core.report.rerun_recording import rerun_for

        rerun_for(args.rerun)
    check_ranks(args)
    check_output_folder(args.out)
    base, domain = AdaptConfig(logs=()), None
    if args.config:
        base, domain = read_config(args.config, allow_outside=args.allow_outside)
    settings = given(args, base)
    if not settings.logs:
        raise Sim2SGError("no log: give --log LOG, or the settings of another run with --config RUN/config.yaml")
    settings = dataclasses.replace(
        settings,
        logs=tuple(map(str, listed_logs(settings.logs))),
        negatives=tuple((str(log), share) for log, share in listed_negatives(settings.negatives)),
    )
    domain = domain_to_draw(args, domain)
    config = settings.resolved(domain)
    prepare_training()
    from sim2sg_core.adaptation import adapt, describe_plan  # They import torch, which takes seconds.

    if args.dry_run:
        print(describe_plan(config, domain, args.out))
        return 0
    with view_of(args, domain) as view, opened(args.ray, args.workers or 0) as fleet:
        model = adapt(config, domain, args.out, fleet, view)
    print(f"{model}\n{args.out / 'report.html'}", flush=True)
    words = [
        "sim2sg",
        "infer",
        "--model",
        model,
        "--log",
        *config.logs,
        *(["--rotate", config.rotate] if config.rotate else []),
        "--out",
        "graphs.json",
        "--overlay",
        "overlays",
    ]
    print("next: " + shlex.join(map(str, words)), file=sys.stderr)
    return 0


def view_of(args: argparse.Namespace, domain: Domain) -> AbstractContextManager[RerunAdaptation | None]:
    """Returns the view that `--rerun` asks for, None for none."""
    if args.rerun is None:
        return contextlib.nullcontext()
    from sim2sg_core.report.rerun_adaptation import RerunAdaptation

    return RerunAdaptation(args.rerun, domain.class_names, domain.predicate_names)


def degrees(text: str) -> float:
    """Reads an angle in degrees. Returns radians."""
    return math.radians(float(text))


def given(args: argparse.Namespace, base: AdaptConfig) -> AdaptConfig:
    """Returns settings with the options that were given in place of what `base` says."""
    options = {name: value for name, value in vars(args).items() if value is not None}
    switches = {f.name: options[f.name] for f in dataclasses.fields(Method) if f.name in options}
    changes = {f.name: options[f.name] for f in dataclasses.fields(AdaptConfig) if f.name in options}
    changes["method"] = resolve_method(options.get("method", base.method), **switches)
    for name in ("logs", "negatives"):
        if name in changes:
            changes[name] = tuple(changes[name])
    if not args.strict:
        changes.pop("strict")
    # A run holds the one or the other: what is given takes the place of both.
    if args.start is not None and base.start is None:
        base = dataclasses.replace(base, backbone=None, source_frames=None, source_steps=None)
    return dataclasses.replace(base, **changes)
