"""Scores that mean what they say, fitted on held-out synthetic frames.

Objects are calibrated by class: a bias is taken from the logits and a temperature divides them (Platt, "Probabilistic
Outputs for Support Vector Machines", 1999), so the order of a class's detections, and with it its average precision,
stays as it was. Predicates have one temperature (Guo et al., "On Calibration of Modern Neural Networks", ICML 2017).
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
import torch

from sim2sg_core.adaptation.content.recall_correction import found_shares
from sim2sg_core.adaptation.logistic import fit_logistic, logit, sigmoid
from sim2sg_core.adaptation.outcomes import judge
from sim2sg_core.domains import Domain
from sim2sg_core.images import read_image
from sim2sg_core.model import SceneGraphNetwork
from sim2sg_core.runtime.graph_decoding import decode_graph
from sim2sg_core.runtime.metadata import ModelInfo
from sim2sg_core.runtime.preprocessing import letterbox
from sim2sg_core.scene import SceneGraph
from sim2sg_core.scene.boxes import greedy_match
from sim2sg_core.synthesis.dataset import with_ignored

SLOPE_SPREAD, OFFSET_SPREAD = 0.5, 1.5
"""Standard deviations that are expected of a class: of its inverse temperature, relative, and of its offset."""
LEAST_SLOPE = 0.1
CALIBRATED_SCORE = 0.01  # at least: the slots that the network pads its list with say nothing of calibration


def object_outcomes(
    graphs: Sequence[SceneGraph], truths: Sequence[SceneGraph]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compares predictions with ground truth.

    Returns:
        Of the predictions that count (see `judge`): (N,) scores, (N,) whether each finds an object, and (N,) labels.
    """
    scores: list[np.ndarray] = []
    correct: list[np.ndarray] = []
    labels: list[str] = []
    for graph, truth in zip(graphs, truths, strict=True):
        kept = graph.filtered(CALIBRATED_SCORE, 2.0)
        found, counts = judge(kept.boxes(), kept.labels(), truth)
        scores.append(kept.scores()[counts])
        correct.append(found[counts])
        labels.extend(kept.labels()[counts])
    both = np.concatenate(scores or [np.zeros(0)]), np.concatenate(correct or [np.zeros(0, bool)])
    return *both, np.array(labels, str)


def relation_outcomes(
    graphs: Sequence[SceneGraph], truths: Sequence[SceneGraph], symmetric: Set[str] = frozenset()
) -> tuple[np.ndarray, np.ndarray]:
    """Compares relations between objects that were found with the true ones.

    Args:
        graphs: Predictions.
        truths: Ground truth.
        symmetric: Predicates that hold both ways; ground truth has them one way.

    Returns:
        (N,) scores P(predicate | both objects) and (N,) whether the predicate holds.
    """
    scores: list[float] = []
    correct: list[bool] = []
    for graph, truth in zip(graphs, truths, strict=True):
        match = greedy_match(graph.boxes(), graph.labels(), truth.boxes(), truth.labels())
        facts = {(r.subject, r.predicate, r.object) for r in truth.relations}
        facts |= {(r.object, r.predicate, r.subject) for r in truth.relations if r.predicate in symmetric}
        for relation in graph.relations:
            subject, object_ = int(match[relation.subject]), int(match[relation.object])
            if subject >= 0 and object_ >= 0:
                scores.append(relation.score)
                correct.append((subject, relation.predicate, object_) in facts)
    return np.array(scores), np.array(correct, bool)


def fit_temperature(scores: np.ndarray, correct: np.ndarray, bounds: tuple[float, float] = (0.1, 10.0)) -> float:
    """Finds the temperature that makes the outcomes most likely.

    Args:
        scores: (N,) probabilities at temperature 1.
        correct: (N,) outcomes.
        bounds: Search range.

    Returns:
        The temperature; 1 when there are not at least ten outcomes of each kind to learn from.
    """
    if correct.sum() < 10 or (~correct).sum() < 10:
        return 1.0
    logits = logit(scores)
    low, high = np.log(bounds[0]), np.log(bounds[1])
    for _ in range(60):  # The negative log-likelihood is convex in 1/T, hence unimodal in log T.
        third = (high - low) / 3
        if _nll(logits / np.exp(low + third), correct) < _nll(logits / np.exp(high - third), correct):
            high -= third
        else:
            low += third
    return float(np.exp((low + high) / 2))


def fit_class(scores: np.ndarray, correct: np.ndarray, temperature: float) -> tuple[float, float]:
    """Fits the temperature and the bias of one class, drawn to the temperature of all classes and no bias.

    Args:
        scores: (N,) probabilities of one class, not calibrated.
        correct: (N,) outcomes.
        temperature: Of all classes.

    Returns:
        Temperature and bias. With few outcomes they stay near those of all classes.
    """
    shared = 1 / temperature
    slope, offset = fit_logistic(
        np.column_stack([logit(scores), np.ones(len(scores))]),
        correct,
        mean=np.array([shared, 0.0]),
        spread=np.array([SLOPE_SPREAD * shared, OFFSET_SPREAD]),
        least=np.array([LEAST_SLOPE, -np.inf]),
    )
    return float(1 / slope), float(-offset / slope)


def expected_calibration_error(scores: np.ndarray, correct: np.ndarray, bins: int = 10) -> float:
    """Mean distance between score and frequency over equal-width bins, weighted by their size."""
    if not len(scores):
        return 0.0
    index = np.minimum((scores * bins).astype(int), bins - 1)
    error = 0.0
    for b in np.unique(index):
        chosen = index == b
        error += chosen.mean() * abs(float(scores[chosen].mean()) - float(correct[chosen].mean()))
    return error


def scaled(scores: np.ndarray, temperature: np.ndarray | float, bias: np.ndarray | float = 0.0) -> np.ndarray:
    """Returns probabilities with a bias taken from their logits, and these divided by a temperature."""
    return sigmoid((logit(scores) - bias) / temperature)


def calibrate(
    network: SceneGraphNetwork, domain: Domain, held_out: Sequence[tuple[Path, SceneGraph]]
) -> dict[str, Any]:
    """Calibrates a network on frames that it was not trained on.

    Args:
        network: Its calibration is replaced.
        domain: The network's domain.
        held_out: Image files with their ground truth.

    Returns:
        The arguments of `set_calibration`, the calibration errors before and after, and under "found" the share of each
        class's objects that calibrated scores account for.
    """
    network.set_calibration()
    truths = [with_ignored(domain, truth) for _, truth in held_out]
    graphs = predict(network, domain, held_out)
    scores, correct, labels = object_outcomes(graphs, truths)
    shared = fit_temperature(scores, correct)
    fits = {c: fit_class(scores[labels == c], correct[labels == c], shared) for c in domain.class_names}

    def by_class(scores: np.ndarray, labels: Sequence[str] | np.ndarray) -> np.ndarray:
        temperature, bias = np.array([fits[str(label)] for label in labels]).reshape(-1, 2).T
        return scaled(scores, temperature, bias)

    symmetric = {spec.name for spec in domain.predicates if spec.symmetric}
    stated, holds = relation_outcomes(graphs, truths, symmetric)
    relation_temperature = fit_temperature(stated, holds)
    report: dict[str, Any] = {
        "object_temperature": [fits[c][0] for c in domain.class_names],
        "object_bias": [fits[c][1] for c in domain.class_names],
        "object_ece_before": expected_calibration_error(scores, correct),
        "object_ece_after": expected_calibration_error(by_class(scores, labels), correct),
        "relation_temperature": relation_temperature,
        "relation_ece_before": expected_calibration_error(stated, holds),
        "relation_ece_after": expected_calibration_error(scaled(stated, relation_temperature), holds),
    }
    network.set_calibration(report["object_temperature"], report["object_bias"], relation_temperature)
    calibrated = [graph.with_scores(by_class(graph.scores(), graph.labels())) for graph in graphs]
    report["found"] = found_shares(calibrated, truths, domain.class_names)
    return report


def predict(network: SceneGraphNetwork, domain: Domain, images: Sequence[tuple[Path, SceneGraph]]) -> list[SceneGraph]:
    """Runs a torch network as the runtime runs its export: same letterbox, same decoding.

    Args:
        network: The network.
        domain: Its domain.
        images: Image files with their ground truth, of which the camera alone is read.
    """
    config = network.config
    info = ModelInfo(
        model_id="",
        domain=domain,
        width=config.width,
        height=config.height,
        max_objects=config.max_objects,
        focal_ref=config.focal_ref,
        calibrated=False,
        camera=None,
        principal=config.principal,
    )
    graphs = []
    for path, truth in images:
        boxed, place = letterbox(read_image(path), config.input)
        with torch.no_grad():
            values = network.eval()(torch.from_numpy(boxed)[None])
        outputs = {name: value[0].numpy() for name, value in values._asdict().items()}
        graphs.append(decode_graph(outputs, info, place, truth.camera))
    return graphs


def _nll(logits: np.ndarray, correct: np.ndarray) -> float:
    """Mean negative log-likelihood of Bernoulli outcomes."""
    return float(np.logaddexp(0.0, np.where(correct, -logits, logits)).mean())
