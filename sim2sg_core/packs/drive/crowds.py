"""Crowds: people who wait, cross, stroll and talk in numbers, and streams of riders."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim2sg_core.packs.drive.people import NEAREST_RIDER, NEAREST_WALKER, beside_lanes, on_pavement
from sim2sg_core.packs.drive.street_filling import SIGNS, StreetFilling, one_of

PEOPLE = (5, 25)  # in one crowd, in all its groups
GROUP = (3, 9)  # in one of its groups
STREAM = (3, 7)  # riders
STREAMS = 0.5  # share of the crowded streets that riders stream along
FARTHEST = 30.0  # metres
PERSON = 0.75  # room for one, metres


def crowd(street: StreetFilling, walkers: Sequence[tuple[str, float]], riders: Sequence[tuple[str, float]]) -> None:
    """Fills a street with people, and some with riders.

    Args:
        street: Where.
        walkers: Classes, and how common each is.
        riders: Likewise.
    """
    rng = street.rng
    left = int(rng.integers(PEOPLE[0], PEOPLE[1] + 1)) if walkers else 0
    ways = (_wait, _cross, _stroll, _talk)
    while left > 0:
        count = min(left, int(rng.integers(GROUP[0], GROUP[1] + 1)))
        ways[rng.integers(len(ways))](street, one_of(walkers, rng), count)
        left -= count
    if riders and rng.random() < STREAMS:
        _stream(street, one_of(riders, rng), int(rng.integers(STREAM[0], STREAM[1] + 1)))


def _distance(street: StreetFilling, t: float = 0.0) -> float:
    """Draws s of a group at t: rather near."""
    nearest = street.seen_from(t, NEAREST_WALKER + 0.5)
    return nearest + max(FARTHEST - nearest, 3.0) * float(street.rng.beta(1.0, 1.9))


def _wait(street: StreetFilling, what: str, count: int) -> None:
    """People at the kerb who look across the street: before crossings, at stops."""
    rng, section = street.rng, street.section
    side = int(rng.integers(2))
    s, deep = _distance(street, section.edge(side, 1.0)), max(section.walk[side], 1.2)
    wide = count * PERSON**2 * 1.6 / deep
    for _ in range(count):
        t = section.edge(side, float(rng.uniform(0.35, deep)))
        turn = -SIGNS[side] * np.pi / 2 + float(rng.normal(0, 0.5))
        street.place_any(what, s + float(rng.uniform(-wide, wide)) / 2, t, turn, margin=0.03)


def _cross(street: StreetFilling, what: str, count: int) -> None:
    """People who cross the street at one place, both ways."""
    rng, section = street.rng, street.section
    s, reach = _distance(street), 1.0
    for _ in range(count):
        t = float(rng.uniform(section.edge(1, reach), section.edge(0, reach)))
        turn = float(rng.choice([-1, 1])) * np.pi / 2 + float(rng.normal(0, 0.2))
        street.place_any(what, s + float(rng.normal(0, 0.9)), t, turn, margin=0.05)


def _stroll(street: StreetFilling, what: str, count: int) -> None:
    """People who walk along a pavement, both ways."""
    rng, section = street.rng, street.section
    side = int(rng.integers(2))
    s = _distance(street, section.edge(side, 1.0))
    for _ in range(count):
        turn = float(rng.choice([0.0, np.pi])) + float(rng.normal(0, 0.2))
        away = abs(float(rng.normal(0, 0.8 * count)))
        street.place_any(what, s + away, on_pavement(street, side), turn, margin=0.05)


def _talk(street: StreetFilling, what: str, count: int) -> None:
    """People who stand in a circle and face each other."""
    rng, section = street.rng, street.section
    side = int(rng.integers(2))
    count = min(count, 6)
    radius = PERSON * count / (2 * np.pi) + 0.25
    t = section.edge(side, radius + 0.3 + float(rng.uniform(0, max(section.walk[side] - 2 * radius, 0.2))))
    s = _distance(street, t)
    for angle in np.arange(count) * 2 * np.pi / count + rng.uniform(0, np.pi):
        turn = float(angle) + np.pi + float(rng.normal(0, 0.3))
        street.place_any(what, s + radius * float(np.cos(angle)), t + radius * float(np.sin(angle)), turn, margin=0.02)


def _stream(street: StreetFilling, what: str, count: int) -> None:
    """Riders one behind another, some two abreast."""
    rng = street.rng
    t, turn = beside_lanes(street, int(rng.integers(2)))
    s = street.seen_from(t, NEAREST_RIDER) + float(rng.gamma(1.5, 5.0))
    for _ in range(count):
        street.place_any(what, s, t + float(rng.normal(0, 0.25)), turn + float(rng.normal(0, 0.06)), margin=0.1)
        s += float(rng.uniform(0.3, 0.6) if rng.random() < 0.2 else rng.uniform(2.0, 5.0))
