"""`sim2sg train`: trains a network on labelled images alone."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sim2sg_core.allocator import prepare_training
from sim2sg_core.cli.options import (
    add_allow_outside,
    add_fleet,
    add_negatives,
    add_ranks,
    check_ranks,
    listed_negatives,
    parse_shared,
)
from sim2sg_core.domains import load_domain
from sim2sg_core.domains.credits import write_credits
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.files import make_folder
from sim2sg_core.fleet import Fleet, opened
from sim2sg_core.progress import Progress

if TYPE_CHECKING:
    from sim2sg_core.model.ranks import Ranks

HELP = "train a network on rendered (or other labelled) images"
EXAMPLE = "sim2sg train --domain clevr --data frames/ --out runs/clevr"
RESUMES = True
Shared = tuple[Path, float]
"""A folder or log, and its share."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the options."""
    parser.add_argument("--domain", required=True, help="name of a built-in domain, or its YAML file")
    add_allow_outside(parser, "meshes and pictures that the domain's file names")
    parser.add_argument(
        "--data",
        required=True,
        nargs="+",
        type=parse_shared,
        metavar="DIR[:SHARE]",
        help="folders of `sim2sg synth`; the images of a step are divided among them in proportion to their shares"
        " (default share: 1)",
    )
    add_negatives(parser)
    parser.add_argument("--out", required=True, type=Path, help="folder of the run; an interrupted run is continued")
    parser.add_argument("--steps", type=int, help="optimiser steps (default: the domain's)")
    parser.add_argument("--batch", type=int, help="images per step (default: the domain's)")
    parser.add_argument("--learning-rate", type=float, help="peak learning rate (default: the domain's)")
    parser.add_argument("--backbone", help="lite0 (ImageNet weights) or small (default: the domain's)")
    parser.add_argument("--freeze", type=int, help="number of frozen backbone blocks (default: the domain's)")
    parser.add_argument(
        "--start", metavar="FILE|NAME", help="checkpoint to start from, or the name of one that ships (default: none)"
    )
    parser.add_argument("--plain", action="store_true", help="no augmentation")
    parser.add_argument("--seed", type=int, default=0, help="decides weights, order and augmentation (default: 0)")
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    parser.add_argument(
        "--workers", type=int, default=1, help="processes that prepare images; use several with a GPU (default: 1)"
    )
    parser.add_argument("--save-every", type=int, default=200, help="steps between checkpoints (default: 200)")
    add_fleet(parser)
    add_ranks(parser)


def run(args: argparse.Namespace) -> int:
    """Trains, or continues training, and says where the checkpoint is."""
    prepare_training()
    from sim2sg_core.model.ranks import of_torchrun

    check_ranks(args)
    with of_torchrun(args.device) as (ranks, device), opened(args.ray) as fleet:
        if args.ray:
            make_folder(args.out)
            fleet.check(args.out)
        _train(args, ranks, device, fleet)
    return 0


def _train(args: argparse.Namespace, ranks: Ranks, device: str, fleet: Fleet) -> None:
    """Trains as one process of those that torchrun started, or with a fleet."""
    from sim2sg_core.learning import AugmentConfig, TrainConfig, TrainJob, train
    from sim2sg_core.model import build_network, load_start
    from sim2sg_core.model.checkpoint import find_checkpoint

    domain = load_domain(args.domain, allow_outside=args.allow_outside)
    defaults = domain.training
    config = TrainConfig(
        steps=defaults.source_steps if args.steps is None else args.steps,
        batch=defaults.batch if args.batch is None else args.batch,
        learning_rate=defaults.learning_rate if args.learning_rate is None else args.learning_rate,
        freeze=defaults.freeze if args.freeze is None else args.freeze,
        augment=AugmentConfig.none() if args.plain else AugmentConfig.of_domain(defaults),
        seed=args.seed,
        device=device,
        workers=args.workers,
        save_every=args.save_every,
    )
    config.validate()
    datasets, negatives = divided(args.data, listed_negatives(args.negatives or ()))
    if args.start is None:
        network = build_network(domain, backbone=args.backbone, seed=args.seed)
    else:
        network = load_start(args.start, domain)
    part = partial(train, network, domain, datasets, config, args.out, ranks=ranks, negatives=negatives)
    if not ranks.leads:
        part()
        return
    with Progress(config.steps, "training", unit="steps") as progress:
        if ranks.world > 1:
            checkpoint = part(progress.update)
        else:
            job = TrainJob(network, domain, datasets, config, args.out, negatives=negatives)
            checkpoint = job.train_on(fleet, args.ranks, progress.update)
    begun = [] if args.start is None else [find_checkpoint(args.start)]
    write_credits(args.out, domain, [*(folder for folder, _ in [*datasets, *negatives]), *begun])
    print(f"{checkpoint}: trained for {config.steps} steps; `sim2sg export --checkpoint {checkpoint}` is next")


def divided(data: Sequence[Shared], negatives: Sequence[Shared]) -> tuple[list[Shared], list[Shared]]:
    """Returns data sets and negatives with their shares of the images; the negatives' are those that were given.

    Raises:
        Sim2SGError: The negatives leave nothing to the data.
    """
    left = 1.0 - sum(share for _, share in negatives)
    if left <= 0:
        raise Sim2SGError(
            f"--negatives: their shares are {1 - left:g} together and leave no image to --data: lower one"
        )
    total = sum(share for _, share in data)
    if negatives and total > 0:
        data = [(folder, left * share / total) for folder, share in data]
    return list(data), list(negatives)
