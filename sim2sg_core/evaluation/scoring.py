"""Scores predicted scene graphs against a labelled data set: one flat dictionary of figures.

Names of figures:
    mAP50, mAP50_<level>          mean AP at IoU .5; without a level, the hardest one
    AP50_<class>[_<level>]        all-point AP of one class
    depth_error_<class>           median of |z - truth| / truth of its objects that are found, at the hardest level
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
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.evaluation.datasets import check_classes, protocol_for
from sim2sg_core.evaluation.detection import (
    IOU_THRESHOLD,
    REGION_THRESHOLD,
    ClassMatches,
    ImageBoxes,
    box_coverage,
    class_matches,
    mean_precision,
    precision_recall,
)
from sim2sg_core.evaluation.labelled_images import Protocol, TargetImage, boxes_of
from sim2sg_core.evaluation.triplets import (
    ImageRecall,
    Predicates,
    recall_predcls,
    recall_sgdet,
    summarise,
)
from sim2sg_core.scene.boxes import box_iou, greedy_match
from sim2sg_core.scene.graph import Relation, SceneGraph, SceneObject

if TYPE_CHECKING:
    from sim2sg_core.domains import Domain

RECALL_AT = (20, 50)


@dataclass(frozen=True, eq=False)
class ImageScore:
    """What one image adds to the figures: `summarise_images` makes figures of any selection of images.

    Attributes:
        matches: (class, level) -> matched boxes.
        depth_errors: Class -> (M,) relative depth errors of its objects that were found, as far as poses are known.
        recalls: Prefix of the figures -> matched triplets; None where the image has no facts.
    """

    matches: dict[tuple[str, str], ClassMatches]
    depth_errors: dict[str, np.ndarray]
    recalls: dict[str, ImageRecall | None]


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
    return summarise_images(score_images(graphs, targets, domain, format), protocol_for(format, domain))


def score_images(
    graphs: Iterable[SceneGraph], targets: Sequence[TargetImage], domain: Domain, format: str
) -> list[ImageScore]:
    """Scores every image by itself, in the order of `targets`; arguments and errors as of `evaluate`."""
    protocol = protocol_for(format, domain)
    check_classes(protocol, domain)
    predicates = scored_predicates(domain, protocol)
    scores = []
    for graph, target in pair_by_name(graphs, targets):
        graph = rename(graph, protocol)
        related, truth = relatable(graph, target, protocol), target.truth_graph()
        scores.append(
            ImageScore(
                matches={
                    (name, level): class_matches(class_boxes(graph, target, protocol, name, level))
                    for level in protocol.levels
                    for name in protocol.classes
                },
                depth_errors={
                    name: depth_errors(graph, target, name, protocol.levels[-1]) for name in protocol.classes
                },
                recalls={
                    "sgdet": recall_sgdet(related, truth, predicates, False),
                    "sgdet_constrained": recall_sgdet(related, truth, predicates, True),
                },
            )
        )
    return scores


def summarise_images(scores: Sequence[ImageScore], protocol: Protocol) -> dict[str, Any]:
    """Returns the figures of some images, JSON-ready; an image may come more than once."""
    figures: dict[str, Any] = {"n_images": len(scores)}
    for level in protocol.levels:
        suffix = f"_{level}" if len(protocol.levels) > 1 else ""
        aps = []
        for name in protocol.classes:
            curve = precision_recall(score.matches[name, level] for score in scores)
            aps.append(curve.ap)
            figures[f"AP50_{name}{suffix}"] = curve.ap
            figures[f"n_{name}{suffix}"] = curve.truths
        figures[f"mAP50{suffix}"] = mean_precision(aps)
    figures["mAP50"] = mean_precision(aps)
    for name in protocol.classes:
        errors = np.concatenate([np.zeros(0), *(score.depth_errors[name] for score in scores)])
        figures[f"depth_error_{name}"] = float(np.median(errors)) if len(errors) else None
    for prefix in ("sgdet", "sgdet_constrained"):
        recalls = [score.recalls[prefix] for score in scores]
        figures |= _recall_figures(prefix, recalls)
        figures["n_images_with_facts"] = sum(r is not None for r in recalls)
        figures["n_facts"] = sum(len(r.ranks) for r in recalls if r is not None)
    return figures


def depth_errors(graph: SceneGraph, target: TargetImage, name: str, level: str) -> np.ndarray:
    """Returns (M,) |z - truth| / truth of the objects of a class that count at a level and are found.

    Of several boxes the surest counts. z is the depth of the 3D box's centre. Without poses there is none.
    """
    truths = [o for o in target.objects if o.label == name and level in o.levels and o.pose is not None]
    found = sorted((o for o in graph.objects if o.label == name and o.pose is not None), key=lambda o: -o.score)
    labels = np.full(len(found), name), np.full(len(truths), name)
    match = greedy_match(boxes_of(found), labels[0], boxes_of(truths), labels[1])
    z = np.array([o.pose.position[2] for o in found if o.pose is not None])[match >= 0]
    true = np.array([o.pose.position[2] for o in truths if o.pose is not None])[match[match >= 0]]
    return np.abs(z - true) / true


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
    if protocol.name == "coco":  # whose labels are the user's own words
        doubts += _unknown_names(targets, domain)
    pairs = [(rename(g, protocol), t) for g, t in pair_by_name(graphs, targets)]
    if not any(graph.objects for graph, _ in pairs):
        doubts.append("0 objects in all predictions: was the model trained, and on such images?")
    elif not any(_any_overlap(graph, target) for graph, target in pairs):
        doubts.append("no predicted box of any class overlaps a labelled one by half: are these the same images?")
    if not any(target.relations for target in targets):
        doubts.append("0 facts in the data: recall is not measured")
    return doubts


def _unknown_names(targets: Sequence[TargetImage], domain: Domain) -> list[str]:
    """Says in one line which classes and predicates of the labels the domain has not, and how much is left out."""
    known, words = set(domain.class_names), {*domain.predicate_names, *domain.inverses().values()}
    labels = Counter(o.label for t in targets for o in t.objects if o.label not in known)
    predicates = Counter(r.predicate for t in targets for r in t.labelled_facts if r.predicate not in words)
    facts = sum(
        r.predicate not in words or not {t.objects[r.subject].label, t.objects[r.object].label} <= known
        for t in targets
        for r in t.labelled_facts
    )
    if not labels and not predicates:
        return []
    parts = [f"class {_counted(labels)}"] * bool(labels) + [f"predicate {_counted(predicates)}"] * bool(predicates)
    example = f"{next(iter(labels))}=CLASS" if labels else f"{next(iter(predicates))}=PREDICATE"
    return [
        f"left out, as domain {domain.name} has no {' and no '.join(parts)}: {labels.total()} annotations and {facts}"
        " facts; the figures are of the rest. Where one of these means one of"
        f" {', '.join((*domain.class_names, *sorted(words)))}, say so: --map {example}"
    ]


def _counted(names: Counter[str]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in names.most_common(10)) + (", …" if len(names) > 10 else "")


def _any_overlap(graph: SceneGraph, target: TargetImage) -> bool:
    return bool((box_iou(graph.boxes(), target.boxes()) >= IOU_THRESHOLD).any())


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
        regions=target.regions_of(name),
        forgiven=boxes[:, 3] - boxes[:, 1] < protocol.min_height.get(level, 0),
    )


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


def in_region(predicted: SceneObject, target: TargetImage) -> bool:
    """Whether a prediction lies where objects of its class are not labelled."""
    covered = box_coverage(predicted.box[None], target.regions_of(predicted.label))
    return bool((covered >= REGION_THRESHOLD).any())


def relatable(graph: SceneGraph, target: TargetImage, protocol: Protocol) -> SceneGraph:
    """Drops predicted objects whose relations cannot be judged, before triplets are ranked.

    Those are objects of classes without labelled relations, and those that lie on an ignored object
    (or a neighbour class, or an unlabelled region) but on no object of their class that counts.
    """
    boxes = graph.boxes()
    iou = box_iou(boxes, target.boxes())
    related = set(target.related)
    keep = []
    for i, predicted in enumerate(graph.objects):
        if predicted.label not in protocol.related:
            continue
        alike = (predicted.label, *protocol.neighbours.get(predicted.label, ()))
        touched = [j for j in np.flatnonzero(iou[i] >= IOU_THRESHOLD) if target.objects[j].label in alike]
        valid = any(j in related and target.objects[j].label == predicted.label for j in touched)
        if valid or not (touched or in_region(predicted, target)):
            keep.append(i)
    return graph.select(keep)
