"""Who walks and rides in a street."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2sg_core.packs.drive.street_filling import NEAR, SIGNS, StreetFilling, one_of

GROUP_SHARES = (0.58, 0.28, 0.09, 0.05)  # of one, two, three and four people
MEAN_GROUP = 1.7
FARTHEST_WALKER, FARTHEST_RIDER = 65.0, 60.0  # metres
NEAREST_WALKER, NEAREST_RIDER = 3.0, 3.8  # before the camera, metres; beside it as near as it sees
WALKING_BESIDE, WALKING_BEFORE = 0.6, 0.85  # shares of near walkers: on the pavements, then before the camera
RIDING_BEFORE = 0.3  # share of near riders who cross before the camera


def walk(street: StreetFilling, what: str, density: float) -> None:
    """Puts people on the pavements and crossings, alone and in groups, `density` per 100 m."""
    rng, section = street.rng, street.section
    groups = rng.poisson(density * section.length / 100 / MEAN_GROUP)
    for _ in range(int(groups)):
        s = 4.5 + (min(section.length, FARTHEST_WALKER) - 4.5) * float(rng.beta(1.1, 1.7))
        side = int(rng.integers(2))
        crossing = rng.random() < 0.13
        t = float(rng.uniform(section.edge(1), section.edge(0))) if crossing else on_pavement(street, side)
        _group(street, what, s, t, crossing)


def walk_near(street: StreetFilling, walkers: Sequence[tuple[str, float]], groups: float) -> None:
    """Puts groups of people within `NEAR` metres: on the pavements, at the lanes' edges and crossing before the camera.

    Args:
        street: Where.
        walkers: Classes, and how common each is.
        groups: How many, on average.
    """
    rng, section = street.rng, street.section
    for _ in range(int(rng.poisson(groups)) if walkers else 0):
        what, u = one_of(walkers, rng), rng.random()
        if WALKING_BESIDE <= u < WALKING_BEFORE:
            s = float(rng.uniform(NEAREST_WALKER, NEAR))
            t = float(np.clip(rng.uniform(-1, 1) * s * street.spread, section.right, section.left))
            _group(street, what, s, t, crossing=True)
            continue
        side = int(rng.integers(2))
        if u < WALKING_BESIDE:
            t = on_pavement(street, side)
        else:  # Getting into vehicles, stepping off the kerb.
            t = (section.left, section.right)[side] - SIGNS[side] * float(rng.uniform(-0.2, 0.5))
        nearest = street.seen_from(t, NEAREST_WALKER)
        _group(street, what, float(rng.uniform(nearest, max(NEAR, nearest + 2))), t, crossing=False)


def on_pavement(street: StreetFilling, side: int) -> float:
    """Draws t on the pavement of a side, or on the ground behind it."""
    section = street.section
    reach = section.walk[side] + min(section.setback[side], 2.0)
    return section.edge(side, float(street.rng.uniform(0.5, max(reach, 0.6))))


def _group(street: StreetFilling, what: str, s: float, t: float, crossing: bool) -> None:
    """Puts one to four people two by two; `crossing` ones walk across the street."""
    rng = street.rng
    sign = 1 if t > 0 else -1
    count = int(rng.choice([1, 2, 3, 4], p=GROUP_SHARES))
    along = float(rng.choice([0.0, np.pi])) + (np.pi / 2 if crossing else 0.0)
    standing = rng.random() < 0.2
    for k in range(count):
        turn = float(rng.uniform(-np.pi, np.pi)) if standing else along + float(rng.normal(0, 0.15))
        ds, dt = (k % 2) * rng.normal(0, 0.2) + (k // 2) * 0.9, (k % 2) * 0.72 * sign
        street.place_any(what, s + ds, t + dt, turn, margin=0.05)


def ride(street: StreetFilling, what: str, density: float) -> None:
    """Puts riders at the lanes' edges, on the pavements and crossing the street, `density` per 100 m."""
    rng, section = street.rng, street.section
    for _ in range(int(rng.poisson(density * section.length / 100))):
        s = 5 + (min(section.length, FARTHEST_RIDER) - 5) * float(rng.beta(1.1, 1.5))
        if rng.random() < 0.12:
            _ride_across(street, what, s, float(rng.uniform(section.right, section.left)))
        else:
            _ride_along(street, what, s, *beside_lanes(street, int(rng.integers(2))))


def ride_near(street: StreetFilling, riders: Sequence[tuple[str, float]], count: float) -> None:
    """Puts riders within `NEAR` metres: seen from behind, from the front, and from the side; as `walk_near`."""
    rng, section = street.rng, street.section
    for _ in range(int(rng.poisson(count)) if riders else 0):
        what = one_of(riders, rng)
        if rng.random() < RIDING_BEFORE:
            s = float(rng.uniform(NEAREST_RIDER, NEAR))
            t = float(rng.uniform(-1, 1)) * s * street.spread
            _ride_across(street, what, s, float(np.clip(t, section.right, section.left)))
        else:
            t, turn = beside_lanes(street, int(rng.integers(2)))
            nearest = street.seen_from(t, NEAREST_RIDER)
            _ride_along(street, what, float(rng.uniform(nearest, max(NEAR, nearest + 2))), t, turn)


def beside_lanes(street: StreetFilling, side: int) -> tuple[float, float]:
    """Draws t and heading of a rider at the edge of the lanes of a side, or on its pavement."""
    rng, section = street.rng, street.section
    turn = (np.pi if section.oncoming else 0.0) if side == 0 else 0.0
    if rng.random() < 0.6:
        return (section.left, section.right)[side] - SIGNS[side] * float(rng.uniform(0.4, 1.0)), turn
    return section.edge(side, float(rng.uniform(0.5, section.walk[side]))), turn + np.pi * (rng.random() < 0.35)


def _ride_along(street: StreetFilling, what: str, s: float, t: float, turn: float) -> None:
    street.place_any(what, s, t, turn + float(street.rng.normal(0, 0.08)), margin=0.1)


def _ride_across(street: StreetFilling, what: str, s: float, t: float) -> None:
    _ride_along(street, what, s, t, float(street.rng.choice([-1, 1])) * np.pi / 2)
