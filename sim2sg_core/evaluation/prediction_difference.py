"""How two models differ on the same images, when there are no labels to say which is right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2sg_core.scene.boxes import box_iou, greedy_match
from sim2sg_core.scene.graph import DEFAULT_OBJECT_THRESHOLD, DEFAULT_RELATION_THRESHOLD, SceneGraph


@dataclass(frozen=True)
class PredictionDifference:
    """What one model's graphs keep of another's, both thresholded.

    Attributes:
        objects: Number of objects in the reference.
        found: Share of them that the other finds: same class, IoU of at least 0.5. None without any.
        added: Share of the other's objects that the reference does not have. None without any.
        iou: Mean IoU of the boxes of common objects. None without any.
        score_gap: Mean absolute difference of their scores. None without any.
        relations: Number of relations in the reference.
        kept: Share of them that the other states too, of the same objects. None without any.
    """

    objects: int
    found: float | None
    added: float | None
    iou: float | None
    score_gap: float | None
    relations: int
    kept: float | None


def compare_predictions(
    reference: Sequence[SceneGraph],
    others: Sequence[SceneGraph],
    object_threshold: float = DEFAULT_OBJECT_THRESHOLD,
    relation_threshold: float = DEFAULT_RELATION_THRESHOLD,
) -> PredictionDifference:
    """Compares graphs of the same images, pair by pair; objects best first."""
    objects = found = added = candidates = relations = kept = 0
    ious: list[float] = []
    gaps: list[float] = []
    for ours, theirs in zip(reference, others, strict=True):
        ours = ours.filtered(object_threshold, relation_threshold)
        theirs = theirs.filtered(object_threshold, relation_threshold)
        match = greedy_match(theirs.boxes(), theirs.labels(), ours.boxes(), ours.labels())
        partner = {int(i): j for j, i in enumerate(match) if i >= 0}  # of ours among theirs
        objects, found = objects + len(ours.objects), found + len(partner)
        candidates, added = candidates + len(theirs.objects), added + len(theirs.objects) - len(partner)
        overlap = box_iou(ours.boxes(), theirs.boxes())
        ious += [float(overlap[i, j]) for i, j in partner.items()]
        gaps += [abs(ours.objects[i].score - theirs.objects[j].score) for i, j in partner.items()]
        facts = {(r.subject, r.predicate, r.object) for r in theirs.relations}
        relations += len(ours.relations)
        kept += sum((partner.get(r.subject), r.predicate, partner.get(r.object)) in facts for r in ours.relations)
    return PredictionDifference(
        objects=objects,
        found=found / objects if objects else None,
        added=added / candidates if candidates else None,
        iou=float(np.mean(ious)) if ious else None,
        score_gap=float(np.mean(gaps)) if gaps else None,
        relations=relations,
        kept=kept / relations if relations else None,
    )
