"""Scenes of the layout type `scatter`: objects strewn over flat ground, no two touch, and each can be seen."""

from __future__ import annotations

from typing import Any

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.packs.clevr.scatter_layout import ScatterLayout
from sim2sg_core.render.projection import image_extent
from sim2sg_core.render.render_scene import Instance
from sim2sg_core.scene import Camera, Layout, Placement
from sim2sg_core.synthesis.appearance import AppearancePrior
from sim2sg_core.synthesis.layouts.collision import footprint_gap
from sim2sg_core.synthesis.layouts.furnished import is_furnished, sample_furnished
from sim2sg_core.synthesis.layouts.occlusion import seen
from sim2sg_core.synthesis.studio_appearance import STUDIO

TRIES = 60


def sample_layout(domain: Domain, camera: Camera, rng: np.random.Generator) -> Layout:
    """Draws a scattered scene; one of a domain with things upon things by `sample_furnished`.

    Objects are placed one after another; a place is refused when it comes too near another object, when the object
    would lie outside the image, or when too little of anything would be seen. A scene that fills up holds fewer.
    """
    spec = domain.layout
    assert isinstance(spec, ScatterLayout)
    if is_furnished(domain):
        return sample_furnished(domain, camera, rng)
    count = int(rng.integers(spec.count[0], spec.count[1] + 1))
    placed: list[Placement] = []
    boxes: list[np.ndarray] = []
    least = spec.min_visible_pixels * domain.camera.pixels_in(camera)
    for _ in range(count):
        for _ in range(TRIES):
            candidate = _draw(domain, spec, rng)
            if any(footprint_gap(candidate, other) < spec.min_gap for other in placed):
                continue
            box = _box(candidate, camera)
            if box is None or not seen(candidate, box, placed, boxes, camera, least):
                continue
            placed.append(candidate)
            boxes.append(box)
            break
    return Layout(camera, tuple(placed))


def scenery(domain: Domain, layout: Layout, appearance: Any, rng: np.random.Generator) -> list[Instance]:
    """Returns nothing: a floor and a backdrop surround the objects."""
    return []


def appearance_prior(domain: Domain) -> AppearancePrior:
    """Returns how the studio looks."""
    return STUDIO


def _draw(domain: Domain, spec: ScatterLayout, rng: np.random.Generator) -> Placement:
    frequency = np.array([c.frequency for c in domain.classes])
    kind = domain.classes[rng.choice(len(domain.classes), p=frequency / frequency.sum())]
    position = np.array([rng.uniform(*spec.distance), rng.uniform(*spec.lateral), 0.0])
    return Placement(kind.name, position, float(rng.uniform(-np.pi, np.pi)), kind.sample_size(rng))


def _box(placement: Placement, camera: Camera) -> np.ndarray | None:
    """(4,) the image box of the placement's 3D box; None when its centre is not in the picture."""
    corners = camera.to_camera(placement.corners())
    if (corners[:, 2] < 0.2).any():
        return None
    box = image_extent(corners, camera)
    centre = (box[:2] + box[2:]) / 2
    inside = (centre > 0).all() and centre[0] < camera.width and centre[1] < camera.height
    return box if inside else None
