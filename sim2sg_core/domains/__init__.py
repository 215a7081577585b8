"""Domains: what a world consists of, written in YAML and checked line by line."""

from sim2sg_core.domains.appearance import AppearanceSpec
from sim2sg_core.domains.camera import CameraPrior
from sim2sg_core.domains.classes import ClassSpec, MeshSpec
from sim2sg_core.domains.layouts import AroundSpec, GroupSpec, RoomLayout, ScatterLayout, StreetLayout
from sim2sg_core.domains.loading import builtin_domains, load_domain
from sim2sg_core.domains.predicates import PredicateSpec
from sim2sg_core.domains.spec import Domain, InputSpec, LabelSpec, TrainingSpec

__all__ = [
    "AppearanceSpec",
    "AroundSpec",
    "CameraPrior",
    "ClassSpec",
    "Domain",
    "GroupSpec",
    "InputSpec",
    "LabelSpec",
    "MeshSpec",
    "PredicateSpec",
    "RoomLayout",
    "ScatterLayout",
    "StreetLayout",
    "TrainingSpec",
    "builtin_domains",
    "load_domain",
]
