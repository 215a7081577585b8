"""Scenes of the layout type `street`, see `packs.pack.SceneModule`."""

from __future__ import annotations

from sim2sg_core.domains import Domain
from sim2sg_core.domains.fields import BACKDROP
from sim2sg_core.packs.drive.street_appearance import OUTDOORS
from sim2sg_core.packs.drive.street_sampler import sample_street as sample_layout
from sim2sg_core.packs.drive.street_scenery import street_scenery as scenery
from sim2sg_core.synthesis.appearance import AppearancePrior
from sim2sg_core.synthesis.studio_appearance import STUDIO


def appearance_prior(domain: Domain) -> AppearancePrior:
    """Returns how streets look: under the sky, or before a backdrop where the domain asks for nothing else."""
    return STUDIO if set(domain.appearance.skies) == {BACKDROP} else OUTDOORS


__all__ = ["appearance_prior", "sample_layout", "scenery"]
