"""Scenes of the layout type `room`, see `packs.pack.SceneModule`."""

from __future__ import annotations

from sim2sg_core.domains import Domain
from sim2sg_core.packs.dining.room_appearance import ROOM
from sim2sg_core.packs.dining.room_scenery import room_scenery as scenery
from sim2sg_core.synthesis.appearance import AppearancePrior
from sim2sg_core.synthesis.layouts.furnished import sample_furnished as sample_layout


def appearance_prior(domain: Domain) -> AppearancePrior:
    """Returns how rooms look."""
    return ROOM


__all__ = ["appearance_prior", "sample_layout", "scenery"]
