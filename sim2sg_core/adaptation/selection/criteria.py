"""The criteria by which a model may be chosen without labels, by their names; high is good for each.

`self_consistency` is a figure of a model by itself. The others come from `measure_network`; `das` joins two of them and
ranks the models of a run among themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from sim2sg_core.adaptation.selection.flatness import flatness
from sim2sg_core.adaptation.selection.network_detections import detect
from sim2sg_core.adaptation.selection.prototypes import class_prototypes, prototype_ratio
from sim2sg_core.adaptation.selection.stability import box_stability
from sim2sg_core.images import read_image
from sim2sg_core.model import SceneGraphNetwork
from sim2sg_core.runtime.preprocessing import NetworkInput, letterbox

MOST_IMAGES = 60  # of the log, and of renders
PROTOTYPE_SCORE = 0.05  # boxes below it say nothing of a class; above it each counts by its probability


@dataclass(frozen=True)
class NetworkFigures:
    """What is measured of a network on the log for the choice among several.

    Attributes:
        bos: Stability of boxes, in [0, 1]; high is good (`stability`).
        change: Change of detections by a step of the weights; low is good (`flatness`).
        prototypes: Ratio of distances between classes and domains; high is good (`prototypes`).
    """

    bos: float
    change: float
    prototypes: float

    def to_json(self) -> dict[str, float]:
        """Returns the figures, JSON-ready."""
        return asdict(self)


def measure_network(network: SceneGraphNetwork, log: np.ndarray, renders: np.ndarray, seed: int = 0) -> NetworkFigures:
    """Measures a network on frames of the log and on renders; no label of either is read.

    Args:
        network: Its scores calibrated.
        log: (N, H, W, 3) uint8 RGB, as the network gets them.
        renders: (M, H, W, 3) likewise, of scenes that it was not trained on.
        seed: The same for all networks that are compared.
    """
    home, away = (class_prototypes(detect(network, images, PROTOTYPE_SCORE)) for images in (renders, log))
    return NetworkFigures(box_stability(network, log, seed), flatness(network, log, seed), prototype_ratio(home, away))


def network_images(paths: Sequence[Path], frame: NetworkInput, limit: int = MOST_IMAGES) -> np.ndarray:
    """Returns (N, height, width, 3) uint8 RGB of up to `limit` of the images, evenly taken."""
    chosen = np.unique(np.linspace(0, len(paths) - 1, min(limit, len(paths))).round().astype(int))
    return np.stack([letterbox(read_image(paths[k]), frame)[0] for k in chosen])


def das(figures: Sequence[NetworkFigures]) -> list[float]:
    """Returns DAS of several models: flatness and prototypes, each scaled to [0, 1] over these models, summed."""
    flat = _scaled([-figure.change for figure in figures])
    apart = _scaled([figure.prototypes for figure in figures])
    return [a + b for a, b in zip(flat, apart, strict=True)]


def criterion_scores(name: str, consistency: Sequence[float], figures: Sequence[NetworkFigures]) -> list[float]:
    """Returns the score of each model by one criterion.

    Args:
        name: One of `CRITERIA`.
        consistency: Self-consistency of each model.
        figures: Of each model; not needed for `self_consistency`.
    """
    if name == "self_consistency":
        return list(consistency)
    if name == "das":
        return das(figures)
    if name == "flatness":
        return [-figure.change for figure in figures]
    return [getattr(figure, name) for figure in figures]


def _scaled(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    return [(value - low) / (high - low) if high > low else 0.0 for value in values]
