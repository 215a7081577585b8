"""Label alignment: inferred graphs become the content of the next round's synthetic scenes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from sim2sg_core.adaptation.frames import Frame, mount_prior
from sim2sg_core.domains import Domain
from sim2sg_core.lifting import MountPrior, estimate_mount, lift_graph
from sim2sg_core.lifting.ground import mount_of_ground, with_mount
from sim2sg_core.scene import Camera, Layout, SceneGraph

MIN_SCORE = 0.05  # below it an object is not worth a draw
VIBRATION = np.array([0.01, np.radians(0.3), np.radians(0.2)])  # of a mount that is known: m per m, rad, rad


def sample_objects(graph: SceneGraph, rng: np.random.Generator, floor: float = MIN_SCORE) -> SceneGraph:
    """Keeps each object with the probability that its calibrated score states.

    A hard threshold would lose what is small and rare for good; drawing keeps it in the proportion in which
    it is really there.
    """
    scores = graph.scores()
    keep = np.flatnonzero((rng.random(len(scores)) < scores) & (scores >= floor))
    return graph.select(keep.tolist())


def frame_mounts(frames: Sequence[Frame], graphs: Sequence[SceneGraph], domain: Domain) -> np.ndarray:
    """Finds every frame's mount: given, or estimated from the log and then, bound by that, per frame.

    Args:
        frames: N frames; those with a ground keep it.
        graphs: Their graphs, with poses from the network's depth alone.
        domain: Its camera prior binds the estimate for the log; its spread binds each frame's.

    Returns:
        (N, 3) height in metres, pitch and roll in radians.
    """
    prior = mount_prior(domain)
    unknown = [g for f, g in zip(frames, graphs, strict=True) if f.camera.ground is None]
    # The log's mean mount may lie outside the prior's range: users mount cameras where they like.
    log_mount, _ = estimate_mount(unknown, MountPrior(prior.mean, 2 * prior.std))
    mounts = []
    for frame, graph in zip(frames, graphs, strict=True):
        if frame.camera.ground is not None:
            mounts.append(mount_of_ground(frame.camera.ground))
        else:
            mounts.append(estimate_mount([graph], MountPrior(log_mount, prior.std))[0])
    return np.array(mounts)


def round_layouts(
    graphs: Sequence[SceneGraph],
    domain: Domain,
    count: int,
    prior_share: float,
    rng: np.random.Generator,
    prior_layout: PriorLayout,
) -> list[Layout]:
    """Draws the scenes of one round.

    Args:
        graphs: Inferred on the log's frames, with poses and cameras with their ground.
        domain: Gives the sizes that classes can have.
        count: Scenes.
        prior_share: Share of them that come from the prior.
        rng: Random numbers.
        prior_layout: Draws a prior scene.

    Returns:
        The scenes in random order. A draw that keeps no object is kept too: empty frames are content.
    """
    fit = fit_size(domain)
    # Evenly spread rather than drawn, so that a small round has its share exactly.
    is_prior = np.floor((np.arange(count) + 1) * prior_share) > np.floor(np.arange(count) * prior_share)
    passes = count // max(len(graphs), 1) + 1
    order = np.concatenate([rng.permutation(len(graphs)) for _ in range(passes)])
    layouts = []
    for i in range(count):
        if is_prior[i] or not len(graphs):
            layouts.append(prior_layout(rng))
            continue
        graph = graphs[order[i]]
        assert graph.camera is not None
        layouts.append(lift_graph(sample_objects(graph, rng), vibrated(graph.camera, rng), fit))
    return layouts


class PriorLayout:
    """Draws prior scenes under the log's intrinsics and, where it is known, its mount."""

    def __init__(self, domain: Domain, frames: Sequence[Frame]) -> None:
        self._domain = domain
        self._frames = frames

    def __call__(self, rng: np.random.Generator) -> Layout:
        """Draws one scene."""
        from sim2sg_core.synthesis.layouts import sample_layout

        camera = self._frames[int(rng.integers(len(self._frames)))].camera
        if camera.ground is None:
            drawn = self._domain.camera.sample(rng, camera.K, camera.width, camera.height)
            camera = dataclasses.replace(camera, ground=drawn.ground)
        else:
            camera = vibrated(camera, rng)
        return sample_layout(self._domain, camera, rng)


def vibrated(camera: Camera, rng: np.random.Generator) -> Camera:
    """Shakes the mount a little: suspension, and what is left of calibration errors."""
    assert camera.ground is not None
    mount = mount_of_ground(camera.ground)
    return with_mount(camera, mount + rng.normal(size=3) * VIBRATION * np.array([mount[0], 1.0, 1.0]))


def fit_size(domain: Domain) -> Callable[[str, np.ndarray], np.ndarray]:
    """Returns a function that maps a class and an estimated (3,) size to the nearest one the class can have."""
    specs = {spec.name: spec for spec in domain.classes}

    def fit(label: str, size: np.ndarray) -> np.ndarray:
        spec = specs[label]
        if spec.size is not None:
            low, high = np.array([spec.size.length, spec.size.width, spec.size.height], float).T
            return np.clip(size, low, high)
        choices = np.array(spec.sizes, float)
        return choices[np.abs(np.log(choices / size)).sum(axis=1).argmin()]

    return fit
