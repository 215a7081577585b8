"""The loop of Sim2SG: infer, lift, render, train, repeat (Prakash et al., ICCV 2021; label alignment)."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from sim2sg_core.adaptation.calibration import calibrate
from sim2sg_core.adaptation.config import AdaptConfig
from sim2sg_core.adaptation.content import PriorLayout, frame_mounts, round_layouts
from sim2sg_core.adaptation.frames import Frame, collect_frames
from sim2sg_core.adaptation.state import Run
from sim2sg_core.adaptation.summary import report_run
from sim2sg_core.domains import Domain
from sim2sg_core.learning import TrainConfig, train
from sim2sg_core.lifting.ground import mount_of_ground, with_mount
from sim2sg_core.model import build_network, export_onnx, load_network
from sim2sg_core.progress import Progress
from sim2sg_core.runtime import Predictor
from sim2sg_core.runtime.preprocessing import letterbox
from sim2sg_core.scene import Camera, Layout, SceneGraph
from sim2sg_core.scene.graph import load_graphs, save_graphs, write_json
from sim2sg_core.synthesis import read_dataset, render_dataset

HELD_OUT_SHARE = 0.1  # of a stage's scenes: rendered for calibration, never trained on
MIN_HELD_OUT = 32


def adapt(config: AdaptConfig, domain: Domain, out: Path) -> Path:
    """Adapts a domain to the logs; a run that was stopped continues.

    Args:
        config: Resolved settings.
        domain: What to look for.
        out: The run's folder.

    Returns:
        Path of the final model, `out/model.onnx`.

    Raises:
        Sim2SGError: Bad settings or logs, told before any work starts.
    """
    run = Run(out)
    run.begin({**config.to_json(), "domain": domain.to_json()})
    assert config.rounds is not None
    with run.timed("frames", f"sampling up to {config.frames} frames of the log"):
        frames, intrinsics, mount = collect_frames(config, domain, out / "frames")
    mount = mount or "estimated from the log"
    print(f"  {len(frames)} frames; intrinsics: {intrinsics}; mount: {mount}", file=sys.stderr, flush=True)
    stages = [source_stage(run, config, domain, frames)]
    for number in range(1, config.rounds + 1):
        stages.append(round_stage(run, config, domain, frames, stages[-1], number))
    final = out / "model.onnx"
    temporary = out / ".model.onnx.tmp"
    shutil.copyfile(stages[-1] / "model.onnx", temporary)
    temporary.replace(final)
    with run.timed("report", "inferring with the final model, drawing"):
        # Every stage's graphs on the log: those of the rounds were needed to go on, the last model's are new.
        inferred = [stage / "inferred.json" for stage in stages]
        infer_frames(final, frames, domain, inferred[-1])
        facts = {
            "intrinsics": intrinsics,
            "mount": mount,
            "log": ", ".join(Path(log).name for log in config.logs),
        }
        report_run(run, config, domain, frames, stages, inferred, facts)
    return final


def source_stage(run: Run, config: AdaptConfig, domain: Domain, frames: Sequence[Frame]) -> Path:
    """Trains on prior scenes alone: the model that only knows the hand-written generator."""
    folder = run.stage_folder("source")
    rng = np.random.default_rng([config.seed, 0])
    prior = PriorLayout(domain, frames)
    assert config.source_frames is not None and config.source_steps is not None
    with run.timed("source/render", f"{config.source_frames} prior scenes"):
        _render(config, domain, folder, config.source_frames, lambda n: [prior(rng) for _ in range(n)], 0)
    with run.timed("source/train", f"{config.source_steps} steps"):
        _train(config, domain, folder, config.source_steps, None)
    with run.timed("source/export", "calibrating and exporting"):
        _export(config, domain, folder, frames, frames[0].camera)
    return folder


def round_stage(
    run: Run, config: AdaptConfig, domain: Domain, frames: Sequence[Frame], previous: Path, number: int
) -> Path:
    """One round of label alignment, from the previous stage's model."""
    name = f"round_{number}"
    folder = run.stage_folder(name)
    rng = np.random.default_rng([config.seed, number])
    assert config.round_frames is not None and config.round_steps is not None and config.prior_share is not None
    share = config.prior_share
    with run.timed(f"{name}/infer", f"{len(frames)} frames of the log"):
        graphs = infer_frames(previous / "model.onnx", frames, domain, previous / "inferred.json")
    with run.timed(f"{name}/render", f"{config.round_frames} scenes rebuilt from the log ({share:.0%} prior)"):
        prior = PriorLayout(domain, frames)
        _render(
            config,
            domain,
            folder,
            config.round_frames,
            lambda n: round_layouts(graphs, domain, n, share, rng, prior),
            number,
        )
    with run.timed(f"{name}/train", f"{config.round_steps} steps"):
        _train(config, domain, folder, config.round_steps, previous / "train" / "checkpoint.pt")
    with run.timed(f"{name}/export", "calibrating and exporting"):
        _export(config, domain, folder, frames, usual_camera(graphs))
    return folder


def usual_camera(graphs: Sequence[SceneGraph]) -> Camera:
    """Returns the log's camera on its median mount: what a model assumes of images without a better word."""
    cameras = [graph.camera for graph in graphs if graph.camera is not None and graph.camera.ground is not None]
    mounts = np.array([mount_of_ground(camera.ground) for camera in cameras if camera.ground is not None])
    return with_mount(cameras[0], np.median(mounts, axis=0))


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
    mounts = frame_mounts(frames, floating, domain)
    graphs = [
        dataclasses.replace(output.graph(with_mount(frame.camera, mount)), file=frame.file, stamp=frame.stamp)
        for output, frame, mount in zip(outputs, frames, mounts, strict=True)
    ]
    save_graphs(out, graphs, predictor.info.model_id)
    return graphs


def _render(
    config: AdaptConfig,
    domain: Domain,
    folder: Path,
    count: int,
    draw: Callable[[int], list[Layout]],
    stage: int,
) -> None:
    """Renders a stage's scenes to `data` and a tenth as many to `held_out`."""
    held_out = max(MIN_HELD_OUT, round(count * HELD_OUT_SHARE))
    seeds = np.random.SeedSequence([config.seed, stage, 1]).generate_state(count + held_out)
    file = folder / "layouts.json"
    if file.exists():
        layouts = [Layout.from_json(item) for item in json.loads(file.read_text())]
    else:
        layouts = draw(count + held_out)
        write_json(file, [layout.to_json() for layout in layouts])
    jobs = [(int(seed), layout) for seed, layout in zip(seeds, layouts, strict=True)]
    for name, part in (("data", jobs[:count]), ("held_out", jobs[count:])):
        with Progress(len(part), f"render {name}", unit="frames") as progress:
            render_dataset(domain, part, folder / name, workers=config.workers, progress=progress)


def _train(config: AdaptConfig, domain: Domain, folder: Path, steps: int, start: Path | None) -> None:
    """Trains on the stage's scenes, from `start` or from scratch."""
    assert config.backbone is not None and config.batch is not None and config.learning_rate is not None
    if start is None:
        network = build_network(domain, backbone=config.backbone, seed=config.seed)
    else:
        network, _ = load_network(start)
    settings = TrainConfig(
        steps=steps,
        batch=config.batch,
        learning_rate=config.learning_rate,
        seed=config.seed,
        device=config.device,
    )
    with Progress(steps, "train", unit="steps") as progress:
        train(network, domain, [(folder / "data", 1.0)], settings, folder / "train", progress.update)


def _export(config: AdaptConfig, domain: Domain, folder: Path, frames: Sequence[Frame], camera: Camera) -> None:
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
        images=np.stack([letterbox(f.image(), domain.input.width, domain.input.height)[0] for f in frames[:2]]),
    )
