"""Vehicles: in the lanes, along the kerbs, across at junctions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from sim2sg_core.packs.drive.street_filling import NEAR, SIGNS, StreetFilling
from sim2sg_core.packs.drive.street_layout import StreetLayout, StreetVehicle

MOST_OF_ONE, MOST_OF_ALL = 0.3, 0.9  # of the vehicles: classes with a density never crowd out the one without
LEAST_BESIDE = 0.12  # the camera: share of each class, so that large ones pass close by too
FULL_ALONG, FULL_ACROSS = 18.0, 38.0  # parked vehicles on 100 m of a full strip


@dataclass(frozen=True)
class VehicleMix:
    """Which vehicles are of which class.

    Attributes:
        rest: The class of those that are of no other.
        shares: The others, and the share of all vehicles in the lanes that is theirs.
    """

    rest: str
    shares: tuple[tuple[StreetVehicle, float], ...]

    def draw(self, rng: np.random.Generator, of: Callable[[StreetVehicle, float], float] = lambda _, s: s) -> str:
        """Draws a class; `of` turns a class and its share in the lanes into its share here."""
        u, total = rng.random(), 0.0
        for vehicle, share in reversed(self.shares):
            total += of(vehicle, share)
            if u < total:
                return vehicle.what
        return self.rest


def _beside(_: StreetVehicle, share: float) -> float:
    return max(share, LEAST_BESIDE) if share else 0.0


def _at_kerb_beside(vehicle: StreetVehicle, share: float) -> float:
    return _beside(vehicle, share) * vehicle.parks_along


def _along(vehicle: StreetVehicle, share: float) -> float:
    return share * vehicle.parks_along


def _across(vehicle: StreetVehicle, share: float) -> float:
    return share * vehicle.parks_across


def _at_junctions(vehicle: StreetVehicle, share: float) -> float:
    return share if vehicle.crosses is None else vehicle.crosses


def sample_mix(spec: StreetLayout, parked: float, moving: float, rng: np.random.Generator) -> VehicleMix:
    """Draws how common each class of vehicles is; there must be one. Densities are per 100 m."""
    vehicles = max(parked * 2 + moving, 1.0)
    shares = [
        (vehicle, min(float(rng.uniform(*vehicle.density)) / (vehicles + 4), MOST_OF_ONE))
        for vehicle in spec.vehicles
        if vehicle.density is not None
    ]
    excess = max(sum(share for _, share in shares) / MOST_OF_ALL, 1.0)
    rest = next(vehicle.what for vehicle in spec.vehicles if vehicle.density is None)
    return VehicleMix(rest, tuple((vehicle, share / excess) for vehicle, share in shares))


def drive(street: StreetFilling, density: float, mix: VehicleMix) -> None:
    """Puts moving vehicles in the lanes, `density` per 100 m over all lanes."""
    rng, section = street.rng, street.section
    lanes = [(t, 0.0) for t in section.ahead] + [(t, np.pi) for t in section.oncoming]
    if not section.oncoming and rng.random() < 0.4:
        lanes.append(((section.left + section.right) / 2, np.pi))
    for _ in range(int(rng.poisson(density * section.length / 100))):
        t, turn = lanes[rng.integers(len(lanes))]
        first = 7.0 if abs(t) < 1.2 else 3.5
        s = first + (section.length - first) * float(rng.beta(1.0, 1.6))
        what = mix.draw(rng)
        street.place_any(what, s, t + float(rng.normal(0, 0.2)), turn + float(rng.normal(0, 0.02)), margin=0.6)
    if rng.random() < 0.2:
        queue(street, mix)


def queue(street: StreetFilling, mix: VehicleMix) -> None:
    """Lines up vehicles ahead in the camera's lane, as before lights."""
    rng = street.rng
    s = float(rng.uniform(3.8, 30))  # of the first one's rear
    for _ in range(int(rng.integers(2, 6))):
        what = mix.draw(rng)
        placed = street.place_any(what, s + 2.3, float(rng.normal(0, 0.15)), 0.0, margin=0.4)
        s += (placed.size[0] if placed else 4.0) + float(rng.uniform(1.2, 3.5))


def pass_by(street: StreetFilling, count: float, mix: VehicleMix, moving: bool, parked: bool) -> None:
    """Puts vehicles beside the camera, in the lanes and at the kerbs next to it, so that the picture's edges cut them.

    Args:
        street: Where.
        count: How many, on average.
        mix: Which.
        moving: Whether there are any in the lanes.
        parked: Whether there are any at the kerbs.
    """
    rng, section = street.rng, street.section
    lanes = [(t, 0.0) for t in section.ahead if t] + [(t, np.pi) for t in section.oncoming] if moving else []
    kerbs = [side for side in (0, 1) if section.parking[side].width and not section.parking[side].across and parked]
    for _ in range(int(rng.poisson(count)) if lanes or kerbs else 0):
        k = int(rng.integers(len(lanes) + len(kerbs)))
        at_kerb = k >= len(lanes)
        mesh, size = street.models.draw(what := mix.draw(rng, _at_kerb_beside if at_kerb else _beside))
        if at_kerb:
            t, turn = _place_at_kerb(street, kerbs[k - len(lanes)], size, 0.0)
        else:
            t, turn = lanes[k][0] + float(rng.normal(0, 0.2)), lanes[k][1] + float(rng.normal(0, 0.02))
        seen = street.seen_from(abs(t) - size[1] / 2) + 1.0  # A metre of it, at least.
        end = float(rng.uniform(seen, max(NEAR, seen + 2)))
        street.place(what, end - float(size[0]) / 2, t, turn, mesh, size, margin=0.15)


def cross(street: StreetFilling, mix: VehicleMix) -> None:
    """Puts vehicles in and before the junctions, crossing or turning."""
    rng, section = street.rng, street.section
    for at, half in section.junctions:
        for _ in range(int(rng.poisson(1.3))):
            towards = float(rng.choice([-1, 1]))
            before = (section.edge(0, 1) + rng.gamma(2, 5), section.edge(1, 1) - rng.gamma(2, 5))
            t = float(rng.choice([*before, rng.uniform(section.right, section.left)]))
            turn = towards * np.pi / 2 + float(rng.normal(0, 0.12))
            what = mix.draw(rng, _at_junctions)
            street.place_any(what, at + towards * half * 0.45, t, turn, margin=0.4)


def park(street: StreetFilling, side: int, density: float, mix: VehicleMix) -> None:
    """Fills the parking strip of a side, `density` vehicles per 100 m."""
    rng, section = street.rng, street.section
    strip = section.parking[side]
    if not strip.width:
        return
    fill = density * 2 / FULL_ACROSS if strip.across else density / FULL_ALONG
    s = float(rng.uniform(-1.5, 4.0))
    angle = float(rng.choice([np.pi / 2, np.pi / 2, np.pi / 3])) if strip.across else 0.0
    while s < section.length:
        what = mix.draw(rng, _across if strip.across else _along)
        mesh, size = street.models.draw(what)
        room = float(size[1]) / np.sin(angle) if strip.across else float(size[0])
        gap = float(rng.uniform(0.55, 1.0)) if strip.across else float(rng.gamma(2.5, 0.38)) + 0.35
        empty = rng.random() > min(fill, 1.0)
        if not empty and not section.crossing(s + room / 2, room / 2 + 3):
            t, turn = _place_at_kerb(street, side, size, angle)
            if not strip.across or size[0] <= strip.width + 0.6:
                street.place(what, s + room / 2, t, turn, mesh, size, margin=0.08)
        s += room + gap


def _place_at_kerb(street: StreetFilling, side: int, size: np.ndarray, angle: float) -> tuple[float, float]:
    """Draws t and heading of a parked vehicle; `angle` is that of the row against the kerb, radians, 0 along it."""
    rng, section, sign = street.rng, street.section, SIGNS[side]
    strip = section.parking[side]
    facing = 0.0 if side or not section.oncoming else np.pi
    turn = facing + float(rng.normal(0, 0.025))
    if strip.across:
        t = section.edge(side) - sign * strip.width / 2
        turn = sign * angle + (np.pi if rng.random() < 0.3 else 0.0) + float(rng.normal(0, 0.03))
        return t, turn
    t = section.edge(side) - sign * (size[1] / 2 + rng.uniform(0.02, 0.3))
    return float(t), turn + np.pi * (rng.random() < 0.06)
