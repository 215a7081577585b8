"""Which objects are found, near and far: recall by the height of the labelled box."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sim2sg_core.evaluation.datasets import protocol_for
from sim2sg_core.evaluation.detection import ImageBoxes, counted, match_image, precision_recall
from sim2sg_core.evaluation.labelled_images import TargetImage
from sim2sg_core.evaluation.scoring import class_boxes, pair_by_name, rename
from sim2sg_core.scene.graph import SceneGraph

if TYPE_CHECKING:
    from sim2sg_core.domains import Domain

LEAST_PRECISION = 0.5
HEIGHTS = (0.0, 25.0, 40.0, 80.0, 160.0)
"""Lower ends of the bins, pixels; the last has no upper end."""


@dataclass(frozen=True)
class HeightRecall:
    """How many of the objects of one class and one range of heights are found.

    Attributes:
        least: Lower end of the range, pixels.
        objects: Labelled objects that count.
        found: Those with a box at an IoU of .5.
    """

    least: float
    objects: int
    found: int


def recall_by_height(
    images: Sequence[ImageBoxes], least_precision: float = LEAST_PRECISION
) -> tuple[float | None, list[HeightRecall]]:
    """Counts what is found of one class where its boxes are right as often as asked.

    Args:
        images: The class in every image.
        least_precision: Boxes count from the lowest score on at which still so many of them are right.

    Returns:
        That score, None where no score is as precise, and the counts, one for each of `HEIGHTS`.
    """
    found_in = [match_image(image) for image in images]
    curve = precision_recall(map(counted, images, found_in))
    precise = np.flatnonzero(curve.precision >= least_precision)
    score = float(curve.scores[precise[-1]]) if len(precise) else None
    edges = np.append(HEIGHTS, np.inf)
    objects, found = np.zeros(len(HEIGHTS), int), np.zeros(len(HEIGHTS), int)
    for image, matches in zip(images, found_in, strict=True):
        heights = image.truths[:, 3] - image.truths[:, 1]
        objects += np.histogram(heights[~image.ignored], edges)[0]
        if score is not None:
            hits = matches.truth[matches.hit & (image.scores >= score)]
            found += np.histogram(heights[hits], edges)[0]
    return score, [HeightRecall(*row) for row in zip(HEIGHTS, objects.tolist(), found.tolist(), strict=True)]


def score_by_height(
    graphs: Iterable[SceneGraph], targets: Sequence[TargetImage], domain: Domain, format: str
) -> dict[str, Any]:
    """Counts for every class of the data what is found, by height, at the hardest difficulty. Arguments as `evaluate`.

    Returns:
        JSON-ready: by class the least `score` that counts and, of each range of `heights`, its least height in pixels
        (`from`), `objects` and `found`.
    """
    protocol = protocol_for(format, domain)
    pairs = [(rename(graph, protocol), target) for graph, target in pair_by_name(graphs, targets)]
    rows = {}
    for name in protocol.classes:
        images = [class_boxes(graph, target, protocol, name, protocol.levels[-1]) for graph, target in pairs]
        score, heights = recall_by_height(images)
        counts = [{"from": row.least, "objects": row.objects, "found": row.found} for row in heights]
        rows[name] = {"score": score, "heights": counts}
    return rows
