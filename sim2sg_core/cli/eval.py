"""`sim2sg eval`: scores a model, or graphs that it wrote, on a labelled data set."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from sim2sg_core.cli.eval_pictures import draw_mistakes
from sim2sg_core.cli.eval_tables import format_figures, format_heights
from sim2sg_core.cli.options import (
    add_allow_outside,
    add_provider,
    add_relations,
    check_least,
    check_not_input,
    check_output,
    check_output_folder,
)
from sim2sg_core.domains import Domain, load_domain
from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.evaluation import FORMATS, TargetImage, evaluate, evaluate_predcls, find_doubts, load_targets
from sim2sg_core.evaluation.datasets import FORMER_NAMES, protocol_for
from sim2sg_core.evaluation.recall_by_height import score_by_height
from sim2sg_core.evaluation.record import append_evaluation
from sim2sg_core.packs.pack import installed_packs
from sim2sg_core.progress import Progress
from sim2sg_core.report.anonymise import promise
from sim2sg_core.scene.class_mapping import ClassMapping
from sim2sg_core.scene.graph import Relation, SceneGraph, load_graphs, write_json

if TYPE_CHECKING:
    from sim2sg_core.model import SceneGraphNetwork

HELP = "score a model on labelled images: average precision and relation recall"
EXAMPLE = "sim2sg eval --model dining --data labelled/ --format coco --map dining_table=table --out eval.json"

CHECKPOINT_SUFFIXES = (".pt", ".pth")


@dataclass(frozen=True)
class Predictions:
    """What is to be scored.

    Attributes:
        model: The model's id.
        domain: Its domain.
        graphs: One per image.
        given: PredCls: relations between given boxes by image name; None when not predicted.
        relations: What decided the relations of the graphs, "learned", "rule" or "both"; of several, joined by
            " and "; None when unknown.
    """

    model: str
    domain: Domain
    graphs: list[SceneGraph]
    given: dict[str, list[Relation]] | None = None
    relations: str | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--model",
        type=Path,
        metavar="FILE|NAME",
        help="model.onnx, the name of a model that ships, or a checkpoint (.pt), for which PredCls is scored too",
    )
    what.add_argument("--graphs", type=Path, metavar="JSON", help="what `sim2sg infer` wrote for these images")
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the labelled data set; for COCO also its JSON file",
    )
    parser.add_argument(
        "--format",
        choices=(*FORMATS, *FORMER_NAMES),
        required=True,
        metavar="FORMAT",
        help=f"one of {', '.join(FORMATS)}",
    )
    parser.add_argument(
        "--map",
        metavar="NAME=CLASS,…",
        help="with --format coco: the domain's names for classes and predicates of the labels, as dining_table=table",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="JSON", help="file for the figures")
    parser.add_argument(
        "--domain",
        metavar="NAME|YAML",
        help="with --graphs: the domain of their model (default: the built-in domain of the format)",
    )
    add_allow_outside(parser, "images that the data set names")
    add_provider(parser)
    add_relations(parser)
    parser.add_argument(
        "--mistakes",
        type=Path,
        metavar="DIR",
        help="also draw every image with errors, with the kind of each, and list them in mistakes.json",
    )
    parser.add_argument(
        "--anonymise",
        action="store_true",
        help="blur people and vehicles in these pictures that are labelled or that the model finds; others are not"
        " blurred",
    )
    parser.add_argument(
        "--log-evaluations",
        type=Path,
        metavar="JSONL",
        help="also append date, commit and figures to this file, as a record of every evaluation on these labels",
    )


def run(args: argparse.Namespace) -> int:
    """Predicts, scores, prints a table and writes the figures."""
    check_least(args, "threads", 0)
    args.format = FORMER_NAMES.get(args.format, args.format)
    check_output(args.out)
    check_not_input(args.out, [args.graphs, args.model, args.data])
    if args.log_evaluations:
        check_output(args.log_evaluations)
    if args.mistakes:
        check_output_folder(args.mistakes)
        if args.mistakes.is_dir() and any(args.mistakes.iterdir()):
            raise Sim2SGError(f"{args.mistakes}: is not empty: give --mistakes a new folder")
    if args.anonymise and not args.mistakes:
        raise Sim2SGError("--anonymise is for pictures: give --mistakes DIR too, or leave it out")
    if args.graphs:
        if args.relations != "auto":
            raise Sim2SGError("--relations goes with --model: graphs hold what `sim2sg infer --relations` wrote")
        predictions, targets = read_predictions(args)
    else:
        if args.domain:
            raise Sim2SGError("--domain goes with --graphs: a model carries its own domain; leave it out")
        predictions, targets = predict(args)
    if not targets:
        raise Sim2SGError(f"{args.data}: no images in it; give labelled images")
    domain = predictions.domain
    protocol = protocol_for(args.format, domain)
    figures = evaluate(predictions.graphs, targets, domain, args.format)
    if predictions.given is not None:
        figures |= evaluate_predcls(predictions.given, targets, domain, args.format)
    by_height = score_by_height(predictions.graphs, targets, domain, args.format)
    doubts = find_doubts(predictions.graphs, targets, domain, args.format)
    result = {
        "model": predictions.model,
        "source": str(args.graphs or args.model),
        "data": str(args.data),
        "format": args.format,
        "domain": domain.name,
        "relations": predictions.relations,
        "rules": [{"name": r.name, "rule": r.rule, "margin": r.margin} for r in domain.rules()],
        "metrics": figures,
        "by_height": by_height,
        "doubts": doubts,
    }
    write_json(args.out, result, indent=1)
    if args.log_evaluations:
        append_evaluation(args.log_evaluations, result)
    print(format_figures(figures, protocol.levels))
    print(format_heights(by_height))
    for doubt in doubts:
        print(f"mind: {printable(doubt)}")
    print(f"figures in {args.out}")
    if args.mistakes:
        print(draw_mistakes(args.mistakes, predictions.graphs, targets, protocol, args.anonymise))
    return 0


def labelled(args: argparse.Namespace, domain: Domain) -> list[TargetImage]:
    """Reads the data set that the options name, and says what will be blurred in its pictures."""
    if args.anonymise:
        print(promise(domain.class_names, "leave out --mistakes to write no pictures"), file=sys.stderr)
    mapping = ClassMapping.parse(args.map, "--map") if args.map else None
    return load_targets(args.data, args.format, domain, allow_outside=args.allow_outside, mapping=mapping)


def read_predictions(args: argparse.Namespace) -> tuple[Predictions, list[TargetImage]]:
    """Reads graphs that were predicted before."""
    model, graphs = load_graphs(args.graphs)
    usual = (pack.name for pack in installed_packs().values() if args.format in pack.label_formats)
    name = args.domain or next(usual, None)
    if name is None:
        raise Sim2SGError(f"--graphs with --format {args.format}: say which domain with --domain NAME|YAML")
    domain = load_domain(name, allow_outside=args.allow_outside)
    found = {item.label for graph in graphs for item in graph.objects}
    if found and not found & set(domain.class_names):
        raise Sim2SGError(
            f"{args.graphs}: none of its classes ({', '.join(map(printable, sorted(found)[:5]))}) is one of domain"
            f" {domain.name}: give the domain of the model that made it with --domain"
        )
    return Predictions(model, domain, graphs), labelled(args, domain)


def predict(args: argparse.Namespace) -> tuple[Predictions, list[TargetImage]]:
    """Runs the model on every labelled image; a checkpoint through a temporary export."""
    from sim2sg_core.runtime import load_info

    if args.model.suffix not in CHECKPOINT_SUFFIXES:
        info = load_info(args.model)
        targets = labelled(args, info.domain)
        graphs, relations = run_model(args.model, targets, args)
        return Predictions(info.model_id, info.domain, graphs, relations=relations), targets
    from sim2sg_core.model import export_onnx, load_network

    network, domain = load_network(args.model)
    targets = labelled(args, domain)
    with tempfile.TemporaryDirectory() as folder:
        onnx = export_onnx(network, domain, Path(folder) / "model.onnx", model_id=args.model.stem)
        graphs, relations = run_model(onnx, targets, args)
    given = predict_given(network, domain, targets)
    return Predictions(args.model.stem, domain, graphs, given, relations), targets


def run_model(model: Path, targets: Sequence[TargetImage], args: argparse.Namespace) -> tuple[list[SceneGraph], str]:
    """Predicts the unthresholded graph of every image through onnxruntime.

    Returns:
        The graphs, and what decided their relations.
    """
    from sim2sg_core.runtime import DecodeOptions, Predictor
    from sim2sg_core.runtime.relation_scores import usable_relations

    options = DecodeOptions(relations=args.relations)
    predictor = Predictor(model, provider=args.provider, threads=args.threads)
    graphs = []
    with Progress(len(targets), "predicting", unit="images") as progress:
        for target in targets:
            image = target.image()
            graphs.append(predictor.predict(image, target.camera, options, file=target.file))
            progress.update()
    used = {usable_relations(predictor.info, options.relations, graph.camera) for graph in graphs}
    return graphs, " and ".join(sorted(used))


def predict_given(
    network: SceneGraphNetwork, domain: Domain, targets: Sequence[TargetImage]
) -> dict[str, list[Relation]]:
    """Predicts the relations between the labelled boxes (PredCls), in torch."""
    import torch

    from sim2sg_core.runtime.preprocessing import letterbox

    found: dict[str, list[Relation]] = {}
    with Progress(len(targets), "predicting between given boxes", unit="images") as progress:
        for target in targets:
            truth = target.truth_graph()
            if truth.relations:
                image, fit = letterbox(target.image(), network.config.input)
                boxes = fit.to_input(truth.boxes().reshape(-1, 2, 2)).reshape(-1, 4)
                # A class that the model does not know is padding (-1): its facts are missed.
                names = domain.class_names
                labels = [names.index(o.label) if o.label in names else -1 for o in truth.objects]
                probabilities = network.relations_for_boxes(
                    torch.from_numpy(image)[None],
                    torch.tensor(boxes, dtype=torch.float32)[None],
                    torch.tensor(labels)[None],
                )[0].numpy()
                found[target.file] = [
                    Relation(int(s), domain.predicate_names[p], int(o), float(probabilities[s, o, p]))
                    for s, o, p in np.argwhere(probabilities > 0)
                ]
            progress.update()
    return found
