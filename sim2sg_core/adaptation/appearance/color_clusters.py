"""Groups colours into clusters without mixing vivid ones to grey."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

SPARSE = 0.008  # share below which a cluster is taken for an accident,
LONE = 1.5  # and so is less than this many
LIGHTNESS = 0.6  # of a difference in lightness against one in hue: shading changes the first more


@dataclass(frozen=True, eq=False)
class ColorClusters:
    """Clusters of colours, commonest first.

    Attributes:
        colors: (K, 3) their centres, linear.
        shares: How common each is, sum about 1.
        spread: Standard deviation of display colours about their cluster's, grey levels.
    """

    colors: np.ndarray
    shares: tuple[float, ...]
    spread: float


def cluster_colors(
    colors: np.ndarray, weights: np.ndarray, rng: np.random.Generator, apart: float = 13.0, most: int = 24
) -> ColorClusters:
    """Finds the base colours among many.

    Weighted k-means in CIE Lab with many centres, begun as k-means++ (Arthur and Vassilvitskii, 2007); then the
    nearest centres are merged as long as they are hardly told apart, so minorities keep their own.

    Args:
        colors: (N, 3) linear, N >= 1.
        weights: (N,) how much each counts.
        rng: Random numbers.
        apart: Least distance of two centres, Lab units.
        most: Centres at the start.
    """
    shown = np.sqrt(np.clip(colors, 0, 1)).astype(np.float32)
    lab = cv2.cvtColor(shown[None], cv2.COLOR_RGB2LAB)[0].astype(float) * [LIGHTNESS, 1, 1]
    centres = _kmeans(lab, weights, _seeds(lab, weights, min(most, len(lab)), rng))
    centres = _merge(lab, weights, centres, apart)
    owner = _nearest(lab, centres)
    mass = np.bincount(owner, weights, len(centres))
    ranked = np.argsort(-mass, kind="stable")
    order = [k for k in ranked if mass[k] >= max(SPARSE * mass.sum(), LONE)] or ranked[:1].tolist()
    found, spread = [], []
    for k in order:
        own = owner == k
        # The median: a member of another cluster that strayed here must not tint it.
        centre = np.median(shown[own], axis=0)
        found.append(centre.astype(float) ** 2)
        spread.append(np.average(((shown[own] - centre) ** 2).mean(axis=1), weights=weights[own]))
    kept = mass[order] / mass[order].sum()
    return ColorClusters(
        np.array(found),
        tuple(np.maximum(kept, 1e-4).round(4).tolist()),
        float(255 * np.sqrt(np.average(spread, weights=kept))),
    )


def _seeds(points: np.ndarray, weights: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Draws centres far from each other."""
    chosen = [int(rng.choice(len(points), p=weights / weights.sum()))]
    distance = ((points - points[chosen[0]]) ** 2).sum(axis=1)
    while len(chosen) < count and distance.max() > 1e-9:
        chance = weights * distance
        chosen.append(int(rng.choice(len(points), p=chance / chance.sum())))
        distance = np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return points[chosen]


def _kmeans(points: np.ndarray, weights: np.ndarray, centres: np.ndarray, rounds: int = 25) -> np.ndarray:
    for _ in range(rounds):
        owner = _nearest(points, centres)
        mass = np.bincount(owner, weights, len(centres))
        sums = np.stack([np.bincount(owner, weights * points[:, d], len(centres)) for d in range(3)], axis=1)
        centres = np.where(mass[:, None] > 0, sums / np.maximum(mass, 1e-12)[:, None], centres)
    return centres


def _merge(points: np.ndarray, weights: np.ndarray, centres: np.ndarray, apart: float) -> np.ndarray:
    """Joins the two nearest centres until all are `apart`."""
    mass = np.bincount(_nearest(points, centres), weights, len(centres))
    centres, mass = centres[mass > 0], mass[mass > 0]
    while len(centres) > 1:
        distance = np.linalg.norm(centres[:, None] - centres[None], axis=-1) + 1e9 * np.eye(len(centres))
        a, b = np.unravel_index(int(distance.argmin()), distance.shape)
        if distance[a, b] >= apart:
            break
        joined = (mass[a] * centres[a] + mass[b] * centres[b]) / (mass[a] + mass[b])
        centres[a], mass[a] = joined, mass[a] + mass[b]
        centres, mass = np.delete(centres, b, axis=0), np.delete(mass, b)
    return centres


def _nearest(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(points[:, None] - centres[None], axis=-1).argmin(axis=1))
