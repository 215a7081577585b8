"""What every stage of a run is made of: infer, render, train, calibrate, export. Each leaves files and resumes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from sim2sg_core.adaptation.adapt_config import AdaptConfig
from sim2sg_core.adaptation.content.round_layouts import frame_extrinsics
from sim2sg_core.adaptation.content.tiled_inference import look_closely
from sim2sg_core.adaptation.log_frames import Frame
from sim2sg_core.adaptation.selection.score_calibration import calibrate
from sim2sg_core.adaptation.selection.self_consistency import Agreement, agreement
from sim2sg_core.domains import Domain
from sim2sg_core.files import make_folder
from sim2sg_core.images import read_image
from sim2sg_core.learning import AlignConfig, AugmentConfig, TrainConfig, train
from sim2sg_core.learning.real import RealImage
from sim2sg_core.learning.thresholds import class_thresholds, predicate_thresholds
from sim2sg_core.lifting.extrinsics import extrinsics_of_ground, with_extrinsics
from sim2sg_core.model import (
    SceneGraphNetwork,
    build_network,
    export_onnx,
    load_network,
    load_start,
    save_checkpoint,
)
from sim2sg_core.progress import Progress
from sim2sg_core.runtime import Predictor
from sim2sg_core.runtime.preprocessing import letterbox
from sim2sg_core.runtime.providers import usable_cores
from sim2sg_core.scene import Camera, Layout, SceneGraph
from sim2sg_core.scene.graph import load_graphs, save_graphs, write_json
from sim2sg_core.synthesis import read_dataset, render_dataset

HELD_OUT_SHARE = 0.1  # of a stage's scenes: rendered for calibration, never trained on
MIN_HELD_OUT = 32
AGREEMENT_FRAMES = 60
MAX_LOADERS = 16  # More prepare no GPU's images faster, and their batches take many open files.


def infer_frames(model: Path, frames: Sequence[Frame], domain: Domain, out: Path) -> list[SceneGraph]:
    """Infers graphs on the log; their poses stand on the mount that fits them best.

    Returns:
        One graph per frame, unthresholded, with a camera that has its ground; also written to `out`.
    """
    if out.exists():
        return load_graphs(out)[1]
    predictor = Predictor(model)
    outputs = []
    floating = []
    with Progress(len(frames), "infer", unit="frames") as progress:
        for frame in frames:
            output = predictor.infer(frame.image())
            # Poses from the network's depth alone: with a ground assumed they would only confirm it.
            floating.append(output.graph(dataclasses.replace(frame.camera, ground=None)))
            outputs.append(output)
            progress.update()
    all_extrinsics = frame_extrinsics(frames, floating, domain)
    graphs = [
        dataclasses.replace(output.graph(with_extrinsics(frame.camera, extrinsics)), file=frame.file, stamp=frame.stamp)
        for output, frame, extrinsics in zip(outputs, frames, all_extrinsics, strict=True)
    ]
    save_graphs(out, graphs, predictor.info.model_id)
    return load_graphs(out)[1]  # Rounded, as a resumed run reads them: what follows must not differ.


def look_at_frames(
    model: Path, frames: Sequence[Frame], graphs: Sequence[SceneGraph], domain: Domain, out: Path
) -> list[SceneGraph]:
    """Looks closer at every frame for what is small. Also written to `out`."""
    if out.exists():
        return load_graphs(out)[1]
    predictor = Predictor(model)
    found = []
    with Progress(len(frames), "close-ups", unit="frames") as progress:
        for frame, graph in zip(frames, graphs, strict=True):
            assert graph.camera is not None
            found.append(look_closely(predictor, frame.image(), graph.camera, graph, domain.carriers))
            progress.update()
    save_graphs(out, found, predictor.info.model_id)
    return load_graphs(out)[1]


def shares_found(stage: Path) -> dict[str, float]:
    """Returns which share of each class's objects the scores of a stage's model account for, on its held-out scenes."""
    shares: dict[str, float] = json.loads((stage / "calibration.json").read_text())["found"]
    return shares


def usual_camera(graphs: Sequence[SceneGraph]) -> Camera:
    """Returns the log's camera on its median mount: what a model assumes of images without a better word."""
    cameras = [graph.camera for graph in graphs if graph.camera is not None and graph.camera.ground is not None]
    all_extrinsics = np.array([extrinsics_of_ground(camera.ground) for camera in cameras if camera.ground is not None])
    return with_extrinsics(cameras[0], np.median(all_extrinsics, axis=0))


def measure_agreement(model: Path, frames: Sequence[Frame], domain: Domain, out: Path) -> Agreement:
    """Measures how well a model agrees with itself on the log, or reads what was measured before."""
    if out.exists():
        return Agreement(**json.loads(out.read_text()))
    found = agreement(Predictor(model), frames, domain, limit=AGREEMENT_FRAMES)
    write_json(out, found.to_json(), indent=1)
    return found


def render_stage(
    config: AdaptConfig,
    domain: Domain,
    folder: Path,
    count: int,
    draw: Callable[[int], Iterable[Layout]],
    stage: int,
) -> None:
    """Renders a stage's scenes to `data`, and a tenth as many (of a round's, where it trains none) to `held_out`."""
    held_out = max(MIN_HELD_OUT, round((count or config.round_frames or 0) * HELD_OUT_SHARE))
    seeds = np.random.SeedSequence([config.seed, stage, 1]).generate_state(count + held_out)
    file = folder / "layouts.json"
    if file.exists():
        layouts = [Layout.from_json(item) for item in json.loads(file.read_text())]
    else:
        layouts = []
        with Progress(count + held_out, "lay out", unit="scenes") as progress:
            for layout in draw(count + held_out):
                layouts.append(layout)
                progress.update()
        write_json(file, [layout.to_json() for layout in layouts])
    jobs = [(int(seed), layout) for seed, layout in zip(seeds, layouts, strict=True)]
    for name, part in (("data", jobs[:count]), ("held_out", jobs[count:])):
        with Progress(len(part), f"render {name}", unit="frames") as progress:
            render_dataset(domain, part, folder / name, workers=config.workers, progress=progress)


def train_source(config: AdaptConfig, domain: Domain, folder: Path) -> None:
    """Trains a new network on the stage's scenes, or keeps the one to start from."""
    if (folder / "model.onnx").exists():  # This and all before it is done.
        return
    if config.start is not None:
        network = load_start(config.start, domain)
        make_folder(folder / "train")
        save_checkpoint(folder / "train" / "checkpoint.pt", network, domain, frozen_blocks=network.frozen_blocks)
        return
    network = build_network(domain, backbone=config.backbone, seed=config.seed)
    assert config.source_steps is not None
    _train(config, domain, folder, network, _settings(config, config.source_steps, config.learning_rate), [])


def train_round(
    config: AdaptConfig,
    domain: Domain,
    folder: Path,
    previous: Path,
    frames: Sequence[Frame],
    graphs: Sequence[SceneGraph],
    number: int,
) -> None:
    """Trains the previous stage's network on the stage's scenes and, as the method says, on the log's frames."""
    if (folder / "model.onnx").exists():
        return
    method, align = config.method, AlignConfig()
    assert method.teacher_start_round is not None
    if method.uses_log_frames and number > method.teacher_start_round:
        align = AlignConfig(
            feature=method.feature,
            prediction=method.prediction,
            teacher=method.teacher,
            real_share=method.real_share,
            class_thresholds=class_thresholds(graphs, domain.class_names),
            predicate_thresholds=predicate_thresholds(graphs, domain.predicate_names),
        )
    network, _ = load_network(previous / "train" / "checkpoint.pt")
    calibration = json.loads((previous / "calibration.json").read_text())
    # The teacher's scores are to mean what they say; `calibrate` fits the temperatures anew afterwards.
    network.set_temperatures(calibration["object_temperature"], calibration["relation_temperature"])
    assert config.round_steps is not None
    settings = dataclasses.replace(_settings(config, config.round_steps, config.round_learning_rate), align=align)
    real_images = [RealImage(frame.path, frame.camera) for frame in frames] if method.looks_at_log else []
    _train(config, domain, folder, network, settings, real_images)


def _settings(config: AdaptConfig, steps: int, learning_rate: float | None) -> TrainConfig:
    assert config.batch is not None and learning_rate is not None
    settings = TrainConfig(
        steps=steps,
        batch=config.batch,
        learning_rate=learning_rate,
        seed=config.seed,
        device=config.device,
        workers=1 if config.device == "cpu" else min(config.workers or usable_cores(), MAX_LOADERS),
    )
    if not config.method.strong_augmentation:
        settings = dataclasses.replace(settings, augment=AugmentConfig.weak(), ema=0.0)
    return settings


def _train(
    config: AdaptConfig,
    domain: Domain,
    folder: Path,
    network: SceneGraphNetwork,
    settings: TrainConfig,
    real: Sequence[RealImage],
) -> None:
    if real and config.method.style_transfer:
        settings = dataclasses.replace(
            settings, augment=dataclasses.replace(settings.augment, style=config.method.style_transfer)
        )
    with Progress(settings.steps, "train", unit="steps") as progress:
        train(network, domain, [(folder / "data", 1.0)], settings, folder / "train", progress.update, real=real)


def export_stage(config: AdaptConfig, domain: Domain, folder: Path, frames: Sequence[Frame], camera: Camera) -> None:
    """Fits the temperatures on held-out scenes and writes `model.onnx`."""
    target = folder / "model.onnx"
    if target.exists():
        return
    network, _ = load_network(folder / "train" / "checkpoint.pt")
    report = calibrate(network, domain, read_dataset(folder / "held_out"))
    write_json(folder / "calibration.json", report, indent=1)
    # A name that the same run always gives again, so that graphs can be traced to their model.
    digest = hashlib.sha256(json.dumps(config.to_json(), sort_keys=True).encode()).hexdigest()[:8]
    export_onnx(
        network,
        domain,
        target,
        model_id=f"{domain.name}-{digest}-{folder.name}",
        camera=camera,
        calibrated=True,
        images=_inputs([f.path for f in frames[:2]], domain.input.width, domain.input.height),
    )


def _inputs(paths: Sequence[Path], width: int, height: int) -> np.ndarray:
    """(N, height, width, 3) uint8: images as the network gets them."""
    return np.stack([letterbox(read_image(path), width, height)[0] for path in paths])
