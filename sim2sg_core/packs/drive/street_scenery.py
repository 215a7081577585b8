"""What surrounds a street's labelled content: ground strips, markings, furniture, and rows that close the view.

Everything is inferred from the placements alone, so that layouts lifted from images are treated as prior ones are.
For (s, t) see `road`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from sim2sg_core.domains import Domain
from sim2sg_core.packs.drive.road_surfaces import ground_strips
from sim2sg_core.packs.drive.street_decorator import Decorator
from sim2sg_core.packs.drive.street_furnishing import accompany, furnish
from sim2sg_core.packs.drive.street_inference import infer_street
from sim2sg_core.packs.drive.street_layout import StreetLayout
from sim2sg_core.render.render_scene import Instance
from sim2sg_core.scene import Layout
from sim2sg_core.synthesis.assets.registry import class_assets
from sim2sg_core.synthesis.layouts.occupancy import box_footprint


def street_scenery(domain: Domain, layout: Layout, appearance: Any, rng: np.random.Generator) -> list[Instance]:
    """Draws everything unlabelled about a street layout: ground, markings, furniture, background.

    Args:
        domain: Its layout gives the ranges.
        layout: The labelled content.
        appearance: The frame's appearance; its `painter` gives the colours.
        rng: Randomness.
    """
    spec = domain.layout
    assert isinstance(spec, StreetLayout)
    street = infer_street(layout.placements, spec, rng)
    # Plants and houses are everywhere behind those that are labelled; nothing else is.
    labelled = frozenset(
        mesh for what in sorted(spec.vehicle_names | spec.people_names) for mesh in class_assets(domain, what)
    )
    decorator = Decorator(layout, street, labelled, appearance, rng)
    for at, half, _ in street.side_streets:  # Nothing is to stand in their mouths.
        x, y = street.road.at(at)
        decorator.taken.add(box_footprint(float(x), float(y), float(street.road.yaw(at)), 2 * half, 30.0))
    left, right = street.edges
    for s in np.arange(0, 90, 10.0):
        x, y = street.road.at(float(s), (left + right) / 2)
        decorator.taken.add(box_footprint(float(x), float(y), float(street.road.yaw(s)), 10.2, left - right))
    walkers = {entry.what for entry in spec.walkers}
    decorator.enclose()
    accompany(decorator, [p for p in layout.placements if p.label in walkers])
    furnish(decorator, float(rng.uniform(*spec.clutter)))
    decorator.shade()
    decorator.close_view()
    vehicle_names = spec.vehicle_names
    vehicles = [p for p in layout.placements if p.label in vehicle_names]
    return ground_strips(street, vehicles, appearance.painter, rng) + decorator.instances
