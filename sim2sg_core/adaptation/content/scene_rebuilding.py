"""Scenes rebuilt from the log: inferred objects become placements that fill the boxes in which they were seen."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from sim2sg_core.adaptation.content.log_extrinsics import camera_of, jittered
from sim2sg_core.adaptation.content.object_sampling import sample_objects
from sim2sg_core.adaptation.method import ResolvedMethod
from sim2sg_core.domains import Domain
from sim2sg_core.lifting import free_edges, lift_graph, refine_placement
from sim2sg_core.render.projection import NEAR, amodal_box, extreme_points
from sim2sg_core.scene import Camera, Layout, Placement, PredicateRule, SceneGraph
from sim2sg_core.scene.layout import GROUND
from sim2sg_core.scene.predicates import rule_matrix
from sim2sg_core.synthesis.assets.registry import class_assets, load_asset

CONTRADICTION = 0.3  # of the logarithm of the distance, by depth and by ground
FARTHEST = 3.0  # standard deviations of its size that an object may be from its class
TOLERANCE = 1e-3  # of the logarithm of the size, where it is to stay
SIMILAR = 0.5  # of the logarithms of a class's mean length, width and height, in which another one differs at most
CONTACT = PredicateRule("on", "on", 1e-3)
HOLD = PredicateRule("inside", "inside", 1e-3)


class SceneRebuilder:
    """Turns inferred graphs into layouts."""

    def __init__(self, domain: Domain, method: ResolvedMethod) -> None:
        self._threshold, self._class_swap = method.threshold, method.class_swap
        self._sizes = {spec.name: spec.mean_size() for spec in domain.classes}
        self._supports, self._surfaces = domain.class_supports, domain.class_surfaces
        self._insides = domain.class_insides
        # Without refinement what the network says of sizes is all that is known of them.
        self._fit = fit_size(domain, 0.0 if method.refine else 2 * domain.training.size_freedom)
        self._refine = BoxRefinement(domain) if method.refine else None

    def __call__(self, graph: SceneGraph, rng: np.random.Generator) -> Layout:
        """Rebuilds one frame of the log, its extrinsics jittered."""
        camera = camera_of(graph)
        kept = sample_objects(graph, rng, self._threshold, supports=self._supports)
        refine = self._refine.of(kept, camera) if self._refine else None
        layout = lift_graph(
            kept,
            camera,
            self._fit,
            refine=refine,
            supports=self._supports,
            surfaces=self._surfaces,
            insides=self._insides,
        )
        carriers = self._carriers(layout.placements)
        below = [None if k is None else GROUND if k < 0 else layout.placements[k].label for k in carriers]
        # What carries others stays: they would hang in the air.
        placements = tuple(
            self._swapped(p, below[k], rng) if rng.random() < self._class_swap and k not in carriers else p
            for k, p in enumerate(layout.placements)
        )
        return Layout(jittered(camera, rng), placements)

    def _carriers(self, placements: Sequence[Placement]) -> list[int | None]:
        """Returns the index of what each object stands on or in, -1 for the ground, None where nothing is found."""
        surfaces = [self._surfaces[p.label] for p in placements]
        insides = [self._insides.get(p.label) for p in placements]
        touching, held = (rule_matrix(placements, rule, surfaces, insides) for rule in (CONTACT, HOLD))
        carriers: list[int | None] = []
        for k, placement in enumerate(placements):
            # A chair under a table may be as high as the table: it carries nothing all the same.
            able = np.array([p.label in self._supports[placement.label] for p in placements])
            on, within = np.flatnonzero(touching[k] & able).tolist(), np.flatnonzero(held[k] & able).tolist()
            # What is in a cup is in the drawer with the cup too: the cup was put down later.
            carrier = on[0] if on else within[-1] if within else None
            carriers.append(-1 if placement.position[2] == 0 else carrier)
        return carriers

    def _swapped(self, placement: Placement, below: str | None, rng: np.random.Generator) -> Placement:
        """Returns an object as large among its kind as the one it replaces, its class drawn evenly.

        Drawn are the classes of similar size that may stand where it stands, on `below`: the ground or a class; None
        leaves it. A larger one would reach into its neighbours.
        """
        if below is None:
            return placement
        usual = self._sizes[placement.label]
        similar = [name for name, size in self._sizes.items() if np.abs(np.log(size / usual)).max() < SIMILAR]
        label = str(rng.choice([name for name in similar if below in self._supports[name]] or [placement.label]))
        scale = float(np.exp(np.log(placement.size / self._sizes[placement.label]).mean()))
        return dataclasses.replace(placement, label=label, size=self._sizes[label] * scale)


class BoxRefinement:
    """Moves and scales placements until they fill the boxes of their objects, as far as the domain lets sizes go."""

    def __init__(self, domain: Domain) -> None:
        self._size_std = domain.training.size_freedom
        outlined = () if domain.box == "cuboid" else domain.classes
        self._hulls = {spec.name: class_hull(domain, spec.name) for spec in outlined}

    def of(self, graph: SceneGraph, camera: Camera) -> Callable[[int, Placement], Placement]:
        """Returns the refinement of a graph's objects: a function of an object's index and its placement."""
        boxes = graph.boxes()
        away = np.array([np.inf if o.pose is None else float(np.linalg.norm(o.pose.position)) for o in graph.objects])
        free = free_edges(boxes, away, graph.width, graph.height)

        def refine(index: int, placement: Placement) -> Placement:
            start = grounded(placement, boxes[index], camera) if free[index, 3] else placement
            refined = refine_placement(start, boxes[index], free[index], camera, self.box, self._size_std)
            # A box above its level, as on a hill or a stage, would be filled by a giant far away.
            growth = float(np.abs(np.log(refined.size / placement.size)).max())
            return refined if growth <= FARTHEST * self._size_std + TOLERANCE else placement

        return refine

    def box(self, placement: Placement, camera: Camera) -> np.ndarray:
        """Returns the (4,) box, xyxy pixels, of a placement: of its 3D box, or of the hull of its class.

        It is as the lens bends it, since it is compared with boxes of the log; NaN where a lens shows only a part.
        """
        points = camera.to_camera(self._outline(placement))
        if camera.is_pinhole:
            return amodal_box(points, camera)
        far = np.hypot(points[:, 0], points[:, 1]) > camera.widest * points[:, 2]
        if far.any() or (points[:, 2] < NEAR).any():
            return np.full(4, np.nan)
        pixels = camera.project(points)
        return np.concatenate([pixels.min(axis=0), pixels.max(axis=0)])

    def _outline(self, placement: Placement) -> np.ndarray:
        """(V, 3) points in the world that the box is round."""
        if placement.label not in self._hulls:
            return placement.corners()
        points = self._hulls[placement.label] * placement.size
        c, s = np.cos(placement.yaw), np.sin(placement.yaw)
        return np.asarray(points @ np.array([[c, s, 0], [-s, c, 0], [0, 0, 1]]) + placement.position)


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


def fit_size(domain: Domain, freedom: float = 0.0) -> Callable[[str, np.ndarray], np.ndarray]:
    """Returns a function that maps a class and an estimated (3,) size to the nearest one the class can have.

    Args:
        domain: Its classes have ranges of sizes.
        freedom: How far, as the logarithm, a size may leave them.
    """
    specs = {spec.name: spec for spec in domain.classes}

    def fit(label: str, size: np.ndarray) -> np.ndarray:
        ranges = specs[label].size_ranges()
        choices = np.clip(size, ranges[:, 0] * np.exp(-freedom), ranges[:, 1] * np.exp(freedom))
        return np.asarray(choices[np.abs(np.log(choices / size)).sum(axis=1).argmin()])

    return fit
