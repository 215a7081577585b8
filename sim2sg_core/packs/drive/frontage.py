"""What stands beside a street: houses that line it, trees at the kerb, hedges and bushes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2sg_core.packs.drive.street_filling import StreetFilling, one_of
from sim2sg_core.packs.drive.street_models import is_of_kind
from sim2sg_core.scene import Placement
from sim2sg_core.synthesis.layouts.occupancy import Occupancy, box_footprint

CLOSED = 8.0  # houses per 100 m from which on no plot is left empty
HIGH_CROWNED = ("street", "round", "sparse", "young")  # kinds of plants under whose crowns one can walk
HIGH = 2.3  # metres: what is higher reaches into crowns


def build(street: StreetFilling, densities: Sequence[tuple[str, float]]) -> None:
    """Lines the street with houses, fronts to it: wall to wall on closed streets, with gaps elsewhere.

    Args:
        street: Where.
        densities: Classes, and how many of each stand on 100 m.
    """
    rng, section = street.rng, street.section
    names = [what for what, _ in densities]
    total = sum(density for _, density in densities)
    share = min(total / CLOSED, 1.0)
    for side in (0, 1):
        s = float(rng.uniform(-14, 2))
        while s < section.length and names:
            what = names[0] if len(names) == 1 else one_of(densities, rng)
            mesh, size = street.models.draw(what, section.kind.houses)
            gap = float(rng.uniform(0, 0.4)) if section.kind.closed else float(rng.gamma(2, 3.0)) + 1.5
            middle = s + size[0] / 2
            if rng.random() < share and not section.crossing(middle, size[0] / 2 + 1.5):
                back = section.walk[side] + section.setback[side] + size[1] / 2
                back += 0.15 if section.kind.closed else abs(float(rng.normal(0, 0.8)))
                turn = 0.0 if side else np.pi
                street.place(what, middle, section.edge(side, back + 0.2), turn, mesh, size, margin=0.05)
                s += size[0] + gap
            else:
                s += size[0] * 0.5 + gap


def grow(street: StreetFilling, what: str, density: float) -> None:
    """Plants trees in rows at the kerb, hedges along gardens, and `density` plants per 100 m behind."""
    if density == 0:
        return
    rng, section = street.rng, street.section
    kind = section.kind
    for side in (0, 1):
        if kind.tree_rows and rng.random() < kind.tree_rows:
            _row(street, what, side)
        if "hedge" in kind.plants and street.models.has_kind(what, "hedge") and rng.random() < 0.55:
            _hedge(street, what, side)
    for _ in range(int(rng.poisson(density * section.length / 100))):
        side = int(rng.integers(2))
        s = 3 + (section.length - 3) * float(rng.random())
        out = section.walk[side] + 0.6 + float(rng.gamma(1.6, 2.5))
        mesh, size = street.models.draw(what, kind.plants)
        _plant(street, what, s, section.edge(side, out), mesh, size)


def _row(street: StreetFilling, what: str, side: int) -> None:
    """Plants like trees at equal steps along the kerb."""
    rng, section = street.rng, street.section
    step, s = float(rng.uniform(8, 14)), float(rng.uniform(3, 12))
    mesh = street.models.mesh(what, section.kind.row_trees)
    while s < section.length:
        size = street.models.size(what, mesh)
        _plant(street, what, s, section.edge(side, min(section.walk[side] - 0.4, 1.0)), mesh, size)
        s += step + float(rng.normal(0, 0.6))


def _hedge(street: StreetFilling, what: str, side: int) -> None:
    """Plants a run of hedge between the pavement and the gardens."""
    rng, section = street.rng, street.section
    s, end = (float(v) for v in np.sort(rng.uniform(2, section.length, 2)))
    mesh, size = street.models.draw(what, ("hedge",))
    while s < min(end, 60):
        if not section.crossing(s, 3):
            street.place(what, s, section.edge(side, section.walk[side] + 0.8), 0.0, mesh, size, margin=0.0)
        s += float(size[0]) + 0.02


def _plant(street: StreetFilling, what: str, s: float, t: float, mesh: str, size: np.ndarray) -> None:
    """Plants one unless something is in the way.

    A high crown may overhang: only a fifth of its spread must be free of low things, but no two crowns nor a crown and
    a house may overlap.
    """
    if street.section.crossing(s, 1.5):
        return
    x, y = street.section.road.at(s, t)
    yaw = float(street.rng.uniform(-np.pi, np.pi))
    overhangs = size[2] > 5 and any(is_of_kind(mesh, kind) for kind in HIGH_CROWNED)
    share = 0.22 if overhangs else 0.9
    foot = box_footprint(x, y, yaw, float(size[0]) * share, float(size[1]) * share)
    if not street.taken.free(foot):
        return
    crown = box_footprint(x, y, yaw, float(size[0]) * 0.9, float(size[1]) * 0.9)
    solid = Occupancy()
    for other in street.placements:
        if other.label in street.beside or other.size[2] > HIGH:
            solid.add(other.footprint())
    if not solid.free(crown):
        return
    street.taken.add(foot)
    street.placements.append(Placement(what, np.array([x, y, 0.0]), yaw, size, mesh))
