"""`sim2sg infer`: scene graphs of images or of a camera log, through onnxruntime alone."""

from __future__ import annotations

import argparse
import contextlib
import functools
import logging
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from sim2sg_core.api.graph import Graph
from sim2sg_core.cli.frame_inference import Inferred, infer_by, infer_here
from sim2sg_core.cli.graph_output import FORMS, check_place, write_as
from sim2sg_core.cli.options import (
    add_fleet,
    add_model,
    add_provider,
    add_relations,
    add_rotate,
    add_sampling,
    add_source,
    add_strict,
    check_least,
    check_not_input,
    check_output_folder,
    check_sampling,
    check_shares,
    expected_frames,
    open_source,
)
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import make_folder
from sim2sg_core.fleet import opened
from sim2sg_core.images import write_jpeg
from sim2sg_core.logs import Log, LogDepth, LogFrame, select_frames
from sim2sg_core.logs.frame_cameras import FrameCameras
from sim2sg_core.logs.names import UniqueNames, flat_name
from sim2sg_core.logs.output_places import check_apart
from sim2sg_core.progress import Progress
from sim2sg_core.report.anonymise import anonymise, private_objects, promise
from sim2sg_core.report.overlay import draw_overlay
from sim2sg_core.report.rerun_view import RerunView
from sim2sg_core.runtime import DecodeOptions, Predictor
from sim2sg_core.runtime.graph_decoding import camera_of
from sim2sg_core.scene import SceneGraph
from sim2sg_core.scene.graph import DEFAULT_OBJECT_THRESHOLD, DEFAULT_RELATION_THRESHOLD
from sim2sg_core.scene.turning import turned_graph

logger = logging.getLogger(__name__)

HELP = "write the scene graphs of images or of a camera log"
EXAMPLE = "sim2sg infer --model dining --images photos/ --out graphs.json --overlay overlays/"
OVERLAY_QUALITY = 95


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_model(parser)
    add_source(parser)
    parser.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="file to write; a folder for --format yolo"
    )
    parser.add_argument(
        "--format",
        choices=FORMS,
        default="json",
        help="json (one document), jsonl (one record per line and image), coco (boxes, and relations in extra keys),"
        " csv (objects, and relations in OUT_relations.csv), yolo (boxes); default: json",
    )
    parser.add_argument(
        "--min-score",
        type=float,
        default=0.0,
        metavar="P",
        help="leave out objects with a lower score, and their relations (default: 0, all are kept)",
    )
    parser.add_argument(
        "--min-relation",
        type=float,
        default=0.0,
        metavar="P",
        help="leave out relations with a lower score (default: 0, all are kept)",
    )
    parser.add_argument("--overlay", type=Path, metavar="DIR", help="also draw the graphs on the images")
    parser.add_argument(
        "--anonymise",
        action="store_true",
        help="blur people and vehicles that the model finds in the overlays; those it misses are not blurred",
    )
    parser.add_argument(
        "--rerun",
        metavar="FILE.rrd|spawn",
        help="also show images, boxes, 3D boxes and relations in Rerun: write a file, or start the viewer with spawn",
    )
    parser.add_argument(
        "--directions",
        action=argparse.BooleanOptionalAction,
        help="draw directional relations such as left_of in overlays (default: only in images without others)",
    )
    for name, default in (("object", DEFAULT_OBJECT_THRESHOLD), ("relation", DEFAULT_RELATION_THRESHOLD)):
        parser.add_argument(
            f"--{name}-threshold",
            type=float,
            default=default,
            metavar="P",
            help=f"minimum score of {name}s in overlays and Rerun (default {default})",
        )
    add_sampling(parser)
    add_strict(parser)
    camera = parser.add_argument_group("camera", "default: the log's calibration, then the camera of the training log")
    camera.add_argument(
        "--camera", type=Path, metavar="FILE", help="intrinsics: YAML of ROS, Kalibr, EuRoC or OpenCV, or KITTI calib"
    )
    add_rotate(camera)
    camera.add_argument("--camera-height", type=float, metavar="M", help="height over the ground, metres")
    camera.add_argument("--camera-pitch", type=float, metavar="DEG", help="positive looks down")
    camera.add_argument("--camera-roll", type=float, metavar="DEG", help="positive is clockwise")
    camera.add_argument(
        "--depth-topic", metavar="NAME", help="topic of depth images aligned with the camera's, for measured distances"
    )
    add_provider(parser)
    parser.add_argument(
        "--require-provider", action="store_true", help="fail rather than fall back to a slower provider"
    )
    add_relations(parser)
    add_fleet(parser)


def run(args: argparse.Namespace) -> int:
    """Infers every frame and writes the graphs; an older file stays until all is done."""
    check_sampling(args)
    check_least(args, "threads", 0)
    check_shares(args, "min_score", "min_relation", "object_threshold", "relation_threshold")
    check_place(args.out, args.format)
    if args.overlay:
        check_output_folder(args.overlay)
    workers = workers_provider(args)
    logs = open_source(args)
    check_apart(args.out, logs, "--out")
    check_not_input(args.out, [args.model, args.camera, *(args.log or args.images)])
    if args.overlay:
        check_apart(args.overlay, logs, "--overlay")
    drawn = pictures_in(args.overlay)
    topics = [log.image_topic(args.topic) for log in logs]
    depths = {log: LogDepth(log, args.depth_topic) for log in logs} if args.depth_topic else {}
    # The machine that drives a fleet may have no GPU; of the model it infers what no worker could read.
    predictor = Predictor(args.model, "cpu" if args.ray else args.provider, args.require_provider, args.threads)
    info = predictor.info
    if args.anonymise:
        check_anonymise(args, info.classes)
    print(f"{info.model_id} ({info.domain.name}) on {workers or info.provider}", file=sys.stderr)
    progress = Progress(expected_frames(args, logs, topics), "inferring", unit="frames")
    chosen = select_frames(logs, args.topic, args.max, args.every, args.min_change)
    with inferred(args, workers, predictor, chosen) as frames, view_of(args, predictor) as view, progress:
        place = write_as(args.format, args.out, graphs(args, predictor, frames, progress, depths, view), info.model_id)
    print(f"{progress.done} graphs in {place}")
    if left := len(drawn.items() & pictures_in(args.overlay).items()):
        logger.warning("%s: %d files were there before and are not of this run", args.overlay, left)
    for log, depth in depths.items():
        tell_depth(log, depth)
    return 0


def pictures_in(folder: Path | None) -> dict[str, int]:
    """Returns the files in a folder, which need not be there, and when they were written (nanoseconds)."""
    if folder is None or not folder.is_dir():
        return {}
    return {path.name: path.stat().st_mtime_ns for path in folder.iterdir() if path.is_file()}


@contextlib.contextmanager
def inferred(
    args: argparse.Namespace, workers: str | None, predictor: Predictor, chosen: Iterator[LogFrame]
) -> Iterator[Iterator[Inferred]]:
    """Gives what the network says of the chosen frames, by this machine or by the cluster that `--ray` names."""
    if workers is None:
        yield infer_here(chosen, predictor, args.strict)
        return
    with opened(args.ray, args.threads) as fleet:
        fleet.check(None)
        yield infer_by(fleet, args.model, workers, chosen, predictor, args.strict)


def workers_provider(args: argparse.Namespace) -> str | None:
    """Returns where the workers of a fleet run the model, by a path that all of them find; None without a fleet."""
    if args.ray is None:
        return None
    if args.model.is_file():  # A folder may have the name of a model that ships.
        args.model = args.model.absolute()
    return "cpu" if args.provider == "auto" else str(args.provider)


def graphs(
    args: argparse.Namespace,
    predictor: Predictor,
    frames: Iterable[Inferred],
    progress: Progress,
    depths: Mapping[Log, LogDepth],
    view: RerunView | None,
) -> Iterator[Graph]:
    """Yields one graph after the other; no more than a few images are held at a time."""
    angles = (None if v is None else math.radians(v) for v in (args.camera_pitch, args.camera_roll))
    tell = functools.partial(print, file=sys.stderr)
    cameras = FrameCameras(args.camera, (args.camera_height, *angles), predictor.info.camera, tell)
    options = DecodeOptions(relations=args.relations)
    names = UniqueNames()
    placing = ("camera_height", "camera_pitch", "camera_roll")
    unused = [f"--{name.replace('_', '-')}" for name in placing if getattr(args, name) is not None]
    for frame, output, image in frames:
        size = output.box.source
        found = cameras.find(frame, *size)
        if found is None and unused:
            logger.warning("%s: not used, as no intrinsics are known: give --camera FILE", ", ".join(unused))
            unused = []  # once
        camera = camera_of(predictor.info, found, *size)
        depth = depths[frame.log].find(frame) if depths else None
        predictor.warn_of_relations(options.relations, camera)
        graph = output.graph(camera, options, file=frame.name, stamp=frame.stamp, depth=depth)
        if args.overlay or view:
            shown = anonymise(image(), [graph]) if args.anonymise else image()
            if args.overlay:
                write_overlay(args, predictor, shown, graph, names(flat_name(frame.name), ".jpg"))
            if view:
                view.show(shown, graph.filtered(args.object_threshold, args.relation_threshold))
        progress.update()
        graph = turned_graph(graph, -frame.log.rotate)
        kept = graph.filtered(args.min_score, args.min_relation)
        yield Graph.of(
            kept,
            classes=tuple(predictor.info.classes),
            predicates=tuple(predictor.info.predicates),
            # With --min-score the user wants less in the file; what is kept can be anonymised from it all the same.
            private=() if args.min_score else private_objects(graph),
        )
    if not progress.done:
        raise Sim2SGError("no frames in the log")


def view_of(args: argparse.Namespace, predictor: Predictor) -> AbstractContextManager[RerunView | None]:
    """Returns the view that `--rerun` asks for, None for none."""
    if args.rerun is None:
        return contextlib.nullcontext()
    return RerunView(args.rerun, predictor.info.classes, predictor.info.predicates)


def check_anonymise(args: argparse.Namespace, classes: Sequence[str]) -> None:
    """Says what --anonymise will do. Raises Sim2SGError where it can do nothing."""
    if not args.overlay and not args.rerun:
        raise Sim2SGError("--anonymise is for pictures: give --overlay DIR or --rerun too, or leave it out")
    print(promise(classes, "leave out --overlay and --rerun to write no pictures"), file=sys.stderr)


def tell_depth(log: Log, depth: LogDepth) -> None:
    """Says how many frames had a depth image, and warns when there is something to mend."""
    total = depth.found + depth.missed
    print(f"{log.name}: depth images for {depth.found} of {total} frames", file=sys.stderr)
    if depth.problem:
        logger.warning("%s: depth: %s", log.name, depth.problem)
    elif depth.missed and not depth.found:
        logger.warning(
            "%s: no depth image within half a period of any frame: its stamps are of another clock", log.name
        )


def write_overlay(
    args: argparse.Namespace, predictor: Predictor, image: np.ndarray, graph: SceneGraph, name: str
) -> None:
    """Writes an image with its graph drawn on it, under a file name."""
    drawn = draw_overlay(
        image,
        graph,
        args.object_threshold,
        args.relation_threshold,
        classes=predictor.info.classes,
        predicates=predictor.info.predicates,
        directions=args.directions,
    )
    make_folder(args.overlay)
    write_jpeg(args.overlay / name, drawn, OVERLAY_QUALITY)
