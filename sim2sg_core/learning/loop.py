"""The training loop, top to bottom."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.learning.config import TrainConfig, difference
from sim2sg_core.learning.data import Batches, load_records, prepared
from sim2sg_core.learning.ema import WeightAverage
from sim2sg_core.learning.metrics import MetricsLog
from sim2sg_core.learning.optimiser import frozen_blocks, learning_rate, make_optimiser
from sim2sg_core.learning.real import RealBatch, RealBatches, RealImage
from sim2sg_core.learning.step import train_step
from sim2sg_core.learning.unlabelled import Unlabelled
from sim2sg_core.model.checkpoint import load_checkpoint, save_checkpoint
from sim2sg_core.model.losses import Targets
from sim2sg_core.model.network import SceneGraphNetwork
from sim2sg_core.scene.graph import write_json


def train(
    network: SceneGraphNetwork,
    domain: Domain,
    datasets: Sequence[tuple[Path | str, float]],
    config: TrainConfig,
    out_dir: Path | str,
    progress: Callable[..., object] | None = None,
    real: Sequence[RealImage] = (),
) -> Path:
    """Trains a network, or continues where the same call was interrupted.

    `out_dir` receives `checkpoint.pt`, `train.json` (the resolved settings), `metrics.jsonl` and TensorBoard
    events. Called again when finished, it returns at once.

    Args:
        network: Where to start from; ends up with the trained (not averaged) weights, on the CPU.
        domain: Its domain.
        datasets: Folders of labelled images and their shares among the images of a step.
        config: Settings.
        out_dir: The run's folder.
        progress: Called as `progress(1)` after every step (`loss=` added now and then), and first with the
            number of steps that an earlier call finished.
        real: Images of the log, without labels, for `config.align` and `config.augment.style`.

    Returns:
        Path of the checkpoint, with the averaged weights under "ema".

    Raises:
        Sim2SGError: Settings, data sets or an existing run in `out_dir` that do not fit, or a switch that needs
            real images and none given.
    """
    config.validate()
    out = Path(out_dir)
    checkpoint = out / "checkpoint.pt"
    # 1. What this run is: everything that decides its result.
    identity = {
        "train": config.identity(),
        "model": json.loads(json.dumps(network.config.to_json())),
        "domain": domain.hash(),
        "shares": [float(share) for _, share in datasets],
        **({"real": len(real)} if config.needs_real else {}),
    }
    saved = load_checkpoint(checkpoint) if checkpoint.exists() else None
    if saved and saved["identity"] != identity:
        raise Sim2SGError(
            f"{out}: holds a run with other settings ({difference(saved['identity'], identity)}): "
            "give the same settings to continue it, or another folder"
        )
    # 2. The parts.
    freeze = frozen_blocks(network, config)
    network.freeze(freeze)
    device = torch.device(config.device)
    network.to(device).train()
    if saved:
        network.load_state_dict(saved["network"])
    average = WeightAverage(network, config.ema)
    unlabelled = Unlabelled(network, average, config)
    optimiser = make_optimiser(network, config, unlabelled.discriminators)
    start = 0
    if saved:
        optimiser.load_state_dict(saved["optimiser"])
        average.load(saved["ema"], saved["ema_updates"])
        unlabelled.discriminators.load_state_dict(saved.get("discriminators", {}))
        start = int(saved["step"])
        if start >= config.steps:
            if progress:
                progress(config.steps)
            network.cpu().eval()
            return checkpoint
    reals = RealBatches(real, domain, network.config, config) if config.needs_real else None
    styles = reals.styles() if reals and config.augment.style > 0 else []
    sources = [(load_records(folder), share) for folder, share in datasets]
    batches = Batches(sources, domain, network.config, config, styles)
    resolved = {**identity, "settings": config.to_json(), "data": [str(folder) for folder, _ in datasets]}
    write_json(out / "train.json", resolved, indent=1)
    log = MetricsLog(out, start)
    if progress and start:
        progress(start)

    def images(step: int) -> tuple[Targets, RealBatch | None]:
        return batches.batch(step), reals.batch(step) if reals else None

    # 3. The loop.
    then = time.monotonic()
    for step, (synthetic, seen) in enumerate(prepared(images, start, config.steps, config.workers), start):
        rate = learning_rate(step, config)
        for group in optimiser.param_groups:
            group["lr"] = config.learning_rate * rate * group["scale"]
        seen = seen.to(device) if seen else None
        values = train_step(network, optimiser, synthetic.to(device), config, seen, unlabelled, step)
        average.update(network)
        done = step + 1
        if done % config.log_every == 0 or done == config.steps:
            loss = float(values["loss"])
            if loss != loss or loss in (float("inf"), float("-inf")):
                raise Sim2SGError(f"the loss is {loss} at step {done}: lower learning_rate ({config.learning_rate})")
            now = time.monotonic()
            rates = {"learning_rate": config.learning_rate * rate}
            if seen:
                rates["real_images"] = len(seen.weak)
            rates["images_per_second"] = config.batch * config.log_every / max(now - then, 1e-9)
            log.write(done, {**{k: float(v) for k, v in values.items()}, **rates})
            then = now
        if done % config.save_every == 0 or done == config.steps:
            save_checkpoint(
                checkpoint,
                network,
                domain,
                identity=identity,
                ema=average.state(),
                ema_updates=average.updates,
                optimiser=optimiser.state_dict(),
                step=done,
                discriminators=unlabelled.discriminators.state_dict(),
                frozen_blocks=freeze,
            )
        if progress:
            progress(1, **({"loss": loss} if done % config.log_every == 0 else {}))
    log.close()
    network.cpu().eval()
    return checkpoint
