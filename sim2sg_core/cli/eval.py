"""`sim2sg eval`: scores a model, or graphs that it wrote, on a labelled data set."""

from __future__ import annotations

import argparse
import datetime
import itertools
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim2sg_core.cli.options import add_allow_outside, add_provider, add_relations, check_least, check_output
from sim2sg_core.cli.text_table import table
from sim2sg_core.domains import Domain, load_domain
from sim2sg_core.errors import Sim2SGError, printable
from sim2sg_core.evaluation import FORMATS, TargetImage, evaluate, evaluate_predcls, find_doubts, load_targets
from sim2sg_core.evaluation.datasets import FORMER_NAMES, protocol_for
from sim2sg_core.evaluation.labelled_images import Protocol
from sim2sg_core.evaluation.mistakes import MISTAKE_KINDS, find_mistakes
from sim2sg_core.evaluation.recall_by_height import HEIGHTS, LEAST_PRECISION, score_by_height
from sim2sg_core.evaluation.scoring import RECALL_AT, pair_by_name, rename
from sim2sg_core.images import read_image, write_jpeg
from sim2sg_core.packs.pack import installed_packs
from sim2sg_core.progress import Progress
from sim2sg_core.report.anonymise import anonymise, promise
from sim2sg_core.report.overlay import RGB, draw_boxes
from sim2sg_core.report.sheets import contact_sheet
from sim2sg_core.scene.class_mapping import ClassMapping
from sim2sg_core.scene.graph import Relation, SceneGraph, load_graphs, write_json

if TYPE_CHECKING:
    from sim2sg_core.model import SceneGraphNetwork

HELP = "score a model on labelled images: average precision and relation recall"
EXAMPLE = "sim2sg eval --model dining --data labelled/ --format coco --map dining_table=table --out eval.json"

CHECKPOINT_SUFFIXES = (".pt", ".pth")
MISTAKE_COLORS: dict[str, RGB] = {
    "missed": (255, 70, 60),
    "wrong class": (255, 159, 28),
    "misplaced": (255, 224, 102),
    "false alarm": (240, 100, 240),
    "twice": (92, 142, 255),
}
WORST = 12
"""Images on the sheet of the worst."""


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
        metavar="FILE",
        help="model.onnx, or a checkpoint (.pt), of which PredCls is scored too",
    )
    what.add_argument("--graphs", type=Path, metavar="JSON", help="what `sim2sg infer` wrote for these images")
    parser.add_argument(
        "--data", type=Path, required=True, metavar="DIR", help="folder of the labelled data set; of COCO also its JSON"
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
        help="of COCO: what classes and predicates of the labels are in the domain's words, as dining_table=table",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="JSON", help="where the figures go")
    parser.add_argument(
        "--domain",
        metavar="NAME|YAML",
        help="with --graphs: the domain of their model (default: the one whose pack names the format)",
    )
    add_allow_outside(parser, "images that the data set names")
    add_provider(parser)
    add_relations(parser)
    parser.add_argument(
        "--mistakes",
        type=Path,
        metavar="DIR",
        help="also draw every image with wrong boxes, what is wrong with each, and list them in mistakes.json",
    )
    parser.add_argument(
        "--anonymise",
        action="store_true",
        help="blur people and vehicles in these pictures, where they are labelled or the model finds them; what both"
        " miss is not blurred",
    )
    parser.add_argument(
        "--log-evaluations",
        type=Path,
        metavar="JSONL",
        help="also append date, commit and figures to this file: every look at these labels on record",
    )


def run(args: argparse.Namespace) -> int:
    """Predicts, scores, prints a table and writes the figures."""
    check_least(args, "threads", 0)
    args.format = FORMER_NAMES.get(args.format, args.format)
    check_output(args.out)
    if args.log_evaluations:
        check_output(args.log_evaluations)
    if args.mistakes and args.mistakes.is_dir() and any(args.mistakes.iterdir()):
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
    domain = predictions.domain
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
    print(format_figures(figures, protocol_for(args.format, domain).levels))
    print(format_heights(by_height))
    for doubt in doubts:
        print(f"mind: {printable(doubt)}")
    print(f"figures in {args.out}")
    if args.mistakes:
        print(draw_all(args.mistakes, predictions, targets, protocol_for(args.format, domain), args.anonymise))
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
            image = labelled_image(target)
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
                width, height = network.config.width, network.config.height
                image, fit = letterbox(labelled_image(target), width, height)
                boxes = truth.boxes() / np.tile(fit.ratio, 2)
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


def draw_all(
    folder: Path,
    predictions: Predictions,
    targets: Sequence[TargetImage],
    protocol: Protocol,
    anonymised: bool = False,
) -> str:
    """Draws the mistakes of every image and a sheet of the worst images. Returns a line that counts them."""
    found = []
    for graph, target in pair_by_name(predictions.graphs, targets):
        if mistakes := find_mistakes(rename(graph, protocol), target, protocol):
            found.append((target, graph, mistakes))
    found.sort(key=lambda row: (-len(row[2]), row[0].file))
    folder.mkdir(parents=True, exist_ok=True)
    worst: list[np.ndarray] = []
    for target, graph, mistakes in found:
        image = labelled_image(target)
        if anonymised:
            image = anonymise(image, [graph, target.labelled_graph()])
        boxes = [(m.box, m.describe(), MISTAKE_COLORS[m.kind]) for m in mistakes]
        boxes += [(m.found_box, "", MISTAKE_COLORS[m.kind]) for m in mistakes if m.found_box is not None]
        picture = draw_boxes(image, boxes, title=target.file, min_width=640)
        write_jpeg(folder / Path(target.file).with_suffix(".jpg").name, picture)
        worst += [picture] if len(worst) < WORST else []
    counts = {kind: sum(m.kind == kind for _, _, mistakes in found for m in mistakes) for kind in MISTAKE_KINDS}
    images = [{"file": target.file, "mistakes": [m.to_json() for m in mistakes]} for target, _, mistakes in found]
    write_json(folder / "mistakes.json", {"counts": counts, "images": images}, indent=1)
    if worst:
        write_jpeg(folder / "worst.jpg", contact_sheet(worst, columns=3, cell_width=640))
    said = ", ".join(f"{count} {kind}" for kind, count in counts.items() if count) or "none"
    return f"mistakes ({said}) in {folder}: worst.jpg, mistakes.json"


def labelled_image(target: TargetImage) -> np.ndarray:
    """Returns (h, w, 3) uint8 RGB. Raises Sim2SGError when the file is damaged."""
    image = read_image(target.path)
    if image.shape[:2] != (target.height, target.width):
        raise Sim2SGError(f"{target.path}: cannot be read as an image of {target.width}x{target.height}: it is damaged")
    return image


def append_evaluation(path: Path, result: dict[str, Any]) -> None:
    """Appends one line: date, commit of the repository that holds `path`, and the result.

    The record is meant to be kept in a repository: of files and folders it names the last part alone.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    named = {key: Path(result[key]).name for key in ("source", "data")}
    line = json.dumps({"date": now, "commit": commit_of(path.parent), **result, **named})
    with path.open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def commit_of(folder: Path) -> str | None:
    """Returns the commit of a work tree, with a + when tracked files are changed; None outside git."""

    def git(*command: str) -> str:
        done = subprocess.run(["git", "-C", str(folder), *command], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return None


def format_figures(figures: dict[str, Any], levels: Iterable[str]) -> str:
    """Returns the figures as two tables: boxes, and triplets."""
    levels = tuple(levels)
    suffixes = [f"_{level}" for level in levels] if len(levels) > 1 else [""]
    names = [key[5 : len(key) - len(suffixes[-1])] for key in figures if _is_ap(key, suffixes[-1])]
    boxes = [("AP@0.5", *(level if len(levels) > 1 else "AP" for level in levels), "labelled")]
    for name in names:
        aps = (format_share(figures[f"AP50_{name}{suffix}"]) for suffix in suffixes)
        boxes.append((name, *aps, "/".join(str(figures[f"n_{name}{suffix}"]) for suffix in suffixes)))
    boxes.append(("mean", *(format_share(figures[f"mAP50{suffix}"]) for suffix in suffixes), ""))
    heading = ["relations"]
    for k in RECALL_AT:
        heading += [f"R@{k}", f"mR@{k}", f"ceiling R@{k}", f"R@{k}/ceiling"]
    triplets = [tuple(heading)]
    titles = {
        "sgdet": "SGDet",
        "sgdet_constrained": "SGDet, one predicate per pair",
        "predcls": "PredCls",
        "predcls_constrained": "PredCls, one predicate per pair",
    }
    for prefix, title in titles.items():
        if f"{prefix}_R{RECALL_AT[0]}" in figures:
            keys = [
                f"{prefix}_{key}"
                for k in RECALL_AT
                for key in (f"R{k}", f"mR{k}", f"ceiling_R{k}", f"R{k}_over_ceiling")
            ]
            triplets.append((title, *(format_share(figures[key]) for key in keys)))
    counts = f"{figures['n_images']} images; {figures['n_facts']} facts in {figures['n_images_with_facts']}"
    return "\n".join([counts, "", table(boxes), "", table(triplets), ""])


def format_heights(by_height: dict[str, Any]) -> str:
    """Returns as a table how many objects are found, by the height of their boxes; empty ranges are left out."""
    shown = [k for k in range(len(HEIGHTS)) if any(row["heights"][k]["objects"] for row in by_height.values())]
    ends = [f"{low:g} to {high:g}" for low, high in itertools.pairwise(HEIGHTS)] + [f"{HEIGHTS[-1]:g} and more"]
    rows = [(f"found where {LEAST_PRECISION:g} are right, by pixels of height", *(ends[k] for k in shown))]
    for name, row in by_height.items():
        counts = [row["heights"][k] for k in shown]
        rows.append((name, *(f"{c['found']} of {c['objects']}" if c["objects"] else "-" for c in counts)))
    return table(rows) + "\n"


def _is_ap(key: str, suffix: str) -> bool:
    return key.startswith("AP50_") and key.endswith(suffix)


def format_share(value: float | None) -> str:
    """Formats a share: .731, or - when it was not measured."""
    return "-" if value is None else f"{value:.3f}"
