"""`sim2sg export`: turns a checkpoint into the ONNX file that the robot runs."""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "export a checkpoint to ONNX and check that it computes the same"
EXAMPLE = "sim2sg export --checkpoint runs/bench/checkpoint.pt --calibrate frames/ --out model.onnx"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument(
        "--checkpoint", required=True, type=Path, help="checkpoint.pt of train or adapt, or the name of one that ships"
    )
    parser.add_argument("--out", required=True, type=Path, help="ONNX file to write")
    parser.add_argument("--model-id", help="name that the graphs carry (default: the domain's and a number)")
    parser.add_argument("--camera", type=Path, help="calibration of the camera it will see (ROS YAML, KITTI)")
    parser.add_argument(
        "--calibrate",
        nargs="+",
        default=[],
        type=Path,
        metavar="DIR",
        help="folders of `sim2sg synth`, not trained on, to fit the scores on",
    )
    parser.add_argument("--half", action="store_true", help="store the weights in half precision: half the file")
    parser.add_argument("--live-weights", action="store_true", help="take the last weights, not the averaged")


def run(args: argparse.Namespace) -> int:
    """Exports, and says what was written."""
    from sim2sg_core.adaptation.selection.score_calibration import calibrate
    from sim2sg_core.domains.credits import write_credits
    from sim2sg_core.logs import load_calibration
    from sim2sg_core.model import export_onnx, load_network
    from sim2sg_core.model.checkpoint import find_checkpoint
    from sim2sg_core.synthesis.dataset import read_dataset

    network, domain = load_network(args.checkpoint, ema=not args.live_weights)
    camera = None
    if args.camera is not None:
        camera = load_calibration(args.camera, domain.camera.width, domain.camera.height)
    if args.calibrate:
        fit = calibrate(network, domain, [row for folder in args.calibrate for row in read_dataset(folder)])
        print(
            f"calibration error of objects {fit['object_ece_before']:.3f} -> {fit['object_ece_after']:.3f},"
            f" of relations {fit['relation_ece_before']:.3f} -> {fit['relation_ece_after']:.3f}"
        )
    path = export_onnx(
        network,
        domain,
        args.out,
        model_id=args.model_id,
        camera=camera,
        calibrated=network.is_calibrated,
        half=args.half,
    )
    write_credits(args.out.parent, domain, [find_checkpoint(args.checkpoint).parent])
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, same boxes and scores as the checkpoint")
    return 0
