"""What a second detector, the witness, says of the log, made one with what the model infers.

The witness knows some of the domain's classes and nothing of 3D or relations. Of those classes its boxes are evidence:

* Found by both (same class, IoU from `SAME_IOU`): the score is the noisy-or 1 - (1 - s)(1 - w) of the model's s and the
  witness's w. Both are read as probabilities that an object is there: s is calibrated on renders, w is taken as it
  is, since without labels no map from it to a probability can be fitted; of a map, all that counts here is that it
  rises with the score, and a detector trained by cross-entropy on human labels is near it already. The two learned
  from different pictures, so that they err apart. w is capped at `MOST_TRUST`: no single witness makes certain.
* Found by the model alone: the witness's silence counts as much as it would have seen such an object. With r the share
  of them that it finds, Bayes' rule makes s (1 - r) / (s (1 - r) + 1 - s). r is measured on the log itself, without
  labels, by class and height: as the factor between the model's scores and what the witness finds.
* Found by the witness alone: a new object with the witness's score. Box and class give its pose (`lifting.box_lift`).
* A part alone: where the witness's class may be a part of a larger thing of another class (a person, of a cyclist
  whose bicycle it missed) and the model takes the place for the larger thing rather than for the part, its box is
  evidence for that.
* Two boxes at one place, one of them the witness's, with different classes: only one can be right. The less sure gets
  what the surer leaves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from sim2sg_core.adaptation.content.log_extrinsics import camera_of
from sim2sg_core.domains import Domain
from sim2sg_core.lifting import lift_box
from sim2sg_core.scene import SceneGraph, SceneObject
from sim2sg_core.scene.boxes import box_area, box_iou, intersection
from sim2sg_core.scene.layout import GROUND

SAME_IOU = 0.5
LEAST_SCORE = 0.25
"""Boxes of which the witness is less sure are left out: there are many, and such scores mean least."""
PART_INSIDE = 0.7
"""Share of a part's box that lies in that of the whole, at least."""
PART_HEIGHTS = (0.6, 1.15)
"""Height of a part's box over that of the whole: a rider is nearly as high as the cyclist."""
MOST_TRUST = 0.95
MOST_RECALL = 0.9
"""The witness's silence is never a proof."""
USUAL_RECALL = 0.5
PRIOR_OBJECTS = 2.0
"""So many objects of `USUAL_RECALL` are added to those that the witness's recall is measured on."""
HEIGHT_BINS = 4


def fuse_witness(
    graphs: Sequence[SceneGraph],
    seen: Sequence[SceneGraph],
    domain: Domain,
    known: Collection[str],
    wholes: Mapping[str, Collection[str]] | None = None,
) -> list[SceneGraph]:
    """Fuses what the model and the witness found.

    Args:
        graphs: Of the model, one per frame, with calibrated scores, poses and cameras with their ground.
        seen: Of the witness, in the same order: objects without poses, of the domain's classes.
        domain: Gives sizes, and which classes carry others.
        known: The classes that the witness can find.
        wholes: By class, those of which it may have seen a part alone.

    Returns:
        Graphs without relations, objects best first.
    """
    sure = [graph.select(np.flatnonzero(graph.scores() >= LEAST_SCORE).tolist()) for graph in seen]
    sure = [as_wholes(theirs, ours, wholes or {}) for theirs, ours in zip(sure, graphs, strict=True)]
    matches = [match_witness(ours, theirs) for ours, theirs in zip(graphs, sure, strict=True)]
    recalls = witness_recall(graphs, matches, known)
    return [fuse_frame(*parts, domain, known) for parts in zip(graphs, sure, matches, recalls, strict=True)]


def as_wholes(theirs: SceneGraph, ours: SceneGraph, wholes: Mapping[str, Collection[str]]) -> SceneGraph:
    """Returns the witness's objects, those of which the model knows better what they are part of as these.

    Args:
        theirs: The witness's objects.
        ours: The model's.
        wholes: By class, those of which it may be a part alone.
    """
    boxes, scores, labels = ours.boxes(), ours.scores(), ours.labels()
    objects = []
    for item in theirs.objects:
        inside = intersection(item.box[None], boxes)[0] / max(float(box_area(item.box[None])[0]), 1e-9)
        share = (item.box[3] - item.box[1]) / np.maximum(boxes[:, 3] - boxes[:, 1], 1e-9)
        fits = (inside >= PART_INSIDE) & (share >= PART_HEIGHTS[0]) & (share <= PART_HEIGHTS[1])
        there = np.flatnonzero(fits & np.isin(labels, list(wholes.get(item.label, ()))))
        alone = scores[(labels == item.label) & (box_iou(item.box[None], boxes)[0] >= SAME_IOU)].max(initial=0.0)
        if len(there) and scores[there].max() > alone:
            best = there[scores[there].argmax()]
            item = dataclasses.replace(item, label=str(labels[best]), box=boxes[best])
        objects.append(item)
    return dataclasses.replace(theirs, objects=tuple(objects))


def match_witness(ours: SceneGraph, theirs: SceneGraph) -> np.ndarray:
    """Matches the witness's boxes, surest first, each to the surest free object of its class that it overlaps enough.

    Returns:
        (M,) index into `ours`, -1 for none.
    """
    scores = ours.scores()
    same = (theirs.labels()[:, None] == ours.labels()[None]) & (box_iou(theirs.boxes(), ours.boxes()) >= SAME_IOU)
    match = np.full(len(theirs.objects), -1)
    free = np.ones(len(scores), bool)
    for k in np.argsort(-theirs.scores(), kind="stable"):
        candidates = np.flatnonzero(same[k] & free)
        if len(candidates):
            match[k] = candidates[scores[candidates].argmax()]
            free[match[k]] = False
    return match


def witness_recall(
    graphs: Sequence[SceneGraph], matches: Sequence[np.ndarray], known: Collection[str]
) -> list[np.ndarray]:
    """Measures which share of the objects that are there the witness finds, by class and height in the image.

    Of objects that the model gives the score s, the share s is there, and of these the witness finds the share r: so
    what is found goes with r s, and r is the slope that fits best in the least squares. Where there are few, it keeps
    near the class's, and that near `USUAL_RECALL`.

    Returns:
        For each graph (N,) the share that holds for each object; 0 for classes that the witness does not know.
    """
    scores = np.concatenate([graph.scores() for graph in graphs])
    labels = np.concatenate([graph.labels() for graph in graphs])
    boxes = np.concatenate([graph.boxes() for graph in graphs])
    heights = boxes[:, 3] - boxes[:, 1]
    found = np.concatenate([np.isin(np.arange(len(g.objects)), m) for g, m in zip(graphs, matches, strict=True)])
    recall = np.zeros(len(scores))

    def slope(chosen: np.ndarray, prior: float) -> float:
        s = scores[chosen]
        return float(((s * found[chosen]).sum() + PRIOR_OBJECTS * prior) / ((s**2).sum() + PRIOR_OBJECTS))

    for name in known:
        of_class = labels == name
        if not of_class.any():
            continue
        overall = slope(of_class, USUAL_RECALL)
        counted = of_class & (scores >= LEAST_SCORE)
        shares = np.linspace(0, 1, HEIGHT_BINS + 1)[1:-1]
        edges = np.quantile(heights[counted if counted.any() else of_class], shares)
        bins = np.searchsorted(edges, heights)
        for k in range(HEIGHT_BINS):
            chosen = of_class & (bins == k)
            recall[chosen] = slope(chosen, overall)
    ends = np.cumsum([len(graph.objects) for graph in graphs])[:-1]
    return np.split(recall.clip(0.0, MOST_RECALL), ends)


def fuse_frame(
    ours: SceneGraph,
    theirs: SceneGraph,
    match: np.ndarray,
    recall: np.ndarray,
    domain: Domain,
    known: Collection[str],
) -> SceneGraph:
    """Fuses one frame; see `fuse_witness`.

    Args:
        ours: The model's graph.
        theirs: The witness's, of what it is sure enough.
        match: (M,) of `match_witness`.
        recall: (N,) of `witness_recall`.
        domain: The domain.
        known: The classes that the witness can find.
    """
    objects = list(ours.objects)
    for index, item in enumerate(objects):
        if item.label in known and index not in match:
            objects[index] = dataclasses.replace(item, score=unseen_score(item.score, float(recall[index])))
    claimed = []  # indices of the objects that the witness found
    for index, witnessed in zip(match, theirs.objects, strict=True):
        if index >= 0:
            objects[index] = joined(objects[index], witnessed)
            claimed.append(int(index))
        else:
            claimed.append(len(objects))
            objects.append(lifted(witnessed, ours, domain))
    settle_conflicts(objects, claimed, domain.carriers)
    order = sorted(range(len(objects)), key=lambda k: -objects[k].score)
    return dataclasses.replace(ours, objects=tuple(objects[k] for k in order), relations=())


def joined(item: SceneObject, witnessed: SceneObject) -> SceneObject:
    """Returns an object that both found: the box between both, nearer to the surer's; pose of the model."""
    s, w = item.score, min(witnessed.score, MOST_TRUST)
    box = (s * item.box + w * witnessed.box) / (s + w)
    return dataclasses.replace(item, score=1 - (1 - s) * (1 - w), box=box)


def unseen_score(score: float, recall: float) -> float:
    """Returns the probability of an object after a witness that finds the share `recall` of such has not found it."""
    there, not_there = score * (1 - recall), 1 - score
    return there / (there + not_there)


def lifted(witnessed: SceneObject, graph: SceneGraph, domain: Domain) -> SceneObject:
    """Returns an object that only the witness found, with a pose."""
    spec = domain.class_spec(witnessed.label)
    grounded = set(spec.supports) == {GROUND}
    pose, _ = lift_box(witnessed.box, spec.mean_size(), camera_of(graph), grounded)
    return dataclasses.replace(witnessed, score=min(witnessed.score, MOST_TRUST), pose=pose)


def settle_conflicts(objects: list[SceneObject], claimed: Sequence[int], carriers: Collection[str]) -> None:
    """Lowers, in place, the less sure of two objects that are one thing under two names.

    Compared is what the witness found (`claimed`) with all objects of other classes at the same place, the surest
    first. What carries others may share its place with them.
    """
    boxes = np.array([item.box for item in objects]).reshape(-1, 4)
    for k in sorted(claimed, key=lambda k: -objects[k].score):
        rivals = np.flatnonzero(box_iou(boxes[k][None], boxes)[0] >= SAME_IOU)
        for j in sorted(rivals.tolist(), key=lambda j: -objects[j].score):
            labels = {objects[k].label, objects[j].label}
            if len(labels) == 1 or labels & set(carriers):
                continue
            loser, winner = (j, k) if objects[k].score >= objects[j].score else (k, j)
            left = 1 - objects[winner].score
            objects[loser] = dataclasses.replace(objects[loser], score=min(objects[loser].score, left))
