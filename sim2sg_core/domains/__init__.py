"""Domains: what a world consists of, written in YAML and checked line by line."""

from sim2sg_core.domains.appearance_spec import AppearanceSpec
from sim2sg_core.domains.camera_prior import CameraPrior
from sim2sg_core.domains.class_spec import ClassSpec, MeshSpec
from sim2sg_core.domains.domain_spec import Domain, InputSpec, LabelSpec, TrainingSpec
from sim2sg_core.domains.layout_spec import AroundSpec, ArrangedLayout, GroupItem, GroupSpec, LayoutSpec
from sim2sg_core.domains.loading import builtin_domains, load_domain
from sim2sg_core.domains.predicate_spec import PredicateSpec

__all__ = [
    "AppearanceSpec",
    "AroundSpec",
    "ArrangedLayout",
    "CameraPrior",
    "ClassSpec",
    "Domain",
    "GroupItem",
    "GroupSpec",
    "InputSpec",
    "LabelSpec",
    "LayoutSpec",
    "MeshSpec",
    "PredicateSpec",
    "TrainingSpec",
    "builtin_domains",
    "load_domain",
]
