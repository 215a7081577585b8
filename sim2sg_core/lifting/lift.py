"""A graph with 3D poses becomes a layout that can be rendered: everything stands on something, free of overlap."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from sim2sg_core.lifting.support import Supports
from sim2sg_core.scene.camera import Camera
from sim2sg_core.scene.graph import SceneGraph
from sim2sg_core.scene.layout import Layout, Placement
from sim2sg_core.scene.polygons import clip_polygon, polygon_area
from sim2sg_core.scene.predicates import TOUCHING_SHARE

MAX_DEPTH = 150.0
CAMERA_CLEARANCE = 0.3  # metres between any footprint and the camera, where everything stands on the ground
NEAR_CLEARANCE = 0.12  # metres between any 3D box and the camera, where things stand on things
STEPS = (0.25, 0.5, 0.75, 1.0)  # by which an object makes room, in mean extents
OVERLAP = 0.15  # share of the smaller footprint that another's may cover: both sizes are estimates
TWIN = 0.6  # share of the smaller footprint from which two of a class are one object
UNDER = 0.7  # share of the smaller footprint that may be under a support, as of a chair under a table


def lift_graph(
    graph: SceneGraph,
    camera: Camera,
    fit_size: Callable[[str, np.ndarray], np.ndarray],
    *,
    refine: Callable[[int, Placement], Placement] | None = None,
    supports: Mapping[str, tuple[str, ...]] | None = None,
    surfaces: Mapping[str, tuple[float, ...]] | None = None,
    insides: Mapping[str, float] | None = None,
) -> Layout:
    """Rebuilds the scene of a graph over the ground of `camera`.

    Where everything stands on the ground, objects keep their place and are set on it. Else what supports comes first,
    and every object moves along its viewing ray onto the ground or the surface on which it stands.

    Where footprints overlap more than sizes may be wrong (`_allowed_overlap`), the object that scored less makes
    room, if it stands on something and is not the same object found twice, or else is left out.

    Args:
        graph: Objects with poses, best first; those without a pose are left out.
        camera: The camera to render with; its ground is where the objects are put.
        fit_size: Maps a class name and an estimated (3,) length, width, height in metres to the nearest size
            that the class can have.
        refine: Moves or scales the placement of an object, given by its index in the graph, to what is seen; on the
            level on which it stands.
        supports: Class -> what it may stand on, "ground" or classes; what lacks stands on the ground. An object
            under which nothing of that is found is left out.
        surfaces: Class -> heights at which others stand on it, as shares of its own; what lacks has its top.
        insides: Class -> height of the floor of its hollow, as a share of its own; what lacks has none.

    Returns:
        The layout; every base is on the ground (z = 0), or at a surface or in the hollow of a placement before it.
    """
    rules = Supports(supports or {}, surfaces or {}, insides or {})
    estimates = _estimates(graph, camera, fit_size)
    placements: list[Placement] = []
    carriers: list[frozenset[int]] = []  # of each placement: what it stands on, what that stands on, …
    for k in rules.order([estimate for _, estimate in estimates]):
        index, placement = estimates[k]
        carrier = -1
        if rules.level:
            placement = dataclasses.replace(placement, position=np.array([*placement.position[:2], 0.0]))
        elif (stood := rules.stand(placement, placements, camera)) is not None:
            placement, carrier = stood
        else:
            continue
        if refine is not None:
            placement = refine(index, placement)
            if carrier >= 0:
                placement = rules.kept(placement, placements[carrier])
        below = frozenset[int]() if carrier < 0 else carriers[carrier] | {carrier}
        others = [other for j, other in enumerate(placements) if j not in below]

        def fits(place: Placement, others: Sequence[Placement] = others) -> bool:
            return _clear_of_camera(place, camera, rules) and all(
                footprint_overlap(place, other) <= _allowed_overlap(place, other, rules) for other in others
            )

        free = placement if fits(placement) else None
        if free is None and carrier >= 0 and not any(_twins(placement, other) for other in others):
            free = _beside(placement, placements[carrier], rules, fits)
        if free is not None:
            placements.append(free)
            carriers.append(below)
    return Layout(camera, tuple(placements))


def _twins(a: Placement, b: Placement) -> bool:
    """Whether two estimates are of one object, found twice."""
    return a.label == b.label and footprint_overlap(a, b) > TWIN


def _beside(
    placement: Placement, support: Placement, rules: Supports, fits: Callable[[Placement], bool]
) -> Placement | None:
    """Moves an object on its support to the nearest place where it fits, at most by its mean extent.

    Things on a table are close together, and all their places and sizes are estimates.
    """
    for step in STEPS:
        for angle in np.arange(8) * np.pi / 4:
            offset = step * placement.size[:2].mean() * np.array([np.cos(angle), np.sin(angle), 0.0])
            moved = dataclasses.replace(placement, position=placement.position + offset)
            if rules.kept(moved, support) is moved and fits(moved):
                return moved
    return None


def _estimates(
    graph: SceneGraph, camera: Camera, fit_size: Callable[[str, np.ndarray], np.ndarray]
) -> list[tuple[int, Placement]]:
    """Returns index and placement of every object with a pose: of a possible size, about the estimated centre."""
    found = []
    for index, item in enumerate(graph.objects):
        if item.pose is None or not 0 < item.pose.position[2] < MAX_DEPTH:
            continue
        placement = Placement.from_pose(item.label, item.pose, camera)
        size = fit_size(item.label, placement.size)
        lift = np.array([0.0, 0.0, (placement.size[2] - size[2]) / 2])
        found.append((index, Placement(item.label, placement.position + lift, placement.yaw, size)))
    return found


def _clear_of_camera(placement: Placement, camera: Camera, rules: Supports) -> bool:
    """Whether an object is in front of the camera and not about it; among things on things it may be below it."""
    if placement.position[0] <= 0:
        return False
    if rules.level:
        near = np.linalg.norm(placement.position[:2]) - np.linalg.norm(placement.size[:2]) / 2
        return bool(near >= CAMERA_CLEARANCE)
    return placement.distance_to(camera.T_world_camera[:3, 3]) >= NEAR_CLEARANCE


def _allowed_overlap(a: Placement, b: Placement, rules: Supports) -> float:
    """Share of the smaller footprint that two objects may overlap, neither of which stands on the other.

    Above and below each other there is no limit. What others stand on is hollow as a table: something of another
    class on the ground may stand mostly under it, and what stands on the one is not in the way of the other.
    """
    if rules.level:
        return OVERLAP
    base = max(a.position[2], b.position[2])
    top = min(a.position[2] + a.size[2], b.position[2] + b.size[2])
    if top - base < TOUCHING_SHARE * min(a.size[2], b.size[2]):
        return np.inf
    grounded = int(a.position[2] == 0) + int(b.position[2] == 0)
    if a.label == b.label or not grounded:
        return OVERLAP
    if grounded == 1:  # Their footprints overlap as far as that of what carries the upper one may.
        return np.inf
    return UNDER if rules.supporter(a.label) or rules.supporter(b.label) else OVERLAP


def footprint_overlap(a: Placement, b: Placement) -> float:
    """Overlap of two footprints as a share of the smaller one's area."""
    reach = (np.linalg.norm(a.size[:2]) + np.linalg.norm(b.size[:2])) / 2
    if np.linalg.norm(a.position[:2] - b.position[:2]) >= reach:
        return 0.0
    area = polygon_area(clip_polygon(a.footprint(), b.footprint()))
    return area / max(float(min(np.prod(a.size[:2]), np.prod(b.size[:2]))), 1e-9)
