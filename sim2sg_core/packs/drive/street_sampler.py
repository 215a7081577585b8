"""Prior street scenes: what drives, parks, walks, rides, grows and stands along a street before the camera.

Right-hand traffic. The road's line runs along the middle of the camera's lane; for (s, t) see `road`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.packs.drive.crowds import crowd
from sim2sg_core.packs.drive.frontage import build, grow
from sim2sg_core.packs.drive.people import ride, ride_near, walk, walk_near
from sim2sg_core.packs.drive.section import sample_section
from sim2sg_core.packs.drive.street_filling import StreetFilling
from sim2sg_core.packs.drive.street_layout import StreetClass, StreetLayout
from sim2sg_core.packs.drive.traffic import cross, drive, park, pass_by, sample_mix
from sim2sg_core.render.projection import image_extent
from sim2sg_core.scene import Camera, Layout, Placement

LEAST_BESIDE = 10  # plants and houses


def sample_street(domain: Domain, camera: Camera, rng: np.random.Generator) -> Layout:
    """Draws a street scene: its kind, its cross-section, and what stands on it."""
    spec = domain.layout
    assert isinstance(spec, StreetLayout)
    section = sample_section(spec, rng)
    kind, street = section.kind, StreetFilling(domain, section, camera, rng)

    def drawn(entries: Sequence[StreetClass], share: float) -> list[tuple[str, float]]:
        densities = [(entry.what, float(rng.uniform(*entry.density)) * share) for entry in entries]
        return [(what, density) for what, density in densities if density > 0]

    parked = float(rng.uniform(*spec.parked)) * kind.parked_share
    moving = float(rng.uniform(*spec.moving)) * kind.moving_share
    walkers = drawn(spec.walkers, kind.walker_share)
    riders = drawn(spec.riders, kind.rider_share)
    plants = drawn(spec.plants, kind.plant_share)
    houses = drawn(spec.houses, kind.house_share)
    near = float(rng.uniform(*spec.near))
    walk_near(street, walkers, near * kind.walker_share)
    ride_near(street, riders, near * kind.rider_share / 2)
    if rng.random() < spec.crowded * kind.walker_share:
        crowd(street, walkers, riders)
    if spec.vehicles:
        mix = sample_mix(spec, parked, moving, rng)
        pass_by(street, near * kind.moving_share, mix, moving > 0, parked > 0)
        if moving > 0:
            drive(street, moving, mix)
            cross(street, mix)
        for side in (0, 1):
            park(street, side, parked * float(rng.uniform(0.6, 1.2)), mix)
    for what, density in walkers:
        walk(street, what, density)
    for what, density in riders:
        ride(street, what, density)
    build(street, houses)
    for what, density in plants:
        grow(street, what, density)
    return Layout(camera, keep_visible(street.placements, camera, domain.max_objects, street.beside))


def keep_visible(
    placements: Sequence[Placement], camera: Camera, limit: int, beside: frozenset[str]
) -> tuple[Placement, ...]:
    """Keeps what may be in the picture, near to far.

    Traffic comes first: of the classes `beside` the street those nearest are kept that `limit` has room for, though
    never fewer than `LEAST_BESIDE`.
    """
    kept = []
    for placement in placements:
        corners = camera.to_camera(placement.corners())
        ahead = corners[corners[:, 2] > 0.5]
        if not len(ahead):
            continue
        left, _, right, _ = image_extent(ahead, camera)
        if right > 0 and left < camera.width:
            kept.append(placement)
    kept.sort(key=_distance)
    traffic = [p for p in kept if p.label not in beside][:limit]
    rest = [p for p in kept if p.label in beside]
    chosen = traffic + rest[: max(limit - len(traffic), LEAST_BESIDE)]
    return tuple(sorted(chosen, key=_distance))


def _distance(placement: Placement) -> float:
    return float(np.hypot(*placement.position[:2]))
