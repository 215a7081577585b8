"""The data: scene graphs, cameras, layouts and the rules of relations. Needs numpy alone."""

from sim2sg_core.scene.camera import Camera
from sim2sg_core.scene.graph import Pose3D, Relation, SceneGraph, SceneObject
from sim2sg_core.scene.layout import Layout, Placement
from sim2sg_core.scene.predicates import PredicateRule, derive_relations

__all__ = [
    "Camera",
    "Layout",
    "Placement",
    "Pose3D",
    "PredicateRule",
    "Relation",
    "SceneGraph",
    "SceneObject",
    "derive_relations",
]
