"""Scores predicted scene graphs against a labelled data set: one flat dictionary of figures.

Names of figures:
    mAP50, mAP50_<level>          mean AP at IoU .5; without a level, the hardest one
    AP50_<class>[_<level>]        all-point AP of one class
    sgdet_R<k>, sgdet_mR<k>       Recall@k and mean Recall@k, several predicates per pair allowed
    sgdet_constrained_...         the same under the graph constraint: one predicate per ordered pair
    sgdet_..._ceiling_R<k>        the best Recall@k that k triplets an image can reach
    sgdet_..._R<k>_over_ceiling   Recall@k over that
    predcls_...                   boxes and classes given (`evaluate_predcls`)
    n_...                         counts
A figure is None where the data has nothing to measure it on.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.evaluation.datasets import check_classes, protocol_for
from sim2sg_core.evaluation.detection import (
    IOU_THRESHOLD,
    REGION_THRESHOLD,
    ImageBoxes,
    average_precision,
    box_coverage,
    mean_precision,
)
from sim2sg_core.evaluation.labelled_images import Protocol, TargetImage, boxes_of
from sim2sg_core.evaluation.triplets import (
    ImageRecall,
    Predicates,
    recall_predcls,
    recall_sgdet,
    summarise,
)
from sim2sg_core.scene.boxes import box_iou
from sim2sg_core.scene.graph import Relation, SceneGraph

if TYPE_CHECKING:
    from sim2sg_core.domains import Domain

RECALL_AT = (20, 50)


def evaluate(
    graphs: Iterable[SceneGraph], targets: Sequence[TargetImage], domain: Domain, format: str
) -> dict[str, Any]:
    """Scores predictions: boxes (AP) and triplets with predicted boxes (SGDet).

    Args:
        graphs: One per target image, found by `file`; others are left out. Unthresholded.
        targets: What `load_targets` read.
        domain: The domain of the model.
        format: Name of the data's format.

    Returns:
        The figures, JSON-ready.

    Raises:
        Sim2SGError: An image without prediction, predictions for images of another size, or a
            domain with none of the data's classes.
    """
    protocol = protocol_for(format, domain)
    check_classes(protocol, domain)
    pairs = pair_by_name(graphs, targets)
    pairs = [(rename(graph, protocol), target) for graph, target in pairs]
    return {**_score_boxes(pairs, protocol), **_score_triplets(pairs, domain, protocol)}


def evaluate_predcls(
    relations: Mapping[str, Iterable[Relation]],
    targets: Sequence[TargetImage],
    domain: Domain,
    format: str,
) -> dict[str, Any]:
    """Scores relations between given objects.

    Args:
        relations: For each image's name the predictions, scored by P(predicate | both objects), by
            index into the objects of `TargetImage.truth_graph`. Images without facts may be missing.
        targets: What `load_targets` read.
        domain: The domain of the model.
        format: Name of the data's format.

    Raises:
        Sim2SGError: An image with facts has no prediction.
    """
    predicates = scored_predicates(domain, protocol_for(format, domain))
    figures: dict[str, Any] = {}
    for prefix, constrained in (("predcls", False), ("predcls_constrained", True)):
        recalls = []
        for target in targets:
            truth = target.truth_graph()
            if truth.relations and target.file not in relations:
                raise Sim2SGError(f"{target.file}: no relations predicted for this image")
            found = relations.get(target.file, ())
            recalls.append(recall_predcls(found, truth.relations, len(truth.objects), predicates, constrained))
        figures |= _recall_figures(prefix, recalls)
    return figures


def pair_by_name(graphs: Iterable[SceneGraph], targets: Sequence[TargetImage]) -> list[tuple[SceneGraph, TargetImage]]:
    """Finds the prediction of every target by the image's name, folders left out.

    Raises:
        Sim2SGError: A prediction is missing, there twice, or of another image size.
    """
    named: dict[str, SceneGraph] = {}
    for graph in graphs:
        name = Path(graph.file).name
        if name in named:
            raise Sim2SGError(f"{name}: two predictions for this image: give one per image")
        named[name] = graph
    missing = [target.file for target in targets if target.file not in named]
    if missing:
        example = f"; the predictions name e.g. {next(iter(named))}" if named else ""
        raise Sim2SGError(
            f"{missing[0]}: no prediction for it ({len(missing)} of {len(targets)} have none{example}):"
            " run `sim2sg infer --images` on the folder of these images"
        )
    pairs = [(named[target.file], target) for target in targets]
    for graph, target in pairs:
        if (graph.width, graph.height) != (target.width, target.height):
            raise Sim2SGError(
                f"{target.file}: predicted on {graph.width}x{graph.height}, but the image is"
                f" {target.width}x{target.height}: predict on the images of this data set"
            )
    return pairs


def rename(graph: SceneGraph, protocol: Protocol) -> SceneGraph:
    """Replaces predicted labels by the classes they count as."""
    objects = tuple(dataclasses.replace(o, label=protocol.counts_as.get(o.label, o.label)) for o in graph.objects)
    return dataclasses.replace(graph, objects=objects)


def find_doubts(graphs: Sequence[SceneGraph], targets: Sequence[TargetImage], domain: Domain, format: str) -> list[str]:
    """Returns one line for each reason why the figures may say less than they seem to."""
    protocol = protocol_for(format, domain)
    doubts = []
    known = {protocol.counts_as.get(name, name) for name in domain.class_names} | set(domain.class_names)
    for name in dict.fromkeys((*protocol.classes, *protocol.related)):
        if name not in known:
            doubts.append(f"domain {domain.name} has no class {name}: all of it is missed")
    for rule in domain.rules():
        if rule.rule not in protocol.rules:
            doubts.append(f"{format} data cannot say where {rule.name} holds: it is not scored")
    pairs = [(rename(g, protocol), t) for g, t in pair_by_name(graphs, targets)]
    if not any(graph.objects for graph, _ in pairs):
        doubts.append("0 objects in all predictions: was the model trained, and on such images?")
    elif not any(_any_overlap(graph, target) for graph, target in pairs):
        doubts.append("no predicted box of any class overlaps a labelled one by half: are these the same images?")
    if not any(target.relations for target in targets):
        doubts.append("0 facts in the data: recall is not measured")
    return doubts


def _any_overlap(graph: SceneGraph, target: TargetImage) -> bool:
    return bool((box_iou(graph.boxes(), target.boxes()) >= IOU_THRESHOLD).any())


def _score_boxes(pairs: Sequence[tuple[SceneGraph, TargetImage]], protocol: Protocol) -> dict[str, Any]:
    figures: dict[str, Any] = {"n_images": len(pairs)}
    for level in protocol.levels:
        suffix = f"_{level}" if len(protocol.levels) > 1 else ""
        aps = []
        for name in protocol.classes:
            images = [class_boxes(graph, target, protocol, name, level) for graph, target in pairs]
            curve = average_precision(images)
            aps.append(curve.ap)
            figures[f"AP50_{name}{suffix}"] = curve.ap
            figures[f"n_{name}{suffix}"] = curve.truths
        figures[f"mAP50{suffix}"] = mean_precision(aps)
    figures["mAP50"] = mean_precision(aps)
    return figures


def class_boxes(graph: SceneGraph, target: TargetImage, protocol: Protocol, name: str, level: str) -> ImageBoxes:
    """Collects one class of one image at one difficulty. Labels of `graph` are renamed already."""
    predicted = [o for o in graph.objects if o.label == name]
    boxes = boxes_of(predicted)
    alike = protocol.neighbours.get(name, ())
    truths = [o for o in target.objects if o.label == name or o.label in alike]
    return ImageBoxes(
        boxes=boxes,
        scores=np.array([o.score for o in predicted], float),
        truths=boxes_of(truths),
        ignored=np.array([o.label != name or level not in o.levels for o in truths], bool),
        regions=target.regions,
        forgiven=boxes[:, 3] - boxes[:, 1] < protocol.min_height.get(level, 0),
    )


def _score_triplets(
    pairs: Sequence[tuple[SceneGraph, TargetImage]], domain: Domain, protocol: Protocol
) -> dict[str, Any]:
    predicates = scored_predicates(domain, protocol)
    known = [(relatable(graph, target, protocol), target.truth_graph()) for graph, target in pairs]
    figures: dict[str, Any] = {}
    for prefix, constrained in (("sgdet", False), ("sgdet_constrained", True)):
        recalls = [recall_sgdet(graph, truth, predicates, constrained) for graph, truth in known]
        figures |= _recall_figures(prefix, recalls)
        figures["n_images_with_facts"] = sum(r is not None for r in recalls)
        figures["n_facts"] = sum(len(r.ranks) for r in recalls if r is not None)
    return figures


def _recall_figures(prefix: str, recalls: Sequence[ImageRecall | None]) -> dict[str, float | None]:
    figures = {}
    for k in RECALL_AT:
        summary = summarise(recalls, k)
        figures[f"{prefix}_R{k}"] = summary["R"]
        figures[f"{prefix}_mR{k}"] = summary["mR"]
        figures[f"{prefix}_ceiling_R{k}"] = summary["ceiling_R"]
        figures[f"{prefix}_R{k}_over_ceiling"] = summary["R_over_ceiling"]
    return figures


def scored_predicates(domain: Domain, protocol: Protocol) -> Predicates:
    """Returns the domain's predicates that the data can decide."""
    kept = [p for p in domain.predicates if p.rule in protocol.rules]
    return Predicates(
        names=tuple(p.name for p in kept),
        inverses={p.inverse: p.name for p in kept if p.inverse},
        symmetric=frozenset(p.name for p in kept if p.symmetric),
    )


def relatable(graph: SceneGraph, target: TargetImage, protocol: Protocol) -> SceneGraph:
    """Drops predicted objects whose relations cannot be judged, before triplets are ranked.

    Those are objects of classes without labelled relations, and those that lie on an ignored object
    (or a neighbour class, or an unlabelled region) but on no object of their class that counts.
    """
    boxes = graph.boxes()
    iou = box_iou(boxes, target.boxes())
    covered = np.any(box_coverage(boxes, target.regions) >= REGION_THRESHOLD, axis=1).tolist()
    related = set(target.related)
    keep = []
    for i, predicted in enumerate(graph.objects):
        if predicted.label not in protocol.related:
            continue
        alike = (predicted.label, *protocol.neighbours.get(predicted.label, ()))
        touched = [j for j in np.flatnonzero(iou[i] >= IOU_THRESHOLD) if target.objects[j].label in alike]
        valid = any(j in related and target.objects[j].label == predicted.label for j in touched)
        if valid or not (touched or covered[i]):
            keep.append(i)
    return graph.select(keep)
