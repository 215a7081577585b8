"""A scene graph of two objects that tests of conversions share."""

from __future__ import annotations

import numpy as np

from sim2sg_core.scene import Pose3D, Relation, SceneGraph, SceneObject


def example_graph(yaw: float = 0.4) -> SceneGraph:
    """A car with a pose left of a tracked pedestrian without one."""
    pose = Pose3D(np.array([-1.0, 0.5, 8.0]), yaw, np.array([4.0, 1.8, 1.5]))
    return SceneGraph(
        320,
        240,
        (
            SceneObject("car", 0.9, np.array([10.5, 20.25, 100, 80]), pose),
            SceneObject("pedestrian", 0.6, np.array([150, 30, 170.5, 90]), id="p7"),
        ),
        (Relation(0, "left_of", 1, 0.8, "viewer"),),
    )
