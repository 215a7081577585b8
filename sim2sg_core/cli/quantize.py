"""`sim2sg quantize`: the 8-bit version of a model, faster on CPUs, and what it costs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sim2sg_core.cli.options import (
    add_former_names,
    add_model,
    add_rotate,
    add_source,
    check_least,
    check_output,
    open_source,
)
from sim2sg_core.domains.credits import write_credits
from sim2sg_core.errors import Sim2SGError

if TYPE_CHECKING:
    from sim2sg_core.evaluation.prediction_difference import PredictionDifference
    from sim2sg_core.logs import LogFrame
    from sim2sg_core.model.quantization import Quantized
    from sim2sg_core.scene import SceneGraph

HELP = "make a model faster on CPUs: 8-bit convolutions, calibrated on a log without labels"
EXAMPLE = "sim2sg quantize --model model.onnx --log drive.mcap --out fast.onnx"

RUNS = 30
"""Least number of timed runs of each model."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    add_model(parser)
    add_source(parser)
    parser.add_argument("--topic", metavar="NAME", help="image topic of the log (default: the only one)")
    parser.add_argument(
        "--max",
        type=int,
        default=40,
        metavar="N",
        help="frames to calibrate on, evenly spread (default 40); half as many others are used to compare the models",
    )
    add_former_names(parser, frames="--max")
    add_rotate(parser, camera=False)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="ONNX file to write")
    parser.add_argument("--threads", type=int, default=0, metavar="N", help="CPU threads; 0 uses all (default)")
    parser.add_argument(
        "--weights",
        type=int,
        choices=(7, 8),
        default=7,
        help="bits of the weights: 7 is fast on every CPU (default); 8 is closer to the float model, but fast only on"
        " ARM CPUs and on CPUs with VNNI",
    )


def run(args: argparse.Namespace) -> int:
    """Quantises, then times both models and compares their graphs on frames that calibrated nothing."""
    from sim2sg_core.evaluation.prediction_difference import compare_predictions
    from sim2sg_core.model.quantization import quantize
    from sim2sg_core.runtime.cpu import misfit, saturates

    check(args)
    calibration, held_out = split_frames(args)
    from sim2sg_core.logs import decoded

    images = (image for _, image in decoded(calibration))
    made = quantize(args.model, images, args.out, weight_bits=args.weights)
    write_credits(args.out.parent, sources=[args.model])
    print(describe(made))
    graphs, times = run_in_turn((args.model, args.out), held_out, args.threads)
    print(figures(args, times, compare_predictions(graphs[0], graphs[1]), len(held_out)))
    if line := advice(args.model, times, misfits=bool(misfit(made.weight_bits, saturates()))):
        print(line)
    return 0


def check(args: argparse.Namespace) -> None:
    """Raises Sim2SGError, before any work, when an option cannot be."""
    from sim2sg_core.runtime import load_info
    from sim2sg_core.runtime.metadata import check_file

    check_least(args, "max", 1)
    check_least(args, "threads", 0)
    check_output(args.out)
    args.model = check_file(args.model)
    load_info(args.model)  # one of ours?


def split_frames(args: argparse.Namespace) -> tuple[list[LogFrame], list[LogFrame]]:
    """Returns the frames to calibrate on and those to compare on, both spread over all of the log."""
    from sim2sg_core.logs import sample_frames

    logs = open_source(args)
    frames = sample_frames(logs, args.topic, args.max + (args.max + 1) // 2)
    if len(frames) < 2:
        raise Sim2SGError(f"{logs[0].path}: has one image only: calibrating and comparing take two at least")
    held_out = frames[1::3]
    return [frame for i, frame in enumerate(frames) if i % 3 != 1], held_out


def run_in_turn(
    models: tuple[Path, Path], frames: Sequence[LogFrame], threads: int
) -> tuple[list[list[SceneGraph]], list[float]]:
    """Runs two models in turn, so that another load on the machine slows both alike.

    Returns:
        The graphs of each, and the median of its inferences, milliseconds.
    """
    from sim2sg_core.logs import decoded, resolve_camera
    from sim2sg_core.runtime import Predictor

    predictors = [Predictor(model, "cpu", threads=threads) for model in models]
    for predictor in predictors:
        predictor.warm_up()
    graphs: list[list[SceneGraph]] = [[], []]
    times: list[list[float]] = [[], []]
    for frame, image in decoded(frames):
        size = image.shape[1], image.shape[0]
        camera = resolve_camera(frame.log, frame.topic, *size, fallback=predictors[0].info.camera)
        for _ in range(-(-RUNS // len(frames))):
            found = []
            for predictor, taken in zip(predictors, times, strict=True):
                found.append(predictor.predict(image, camera, file=frame.name, stamp=frame.stamp))
                taken.append(predictor.last_timing.inference_ms)
        for kept, graph in zip(graphs, found, strict=True):
            kept.append(graph)
    return graphs, [float(np.median(taken)) for taken in times]


def describe(made: Quantized) -> str:
    """Returns in one line what was written."""
    what = f"{made.convolutions} convolutions ({made.weight_bits}-bit weights)"
    return f"{made.path}: {made.model_id}, {what}, calibrated on {made.frames} frames"


def advice(model: Path, times: Sequence[float], *, misfits: bool = False) -> str | None:
    """Returns in one line what the times do not tell; None when they tell all.

    Args:
        model: The float model.
        times: Milliseconds of the float and of the 8-bit model.
        misfits: The 8-bit model was made for CPUs unlike this one.
    """
    if misfits:
        return (
            "this CPU has no VNNI, so the time of 8-bit weights holds here only: measure it on a CPU that has VNNI;"
            " objects and relations are as there"
        )
    if times[1] < times[0]:
        return None
    return (
        f"not faster on this machine ({times[1]:.1f} ms against {times[0]:.1f} ms of the float model): run {model} here"
    )


def figures(args: argparse.Namespace, times: Sequence[float], change: PredictionDifference, frames: int) -> str:
    """Returns time and size of both models, and how their predictions differ, as a table."""
    from sim2sg_core.cli.text_table import table
    from sim2sg_core.cores import usable_cores

    sizes = [path.stat().st_size / 1e6 for path in (args.model, args.out)]
    threads = args.threads or usable_cores()

    def share(value: float | None) -> str:
        return "-" if value is None else f"{100 * value:.1f} %"

    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:.3f}"

    rows = [
        ("", "float", "int8", ""),
        ("inference, ms", f"{times[0]:.1f}", f"{times[1]:.1f}", f"{times[0] / times[1]:.2f}x, threads: {threads}"),
        ("file, MB", f"{sizes[0]:.1f}", f"{sizes[1]:.1f}", ""),
        ("same objects", str(change.objects), share(change.found), f"{frames} frames; int8 adds {share(change.added)}"),
        ("mean IoU of their boxes", "", number(change.iou), ""),
        ("mean change of their scores", "", number(change.score_gap), ""),
        ("same relations", str(change.relations), share(change.kept), ""),
    ]
    return table(rows)
