"""Domains: what a world consists of, written in YAML and checked line by line."""

from sim2sg_core.domains.classes import ClassSpec, MeshSpec
from sim2sg_core.domains.layouts import AroundSpec, GroupSpec, RoomLayout, ScatterLayout, StreetLayout
from sim2sg_core.domains.loading import builtin_domains, load_domain
from sim2sg_core.domains.spec import (
    AppearanceSpec,
    CameraPrior,
    Domain,
    InputSpec,
    LabelSpec,
    PredicateSpec,
    TrainingSpec,
)

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
