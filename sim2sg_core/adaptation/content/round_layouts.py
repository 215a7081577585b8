"""The layouts of a round: scenes rebuilt from the log, those with rare classes more often, and prior scenes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sim2sg_core.adaptation.content.log_extrinsics import jittered
from sim2sg_core.adaptation.content.scene_rebuilding import SceneRebuilder
from sim2sg_core.adaptation.method import ResolvedMethod
from sim2sg_core.domains import Domain
from sim2sg_core.scene import Camera, Layout, SceneGraph
from sim2sg_core.synthesis.synthesizer import sample_layout, with_ground


def round_layouts(
    graphs: Sequence[SceneGraph],
    domain: Domain,
    count: int,
    method: ResolvedMethod,
    rng: np.random.Generator,
    prior_layout: Callable[[np.random.Generator], Layout],
) -> list[Layout]:
    """Draws the scenes of one round.

    Args:
        graphs: Inferred on the log's frames, with poses and cameras with their ground.
        domain: Gives the sizes that classes can have.
        count: Scenes.
        method: Which objects are rebuilt and how; without `labels` all scenes come from the prior.
        rng: Random numbers.
        prior_layout: Draws a prior scene.

    Returns:
        The scenes in random order. A draw that keeps no object is kept too: empty frames are content.
    """
    share = method.prior_share if method.labels and graphs else 1.0
    rebuild = SceneRebuilder(domain, method)
    # Evenly spread rather than drawn, so that a small round has its share exactly.
    is_prior = np.floor((np.arange(count) + 1) * share) > np.floor(np.arange(count) * share)
    order = iter(sample_frames(graphs, int((~is_prior).sum()), method.repeat_factor, rng))
    return [prior_layout(rng) if prior else rebuild(graphs[next(order)], rng) for prior in is_prior]


def sample_frames(
    graphs: Sequence[SceneGraph], count: int, repeat_factor: float, rng: np.random.Generator
) -> np.ndarray:
    """Draws the frames that are rebuilt, those with rare classes more often.

    A frame's weight is the mean of its objects' (1 / frequency of the class) ** repeat_factor, each object counting by
    its score (the idea of repeat factors, Gupta et al., "LVIS", 2019, with expected counts in place of labels).

    Returns:
        (count,) indices in random order; every frame comes as often as its weight says, up to rounding.
    """
    if not count:
        return np.zeros(0, int)
    expected: dict[str, float] = {}
    for graph in graphs:
        for item in graph.objects:
            expected[item.label] = expected.get(item.label, 0.0) + item.score
    total = sum(expected.values())
    weights = np.ones(len(graphs))
    for i, graph in enumerate(graphs):
        scores = graph.scores()
        if repeat_factor and scores.sum() > 0:
            factor = np.array([(total / max(expected[o.label], 1e-9)) ** repeat_factor for o in graph.objects])
            weights[i] = (scores * factor).sum() / scores.sum()
    # Systematic resampling (Kitagawa 1996) of shuffled frames: the least noise that the weights allow.
    shuffled = rng.permutation(len(graphs))
    edges = np.cumsum(weights[shuffled]) / weights.sum() * count
    picks = np.searchsorted(edges, np.arange(count) + rng.random(), side="right")
    return rng.permutation(shuffled[np.minimum(picks, len(graphs) - 1)])


class PriorLayout:
    """Draws prior scenes under the log's intrinsics and, where they are known, its extrinsics."""

    def __init__(self, domain: Domain, cameras: Sequence[Camera]) -> None:
        self._domain = domain
        self._cameras = cameras

    def __call__(self, rng: np.random.Generator) -> Layout:
        """Draws one scene."""
        camera = self._cameras[int(rng.integers(len(self._cameras)))]
        if camera.ground is None:
            camera = with_ground(self._domain, camera, rng)
        else:
            camera = jittered(camera, rng)
        return sample_layout(self._domain, camera, rng)
