"""A graph with 3D poses becomes a layout that can be rendered: on the ground, free of overlap."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from sim2sg_core.scene.camera import Camera
from sim2sg_core.scene.graph import SceneGraph
from sim2sg_core.scene.layout import Layout, Placement

MAX_DEPTH = 150.0
CAMERA_CLEARANCE = 0.3  # metres between any footprint and the camera


def lift_graph(
    graph: SceneGraph,
    camera: Camera,
    fit_size: Callable[[str, np.ndarray], np.ndarray],
    *,
    refine: Callable[[int, Placement], Placement] | None = None,
    max_overlap: float = 0.15,
) -> Layout:
    """Rebuilds the scene of a graph on the ground of `camera`.

    Args:
        graph: Objects with poses, best first; those without a pose are left out.
        camera: The camera to render with; its ground is where the objects are put.
        fit_size: Maps a class name and an estimated (3,) length, width, height in metres to the nearest size
            that the class can have.
        refine: Moves or scales the placement of an object, given by its index in the graph, to what is seen.
        max_overlap: Share of the smaller footprint that may overlap a better object's. A little is
            tolerated, since both sizes are estimates; beyond it the object that scored less is left out.

    Returns:
        The layout; every base is on the ground (z = 0).
    """
    placements: list[Placement] = []
    for index, item in enumerate(graph.objects):
        if item.pose is None or not 0 < item.pose.position[2] < MAX_DEPTH:
            continue
        placement = Placement.from_pose(item.label, item.pose, camera)
        placement = Placement(
            item.label,
            np.array([*placement.position[:2], 0.0]),
            placement.yaw,
            fit_size(item.label, placement.size),
        )
        if refine is not None:
            placement = refine(index, placement)
        near = np.linalg.norm(placement.position[:2]) - np.linalg.norm(placement.size[:2]) / 2
        if near < CAMERA_CLEARANCE or placement.position[0] <= 0:
            continue
        if all(footprint_overlap(placement, other) <= max_overlap for other in placements):
            placements.append(placement)
    return Layout(camera, tuple(placements))


def footprint_overlap(a: Placement, b: Placement) -> float:
    """Overlap of two footprints as a share of the smaller one's area."""
    reach = (np.linalg.norm(a.size[:2]) + np.linalg.norm(b.size[:2])) / 2
    if np.linalg.norm(a.position[:2] - b.position[:2]) >= reach:
        return 0.0
    area = polygon_area(clip_polygon(a.footprint(), b.footprint()))
    return area / max(float(min(np.prod(a.size[:2]), np.prod(b.size[:2]))), 1e-9)


def clip_polygon(subject: np.ndarray, window: np.ndarray) -> np.ndarray:
    """Clips a polygon by a convex, counter-clockwise one (Sutherland–Hodgman, 1974).

    Args:
        subject: (N, 2).
        window: (M, 2).

    Returns:
        (K, 2) their intersection, possibly empty.
    """
    result: Sequence[np.ndarray] = list(subject)
    for start, end in zip(window, np.roll(window, -1, axis=0), strict=True):
        if not len(result):
            break
        edge = end - start
        side = [edge[0] * (p[1] - start[1]) - edge[1] * (p[0] - start[0]) for p in result]
        clipped: list[np.ndarray] = []
        for i, point in enumerate(result):
            before, d0, d1 = result[i - 1], side[i - 1], side[i]
            if (d0 < 0) != (d1 < 0):
                clipped.append(before + (point - before) * (d0 / (d0 - d1)))
            if d1 >= 0:
                clipped.append(point)
        result = clipped
    return np.array(result).reshape(-1, 2)


def polygon_area(polygon: np.ndarray) -> float:
    """Area of a simple (N, 2) polygon."""
    if len(polygon) < 3:
        return 0.0
    x, y = polygon.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)
