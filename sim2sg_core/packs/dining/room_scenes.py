"""Scenes of the layout type `room`, see `packs.pack.SceneModule`."""

from __future__ import annotations

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.packs.dining.room_appearance import ROOM
from sim2sg_core.packs.dining.room_layout import RoomLayout
from sim2sg_core.packs.dining.room_scenery import room_scenery as scenery
from sim2sg_core.scene import Camera, Layout
from sim2sg_core.synthesis.appearance import AppearancePrior
from sim2sg_core.synthesis.layouts.furnished import sample_furnished


def appearance_prior(domain: Domain) -> AppearancePrior:
    """Returns how rooms look."""
    return ROOM


def sample_layout(domain: Domain, camera: Camera, rng: np.random.Generator) -> Layout:
    """Draws a furnished scene, or a bare one, as `RoomLayout.bare` says."""
    spec = domain.layout
    assert isinstance(spec, RoomLayout)
    if spec.bare and rng.random() < spec.bare:
        return Layout(camera, ())
    return sample_furnished(domain, camera, rng)


__all__ = ["appearance_prior", "sample_layout", "scenery"]
