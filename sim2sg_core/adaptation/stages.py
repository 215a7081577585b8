"""What every stage of a run is made of: render scenes, train on them, calibrate, export."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from sim2sg_core.adaptation.log_frames import SampledFrame
from sim2sg_core.adaptation.mixing.mixed_frame import mixed_frames
from sim2sg_core.adaptation.plan import held_out_count
from sim2sg_core.adaptation.resolved_config import ResolvedConfig, StartCheckpoint
from sim2sg_core.adaptation.run_folder import Run, Watcher
from sim2sg_core.adaptation.selection.criteria import network_images
from sim2sg_core.adaptation.selection.score_calibration import calibrate
from sim2sg_core.cores import usable_cores
from sim2sg_core.domains import Domain
from sim2sg_core.domains.domain_spec import TrainingSpec
from sim2sg_core.fleet import ONE_MACHINE, Fleet
from sim2sg_core.learning import AlignConfig, AugmentConfig, TrainConfig, TrainJob
from sim2sg_core.learning.real import RealImage
from sim2sg_core.learning.thresholds import class_thresholds, predicate_thresholds
from sim2sg_core.manifest import Artefact
from sim2sg_core.model import (
    SceneGraphNetwork,
    build_network,
    export_onnx,
    load_network,
    load_start,
    save_checkpoint,
)
from sim2sg_core.model.weight_mean import mean_network
from sim2sg_core.progress import Progress
from sim2sg_core.scene import Camera, Layout, SceneGraph
from sim2sg_core.scene.graph import load_graphs, write_json
from sim2sg_core.synthesis import read_dataset, render_dataset
from sim2sg_core.synthesis.dataset import files_of

logger = logging.getLogger(__name__)

LAYOUTS_FILE = "layouts.json"
MUCH_BARE = 0.5  # of the mixed frames
SHADOW_SIZE = 1024  # texels, of mixed frames: beside real shadows coarse ones are seen
MAX_LOADERS = 16  # more do not keep a GPU busier, and their batches take many open files


def render_stage(
    run: Run,
    config: ResolvedConfig,
    domain: Domain,
    folder: Path,
    count: int,
    draw: Callable[[int], Iterable[Layout]],
    stage: int,
) -> None:
    """Renders a stage's scenes to `data`, and a tenth as many (of a round's, where it trains none) to `held_out`."""
    held_out = held_out_count(config, count)

    def draw_layouts(path: Path) -> None:
        layouts = []
        with Progress(count + held_out, "lay out", unit="scenes") as progress:
            for layout in draw(count + held_out):
                # Rounded, what is rendered of the file would not be what was drawn.
                layouts.append(layout.to_json(exact=True))
                progress.update()
        write_json(path, layouts)

    # Read back: what is rendered is what is in the file, also by a run that is continued.
    layouts = run.cached(folder / LAYOUTS_FILE, draw_layouts, read_layouts)
    seeds = np.random.SeedSequence([config.seed, stage, 1]).generate_state(count + held_out)
    jobs = [(int(seed), layout) for seed, layout in zip(seeds, layouts, strict=True)]

    def render() -> None:
        for name, part in (("data", jobs[:count]), ("held_out", jobs[count:])):
            with Progress(len(part), f"render {name}", unit="frames") as progress:
                render_dataset(
                    domain,
                    part,
                    folder / name,
                    workers=config.workers,
                    progress=progress,
                    replace=True,
                    fleet=run.fleet,
                )

    run.ensure(lambda: [dataset_artefact(folder / name) for name in ("data", "held_out")], render)


def dataset_artefact(folder: Path) -> Artefact:
    """Returns what a run's manifest says of a data set: one entry for all its files."""
    return Artefact(folder, lambda: files_of(folder))


def mix_stage(
    run: Run,
    config: ResolvedConfig,
    domain: Domain,
    folder: Path,
    frames: Sequence[SampledFrame],
    graphs: Sequence[SceneGraph],
    stage: int,
) -> None:
    """Renders a stage's mixed frames to `mixed`: as many for its renders as a step has of both.

    Raises:
        Sim2SGError: No frame of the log knows its ground.
    """
    count = max(1, round(config.round_frames * config.method.mixing))
    seeds = np.random.SeedSequence([config.seed, stage, 2]).generate_state(count).tolist()
    paths = [frame.path for frame in frames]
    thresholds = dict(zip(domain.class_names, class_thresholds(graphs, domain.class_names), strict=True))

    def render() -> None:
        """Renders the objects to mix in, and pastes them into the frames."""
        rng = np.random.default_rng([config.seed, stage, 3])
        mixtures = mixed_frames(paths, graphs, domain, thresholds, count, rng)
        with Progress(count, "render mixed", unit="frames") as progress:
            # Outlines are blurred into the frame; ids and colours have to be of the same sample.
            render_dataset(
                domain,
                zip(seeds, mixtures, strict=True),
                folder / "mixed",
                workers=config.workers,
                progress=progress,
                samples=0,
                shadow_size=SHADOW_SIZE,
                replace=True,
                fleet=run.fleet,
            )

        warn_of_bare(folder / "mixed")

    run.ensure(lambda: [dataset_artefact(folder / "mixed")], render)


def warn_of_bare(mixed: Path) -> None:
    """Warns where most mixed frames had no free ground for rendered objects: they teach the model its own guesses."""
    scenes = [json.loads(path.read_bytes()) for path in sorted((mixed / "scenes").glob("*.json"))]
    bare = sum(not scene["layout"]["placements"] for scene in scenes)
    if bare >= MUCH_BARE * len(scenes):
        logger.warning(
            "%d of %d mixed frames show no free ground for rendered objects: they teach the model what it found there"
            " itself; leave mixing out (--mixing 0), or record the floor too",
            bare,
            len(scenes),
        )


def checkpoint_of(stage: Path) -> Path:
    """Returns the path of a stage's checkpoint."""
    return stage / "train" / "checkpoint.pt"


def train_source(
    config: ResolvedConfig,
    domain: Domain,
    folder: Path,
    origin: str,
    fleet: Fleet = ONE_MACHINE,
    view: Watcher | None = None,
) -> None:
    """Trains a new network on the stage's scenes, or takes the one to start from; see `train` for `origin`."""
    source = config.source
    if isinstance(source, StartCheckpoint):
        network = load_start(source.start, domain)
        save_checkpoint(checkpoint_of(folder), network, domain, frozen_blocks=network.frozen_blocks)
        return
    network = build_network(domain, backbone=source.backbone, seed=config.seed)
    settings = _train_config(config, domain.training, 0, source.source_steps, source.learning_rate)
    rendered = labelled_datasets(folder, [], negatives=config.negatives.share)
    job = TrainJob(network, domain, rendered, settings, folder / "train", origin=origin, negatives=negatives_of(config))
    _train(job, fleet, config.ranks, view)


def train_round(
    config: ResolvedConfig,
    domain: Domain,
    folder: Path,
    earlier: Sequence[Path],
    frames: Sequence[SampledFrame],
    graphs: Sequence[SceneGraph],
    number: int,
    origin: str,
    expected: Mapping[str, float] | None = None,
    fleet: Fleet = ONE_MACHINE,
    view: Watcher | None = None,
) -> None:
    """Trains the network of the last of the `earlier` stages further, on the stage's scenes.

    As the method says, scenes of earlier stages and frames of the log come in. `graphs` are what that network infers on
    the log, `expected` how many objects of a class are in them, where that is known better than by their scores. See
    `train` for `origin`.
    """
    method = config.method
    # The teacher's scores are to mean what they say; `calibrate` fits them anew afterwards.
    network = stage_network(earlier[-1])
    steps, rate = config.round_steps, config.round_learning_rate
    settings = _train_config(config, domain.training, number, steps, rate, method.style_transfer)
    labeller = None
    if method.learns_from_log and number > method.teacher_start_round:
        if method.teacher_update == "frozen":  # What the first model says, all rounds through.
            labeller, graphs = stage_network(earlier[0]), load_graphs(earlier[0] / "inferred.json")[1]
        align = AlignConfig(
            feature=method.feature,
            prediction=method.prediction,
            teacher=method.teacher,
            teacher_update=method.teacher_update,
            real_share=method.real_share,
            class_thresholds=class_thresholds(graphs, domain.class_names, expected),
            predicate_thresholds=predicate_thresholds(graphs, domain.predicate_names),
        )
        settings = dataclasses.replace(settings, align=align)
    real_images = [RealImage(frame.path, frame.camera) for frame in frames] if method.reads_log else []
    datasets = labelled_datasets(folder, earlier, method.replay, method.mixing, config.negatives.share)
    negatives = negatives_of(config)
    job = TrainJob(network, domain, datasets, settings, folder / "train", real_images, origin, labeller, negatives)
    _train(job, fleet, config.ranks, view)


def stage_network(stage: Path) -> SceneGraphNetwork:
    """Returns the network of a stage with the calibration that was fitted after its training."""
    network, _ = load_network(checkpoint_of(stage))
    fitted = json.loads((stage / "calibration.json").read_text())
    network.set_calibration(
        fitted["object_temperature"], fitted.get("object_bias", 0.0), fitted["relation_temperature"]
    )
    return network


def average_stages(domain: Domain, folder: Path, stages: Sequence[Path]) -> None:
    """Keeps the mean of the weights of several stages as the network of one more."""
    network = mean_network([checkpoint_of(stage) for stage in stages])
    save_checkpoint(checkpoint_of(folder), network, domain, frozen_blocks=network.frozen_blocks)


def export_stage(
    domain: Domain,
    folder: Path,
    model_id: str,
    frames: Sequence[SampledFrame],
    camera: Camera,
    held_out: Path | None = None,
) -> None:
    """Calibrates the scores on held-out scenes, keeps the fit in `calibration.json`, writes `model.onnx`.

    Args:
        domain: The domain.
        folder: Of the stage, with its checkpoint.
        model_id: Name of the model: one that the same run always gives again, so that graphs can be traced to it.
        frames: Of the log.
        camera: What the model assumes of images without a better word.
        held_out: Folder of the held-out scenes; None takes the stage's own.
    """
    network, _ = load_network(checkpoint_of(folder))
    report = calibrate(network, domain, read_dataset(held_out or folder / "held_out"))
    write_json(folder / "calibration.json", report, indent=1)
    export_onnx(
        network,
        domain,
        folder / "model.onnx",
        model_id=model_id,
        camera=camera,
        calibrated=True,
        images=network_images([f.path for f in frames[:2]], network.config.input),
    )


def found_shares_of(stage: Path) -> dict[str, float]:
    """Returns which share of each class's objects the scores of a stage's model account for, on its held-out scenes."""
    shares: dict[str, float] = json.loads((stage / "calibration.json").read_text())["found"]
    return shares


def read_layouts(path: Path) -> list[Layout]:
    """Reads the scenes of a stage."""
    return [Layout.from_json(item) for item in json.loads(path.read_text())]


def _train_config(
    config: ResolvedConfig,
    training: TrainingSpec,
    stage: int,
    steps: int,
    learning_rate: float,
    style_transfer: float = 0.0,
) -> TrainConfig:
    strong = config.method.strong_augmentation
    augment = AugmentConfig.of_domain(training) if strong else AugmentConfig.weak()
    settings = TrainConfig(
        steps=steps,
        batch=config.batch,
        learning_rate=learning_rate,
        freeze=training.freeze,
        augment=dataclasses.replace(augment, style_transfer=style_transfer),
        # Of its own: otherwise every round would see the same crops of the same frames.
        seed=int(np.random.SeedSequence([config.seed, stage, 5]).generate_state(1)[0]),
        device=config.device,
        workers=1 if config.device == "cpu" else min(config.workers or usable_cores(), MAX_LOADERS),
    )
    return settings if strong else dataclasses.replace(settings, ema=0.0)


def labelled_datasets(
    folder: Path, earlier: Sequence[Path], replay: float = 0.0, mixing: float = 0.0, negatives: float = 0.0
) -> list[tuple[Path, float]]:
    """Returns the data sets of a round and their shares of its labelled images.

    Args:
        folder: The round's; its own renders take what the others leave.
        earlier: Folders of the stages before; those that rendered nothing (they began with a checkpoint) do not count.
        replay: Share of all earlier stages together, in [0, 1].
        mixing: Share of the round's mixed frames, likewise.
        negatives: Share of images that show no object, likewise; they are not among the result.
    """
    old = [stage / "data" for stage in earlier if read_dataset(stage / "data")] if replay else []
    others = [(data, replay / len(old)) for data in old] + ([(folder / "mixed", mixing)] if mixing else [])
    return [(folder / "data", 1.0 - negatives - sum(share for _, share in others)), *others]


def negatives_of(config: ResolvedConfig) -> list[tuple[Path, float]]:
    """Returns the logs that show no object of the domain, and their shares of the labelled images."""
    return [(Path(log), share) for log, share in config.negatives.negatives]


def _train(job: TrainJob, fleet: Fleet, ranks: int, view: Watcher | None) -> None:
    with Progress(job.config.steps, "train", unit="steps") as progress:
        job.train_on(fleet, ranks, view.training(job.out, progress.update) if view else progress.update)
