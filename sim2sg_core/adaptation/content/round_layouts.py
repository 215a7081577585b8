"""Label alignment: inferred graphs become the content of the next round's synthetic scenes."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sim2sg_core.adaptation.content.recall_correction import MIN_SCORE
from sim2sg_core.adaptation.log_frames import Frame, extrinsics_prior
from sim2sg_core.adaptation.method import Method
from sim2sg_core.domains import Domain
from sim2sg_core.lifting import estimate_extrinsics, free_edges, lift_graph, refine_placement
from sim2sg_core.lifting.extrinsics import extrinsics_of_ground, with_extrinsics
from sim2sg_core.render.projection import amodal_box, extreme_points
from sim2sg_core.scene import Camera, Layout, Placement, PredicateRule, SceneGraph
from sim2sg_core.scene.layout import GROUND
from sim2sg_core.scene.predicates import rule_matrix
from sim2sg_core.synthesis.assets.registry import class_assets, load_asset
from sim2sg_core.synthesis.synthesizer import sample_layout

CONTRADICTION = 0.3  # of the logarithm of the distance, by depth and by ground
CONTACT = PredicateRule("on", "on", 1e-3)
VIBRATION = np.array([0.01, np.radians(0.3), np.radians(0.2)])  # of a mount that is known: m per m, rad, rad


def sample_objects(
    graph: SceneGraph,
    rng: np.random.Generator,
    threshold: float | None = None,
    floor: float = MIN_SCORE,
    supports: Mapping[str, Sequence[str]] | None = None,
) -> SceneGraph:
    """Keeps each object with the probability that its calibrated score states, or those above a threshold.

    A hard threshold loses what is small and rare for good; drawing keeps it in the proportion in which it is
    really there. What they stand on comes with them, see `with_supports`, where `supports` are given.
    """
    scores = graph.scores()
    drawn = rng.random(len(scores)) < scores
    keep = np.flatnonzero((drawn & (scores >= floor)) if threshold is None else scores >= threshold).tolist()
    return graph.select(with_supports(graph, keep, supports) if supports else keep)


def with_supports(graph: SceneGraph, kept: Sequence[int], supports: Mapping[str, Sequence[str]]) -> list[int]:
    """Adds what kept objects have to stand on: a plate that is there says that a table is.

    Each object that cannot stand on the ground, and is on nothing that is kept, brings along the surest object that
    may carry it and in whose box its foot lies, however low that one scored: large things are cut off and covered,
    so that a network is often unsure of them where it has no doubt of what they carry.

    Args:
        graph: All objects, unthresholded.
        kept: Indices of those that are kept.
        supports: Class -> what it may stand on, "ground" or classes.

    Returns:
        Indices, ascending; the given ones among them, also where nothing carries them.
    """
    labels = [item.label for item in graph.objects]
    grounded = np.array([GROUND in supports[label] for label in labels], bool)
    if grounded[list(kept)].all():
        return sorted(kept)
    boxes = graph.boxes()
    feet = np.stack([boxes[:, [0, 2]].mean(axis=1), boxes[:, 3]], axis=1)
    within = (boxes[None, :, :2] <= feet[:, None]).all(axis=2) & (feet[:, None] <= boxes[None, :, 2:]).all(axis=2)
    # (N, N): whether the second may carry the first.
    carries = np.array([[b in supports[a] for b in labels] for a in labels], bool) & within
    np.fill_diagonal(carries, False)
    chosen = np.zeros(len(labels), bool)
    chosen[list(kept)] = True
    hopeless = np.zeros(len(labels), bool)
    while True:
        rooted = chosen & grounded
        while (more := chosen & ~rooted & (carries & rooted).any(axis=1)).any():
            rooted |= more
        orphans = np.flatnonzero(chosen & ~rooted & ~hopeless)
        if not len(orphans):
            return np.flatnonzero(chosen).tolist()
        able = np.flatnonzero(carries[orphans[0]] & ~chosen)
        if len(able):
            chosen[max(able, key=lambda k: (grounded[k], graph.objects[k].score))] = True
        else:
            hopeless[orphans[0]] = True


def frame_extrinsics(frames: Sequence[Frame], graphs: Sequence[SceneGraph], domain: Domain) -> np.ndarray:
    """Finds every frame's mount: given, or estimated from what stands on its ground and from the log's other frames.

    Args:
        frames: N frames; those with a ground keep it.
        graphs: Their graphs, with poses from the network's depth alone.
        domain: Its camera prior binds the estimates.

    Returns:
        (N, 3) height in metres, pitch and roll in radians.
    """
    # What may stand on other things says nothing of where the ground is.
    standing = {c.name for c in domain.classes if set(c.supports) == {GROUND}}
    graphs = [g.select([i for i, o in enumerate(g.objects) if o.label in standing]) for g in graphs]
    unknown = [g for f, g in zip(frames, graphs, strict=True) if f.camera.ground is None]
    estimated = iter(estimate_extrinsics(unknown, extrinsics_prior(domain)))
    return np.array([next(estimated) if (g := f.camera.ground) is None else extrinsics_of_ground(g) for f in frames])


def round_layouts(
    graphs: Sequence[SceneGraph],
    domain: Domain,
    count: int,
    method: Method,
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
    share = (method.prior_share or 0.0) if method.labels and graphs else 1.0
    rebuild = Rebuilder(domain, method)
    # Evenly spread rather than drawn, so that a small round has its share exactly.
    is_prior = np.floor((np.arange(count) + 1) * share) > np.floor(np.arange(count) * share)
    order = iter(choose_frames(graphs, int((~is_prior).sum()), method.repeat_factor, rng))
    return [prior_layout(rng) if prior else rebuild(graphs[next(order)], rng) for prior in is_prior]


def choose_frames(graphs: Sequence[SceneGraph], count: int, rare: float, rng: np.random.Generator) -> np.ndarray:
    """Chooses which frames are rebuilt, those with rare classes more often.

    A frame's weight is the mean of its objects' (1 / frequency of the class) ** rare, each object counting by its
    score (the idea of repeat factors, Gupta et al., "LVIS", 2019, with expected counts in place of labels).

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
        if rare and scores.sum() > 0:
            factor = np.array([(total / max(expected[o.label], 1e-9)) ** rare for o in graph.objects])
            weights[i] = (scores * factor).sum() / scores.sum()
    # Systematic resampling (Kitagawa 1996) of shuffled frames: the least noise that the weights allow.
    shuffled = rng.permutation(len(graphs))
    edges = np.cumsum(weights[shuffled]) / weights.sum() * count
    picks = np.searchsorted(edges, np.arange(count) + rng.random(), side="right")
    return rng.permutation(shuffled[np.minimum(picks, len(graphs) - 1)])


class Rebuilder:
    """Turns inferred graphs into layouts that fill the boxes in which the objects were seen."""

    def __init__(self, domain: Domain, method: Method) -> None:
        self._threshold, self._swap = method.threshold, method.class_swap or 0.0
        self._sizes = {spec.name: spec.mean_size() for spec in domain.classes}
        self._supports, self._surfaces = domain.class_supports, domain.class_surfaces
        self._fit = fit_size(domain)
        self._size_std = domain.training.size_freedom if method.refine else None
        self._hulls = {spec.name: class_hull(domain, spec.name) for spec in domain.classes} if method.refine else {}

    def __call__(self, graph: SceneGraph, rng: np.random.Generator) -> Layout:
        """Rebuilds one frame of the log, its mount shaken a little."""
        assert graph.camera is not None
        kept = sample_objects(graph, rng, self._threshold, supports=self._supports)
        refine = None if self._size_std is None else self._refiner(kept, graph.camera, self._size_std)
        layout = lift_graph(
            kept, graph.camera, self._fit, refine=refine, supports=self._supports, surfaces=self._surfaces
        )
        carriers = self._carriers(layout.placements)
        below = [GROUND if k < 0 else layout.placements[k].label for k in carriers]
        # What carries others stays: they would hang in the air.
        placements = tuple(
            self._exchanged(p, below[k], rng) if rng.random() < self._swap and k not in carriers else p
            for k, p in enumerate(layout.placements)
        )
        return Layout(vibrated(graph.camera, rng), placements)

    def _carriers(self, placements: Sequence[Placement]) -> list[int]:
        """Returns the index of what each object stands on, -1 for the ground."""
        touching = rule_matrix(placements, CONTACT, [self._surfaces[p.label] for p in placements])
        return [
            -1 if p.position[2] == 0 or not row.any() else int(row.argmax())
            for p, row in zip(placements, touching, strict=True)
        ]

    def _exchanged(self, placement: Placement, below: str, rng: np.random.Generator) -> Placement:
        """Returns an object as large among its kind as the one it replaces, its class drawn evenly.

        Drawn are the classes that may stand where it stands, on `below`: the ground or a class.
        """
        label = str(rng.choice([name for name in self._sizes if below in self._supports[name]]))
        scale = float(np.exp(np.log(placement.size / self._sizes[placement.label]).mean()))
        return dataclasses.replace(placement, label=label, size=self._sizes[label] * scale)

    def _refiner(self, graph: SceneGraph, camera: Camera, size_std: float) -> Callable[[int, Placement], Placement]:
        boxes = graph.boxes()
        away = np.array([np.inf if o.pose is None else float(np.linalg.norm(o.pose.position)) for o in graph.objects])
        free = free_edges(boxes, away, graph.width, graph.height)

        def refine(index: int, placement: Placement) -> Placement:
            if free[index, 3]:
                placement = grounded(placement, boxes[index], camera)
            return refine_placement(placement, boxes[index], free[index], camera, self._project, size_std)

        return refine

    def _project(self, placement: Placement, camera: Camera) -> np.ndarray:
        points = self._hulls[placement.label] * placement.size
        c, s = np.cos(placement.yaw), np.sin(placement.yaw)
        world = points @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + placement.position
        return amodal_box(camera.to_camera(world), camera)


def grounded(placement: Placement, box: np.ndarray, camera: Camera) -> Placement:
    """Moves a placement that contradicts the level it stands on to where its box touches that.

    The network's depth presumes the sizes that it knows: of a smaller object it is far too long.
    """
    foot = np.array([(box[0] + box[2]) / 2, box[3]])
    depth = float(camera.ground_depth(foot, placement.position[2]))
    away = float(np.linalg.norm(placement.position[:2]))
    if not np.isfinite(depth) or away <= 0:
        return placement
    front = camera.to_world(camera.rays(foot) * depth)[:2]
    reach = float(np.linalg.norm(front))
    scale = min(1.0, reach / away)  # As large as it looks, at that distance.
    middle = front * (1 + 0.5 * scale * float(placement.size[:2].mean()) / max(reach, 1e-6))
    if abs(np.log(np.linalg.norm(middle) / away)) < CONTRADICTION:
        return placement
    return dataclasses.replace(placement, position=np.array([*middle, placement.position[2]]))


def class_hull(domain: Domain, label: str) -> np.ndarray:
    """Returns the (V, 3) outermost points of a class's mesh of most usual proportions, unit frame."""
    assets = [load_asset(name) for name in class_assets(domain, label)]
    usual = domain.class_spec(label).mean_size()
    apart = [float(np.abs(np.log(np.asarray(asset.size) / usual)).sum()) for asset in assets]
    return extreme_points(assets[int(np.argmin(apart))].mesh.vertices.astype(float), directions=64)


class PriorLayout:
    """Draws prior scenes under the log's intrinsics and, where it is known, its mount."""

    def __init__(self, domain: Domain, frames: Sequence[Frame]) -> None:
        self._domain = domain
        self._frames = frames

    def __call__(self, rng: np.random.Generator) -> Layout:
        """Draws one scene."""
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
    extrinsics = extrinsics_of_ground(camera.ground)
    return with_extrinsics(camera, extrinsics + rng.normal(size=3) * VIBRATION * np.array([extrinsics[0], 1.0, 1.0]))


def fit_size(domain: Domain) -> Callable[[str, np.ndarray], np.ndarray]:
    """Returns a function that maps a class and an estimated (3,) size to the nearest one the class can have."""
    specs = {spec.name: spec for spec in domain.classes}

    def fit(label: str, size: np.ndarray) -> np.ndarray:
        ranges = specs[label].size_ranges()
        choices = np.clip(size, ranges[:, 0], ranges[:, 1])
        return np.asarray(choices[np.abs(np.log(choices / size)).sum(axis=1).argmin()])

    return fit
