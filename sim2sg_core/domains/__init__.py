"""Domains: what a world consists of, written in YAML and checked line by line."""

from sim2sg_core.domains.loading import builtin_domains, load_domain
from sim2sg_core.domains.spec import (
    AppearanceSpec,
    CameraPrior,
    ClassSpec,
    Domain,
    InputSpec,
    LabelSpec,
    PredicateSpec,
    ScatterLayout,
    StreetLayout,
    TrainingSpec,
)

__all__ = [
    "AppearanceSpec",
    "CameraPrior",
    "ClassSpec",
    "Domain",
    "InputSpec",
    "LabelSpec",
    "PredicateSpec",
    "ScatterLayout",
    "StreetLayout",
    "TrainingSpec",
    "builtin_domains",
    "load_domain",
]
