"""What predictions on rendered frames find, and which of them nobody judges."""

from __future__ import annotations

import numpy as np

from sim2sg_core.scene import SceneGraph
from sim2sg_core.scene.boxes import greedy_match


def judge(boxes: np.ndarray, labels: np.ndarray, truth: SceneGraph) -> tuple[np.ndarray, np.ndarray]:
    """Compares predictions with ground truth (IoU of at least 0.5, each object once).

    Args:
        boxes: (N, 4) xyxy pixels, best score first.
        labels: (N,) class names.
        truth: What is there. Ignored objects, such as those that are hardly visible, are neither taught nor unlearned.

    Returns:
        (N,) whether a prediction finds an object of its class, and (N,) whether it counts: one that finds only an
        ignored object is neither right nor wrong.
    """
    ignored = np.array([item.ignored for item in truth.objects], bool)
    there, names = truth.boxes(), truth.labels()
    found = greedy_match(boxes, labels, there[~ignored], names[~ignored]) >= 0
    counts = np.ones(len(boxes), bool)
    others = np.flatnonzero(~found)
    counts[others] = greedy_match(boxes[others], labels[others], there[ignored], names[ignored]) < 0
    return found, counts
