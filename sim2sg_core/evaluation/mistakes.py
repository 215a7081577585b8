"""What is wrong with the boxes of an image, one by one: to be looked at, where AP only counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sim2sg_core.evaluation.detection import IOU_THRESHOLD
from sim2sg_core.evaluation.labelled_images import Protocol, TargetImage, boxes_of
from sim2sg_core.evaluation.scoring import in_region
from sim2sg_core.scene.boxes import box_iou
from sim2sg_core.scene.graph import DEFAULT_OBJECT_THRESHOLD, SceneGraph

MISTAKE_KINDS = ("missed", "wrong class", "misplaced", "false alarm", "twice")
MISPLACED_IOU = 0.1
"""Least IoU of a misplaced box with its object; farther off it is a miss and a false alarm."""


@dataclass(frozen=True, eq=False)
class Mistake:
    """One object that was not found as it is, or one box that should not be.

    Attributes:
        kind: One of `MISTAKE_KINDS`. Misplaced: of the right class, at an IoU of `MISPLACED_IOU` to .5; twice: a
            second box on an object.
        label: Class of the labelled object; of the prediction where there is none.
        box: (4,) xyxy pixels, likewise.
        found: Class of the prediction; "" when the object was missed.
        found_box: (4,) its box, or None.
        score: Its score; 0 without one.
        iou: Overlap of the two; 0 without two.
    """

    kind: str
    label: str
    box: np.ndarray
    found: str = ""
    found_box: np.ndarray | None = None
    score: float = 0.0
    iou: float = 0.0

    def describe(self) -> str:
        """Returns it in words, such as `cylinder taken for cube .87`."""
        score = f"{self.score:.2f}".lstrip("0")
        return {
            "missed": f"{self.label} missed",
            "wrong class": f"{self.label} taken for {self.found} {score}",
            "misplaced": f"{self.label} misplaced, IoU {self.iou:.2f}",
            "false alarm": f"false alarm: {self.found} {score}",
            "twice": f"{self.found} twice {score}",
        }[self.kind]

    def to_json(self) -> dict[str, Any]:
        """Returns JSON-ready data."""
        found = {"found": self.found, "score": round(self.score, 3)} if self.found else {}
        if self.found_box is not None:
            found["found_box"] = np.round(np.asarray(self.found_box, float), 1).tolist()
        overlap = {"iou": round(self.iou, 3)} if self.iou else {}
        return {
            "kind": self.kind,
            "class": self.label,
            "box": np.round(np.asarray(self.box, float), 1).tolist(),
            **found,
            **overlap,
        }


def find_mistakes(
    graph: SceneGraph, target: TargetImage, protocol: Protocol, object_threshold: float = DEFAULT_OBJECT_THRESHOLD
) -> list[Mistake]:
    """Compares one image's boxes with its labels at the hardest difficulty.

    Predictions take their objects best first: those of their own class at an IoU of .5; then, of what is left, an
    object of another class at .5; then one of their own at `MISPLACED_IOU`.

    Args:
        graph: The prediction, its labels renamed to what they count as (`scoring.rename`).
        target: The labels.
        protocol: How the data is scored.
        object_threshold: Predictions scored lower count as not made.

    Returns:
        Mistakes in the order of `MISTAKE_KINDS`.
    """
    predicted = [o for o in graph.objects if o.score >= object_threshold and o.label in protocol.classes]
    level = protocol.levels[-1]
    counts = [level in o.levels and o.label in protocol.classes for o in target.objects]
    iou = box_iou(boxes_of(predicted), target.boxes())
    same = np.array([[p.label == t.label for t in target.objects] for p in predicted], bool).reshape(iou.shape)
    free_objects, free_boxes = set(np.flatnonzero(counts).tolist()), set(range(len(predicted)))

    def take(allowed: np.ndarray, least: float) -> list[tuple[int, int]]:
        pairs = []
        for i in sorted(free_boxes, key=lambda k: -predicted[k].score):
            best = max((j for j in free_objects if allowed[i, j]), key=lambda j: iou[i, j], default=None)
            if best is not None and iou[i, best] >= least:
                pairs.append((i, best))
                free_objects.discard(best)
                free_boxes.discard(i)
        return pairs

    take(same, IOU_THRESHOLD)
    wrong, misplaced = take(~same, IOU_THRESHOLD), take(same, MISPLACED_IOU)
    pairs = [("wrong class", *p) for p in wrong] + [("misplaced", *p) for p in misplaced]
    found = [
        Mistake(kind, t.label, t.box, p.label, p.box, float(p.score), float(iou[i, j]))
        for kind, i, j in pairs
        for p, t in [(predicted[i], target.objects[j])]
    ]
    found += [Mistake("missed", target.objects[j].label, target.objects[j].box) for j in sorted(free_objects)]
    for i in sorted(free_boxes):
        item, touched = predicted[i], np.flatnonzero(iou[i] >= IOU_THRESHOLD)
        alike = (item.label, *protocol.neighbours.get(item.label, ()))
        if any(not counts[j] and target.objects[j].label in alike for j in touched):
            continue
        if in_region(item, target):
            continue
        kind = "twice" if any(same[i, j] for j in touched) else "false alarm"
        found.append(Mistake(kind, item.label, item.box, item.label, None, float(item.score)))
    return sorted(found, key=lambda mistake: MISTAKE_KINDS.index(mistake.kind))
