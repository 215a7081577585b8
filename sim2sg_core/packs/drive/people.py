"""Who walks and rides in a street."""

from __future__ import annotations

import numpy as np

from sim2sg_core.packs.drive.street_filling import SIGNS, StreetFilling

GROUP_SHARES = (0.58, 0.28, 0.09, 0.05)  # of one, two, three and four people
MEAN_GROUP = 1.7
FARTHEST_WALKER, FARTHEST_RIDER = 65.0, 60.0  # metres


def walk(street: StreetFilling, what: str, density: float) -> None:
    """Puts people on the pavements and crossings, alone and in groups, `density` per 100 m."""
    rng, section = street.rng, street.section
    groups = rng.poisson(density * section.length / 100 / MEAN_GROUP)
    for _ in range(int(groups)):
        s = 4.5 + (min(section.length, FARTHEST_WALKER) - 4.5) * float(rng.beta(1.1, 1.7))
        side = int(rng.integers(2))
        sign = SIGNS[side]
        count = int(rng.choice([1, 2, 3, 4], p=GROUP_SHARES))
        crossing = rng.random() < 0.13
        if crossing:
            t = float(rng.uniform(section.edge(1), section.edge(0)))
        else:
            reach = section.walk[side] + min(section.setback[side], 2.0)
            t = section.edge(side) + sign * float(rng.uniform(0.5, reach))
        along = float(rng.choice([0.0, np.pi])) + (np.pi / 2 if crossing else 0.0)
        standing = rng.random() < 0.2
        for k in range(count):  # Two by two.
            turn = float(rng.uniform(-np.pi, np.pi)) if standing else along + float(rng.normal(0, 0.15))
            ds, dt = (k % 2) * rng.normal(0, 0.2) + (k // 2) * 0.9, (k % 2) * 0.72 * sign
            street.place_any(what, s + ds, t + dt, turn, margin=0.05)


def ride(street: StreetFilling, what: str, density: float) -> None:
    """Puts riders at the lanes' edges, on the pavements and crossing the street, `density` per 100 m."""
    rng, section = street.rng, street.section
    for _ in range(int(rng.poisson(density * section.length / 100))):
        s = 5 + (min(section.length, FARTHEST_RIDER) - 5) * float(rng.beta(1.1, 1.5))
        side = int(rng.integers(2))
        turn = (np.pi if section.oncoming else 0.0) if side == 0 else 0.0
        if rng.random() < 0.6:
            t = (section.left, section.right)[side] - SIGNS[side] * float(rng.uniform(0.4, 1.0))
        else:
            t = section.edge(side, float(rng.uniform(0.5, section.walk[side])))
            turn += np.pi * (rng.random() < 0.35)
        if rng.random() < 0.12:
            t, turn = float(rng.uniform(section.right, section.left)), float(rng.choice([-1, 1])) * np.pi / 2
        street.place_any(what, s, t, turn + float(rng.normal(0, 0.08)), margin=0.1)
