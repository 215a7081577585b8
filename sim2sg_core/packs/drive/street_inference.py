"""Infers a street's course and cross-section from what stands on it. For (s, t) see `road`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2sg_core.packs.drive.road import Road
from sim2sg_core.packs.drive.street_layout import StreetLayout
from sim2sg_core.scene import Placement
from sim2sg_core.scene.layout import wrap_angle

TOWN_CHANCE = 0.12  # that a street with few houses is in a town
TOWN_CHANCE_UNTOLD = 0.5  # likewise where the domain has no class of houses, so that nothing tells


@dataclass(frozen=True)
class Street:
    """A street as inferred from what stands on it; the camera is near t = 0.

    Attributes:
        road: The line.
        edges: t of the left and right kerbs.
        walks: Width of the left and right pavements.
        fronts: t where houses or gardens begin, left and right.
        side_streets: (s, half-width, side: -1 right, 0 both, 1 left).
        paved: Whether the ground between kerb and houses is paved (a town) rather than grown over.
        length: How far it runs.
    """

    road: Road
    edges: tuple[float, float]
    walks: tuple[float, float]
    fronts: tuple[float, float]
    side_streets: tuple[tuple[float, float, int], ...]
    paved: bool
    length: float = 130.0


def infer_street(placements: Sequence[Placement], spec: StreetLayout, rng: np.random.Generator) -> Street:
    """Fits a street to the placements; what they leave open is drawn.

    The road's heading and bend are a least-squares line through the vehicles' yaws (modulo half a turn) over their
    distance, ignoring those across it; its edges enclose the vehicles that stand along it.
    """
    vehicle_names, people_names, house_names = spec.vehicle_names, spec.people_names, spec.house_names
    vehicles = [p for p in placements if p.label in vehicle_names]
    yaws = np.array([(p.yaw + np.pi / 2) % np.pi - np.pi / 2 for p in vehicles])
    ranges = np.array([p.position[0] for p in vehicles])
    along = np.abs(yaws) < np.radians(32)
    heading, curve = 0.0, 0.0
    if along.sum() >= 1:
        heading = float(np.median(yaws[along]))
    if along.sum() >= 4 and np.ptp(ranges[along]) > 15:
        slope, start = np.polyfit(ranges[along], np.clip(yaws[along], heading - 0.3, heading + 0.3), 1)
        if np.abs(yaws[along] - start - slope * ranges[along]).mean() < 0.05:
            heading, curve = float(start), float(np.clip(slope, -0.006, 0.006))
    road = Road(heading, curve)
    lane = float(rng.uniform(*spec.lane_width))
    left = lane / 2 + lane * int(rng.integers(0, 2)) + float(rng.uniform(0, 0.8))
    right = -lane / 2 - float(rng.uniform(0, 0.5))
    centres = road.locate(np.array([p.position[:2] for p in placements]).reshape(-1, 2))
    feet = road.locate(np.array([p.footprint() for p in placements]).reshape(-1, 4, 2))[..., 1]
    houses = [(p, t) for p, t in zip(placements, feet, strict=True) if p.label in house_names]
    walls = _obstacles(houses)
    for p, (s, t) in zip(placements, centres, strict=True):
        if p.label not in vehicle_names or abs(wrap_angle(2 * (p.yaw - float(road.yaw(s))))) > np.radians(40):
            continue
        if abs(t) < 12 and s < 70:
            half = p.size[1] / 2 + 0.25
            left, right = max(left, min(t + half, walls[0])), min(right, max(t - half, walls[1]))
    walks = [float(rng.uniform(*spec.sidewalk_width)) for _ in range(2)]
    for p, (s, t) in zip(placements, centres, strict=True):
        if p.label in people_names:
            for side, beyond in ((0, t - left), (1, right - t)):
                if 0 < beyond < 4.5 and s < 60:
                    walks[side] = max(walks[side], float(beyond) + 0.5)
    fronts = []
    at_street = 0
    for side, sign in ((0, 1), (1, -1)):
        edge = (left, right)[side] + sign * walks[side]
        reach = []
        for _, t in houses:
            near = float((sign * t).min())
            if near > sign * edge - 1.5:
                reach.append(near)
                at_street += 1
        fronts.append(sign * max(min(reach, default=sign * edge + float(rng.uniform(1, 8))), sign * edge + 0.1))
    town = TOWN_CHANCE if spec.houses else TOWN_CHANCE_UNTOLD
    paved = (at_street >= 3 and rng.random() < 0.75) or rng.random() < town
    return Street(
        road,
        (float(left), float(right)),
        (walks[0], walks[1]),
        (fronts[0], fronts[1]),
        _side_streets(road, vehicles, rng),
        paved,
    )


def _obstacles(houses: Sequence[tuple[Placement, np.ndarray]]) -> tuple[float, float]:
    """T that the road must not pass on either side, for houses and (4,) t of their corners."""
    left, right = 12.0, -12.0
    for p, t in houses:
        if p.position[0] < 60:
            if t.min() > 1.5:
                left = min(left, float(t.min()) - 0.6)
            elif t.max() < -1.5:
                right = max(right, float(t.max()) + 0.6)
    return left, right


def _side_streets(
    road: Road, vehicles: Sequence[Placement], rng: np.random.Generator
) -> tuple[tuple[float, float, int], ...]:
    """Streets under vehicles that stand across this one, and now and then one more."""
    found: list[list[float]] = []
    for p in vehicles:
        s, t = road.locate(p.position[:2])
        across = abs(wrap_angle(2 * (p.yaw - float(road.yaw(s))))) > np.radians(110)
        if across and abs(t) < 30 and s > 3:
            near = next((g for g in found if abs(g[0] - s) < 6), None)
            if near is None:
                found.append([float(s)])
            else:
                near.append(float(s))
    # Rows of vehicles side by side are parked across, not crossing.
    lone = [g for g in found if len(g) < 3]
    streets = [(float(np.mean(g)), max(float(np.ptp(g)) / 2 + 2.0, 3.0), 0) for g in lone[:3]]
    if rng.random() < 0.4:
        streets.append((float(rng.uniform(14, 70)), float(rng.uniform(2.6, 5.0)), int(rng.integers(-1, 2))))
    return tuple(streets)
