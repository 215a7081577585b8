"""The training loop, top to bottom."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os.path import relpath
from pathlib import Path

from torch import Tensor

from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.folder_lock import locked
from sim2sg_core.learning.data import Batches, Record, load_records, prepared
from sim2sg_core.learning.metrics import MetricsLog, restore_metrics
from sim2sg_core.learning.negatives import load_negatives
from sim2sg_core.learning.real import RealBatch, RealBatches, RealImage
from sim2sg_core.learning.train_config import TrainConfig
from sim2sg_core.learning.train_state import TrainState, load_run, run_identity
from sim2sg_core.model.losses import Targets
from sim2sg_core.model.model_config import ModelConfig
from sim2sg_core.model.network import SceneGraphNetwork
from sim2sg_core.model.ranks import ALONE, Ranks
from sim2sg_core.scene.graph import write_json

Inputs = Callable[[int], tuple[Targets, RealBatch | None]]


def train(
    network: SceneGraphNetwork,
    domain: Domain,
    datasets: Sequence[tuple[Path | str, float]],
    config: TrainConfig,
    out_dir: Path | str,
    progress: Callable[..., object] | None = None,
    real: Sequence[RealImage] = (),
    origin: str | None = None,
    labeller: SceneGraphNetwork | None = None,
    ranks: Ranks = ALONE,
    negatives: Sequence[tuple[Path | str, float]] = (),
) -> Path:
    """Trains a network, or continues where the same call was interrupted.

    A damaged checkpoint is named on stderr, and the training begins anew.

    `out_dir` receives `checkpoint.pt`, `train.json` (the resolved settings), `metrics.jsonl` and TensorBoard
    events. Called again when finished, it returns at once.

    Args:
        network: Where to start from; ends up with the trained (not averaged) weights, on the CPU.
        domain: Its domain.
        datasets: Folders of labelled images and their shares among the images of a step.
        config: Settings.
        out_dir: The run's folder.
        progress: Called as `progress(1)` after every step (`loss=` added now and then), and first, with `resumed=True`
            added, with the number of steps that an earlier call finished.
        real: Images of the log, without labels, for `config.align` and `config.augment.style_transfer`.
        origin: Of a caller to whom the folder belongs: hash of all that the run is made from. A run with another one,
            or with other settings, is then begun anew; else it is refused.
        labeller: Teaches on real images, where `config.align.teacher_update` is "frozen".
        ranks: The processes that call this together, each for its slice of every step's images. The first one reads
            and writes `out_dir`, and tells of progress. How many they are may differ from start to start.
        negatives: Logs that show nothing of the domain, and their shares, beside those of `datasets`.

    Returns:
        Path of the checkpoint, with the averaged weights under "ema".

    Raises:
        Sim2SGError: Settings, data sets or an existing run in `out_dir` that do not fit, a switch that needs real
            images and none given, or another process at work in `out_dir`.
    """
    config.validate()
    ranks.check(config.labelled, config.unlabelled)
    out = Path(out_dir)
    checkpoint = out / "checkpoint.pt"
    sources = Sources(datasets, negatives, real)
    identity = run_identity(network, domain, sources.shares, config, len(real))
    if origin is not None:
        identity["origin"] = origin
    # Before the folder is made: mistakes are told before anything is written.
    inputs = None if checkpoint.exists() else step_inputs(sources, domain, network.config, config, ranks)
    with locked(out) if ranks.leads else contextlib.nullcontext():
        saved = ranks.from_first(lambda: load_run(checkpoint, identity, owned=origin is not None))
        rows = saved.get("metrics", []) if saved else []  # Checkpoints of earlier versions have none.
        state = TrainState(network, config, saved, labeller, ranks)
        if ranks.leads:  # In any case: a power cut can have spoiled it.
            write_json(out / "train.json", {**identity, "settings": config.to_json(), **sources.places(out)}, indent=1)
        if state.step < config.steps:
            inputs = inputs or step_inputs(sources, domain, network.config, config, ranks)
            log = MetricsLog(out, rows, state.step) if ranks.leads else None
            if log and progress and state.step:
                progress(state.step, resumed=True)
            run_steps(state, inputs, log, lambda kept: state.save(checkpoint, domain, identity, kept), progress)
            if log:
                log.close()
        elif ranks.leads:
            if rows:
                restore_metrics(out, rows)
            if progress:
                progress(config.steps, resumed=True)
    network.cpu().eval()
    return checkpoint


@dataclass(frozen=True)
class Sources:
    """Where a training's images come from; see `train`."""

    datasets: Sequence[tuple[Path | str, float]]
    negatives: Sequence[tuple[Path | str, float]] = ()
    real: Sequence[RealImage] = ()

    @property
    def shares(self) -> list[float]:
        """Of the images of a step, in the order of `records`."""
        return [share for _, share in [*self.datasets, *self.negatives]]

    def places(self, out: Path) -> dict[str, list[str]]:
        """Returns the folders, relative to the run's, for `train.json`."""
        named = {"data": self.datasets, "negatives": self.negatives}
        return {key: [relpath(folder, out) for folder, _ in pairs] for key, pairs in named.items() if pairs}

    def records(self, domain: Domain) -> list[tuple[list[Record], float]]:
        """Reads the labelled images, with their shares. Raises Sim2SGError for no data set of the domain, or no log."""
        labelled = [(load_records(folder, domain), share) for folder, share in self.datasets]
        return labelled + [(load_negatives(log), share) for log, share in self.negatives]


def step_inputs(
    sources: Sources,
    domain: Domain,
    model: ModelConfig,
    config: TrainConfig,
    ranks: Ranks = ALONE,
) -> Inputs:
    """Returns what makes the labelled batch of a step, and its images without labels where settings ask for them.

    Raises:
        Sim2SGError: As `train` does.
    """
    reals = RealBatches(sources.real, domain, model, config, ranks) if config.needs_real else None
    styles = reals.styles() if reals and config.augment.style_transfer > 0 else []
    batches = Batches(sources.records(domain), domain, model, config, styles, ranks)

    def inputs(step: int) -> tuple[Targets, RealBatch | None]:
        return batches.batch(step), reals.batch(step) if reals else None

    return inputs


def run_steps(
    state: TrainState,
    inputs: Inputs,
    log: MetricsLog | None,
    save: Callable[[Sequence[dict[str, float]]], None],
    progress: Callable[..., object] | None,
) -> None:
    """Takes the steps that are left; logs and saves as often as the settings say, and at the last step.

    Only the process with a `log` saves, and tells of progress.

    Raises:
        Sim2SGError: The loss is not finite.
    """
    config = state.config
    then = time.monotonic()
    for labelled, real in prepared(inputs, state.step, config.steps, config.workers):
        rate = state.rate
        values = state.advance(labelled, real)
        last = state.step == config.steps
        if state.step % config.log_every == 0 or last:
            values = state.ranks.total_losses(values)
            check_loss(values, state.step, config)
            now = time.monotonic()
            speed = config.batch * config.log_every / max(now - then, 1e-9)
            if log:
                log.write(state.step, metrics(values, rate, config.unlabelled if real else None), speed)
            then = now
        if log and (state.step % config.save_every == 0 or last):
            save(log.rows)
        if log and progress:
            progress(1, **({"loss": float(values["loss"])} if state.step % config.log_every == 0 else {}))


def check_loss(values: dict[str, Tensor], step: int, config: TrainConfig) -> None:
    """Stops a run that diverges. Raises Sim2SGError when the loss is not finite."""
    loss = float(values["loss"])
    if not math.isfinite(loss):
        raise Sim2SGError(f"the loss is {loss} at step {step}: lower learning_rate ({config.learning_rate})")


def metrics(values: dict[str, Tensor], rate: float, real_images: int | None) -> dict[str, float]:
    """Returns what is logged of a step: its losses, and how it went."""
    counted = {} if real_images is None else {"real_images": real_images}
    return {
        **{name: float(value) for name, value in values.items()},
        "learning_rate": rate,
        **counted,
    }
