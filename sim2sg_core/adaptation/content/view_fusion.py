"""One probability of an object that several views of a frame show, each for itself.

The views are not independent and not equally good, so their scores are neither multiplied nor is the surest believed:
how far each counts is fitted on rendered frames that the network was not trained on, whose labels are known. What one
view shows and the others should show too, but do not, is doubtful; a network off its training distribution has much of
that. So the fit counts for more on a log than the calibration of a single view does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from sim2sg_core.adaptation.logistic import fit_logistic, logit, sigmoid
from sim2sg_core.adaptation.outcomes import judge
from sim2sg_core.scene import SceneGraph, SceneObject
from sim2sg_core.scene.boxes import box_iou

SAME_IOU = 0.5
"""IoU from which boxes of two views are one object's."""
MISSED = 0.01
"""Score of what a view should show and does not."""
EVIDENCE = ("whole", "mirrored", "tile", "in_tile", "half_scale", "near")
"""Columns: logits of the scores by view, 0 where a view cannot show it, and whether tiles and half scale can."""
USUAL = np.array([0.4, 0.3, 0.4, 0.0, 0.2, 0.0])
"""Weights that are expected, and how far they may lie from it (standard deviations):"""
SPREAD = np.array([0.5, 0.5, 0.5, 1.5, 0.5, 1.5])
BIAS_SPREAD, CLASS_SPREAD = 3.0, 1.0


class Views(NamedTuple):
    """What the views of a frame show."""

    whole: SceneGraph
    """of the frame as a whole"""
    objects: list[SceneObject]
    """surest first, each as the surest view shows it and with its score there"""
    evidence: np.ndarray
    """(N, 6) `EVIDENCE` of the objects"""


@dataclass(frozen=True, eq=False)
class ViewFusion:
    """Turns what the views say of an object into the probability that it is there.

    Attributes:
        classes: (C,) names.
        weights: (6 + 1 + C,) of `EVIDENCE`, bias, and an offset for each class.
    """

    classes: tuple[str, ...]
    weights: np.ndarray

    def probability(self, evidence: np.ndarray, labels: Sequence[str]) -> np.ndarray:
        """Returns (N,) probabilities from (N, 6) `EVIDENCE` of objects of the given classes."""
        return sigmoid(_columns(evidence, labels, self.classes) @ self.weights)

    def graph(self, views: Views) -> SceneGraph:
        """Returns a frame's graph with what its views show, scored by all of them, best first; without relations."""
        scores = self.probability(views.evidence, [o.label for o in views.objects])
        scored = [dataclasses.replace(o, score=float(score)) for o, score in zip(views.objects, scores, strict=True)]
        return dataclasses.replace(views.whole, objects=tuple(sorted(scored, key=lambda o: -o.score)), relations=())

    def to_json(self) -> dict[str, Any]:
        """Returns JSON-ready data."""
        names = [*EVIDENCE, "bias", *self.classes]
        return {"classes": list(self.classes), "weights": dict(zip(names, self.weights.tolist(), strict=True))}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> ViewFusion:
        """Reads what `to_json` returns."""
        return cls(tuple(data["classes"]), np.array(list(data["weights"].values()), float))


def fit_on_renders(seen: Sequence[Views], truths: Sequence[SceneGraph], classes: Sequence[str]) -> ViewFusion:
    """Fits the weights on images whose labels are known.

    Args:
        seen: What the views of each image show.
        truths: What is there.
        classes: All names.
    """
    labels: list[str] = []
    correct, evidence = [np.zeros(0, bool)], [np.zeros((0, len(EVIDENCE)))]
    for views, truth in zip(seen, truths, strict=True):
        boxes = np.array([o.box for o in views.objects]).reshape(-1, 4)
        names = np.array([o.label for o in views.objects], str)
        found, counts = judge(boxes, names, truth)
        labels.extend(names[counts].tolist())
        correct.append(found[counts])
        evidence.append(views.evidence[counts])
    return fit_view_fusion(np.concatenate(evidence), labels, np.concatenate(correct), classes)


def fit_view_fusion(
    evidence: np.ndarray, labels: Sequence[str], correct: np.ndarray, classes: Sequence[str]
) -> ViewFusion:
    """Fits a logistic regression to outcomes, its weights drawn to `USUAL`.

    Args:
        evidence: (N, 6) `EVIDENCE` of objects that were found.
        labels: (N,) their classes.
        correct: (N,) whether they are there.
        classes: All names.

    Returns:
        The weights of the greatest posterior; with few outcomes they stay near the usual ones.
    """
    x = _columns(evidence, labels, classes)
    mean = np.concatenate([USUAL, np.zeros(1 + len(classes))])
    spread = np.concatenate([SPREAD, [BIAS_SPREAD], np.full(len(classes), CLASS_SPREAD)])
    return ViewFusion(tuple(classes), fit_logistic(x, np.asarray(correct, float), mean, spread))


def best_scores(objects: Sequence[SceneObject], seen: Sequence[SceneObject]) -> np.ndarray:
    """Returns for each object the best score of its class at its place in a view; 0 where there is none.

    Args:
        objects: N, in the frame's pixels.
        seen: Of the view, in the frame's pixels too.
    """
    if not objects or not seen:
        return np.zeros(len(objects))
    same = box_iou(np.array([o.box for o in objects]), np.array([o.box for o in seen])) > SAME_IOU
    same &= np.array([o.label for o in objects])[:, None] == np.array([o.label for o in seen])
    return np.asarray((same * np.array([o.score for o in seen])).max(axis=1))


def evidence_of(scores: Sequence[np.ndarray], shown: Sequence[np.ndarray]) -> np.ndarray:
    """Returns (N, 6) `EVIDENCE`.

    Args:
        scores: (N,) of each of the four views: whole, mirrored, tile, half scale; 0 where it shows nothing there.
        shown: (N,) whether a tile, and whether half scale, can show the object.
    """
    whole, mirrored, tile, half = logit(np.array(scores), MISSED)
    in_tile, near = np.array(shown, float)
    return np.column_stack([whole, mirrored, tile * in_tile, in_tile, half * near, near])


def _columns(evidence: np.ndarray, labels: Sequence[str], classes: Sequence[str]) -> np.ndarray:
    """(N, 6 + 1 + C) with bias and class."""
    own = np.array(labels, object)[:, None] == np.array(classes, object)[None] if len(labels) else None
    one_hot = np.zeros((0, len(classes))) if own is None else own.astype(float)
    return np.hstack([np.reshape(evidence, (-1, len(EVIDENCE))), np.ones((len(one_hot), 1)), one_hot])
