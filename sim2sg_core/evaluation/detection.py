"""Average precision of boxes: COCO-style greedy matching, all-point area under the envelope.

Matching follows the COCO evaluation (Lin et al. 2014): predictions, best score first, each take the
free truth with the largest IoU; truths that count go before ignored ones. The area is taken under
the whole precision envelope (as PASCAL VOC does since 2010), not at COCO's 101 recall points.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from sim2sg_core.scene.boxes import box_area, box_iou, intersection

IOU_THRESHOLD = 0.5
REGION_THRESHOLD = 0.5


@dataclass(frozen=True, eq=False)
class ImageBoxes:
    """One class in one image, as the average precision needs it.

    Attributes:
        boxes: (N, 4) predicted xyxy, pixels.
        scores: (N,) scores.
        truths: (M, 4) labelled xyxy, pixels.
        ignored: (M,) bool, truths whose predictions are neither hits nor false alarms.
        regions: (R, 4) areas where nothing is labelled (KITTI's DontCare, COCO's crowds).
        forgiven: (N,) bool, predictions that are no false alarm when they match nothing
            (KITTI: those lower than the least height of the difficulty); empty for none.
    """

    boxes: np.ndarray
    scores: np.ndarray
    truths: np.ndarray
    ignored: np.ndarray
    regions: np.ndarray = field(default_factory=lambda: np.zeros((0, 4)))
    forgiven: np.ndarray = field(default_factory=lambda: np.zeros(0, bool))


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """A precision–recall curve and the area under its envelope.

    Attributes:
        ap: All-point average precision; None where there is nothing to find.
        precision: (P,) precision at each distinct score, best score first.
        recall: (P,) recall at each distinct score.
        scores: (P,) the distinct scores.
        truths: Number of truths that count.
        predictions: Number of predictions that count (hits and false alarms).
    """

    ap: float | None
    precision: np.ndarray
    recall: np.ndarray
    scores: np.ndarray
    truths: int
    predictions: int

    def envelope(self) -> np.ndarray:
        """Returns (P,) the best precision at this recall or any larger one."""
        return np.maximum.accumulate(self.precision[::-1])[::-1]


def box_coverage(boxes: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """Returns the (N, R) share of each of the (N, 4) boxes that each of the (R, 4) regions covers."""
    return intersection(boxes, regions) / np.maximum(box_area(boxes)[:, None], 1e-9)


class Matches(NamedTuple):
    """How the N predictions of one image fare."""

    hit: np.ndarray
    """(N,) bool: found a truth"""
    dropped: np.ndarray
    """(N,) bool: counts neither as hit nor as false alarm"""
    truth: np.ndarray
    """(N,) int: index of the truth, -1 where there is none"""


def match_image(image: ImageBoxes, iou_threshold: float = IOU_THRESHOLD) -> Matches:
    """Matches the predictions of one image with its truths.

    A truth that counts is taken once; an ignored one too, so that a second box on it is a false
    alarm, as in COCO and KITTI. Predictions of equal score go in the order of their coordinates,
    so that the order in which they are listed changes nothing.
    """
    hit = np.zeros(len(image.boxes), bool)
    dropped = np.zeros(len(image.boxes), bool)
    truth = np.full(len(image.boxes), -1)
    # Counting truths first; then by coordinates, for the same reason as above.
    truth_order = np.lexsort((*image.truths.T[::-1], image.ignored))
    truths, ignored = image.truths[truth_order], image.ignored[truth_order]
    iou = box_iou(image.boxes, truths)
    free = np.ones(len(truths), bool)
    for i in np.lexsort((*image.boxes.T[::-1], -image.scores)):
        for among_ignored in (False, True):
            candidates = np.where(free & (ignored == among_ignored), iou[i], -1.0)
            if len(candidates) and candidates.max() >= iou_threshold:
                free[candidates.argmax()] = False
                truth[i] = truth_order[candidates.argmax()]
                hit[i], dropped[i] = not among_ignored, among_ignored
                break
    unmatched = ~hit & ~dropped
    if len(image.regions):
        covered = box_coverage(image.boxes, image.regions).max(axis=1) >= REGION_THRESHOLD
        dropped |= unmatched & covered
    if len(image.forgiven):
        dropped |= unmatched & image.forgiven
    return Matches(hit, dropped, truth)


@dataclass(frozen=True, eq=False)
class ClassMatches:
    """What the predictions of one class in one image came to.

    Attributes:
        scores: (N,) of those that count.
        hits: (N,) bool, whether they found a truth.
        truths: Number of truths that count.
    """

    scores: np.ndarray
    hits: np.ndarray
    truths: int


def class_matches(image: ImageBoxes, iou_threshold: float = IOU_THRESHOLD) -> ClassMatches:
    """Matches one class in one image, see `match_image`."""
    return counted(image, match_image(image, iou_threshold))


def counted(image: ImageBoxes, matches: Matches) -> ClassMatches:
    """Returns what counts of the matches of an image."""
    kept = ~matches.dropped
    return ClassMatches(image.scores[kept], matches.hit[kept], int((~image.ignored).sum()))


def average_precision(images: Iterable[ImageBoxes], iou_threshold: float = IOU_THRESHOLD) -> PrecisionRecall:
    """Returns the precision–recall curve of one class over all images."""
    return precision_recall(class_matches(image, iou_threshold) for image in images)


def precision_recall(images: Iterable[ClassMatches]) -> PrecisionRecall:
    """Returns the precision–recall curve of one class over all images.

    Predictions of equal score enter the curve together: a threshold cannot tell them apart, so
    their order must not earn anything.
    """
    found_in = list(images)
    truths = sum(image.truths for image in found_in)
    score = np.concatenate([np.zeros(0), *(image.scores for image in found_in)])
    hit = np.concatenate([np.zeros(0, bool), *(image.hits for image in found_in)])
    order = np.argsort(-score, kind="stable")
    score, hit = score[order], hit[order]
    last = np.append(score[1:] != score[:-1], True)[: len(score)]  # last of each run of equal scores
    found = np.cumsum(hit)[last]
    claimed = np.flatnonzero(last) + 1
    precision = found / claimed
    recall = found / truths if truths else np.zeros(len(found))
    curve = PrecisionRecall(None, precision, recall, score[last], truths, len(score))
    if not truths:
        return curve
    ap = float(np.sum(np.diff(recall, prepend=0.0) * curve.envelope()))
    return PrecisionRecall(ap, precision, recall, score[last], truths, len(score))


def mean_precision(aps: Iterable[float | None]) -> float | None:
    """Returns the mean over classes; classes with nothing to find do not count."""
    known = [ap for ap in aps if ap is not None]
    return float(np.mean(known)) if known else None
