"""Recall of relation triplets: Recall@K, mean Recall@K, and the best that K triplets can reach.

SGDet: boxes, classes and predicates are predicted. A predicted triplet finds a fact when both boxes
overlap their own with IoU >= .5 and both classes and the predicate are equal. PredCls: boxes and
classes are given, so that indices say which objects are meant. Never mix the two.

Unlike older scene-graph code, one predicted triplet finds one fact at most (the free one that
it overlaps best), so that no recall can exceed its ceiling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from sim2sg_core.evaluation.detection import IOU_THRESHOLD
from sim2sg_core.scene.boxes import box_iou
from sim2sg_core.scene.graph import Relation, SceneGraph


@dataclass(frozen=True)
class Predicates:
    """The predicates that are scored.

    Attributes:
        names: Forward predicates.
        inverses: Inverse name to forward name (right_of: left_of). An inverse is turned round.
        symmetric: Those that hold both ways round or not at all.
    """

    names: tuple[str, ...]
    inverses: Mapping[str, str] = field(default_factory=dict)
    symmetric: frozenset[str] = frozenset()

    def forward(self, relations: Iterable[Relation]) -> list[Relation]:
        """Turns inverses round, drops unknown predicates and repeats; the best score of each stays."""
        best: dict[tuple[int, str, int], Relation] = {}
        for r in relations:
            if r.predicate in self.inverses:
                r = Relation(r.object, self.inverses[r.predicate], r.subject, r.score, r.frame)
            key = (r.subject, r.predicate, r.object)
            if r.predicate in self.names and (key not in best or r.score > best[key].score):
                best[key] = r
        return list(best.values())

    def unique(self, relations: Sequence[Relation]) -> list[Relation]:
        """Keeps one direction of each symmetric relation: the better scored."""
        kept: dict[tuple[int, str, int], Relation] = {}
        for r in relations:
            a, b = r.subject, r.object
            key = (min(a, b), r.predicate, max(a, b)) if r.predicate in self.symmetric else (a, r.predicate, b)
            if key not in kept or r.score > kept[key].score:
                kept[key] = r
        return list(kept.values())


@dataclass(frozen=True, eq=False)
class ImageRecall:
    """What the ranking of one image finds.

    Attributes:
        predicates: (F,) predicate of every fact.
        ranks: (F,) 1-based rank of the triplet that found each fact; inf for those not found.
        reach: Number of facts that an ideal ranking of any length finds: all of them, or under the
            graph constraint one per ordered pair.
    """

    predicates: np.ndarray
    ranks: np.ndarray
    reach: int

    def recall(self, k: int) -> float:
        """Returns the share of facts found by the best k triplets."""
        return float((self.ranks <= k).mean())

    def ceiling(self, k: int) -> float:
        """Returns the largest recall that any k triplets can reach."""
        return min(k, self.reach) / len(self.ranks)


def recall_sgdet(
    graph: SceneGraph, truth: SceneGraph, predicates: Predicates, constrained: bool = False
) -> ImageRecall | None:
    """Ranks the predicted triplets of one image and matches them with its facts.

    Args:
        graph: Prediction.
        truth: Labelled objects and facts.
        predicates: What is scored.
        constrained: One predicate per ordered pair, the best (the graph constraint).

    Returns:
        The outcome, or None for an image without facts.
    """
    iou = box_iou(graph.boxes(), truth.boxes())
    same = np.array([[p.label == t.label for t in truth.objects] for p in graph.objects], bool)
    overlap = np.where(same.reshape(iou.shape) & (iou >= IOU_THRESHOLD), iou, 0.0)
    facts = _rank(predicates.unique(predicates.forward(truth.relations)), None, truth.boxes())
    ranked = rank_triplets(graph, predicates, constrained)
    return _match(ranked, facts, overlap, predicates, constrained)


def recall_predcls(
    relations: Iterable[Relation],
    facts: Iterable[Relation],
    objects: int,
    predicates: Predicates,
    constrained: bool = False,
) -> ImageRecall | None:
    """As `recall_sgdet`, with boxes and classes given.

    Args:
        relations: Predicted, with P(predicate | both) as score.
        facts: What holds. Indices mean the same `objects` objects in both.
        objects: How many objects there are.
        predicates: What is scored.
        constrained: One predicate per ordered pair.
    """
    places = np.arange(objects)[:, None]
    ranked = _rank(_candidates(relations, predicates, constrained), lambda r: r.score, places)
    known = predicates.unique(predicates.forward(facts))
    return _match(ranked, known, np.eye(objects), predicates, constrained)


def rank_triplets(graph: SceneGraph, predicates: Predicates, constrained: bool) -> list[Relation]:
    """Sorts the triplets by P(predicate | both) times both object scores.

    Equal scores are put in the order of predicate and box coordinates, so that the order in which
    objects and relations are listed changes nothing.
    """
    return _rank(_candidates(graph.relations, predicates, constrained), graph.triplet_score, graph.boxes())


def _candidates(relations: Iterable[Relation], predicates: Predicates, constrained: bool) -> list[Relation]:
    forward = predicates.forward(relations)
    if constrained:
        pairs: dict[tuple[int, int], Relation] = {}
        for r in sorted(forward, key=lambda r: (-r.score, r.predicate)):
            pairs.setdefault((r.subject, r.object), r)
        forward = list(pairs.values())
    return predicates.unique(forward)


def _rank(relations: list[Relation], score: Callable[[Relation], float] | None, places: np.ndarray) -> list[Relation]:
    """Sorts by score, then predicate, then the (N, D) coordinates of subject and object."""

    def key(r: Relation) -> tuple:
        return (-score(r) if score else 0.0, r.predicate, *places[r.subject], *places[r.object])

    return sorted(relations, key=key)


def _match(
    ranked: Sequence[Relation],
    facts: Sequence[Relation],
    overlap: np.ndarray,
    predicates: Predicates,
    constrained: bool,
) -> ImageRecall | None:
    """Gives every triplet, best first, the free fact that it fits best.

    Under the graph constraint an ordered pair of true objects gives one fact at most, too: a second
    box on an object must not buy a second predicate.

    Args:
        ranked: T predicted triplets.
        facts: F facts.
        overlap: (N, M) how well predicted object n fits true object m; 0 for not at all.
        predicates: What is scored.
        constrained: Whether the graph constraint was applied.
    """
    if not facts:
        return None
    ranks = np.full(len(facts), np.inf)
    # Both ways round, [straight, turned]: a symmetric fact may be told either way.
    pair = np.array([[(f.subject, f.object) for f in facts], [(f.object, f.subject) for f in facts]])
    free = np.ones((2, len(facts)), bool)
    for rank, quality in enumerate(_triplet_overlaps(ranked, facts, overlap, predicates), start=1):
        quality = np.where(free, quality, 0.0)
        if quality.max() > 0:
            way, fact = divmod(int(quality.argmax()), len(facts))
            ranks[fact] = rank
            free[:, fact] = False
            if constrained:
                free &= (pair != pair[way, fact]).any(axis=2)
    reach = _constrained_reach(facts, predicates) if constrained else len(facts)
    return ImageRecall(np.array([f.predicate for f in facts]), ranks, reach)


def _triplet_overlaps(
    ranked: Sequence[Relation], facts: Sequence[Relation], overlap: np.ndarray, predicates: Predicates
) -> np.ndarray:
    """Returns (T, 2, F) the smaller of the two objects' overlaps, straight and turned round.

    0 where the predicates differ, and turned round for predicates that are not symmetric.
    """
    if not ranked:
        return np.zeros((0, 2, len(facts)))
    subject, object_ = (np.array([getattr(r, end) for r in ranked]) for end in ("subject", "object"))
    fact_subject, fact_object = (np.array([getattr(f, end) for f in facts]) for end in ("subject", "object"))

    def both(s: np.ndarray, o: np.ndarray) -> np.ndarray:
        return np.minimum(overlap[np.ix_(s, fact_subject)], overlap[np.ix_(o, fact_object)])

    same = np.array([[r.predicate == f.predicate for f in facts] for r in ranked])
    either_way = np.array([r.predicate in predicates.symmetric for r in ranked])[:, None]
    straight, turned = both(subject, object_), both(object_, subject)
    return np.stack([np.where(same, straight, 0.0), np.where(same & either_way, turned, 0.0)], axis=1)


def _constrained_reach(facts: Sequence[Relation], predicates: Predicates) -> int:
    """Facts that one predicate per ordered pair can tell; a symmetric one fits either direction."""
    directed = {(f.subject, f.object) for f in facts if f.predicate not in predicates.symmetric}
    free: dict[frozenset[int], int] = {}
    for f in facts:
        if f.predicate in predicates.symmetric:
            pair = frozenset((f.subject, f.object))
            free[pair] = free.get(pair, 0) + 1
    extra = 0
    for pair, count in free.items():
        a, b = pair
        extra += min(count, 2 - ((a, b) in directed) - ((b, a) in directed))
    return len(directed) + extra


def summarise(images: Iterable[ImageRecall | None], k: int) -> dict[str, float | None]:
    """Averages over the images that have facts.

    Returns:
        `R` Recall@k, `mR` mean Recall@k (for each predicate the mean over the images where it
        holds, then the mean over predicates), `ceiling_R` the best Recall@k that k triplets an
        image can reach, `R_over_ceiling`; all None when no image has facts.
    """
    known = [image for image in images if image is not None]
    if not known:
        return dict.fromkeys(("R", "mR", "ceiling_R", "R_over_ceiling"))
    recall = float(np.mean([image.recall(k) for image in known]))
    ceiling = float(np.mean([image.ceiling(k) for image in known]))
    per_predicate = [
        np.mean([(i.ranks[i.predicates == name] <= k).mean() for i in known if name in i.predicates])
        for name in sorted({str(p) for image in known for p in image.predicates})
    ]
    return {
        "R": recall,
        "mR": float(np.mean(per_predicate)),
        "ceiling_R": ceiling,
        "R_over_ceiling": recall / ceiling,
    }
