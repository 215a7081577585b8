"""`sim2sg export`: turns a checkpoint into the ONNX file that the robot runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sim2sg_core.cli.options import check_not_input, check_output

if TYPE_CHECKING:
    from sim2sg_core.domains import Domain
    from sim2sg_core.model import SceneGraphNetwork
    from sim2sg_core.scene import Camera, SceneGraph

HELP = "export a checkpoint to ONNX and check that both give the same results"
EXAMPLE = "sim2sg export --checkpoint runs/bench/checkpoint.pt --calibrate frames/ --out model.onnx"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument(
        "--checkpoint", required=True, type=Path, help="checkpoint.pt of train or adapt, or the name of one that ships"
    )
    parser.add_argument("--out", required=True, type=Path, help="ONNX file to write")
    parser.add_argument("--model-id", help="model id in the graphs (default: the domain's name and a number)")
    parser.add_argument(
        "--camera",
        type=Path,
        metavar="FILE",
        help="camera that the model assumes where nothing else is known: a calibration (ROS, Kalibr or OpenCV YAML, or"
        " KITTI calib), or a model.onnx, whose camera is taken with height and pitch (default: none)",
    )
    parser.add_argument(
        "--calibrate",
        nargs="+",
        default=[],
        type=Path,
        metavar="DIR",
        help="folders of `sim2sg synth`, not trained on, to fit the scores on",
    )
    parser.add_argument(
        "--profile",
        choices=("full", "robot"),
        default="full",
        help="robot: limit objects and relations to the numbers that the frames of --calibrate need, and print the loss"
        " (default: full)",
    )
    parser.add_argument("--half", action="store_true", help="store the weights in half precision: half the file size")
    parser.add_argument(
        "--live-weights", action="store_true", help="use the last weights instead of their moving average"
    )


def run(args: argparse.Namespace) -> int:
    """Exports, and says what was written."""
    from sim2sg_core.adaptation.selection.score_calibration import calibrate
    from sim2sg_core.domains.credits import write_credits
    from sim2sg_core.errors import Sim2SGError
    from sim2sg_core.model import export_onnx, load_network
    from sim2sg_core.model.checkpoint import find_checkpoint
    from sim2sg_core.synthesis.dataset import read_dataset

    if args.profile == "robot" and not args.calibrate:
        raise Sim2SGError("--profile robot is fitted to frames: give folders of `sim2sg synth` with --calibrate")
    check_output(args.out)
    checkpoint = find_checkpoint(args.checkpoint)
    check_not_input(args.out, [checkpoint, args.camera])
    network, domain = load_network(args.checkpoint, ema=not args.live_weights)
    camera = assumed_camera(args.camera, domain) if args.camera is not None else None
    if args.calibrate:
        frames = [row for folder in args.calibrate for row in read_dataset(folder, domain)]
        fit = calibrate(network, domain, frames)
        print(
            f"calibration error of objects {fit['object_ece_before']:.3f} -> {fit['object_ece_after']:.3f},"
            f" of relations {fit['relation_ece_before']:.3f} -> {fit['relation_ece_after']:.3f}"
        )
        if args.profile == "robot":
            network = slimmed(network, domain, frames)
    path = export_onnx(
        network,
        domain,
        args.out,
        model_id=args.model_id,
        camera=camera,
        calibrated=network.is_calibrated,
        half=args.half,
    )
    write_credits(args.out.parent, domain, [checkpoint])
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB, same boxes and scores as the checkpoint")
    return 0


def assumed_camera(file: Path, domain: Domain) -> Camera:
    """Returns the camera in a calibration or in another model. Raises Sim2SGError when there is none."""
    from sim2sg_core.errors import Sim2SGError
    from sim2sg_core.logs import load_calibration
    from sim2sg_core.runtime.metadata import load_info

    if file.suffix != ".onnx":
        return load_calibration(file, domain.camera.width, domain.camera.height)
    camera = load_info(file).camera
    if camera is None:
        raise Sim2SGError(f"{file}: this model assumes no camera: give the model of a run of `sim2sg adapt`")
    return camera


def slimmed(network: SceneGraphNetwork, domain: Domain, frames: Sequence[tuple[Path, SceneGraph]]) -> SceneGraphNetwork:
    """Returns the robot's profile of a network, and says what of its graphs is kept on the frames."""
    from sim2sg_core.adaptation.selection.score_calibration import predict
    from sim2sg_core.evaluation.prediction_difference import compare_predictions
    from sim2sg_core.model.robot_profile import robot_profile

    before = predict(network, domain, frames)
    slim = robot_profile(network, before)
    kept = compare_predictions(before, predict(slim, domain, frames))
    shares = [
        f"{100 * share:.1f} % of {n} {what}"
        for share, n, what in ((kept.found, kept.objects, "objects"), (kept.kept, kept.relations, "relations"))
        if share is not None
    ]
    print(
        f"robot profile: {slim.config.max_objects} objects and {slim.config.max_relations} relations have a place,"
        f" of {network.config.max_objects} and {network.config.max_relations};"
        f" it states {' and '.join(shares) or 'nothing, as before,'} on {len(frames)} frames"
    )
    return slim
