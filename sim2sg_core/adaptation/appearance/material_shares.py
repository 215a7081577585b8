"""Which materials (matt, glossy, mirroring …) the objects of a log have, compared with renders in every material."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sim2sg_core.adaptation.appearance.image_measures import Crop

TRUST = 20.0  # objects that a rendered mean counts for against the log's own
POOLED = 3.0  # objects that the mean over all classes counts for in a class
RIDGE = 0.1  # added to the covariance, of a feature's variance
ROUNDS = 60


@dataclass(frozen=True, eq=False)
class _Fit:
    """Log-likelihood (with the prior of the means), (F,) shares, (N, F) posteriors."""

    likelihood: float
    shares: np.ndarray
    posterior: np.ndarray


def material_shares(
    crops: Sequence[Crop], reference: Mapping[str, Sequence[Crop]], known: Collection[str]
) -> tuple[dict[str, float], np.ndarray]:
    """Estimates how common each material is among objects.

    Each material is a Gaussian for every class, all with one covariance (linear discriminants). Shares are re-estimated
    until they agree with the posteriors they lead to (Saerens, Latinne and Decaestecker, 2002), and so are the means,
    which renders only suggest (maximum a posteriori): real matt things are not exactly the renderer's. Beyond the
    domain's own materials, one is added only when the Bayesian information criterion (Schwarz, 1978) favours it: of
    materials that are hard to tell apart one is enough.

    Args:
        crops: N objects of the log, N >= 1.
        reference: Rendered objects of each material, one at least.
        known: Materials that the domain itself has; at least one of `reference`.

    Returns:
        Share of each material in `reference`, sum 1, and (N, F) probabilities of each object's material.
    """
    names = list(reference)
    labels = sorted({c.label for c in crops})
    shading = np.array([c.shading for c in crops])
    weights = np.array([c.weight for c in crops])
    classes = np.array([labels.index(c.label) for c in crops])
    means, scale, precision = _discriminants(labels, [reference[n] for n in names])
    price = 0.5 * np.log(max(weights.sum(), 2.0)) * means.shape[1] * means.shape[2]

    def fit(chosen: list[int]) -> _Fit:
        return _expect(shading / scale, weights, classes, means[chosen], precision)

    chosen = [k for k, name in enumerate(names) if name in known]
    best = fit(chosen)
    while len(chosen) < len(names):
        trials = {k: fit([*chosen, k]) for k in range(len(names)) if k not in chosen}
        winner = max(trials, key=lambda k: trials[k].likelihood)
        if trials[winner].likelihood - best.likelihood <= price:
            break
        chosen, best = [*chosen, winner], trials[winner]
    shares, posterior = np.zeros(len(names)), np.zeros((len(crops), len(names)))
    shares[chosen], posterior[:, chosen] = best.shares, best.posterior
    return dict(zip(names, shares.tolist(), strict=True)), posterior


def _discriminants(
    labels: Sequence[str], reference: Sequence[Sequence[Crop]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(F, C, D) means of every material and class, (D,) scale they are divided by, (D, D) inverse covariance."""
    pooled = [np.array([c.shading for c in part]) for part in reference]
    scale = np.concatenate([x - x.mean(axis=0) for x in pooled]).std(axis=0) + 1e-3
    means = np.empty((len(reference), len(labels), len(scale)))
    residuals = []
    for f, part in enumerate(reference):
        for c, label in enumerate(labels):
            own = np.array([crop.shading for crop in part if crop.label == label]).reshape(-1, len(scale)) / scale
            # A class that is hardly seen leans on the others.
            means[f, c] = (own.sum(axis=0) + POOLED * pooled[f].mean(axis=0) / scale) / (len(own) + POOLED)
            residuals.append(own - means[f, c])
    spread = np.concatenate(residuals)
    covariance = spread.T @ spread / max(len(spread), 1) + RIDGE * np.eye(len(scale))
    return means, scale, np.linalg.inv(covariance)


def _expect(
    points: np.ndarray, weights: np.ndarray, classes: np.ndarray, start: np.ndarray, precision: np.ndarray
) -> _Fit:
    """Expectation-maximisation of shares and means from the rendered means `start` (F, C, D)."""
    means, shares = start.copy(), np.full(len(start), 1 / len(start))
    belongs = weights[:, None] * (classes[:, None] == np.arange(start.shape[1]))  # (N, C)
    log_evidence, posterior = np.zeros(len(points)), np.ones((len(points), len(start)))
    for _ in range(ROUNDS):
        off = points[:, None] - means[:, classes].transpose(1, 0, 2)
        joint = np.log(np.maximum(shares, 1e-12)) - 0.5 * np.einsum("nfi,ij,nfj->nf", off, precision, off)
        log_evidence = np.logaddexp.reduce(joint, axis=1)
        posterior = np.exp(joint - log_evidence[:, None])
        shares = weights @ posterior / weights.sum()
        mass = np.einsum("nc,nf->fc", belongs, posterior)[..., None]
        sums = np.einsum("nc,nf,nd->fcd", belongs, posterior, points)
        means = (TRUST * start + sums) / (TRUST + mass)
    moved = means - start
    prior = -0.5 * TRUST * float(np.einsum("fci,ij,fcj->", moved, precision, moved))
    return _Fit(float(weights @ log_evidence) + prior, shares, posterior)
