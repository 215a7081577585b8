"""Who decides the relations of a prediction: the relation head, the rules on the lifted poses, or both."""

from __future__ import annotations

import numpy as np

from sim2sg_core.runtime.metadata import RELATIONS, ModelInfo
from sim2sg_core.runtime.pose import Lifted, level_covariances
from sim2sg_core.scene import Camera, Placement
from sim2sg_core.scene.layout import wrap_angle
from sim2sg_core.scene.predicates import soft_rule_matrix

CHOICES = ("auto", *RELATIONS)
"""What a user may ask for; auto is what the model says of itself."""

LEAST = 1e-6
"""No rule on estimated poses is surer than this, of yes or of no: a relation is never impossible."""


def wanted_relations(info: ModelInfo, asked: str) -> str:
    """Returns one of `RELATIONS`: what was asked for (one of `CHOICES`), else what the model says."""
    return info.relations if asked == "auto" else asked


def usable_relations(info: ModelInfo, asked: str, camera: Camera | None) -> str:
    """Returns what decides the relations of an image: rules need a camera over a known ground, else it is learned."""
    wanted = wanted_relations(info, asked)
    return wanted if camera is not None and camera.ground is not None else "learned"


def relate(
    outputs: dict[str, np.ndarray],
    info: ModelInfo,
    how: str,
    real: np.ndarray,
    lifted: Lifted,
    camera: Camera,
) -> tuple[np.ndarray, np.ndarray]:
    """Scores relations with the help of the rules.

    Args:
        outputs: Of the network, see `graph_decoding.decode_graph`.
        info: Classes, predicates and their rules.
        how: "rule": the R pairs with the best triplet by rule. "both": the network's R pairs, scored by the
            mean of the logits of network and rule.
        real: (N,) network indices of the objects that are no padding.
        lifted: Their boxes in the camera frame.
        camera: With a known ground.

    Returns:
        (R', 2) pairs of network indices, R' <= R, and (R', P) P(predicate | both objects).
    """
    pairs, learned = outputs["pairs"], outputs["relations"]
    by_rule = rule_probabilities(lifted, camera, info, outputs["classes"][real])
    if how == "rule":
        stated = info.related[outputs["classes"][real]]
        chosen = best_pairs(by_rule, outputs["scores"][real], stated, len(pairs))
        return real[chosen], by_rule[chosen[:, 0], chosen[:, 1]]
    place = np.full(len(outputs["scores"]), -1)
    place[real] = np.arange(len(real))
    ends = place[pairs]
    known = (ends >= 0).all(axis=1)
    mixed = np.zeros(learned.shape)
    mixed[known] = mean_logit(learned[known], by_rule[ends[known, 0], ends[known, 1]])
    return pairs, mixed


def rule_probabilities(
    lifted: Lifted,
    camera: Camera,
    info: ModelInfo,
    labels: np.ndarray | None = None,
) -> np.ndarray:
    """Returns (N, N, P) probabilities of every predicate between estimated boxes, from `LEAST` to 1 - `LEAST`.

    `labels` are the (N,) classes of the boxes, which say where others stand on them and in them; None means on the top.
    """
    level = level_boxes(lifted, camera)
    covariances = level_covariances(lifted.positions, lifted.stds, camera)
    surfaces = None if labels is None else [info.surfaces[label] for label in labels]
    insides = None if labels is None else [info.insides[label] for label in labels]
    chances = [soft_rule_matrix(level, covariances, rule, surfaces, insides) for rule in info.rules]
    count = len(level)
    return np.stack(chances, axis=-1).clip(LEAST, 1 - LEAST) if chances else np.zeros((count, count, 0))


def level_boxes(lifted: Lifted, camera: Camera) -> list[Placement]:
    """Returns what `scene.predicates.level_placements` does, of all boxes at once."""
    bases = camera.to_world(lifted.positions)
    bases[:, 2] -= lifted.sizes[:, 2] / 2
    yaws = wrap_angle(-lifted.yaws - np.pi / 2).tolist()  # `scene.layout.world_yaw` of an array
    return [Placement("", base, yaw, size) for base, yaw, size in zip(bases, yaws, lifted.sizes, strict=True)]


def best_pairs(probabilities: np.ndarray, scores: np.ndarray, stated: np.ndarray, count: int) -> np.ndarray:
    """Chooses the ordered pairs with the best triplets.

    Args:
        probabilities: (N, N, P) P(predicate | both objects).
        scores: (N,) of the objects.
        stated: (N,) whether relations are stated for the object's class.
        count: The most pairs to choose.

    Returns:
        (R', 2) indices of subject and object, best first.
    """
    triplets = probabilities.max(axis=-1, initial=0.0) * scores[:, None] * scores[None]
    allowed = stated[:, None] & stated[None] & ~np.eye(len(scores), dtype=bool)
    pairs = np.argwhere(allowed)
    order = np.argsort(-triplets[allowed], kind="stable")[:count]
    return pairs[order]


def mean_logit(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Returns the probability whose logit is the mean of two probabilities' logits.

    sqrt(p q) / (sqrt(p q) + sqrt((1 - p) (1 - q))): the normalised product of two experts, each to the power of
    one half (a logarithmic opinion pool, Genest and Zidek 1986). `second` lies strictly between 0 and 1, so that
    what the network rules out (0) stays so.
    """
    p, q = np.asarray(first, float), np.asarray(second, float)
    yes, no = np.sqrt(p * q), np.sqrt((1 - p) * (1 - q))
    return yes / (yes + no)
