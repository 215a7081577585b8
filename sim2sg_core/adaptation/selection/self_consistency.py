"""Self-consistency, a measure without labels: does a model see the same from another view?

A picture that is mirrored, scaled or tinted shows the same scene, so a model that understands it gives the same
graph. How far it does so needs no label and tends to go with how right the model is: a network off its training
distribution gets unstable before it gets consistently wrong (compare Deng et al., "On the Strong Correlation Between
Model Invariance and Generalization", NeurIPS 2022). What no such measure can see is a mistake made surely from
every view.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from sim2sg_core.adaptation.log_frames import SampledFrame
from sim2sg_core.domains import Domain
from sim2sg_core.errors import Sim2SGError
from sim2sg_core.fleet import Inline, Loaded, Pool
from sim2sg_core.runtime import Predictor
from sim2sg_core.runtime.graph_decoding import DecodeOptions, decode_graph
from sim2sg_core.runtime.preprocessing import PADDING
from sim2sg_core.scene import SceneGraph
from sim2sg_core.scene.boxes import box_area, greedy_match

MOST_FRAMES = 60
VIEWS = 5  # of a frame, itself among them: see `changed_views`
ZOOMS = (0.8, 1.25)
COMPARED_SCORE = 0.05  # at least: the slots that the network pads its list with would only add noise
UNSEEN = 1.0
"""Objects (and facts) per comparison that count as missed by every model.

Without them an empty graph would score 0/0, and a single sure object in the whole log would score 1. With them a
model scores 0 when it finds nothing, near 0 when it finds next to nothing, and one that finds more, as surely and as
steadily, scores more. A frame that truly is empty lowers all models alike, so their order stands.
"""
WINDOW_EDGE = 0.02  # of the window: a box that ends this near to its edge may go on behind it


@dataclass(frozen=True)
class SelfConsistency:
    """How consistent a model is with itself on unlabelled frames, and how sure it is of what it finds.

    Attributes:
        objects: In [0, 1): F-score between the objects of a frame and of its changed copies, however sure they are.
        relations: In [0, 1): the same of the facts between objects that were found in both.
        score: Mean of the two: what models are chosen by.
        sureness: In [0, 1): the score with every object and fact weighed by how sure it is. Diagnostic: training on
            its own targets makes a network surer, not righter.
        entropy: Mean entropy of the objects' scores, bits; 0 when there are none. Diagnostic.
        objects_per_frame: Mean over frames of the sum of scores: the expected number of objects. Diagnostic.
        sure_score: Mean score of the objects above 0.5; 0 when there are none. Diagnostic.
        frames: Frames that were looked at.
    """

    objects: float
    relations: float
    score: float
    sureness: float
    entropy: float
    objects_per_frame: float
    sure_score: float
    frames: int

    def to_json(self) -> dict[str, float]:
        """Returns the figures, JSON-ready."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, eq=False)
class ChangedView:
    """A changed copy of an image.

    Attributes:
        image: (h, w, 3) uint8 RGB.
        window: (4,) x1, y1, x2, y2 of the part of the original that it shows, pixels; may reach beyond it.
        mirrored: Whether left and right have changed places within the window.
    """

    image: np.ndarray
    window: np.ndarray
    mirrored: bool = False

    def restore(self, boxes: np.ndarray) -> np.ndarray:
        """Returns (N, 4) xyxy boxes of this view in pixels of the original, not clipped to it."""
        if self.mirrored:
            width = self.image.shape[1]
            boxes = np.column_stack([width - boxes[:, 2], boxes[:, 1], width - boxes[:, 0], boxes[:, 3]])
        return boxes + np.tile(self.window[:2], 2)


@dataclass(frozen=True)
class Tally:
    """Expected numbers of things in common and of things seen on average, over any number of comparisons."""

    common: float = 0.0
    seen: float = 0.0
    comparisons: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.common + other.common, self.seen + other.seen, self.comparisons + other.comparisons)

    @property
    def f_score(self) -> float:
        """In [0, 1): 2·common / (seen here + seen there), with `UNSEEN` more in each."""
        return self.common / (self.seen + UNSEEN * self.comparisons) if self.comparisons else 0.0


def measure_self_consistency(
    model: Loaded[Predictor],
    frames: Sequence[SampledFrame],
    domain: Domain,
    limit: int = MOST_FRAMES,
    pool: Pool | None = None,
) -> SelfConsistency:
    """Measures how consistent a model is with itself under change of view.

    Every object above the least score counts alike, so that models that are sure to different degrees can be
    compared: an object is in common when it is matched in both views (same class, IoU >= 0.5). Facts between matched
    objects are treated likewise, those more likely than not.

    Args:
        model: The model; its scores should be calibrated. Five images per frame are inferred.
        frames: The log's frames.
        domain: Says which predicates turn round in a mirror.
        limit: Frames to look at, taken evenly from `frames`.
        pool: Who looks; None for this process.

    Raises:
        Sim2SGError: No frames.
    """
    if not frames or limit < 1:
        raise Sim2SGError("self-consistency needs at least one frame: give a log with images and a limit above 0")
    chosen = np.unique(np.linspace(0, len(frames) - 1, min(limit, len(frames))).round().astype(int))
    seen = list((pool or Inline()).map(_Comparing(model, domain), [frames[index] for index in chosen]))
    objects, relations, sure_objects, sure_relations = (
        sum((tallies[k] for tallies, _ in seen), Tally()) for k in range(4)
    )
    everything = np.concatenate([scores for _, scores in seen])
    sure = everything[everything > 0.5]
    return SelfConsistency(
        objects=objects.f_score,
        relations=relations.f_score,
        score=(objects.f_score + relations.f_score) / 2,
        sureness=(sure_objects.f_score + sure_relations.f_score) / 2,
        entropy=float(_entropy(everything).mean()) if len(everything) else 0.0,
        objects_per_frame=float(everything.sum() / len(chosen)),
        sure_score=float(sure.mean()) if len(sure) else 0.0,
        frames=len(chosen),
    )


@dataclass(frozen=True)
class _Comparing:
    """Compares what a model sees of a frame with what it sees of changed views of it; see `fleet.Work`."""

    model: Loaded[Predictor]
    domain: Domain

    def open(self) -> Callable[[SampledFrame], tuple[tuple[Tally, Tally, Tally, Tally], np.ndarray]]:
        predictor = self.model.get()
        return lambda frame: _compare_frame(predictor, frame, self.domain)


def _compare_frame(
    predictor: Predictor, frame: SampledFrame, domain: Domain
) -> tuple[tuple[Tally, Tally, Tally, Tally], np.ndarray]:
    """Returns the tallies of objects and facts, taken as sure and by their sureness, and the scores in the frame."""
    image = frame.image()
    copies = changed_views(image)
    objects, relations, sure_objects, sure_relations = Tally(), Tally(), Tally(), Tally()
    graph, *seen = _infer(predictor, [image, *(view.image for view in copies)])
    for view, other in zip(copies, seen, strict=True):
        found, facts = compare_views(certain(graph), certain(other), view, domain)
        objects, relations = objects + found, relations + facts
        found, facts = compare_views(graph, other, view, domain)
        sure_objects, sure_relations = sure_objects + found, sure_relations + facts
    return (objects, relations, sure_objects, sure_relations), graph.scores()


def changed_views(image: np.ndarray) -> list[ChangedView]:
    """Returns the changed copies of an (H, W, 3) image: mirrored, farther, nearer, in other light.

    Zooming crops or pads with the network's own padding; the letterbox in front of the network then scales.
    """
    height, width = image.shape[:2]
    whole = np.array([0.0, 0.0, width, height])
    zoomed = [_zoom(image, factor) for factor in ZOOMS]
    return [
        ChangedView(np.ascontiguousarray(image[:, ::-1]), whole, mirrored=True),
        *zoomed,
        ChangedView(_relit(image), whole),
    ]


def certain(graph: SceneGraph) -> SceneGraph:
    """Returns the graph as if it were sure: every object, and the facts more likely than not."""
    objects = tuple(dataclasses.replace(o, score=1.0) for o in graph.objects)
    relations = tuple(dataclasses.replace(r, score=1.0) for r in graph.relations if r.score > 0.5)
    return dataclasses.replace(graph, objects=objects, relations=relations)


def compare_views(graph: SceneGraph, other: SceneGraph, view: ChangedView, domain: Domain) -> tuple[Tally, Tally]:
    """Compares what was seen in an image with what was seen in a view of it.

    A score is the probability that an object is there. So if the objects of both were drawn by their scores s and t,
    independently, a matched object would be in common with probability s·t; facts likewise, P(predicate | both) in
    the place of the score, each weighed by how sure its objects are. Objects that the view's edge cuts count neither
    here nor there: they are not the same thing to see.

    Args:
        graph: Of the image; objects best first.
        other: Of `view`, in its pixels; objects best first.
        view: How the two lie to each other.
        domain: Says which predicates turn round in a mirror.

    Returns:
        The tallies of objects and of facts.
    """
    frame = np.array([0.0, 0.0, graph.width, graph.height])
    window = _clip(view.window[None], frame)[0]
    ours, theirs = graph.boxes(), _clip(view.restore(other.boxes()), frame)
    shown = _clip(ours, window)
    # In the order of `other`: index into `graph`, -1 for none. Cut objects are matched too, as far as shown.
    match = greedy_match(theirs, other.labels(), shown, graph.labels())
    whole = box_area(shown) > 0.99 * box_area(ours)
    common = match >= 0
    common[common] = whole[match[common]]
    counted = common | ((match < 0) & ~_cut(theirs, window, frame))
    here, there = graph.scores(), other.scores()
    objects = Tally(
        float((here[match[common]] * there[common]).sum()),
        float(here[whole].sum() + there[counted].sum()) / 2,
        1,
    )
    kept = np.flatnonzero(common)
    a, b = _facts(graph, match[kept], domain), _facts(other, kept, domain)
    if view.mirrored:
        turns = np.array([p.rule == "left_of" for p in domain.predicates])
        b = np.where(turns, b.transpose(1, 0, 2), b)
    sure = here[match[kept]] * there[kept]
    weight = (sure[:, None] * sure[None])[..., None]
    return objects, Tally(float((weight * a * b).sum()), float((weight * (a + b)).sum()) / 2, 1)


def _facts(graph: SceneGraph, keep: np.ndarray, domain: Domain) -> np.ndarray:
    """(N, N, P) P(predicate | both objects) between the objects `keep`.

    A pair that the network did not propose has no facts: that is what the graph says of it.
    """
    place = {int(index): i for i, index in enumerate(keep)}
    column = {name: i for i, name in enumerate(domain.predicate_names)}
    facts = np.zeros((len(keep), len(keep), len(column)))
    for relation in graph.relations:
        if relation.subject in place and relation.object in place:
            facts[place[relation.subject], place[relation.object], column[relation.predicate]] = relation.score
    return facts


def _infer(predictor: Predictor, images: Sequence[np.ndarray]) -> list[SceneGraph]:
    """Graphs without poses: a changed copy has no camera, and relations then are the network's own."""
    outputs = predictor.infer_batch(images)
    options = DecodeOptions(COMPARED_SCORE)
    return [decode_graph(output.outputs, output.info, output.box, None, options) for output in outputs]


def _zoom(image: np.ndarray, factor: float) -> ChangedView:
    """The middle of the image, or the image in the middle of a grey canvas; pixels keep their size."""
    height, width = image.shape[:2]
    size = np.maximum(np.round(np.array([width, height]) / factor), 1).astype(int)
    start = (np.array([width, height]) - size) // 2
    window = np.concatenate([start, start + size])
    x1, y1, x2, y2 = np.clip(window, 0, [width, height, width, height])
    canvas = np.full((size[1], size[0], 3), PADDING, np.uint8)
    canvas[y1 - start[1] : y2 - start[1], x1 - start[0] : x2 - start[0]] = image[y1:y2, x1:x2]
    return ChangedView(canvas, window.astype(float))


def _relit(image: np.ndarray) -> np.ndarray:
    """Darker midtones and half the colour."""
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    pale = cv2.addWeighted(image, 0.5, cv2.merge([grey, grey, grey]), 0.5, 0.0)
    table = (255 * np.linspace(0, 1, 256) ** 1.4).round().astype(np.uint8)
    return np.asarray(cv2.LUT(pale, table))


def _clip(boxes: np.ndarray, window: np.ndarray) -> np.ndarray:
    """(N, 4) boxes cut to a window; those outside it become empty."""
    return np.clip(boxes, np.tile(window[:2], 2), np.tile(window[2:], 2))


def _cut(boxes: np.ndarray, window: np.ndarray, frame: np.ndarray) -> np.ndarray:
    """(N,) whether a box ends at an edge of the window that is not one of the image."""
    reach = WINDOW_EDGE * np.tile(window[2:] - window[:2], 2)
    return ((np.abs(boxes - window) <= reach) & (window != frame)).any(axis=1)


def _entropy(probability: np.ndarray) -> np.ndarray:
    """Of a yes or no, bits."""
    p = np.clip(probability, 1e-9, 1 - 1e-9)
    return -(p * np.log2(p) + (1 - p) * np.log2(1 - p))
