"""What is pasted into a real frame, and where: objects of prior scenes that nothing real can be in front of."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from sim2sg_core.adaptation.content.ground_groups import GroundGroup, ground_groups
from sim2sg_core.domains import Domain
from sim2sg_core.packs.pack import scene_module
from sim2sg_core.render.projection import amodal_box
from sim2sg_core.render.render_scene import Instance
from sim2sg_core.scene import Camera, Layout, Placement, SceneGraph, SceneObject
from sim2sg_core.scene.boxes import box_area, intersection
from sim2sg_core.synthesis.appearance import Appearance
from sim2sg_core.synthesis.assets.registry import COARSE, class_assets
from sim2sg_core.synthesis.layouts.occupancy import Occupancy
from sim2sg_core.synthesis.synthesizer import sample_layout

OBJECTS = (2, 8)  # pasted into a frame
DISTRACTORS = (1, 5)
DRAWS = 3  # prior scenes that objects are taken from, at most
DISTRACTOR = "distractor"  # what is drawn as an instance of no class has no id
TOUCHING = 0.03  # share of the smaller box from which two overlap in the image
NEARER = 1.1  # a pasted object's distance times this is less than that of what it may cover
MARGIN = 0.3  # metres about a footprint
SEEN = 0.4  # share of the box that lies inside the image
LEAST_PIXELS = 10.0  # height of a pasted box
THING = (0.3, 3.0)  # least height and largest footprint of unlabelled things, metres
CLEAR = 3.0  # metres before the camera


class FreeSpace:
    """Where something may stand in a real frame. What is accepted takes its place."""

    def __init__(self, graph: SceneGraph, ground: np.ndarray) -> None:
        """Takes the objects that may be there.

        Args:
            graph: They, with poses where they are known, and the camera.
            ground: (H, W) bool: pixels that may be ground.
        """
        assert graph.camera is not None
        self.camera, self._ground = graph.camera, ground
        placed = [_placement(o, self.camera) for o in graph.objects]
        self._taken = Occupancy.of([p for p in placed if p is not None])
        self._boxes = graph.boxes()
        # Of what is nowhere for certain nothing can be known to be in front.
        self._depths = np.array([0.0 if p is None else max(_depths(p, self.camera).min(), 0.0) for p in placed])

    def accept(self, placement: Placement, carried: Sequence[Placement] = ()) -> bool:
        """Takes the place of an object, unless it is seen badly, off the ground, or behind or inside another.

        Args:
            placement: Stands on the ground.
            carried: What stands on it.
        """
        corners = self.camera.to_camera(np.concatenate([p.corners() for p in (placement, *carried)]))
        if corners[:, 2].min() < CLEAR / 2:
            return False
        box = amodal_box(corners, self.camera)
        seen = np.clip(box, 0, [self.camera.width, self.camera.height] * 2)
        if box_area(seen) < SEEN * box_area(box) or box[3] - box[1] < LEAST_PIXELS:
            return False
        if not self._on_ground(placement):
            return False
        if len(self._boxes):
            shared = intersection(box[None], self._boxes)[0]
            touching = shared > TOUCHING * np.minimum(box_area(seen), box_area(self._boxes))
            if (touching & (self._depths < NEARER * corners[:, 2].mean())).any():
                return False
        x, y, _ = placement.position
        return self._taken.claim(float(x), float(y), placement.yaw, placement.size, MARGIN)

    def _on_ground(self, placement: Placement) -> bool:
        """Whether most of what is seen of the footprint may be ground."""
        steps = np.stack(np.meshgrid(np.linspace(0, 1, 5), np.linspace(0, 1, 5)), -1).reshape(-1, 2)
        a, b, _, d = placement.footprint()
        points = a + steps[:, :1] * (b - a) + steps[:, 1:] * (d - a)
        pixels = self.camera.project(self.camera.to_camera(np.column_stack([points, np.zeros(len(points))])))
        column, row = pixels.round().astype(int).T
        inside = (column >= 0) & (column < self.camera.width) & (row >= 0) & (row < self.camera.height)
        return bool(inside.any() and self._ground[row[inside], column[inside]].mean() > 0.8)


def draw_objects(domain: Domain, space: FreeSpace, rng: np.random.Generator) -> tuple[list[Placement], Layout]:
    """Draws objects of prior scenes of the classes between which relations are stated, near and rare ones first.

    What stands on an object comes with it.

    Returns:
        Those that found a place, and a prior scene that most of them are from.
    """
    count = int(rng.integers(OBJECTS[0], OBJECTS[1] + 1))
    chosen: list[GroundGroup] = []
    layouts: list[Layout] = []
    while len(layouts) < DRAWS and len(chosen) < count:
        layouts.append(sample_layout(domain, space.camera, rng))
        groups = ground_groups(layouts[-1].placements)
        movable = [g for g in groups if g.root.label in domain.related_names and g.root.position[2] == 0]
        common = Counter(g.root.label for g in movable)
        weights = [1 / (np.sqrt(common[g.root.label]) * np.hypot(*g.root.position[:2])) for g in movable]
        for index in _weighted_order(weights, rng):
            if len(chosen) < count and space.accept(movable[index].root, movable[index].carried):
                chosen.append(movable[index])
    return [p for group in chosen for p in group.placements], layouts[0]


def draw_distractors(
    domain: Domain, layout: Layout, appearance: Appearance, space: FreeSpace, rng: np.random.Generator
) -> list[Instance]:
    """Draws things that carry no label, of those that surround a prior scene.

    Returns:
        They, labelled `DISTRACTOR`, so that they have ids.
    """
    scenery = scene_module(domain.layout.type).scenery(domain, layout, appearance, rng)
    labelled = {name for label in domain.class_names for name in class_assets(domain, label)}
    things = [i for i in scenery if _is_thing(i) and i.asset.name not in labelled]
    count = int(rng.integers(DISTRACTORS[0], DISTRACTORS[1] + 1))
    chosen: list[Instance] = []
    for index in _weighted_order([1 / max(np.hypot(*i.position[:2]), 1.0) for i in things], rng):
        thing = things[index]
        place = Placement(DISTRACTOR, np.asarray(thing.position, float), thing.yaw, np.asarray(thing.size))
        if len(chosen) < count and space.accept(place):
            chosen.append(dataclasses.replace(thing, label=DISTRACTOR))
    return chosen


def _is_thing(instance: Instance) -> bool:
    """Whether a piece of scenery stands on the ground by itself: no surface, no house, no coarse one for far away."""
    length, width, height = instance.size
    small = height > THING[0] and max(length, width) < THING[1] and min(length, width) > 0.02
    alone = instance.label is None and instance.part_of is None and instance.tilt is None
    name = instance.asset.name
    return bool(small and alone and abs(instance.position[2]) < 0.05 and not name.startswith(COARSE))


def _weighted_order(weights: Sequence[float], rng: np.random.Generator) -> Iterator[int]:
    """Yields indices without replacement, each as likely next as its weight says (Efraimidis and Spirakis 2006)."""
    keys = np.log(rng.random(len(weights))) / np.asarray(weights, float)
    yield from np.argsort(-keys).tolist()


def _placement(item: SceneObject, camera: Camera) -> Placement | None:
    return None if item.pose is None else Placement.from_pose(item.label, item.pose, camera)


def _depths(placement: Placement, camera: Camera) -> np.ndarray:
    """(8,) depths of the corners, metres."""
    return np.asarray(camera.to_camera(placement.corners())[:, 2])
