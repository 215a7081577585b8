"""Logistic regression with few outcomes: weights are drawn to what is expected of them. Numpy alone."""

from __future__ import annotations

import numpy as np

LONGEST_STEP = 1.0  # Far off, a whole step of Newton's may overshoot.
MOST_STEPS = 50


def fit_logistic(
    x: np.ndarray, outcomes: np.ndarray, mean: np.ndarray, spread: np.ndarray, least: np.ndarray | float = -np.inf
) -> np.ndarray:
    """Fits the weights of the greatest posterior, by Newton's steps on a convex loss.

    Args:
        x: (N, F).
        outcomes: (N,) of 0 and 1.
        mean: (F,) weights that are expected.
        spread: (F,) how far they may lie from it, standard deviations.
        least: (F,) lower bounds of the weights.

    Returns:
        (F,) weights; without outcomes the expected ones.
    """
    weights, precision = np.array(mean, float), 1 / np.asarray(spread, float) ** 2
    for _ in range(MOST_STEPS):
        p = sigmoid(x @ weights)
        gradient = x.T @ (p - outcomes) + precision * (weights - mean)
        hessian = (x * (p * (1 - p))[:, None]).T @ x + np.diag(precision)
        step = np.linalg.solve(hessian, gradient)
        step *= min(1.0, LONGEST_STEP / max(float(np.abs(step).max()), 1e-12))
        weights = np.maximum(weights - step, least)
        if np.abs(step).max() < 1e-8:
            break
    return weights


def sigmoid(x: np.ndarray) -> np.ndarray:
    """The logistic function."""
    return np.asarray(1 / (1 + np.exp(-x)))


def logit(probability: np.ndarray, least: float = 1e-6) -> np.ndarray:
    """Inverse of `sigmoid`, finite: probabilities are taken from `least` to 1 - `least`."""
    clipped = np.clip(probability, least, 1 - least)
    return np.asarray(np.log(clipped / (1 - clipped)))
