"""`sim2sg infer`: scene graphs of images or of a camera log, through onnxruntime alone."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from sim2sg_core.cli.options import (
    add_model,
    add_provider,
    add_relations,
    add_sampling,
    add_source,
    add_strict,
    check_least,
    check_output,
    check_sampling,
    expected_frames,
    open_source,
)
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.images import write_jpeg
from sim2sg_core.lifting.extrinsics import extrinsics_of_ground
from sim2sg_core.logs import Log, LogFrame, decoded, resolve_camera, select_frames
from sim2sg_core.logs.names import UniqueNames, flat_name
from sim2sg_core.progress import Progress
from sim2sg_core.report.overlay import draw_overlay
from sim2sg_core.runtime import DecodeOptions, Predictor
from sim2sg_core.scene import Camera, SceneGraph
from sim2sg_core.scene.graph import DEFAULT_OBJECT_THRESHOLD, DEFAULT_RELATION_THRESHOLD, save_graphs

HELP = "write the scene graphs of images or of a camera log"
OVERLAY_QUALITY = 95


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    add_model(parser)
    add_source(parser)
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="JSON",
        help="where the graphs go: all objects and relations with their scores, no threshold",
    )
    parser.add_argument("--overlay", type=Path, metavar="DIR", help="also draw the graphs on the images")
    for name, default in (("object", DEFAULT_OBJECT_THRESHOLD), ("relation", DEFAULT_RELATION_THRESHOLD)):
        parser.add_argument(
            f"--{name}-threshold", type=float, default=default, metavar="P", help=f"of the overlays (default {default})"
        )
    add_sampling(parser)
    add_strict(parser)
    camera = parser.add_argument_group("camera", "default: what the log says, then the camera of the training log")
    camera.add_argument(
        "--camera", type=Path, metavar="FILE", help="intrinsics: ROS, Kalibr or OpenCV YAML, or KITTI calib"
    )
    camera.add_argument("--camera-height", type=float, metavar="M", help="height over the ground, metres")
    camera.add_argument("--camera-pitch", type=float, metavar="DEG", help="positive looks down")
    camera.add_argument("--camera-roll", type=float, metavar="DEG", help="positive is clockwise")
    add_provider(parser)
    parser.add_argument(
        "--require-provider", action="store_true", help="fail rather than fall back to a slower provider"
    )
    add_relations(parser)


def run(args: argparse.Namespace) -> int:
    """Infers every frame and writes the graphs; an older file stays until all is done."""
    check_sampling(args)
    check_least(args, "threads", 0)
    check_output(args.out)
    logs = open_source(args)
    topics = [log.image_topic(args.topic) for log in logs]
    predictor = Predictor(args.model, args.provider, args.require_provider, args.threads)
    info = predictor.info
    print(f"{info.model_id} ({info.domain.name}) on {info.provider}", file=sys.stderr)
    with Progress(expected_frames(args, logs, topics), "inferring", unit="frames") as progress:
        save_graphs(args.out, infer(args, predictor, logs, progress), info.model_id)
    print(f"{progress.done} graphs in {args.out}")
    return 0


def infer(
    args: argparse.Namespace, predictor: Predictor, logs: Sequence[Log], progress: Progress
) -> Iterator[SceneGraph]:
    """Yields one graph after the other; no more than a few images are held at a time."""
    cameras = CameraFinder(args, predictor.info.camera)
    options = DecodeOptions(relations=args.relations)
    chosen = select_frames(logs, args.topic, args.max, args.every, args.min_change)
    names = UniqueNames()
    for frame, image in decoded(chosen, strict=args.strict):
        camera = cameras.find(frame, image.shape[1], image.shape[0])
        graph = predictor.predict(image, camera, options, file=frame.name, stamp=frame.stamp)
        if args.overlay:
            write_overlay(args, predictor, image, graph, names(flat_name(frame.name), ".jpg"))
        progress.update()
        yield graph
    if not progress.done:
        raise Sim2SGError("no frames in the log")


class CameraFinder:
    """Finds the camera of each frame, and says what it found whenever that changes."""

    def __init__(self, args: argparse.Namespace, fallback: Camera | None) -> None:
        self._file = args.camera
        angles = (None if v is None else math.radians(v) for v in (args.camera_pitch, args.camera_roll))
        self._extrinsics = (args.camera_height, *angles)
        self._fallback = fallback
        self._known: dict[tuple[str, str, int, int], Camera | None] = {}
        self._told = ""

    def find(self, frame: LogFrame, width: int, height: int) -> Camera | None:
        """Returns the camera of a frame, None when unknown."""
        # A folder of calibrations may hold one for every image.
        name = frame.name if self._file is not None and self._file.is_dir() else ""
        log = frame.log
        key = (str(log.path), name, width, height)
        if key not in self._known:
            self._known[key] = resolve_camera(
                log,
                frame.topic,
                width,
                height,
                camera_file=self._file,
                extrinsics=self._extrinsics,
                fallback=self._fallback,
                name=name,
            )
            told = describe_camera(self._known[key])
            if told != self._told:
                self._told = told
                print(f"{log.name}: {told}", file=sys.stderr)
        return self._known[key]


def describe_camera(camera: Camera | None) -> str:
    """Returns in one line what 3D poses stand on."""
    if camera is None:
        return "no camera known, so no 3D poses: give --camera FILE"
    if camera.ground is None:
        return f"focal length {camera.focal:.0f} px, height unknown: depth from the network alone"
    height, pitch, _ = extrinsics_of_ground(camera.ground)
    degrees = round(math.degrees(pitch), 1) + 0.0  # never -0.0
    return f"focal length {camera.focal:.0f} px, {height:.2f} m up, pitch {degrees} degrees"


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
    )
    args.overlay.mkdir(parents=True, exist_ok=True)
    write_jpeg(args.overlay / name, drawn, OVERLAY_QUALITY)
