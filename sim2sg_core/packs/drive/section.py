"""A street's cross-section: lanes, parking strips, pavements, setbacks and junctions. For (s, t) see `road`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2sg_core.packs.drive.road import Road
from sim2sg_core.packs.drive.street_kinds import StreetKind, sample_kind
from sim2sg_core.packs.drive.street_layout import StreetLayout


@dataclass(frozen=True)
class ParkingStrip:
    """Where vehicles park at one side of the street.

    Attributes:
        width: Metres; 0 where there is none.
        across: Whether they stand across the street rather than along it.
    """

    width: float = 0.0
    across: bool = False


@dataclass(frozen=True)
class Section:
    """The street's cross-section. The camera is at t = 0; sides are 0 for the left and 1 for the right.

    Attributes:
        kind: What kind of street it is.
        road: The line.
        left: t of the left edge of the driving lanes.
        right: t of their right edge (negative).
        oncoming: t of the middle of the lanes of oncoming traffic; empty for a one-way street.
        ahead: t of the middle of the lanes that go with the camera.
        parking: The parking strips, left and right.
        walk: Width of the pavements, left and right.
        setback: From the pavement to the houses, left and right.
        junctions: (s, half-width) of the streets that cross.
        length: How far the street is laid out.
    """

    kind: StreetKind
    road: Road
    left: float
    right: float
    oncoming: tuple[float, ...]
    ahead: tuple[float, ...]
    parking: tuple[ParkingStrip, ParkingStrip]
    walk: tuple[float, float]
    setback: tuple[float, float]
    junctions: tuple[tuple[float, float], ...]
    length: float

    def edge(self, side: int, out: float = 0.0) -> float:
        """T at `out` metres beyond the parking strip; side 0 left, 1 right."""
        sign = (1, -1)[side]
        return (self.left, self.right)[side] + sign * (self.parking[side].width + out)

    def crossing(self, s: float, margin: float = 0.0) -> bool:
        """Whether s lies within a junction."""
        return any(abs(s - at) < half + margin for at, half in self.junctions)


def sample_section(spec: StreetLayout, rng: np.random.Generator) -> Section:
    """Draws a street."""
    kind = sample_kind(rng)
    lane = float(rng.uniform(*spec.lane_width))
    lanes = int(rng.integers(spec.lanes[0], spec.lanes[1] + 1))
    if kind.narrow:
        lanes = min(lanes, max(2, spec.lanes[0]))
    ahead_count = max(lanes // 2, 1)
    mine = int(rng.integers(ahead_count))  # 0 is the kerb lane.
    ahead = tuple((k - mine) * lane for k in range(ahead_count))
    far = ahead[-1] + lane / 2
    oncoming = tuple(far + (k + 0.5) * lane for k in range(lanes - ahead_count))
    right, left = ahead[0] - lane / 2, far + len(oncoming) * lane
    if lanes == 1:
        extra = float(rng.uniform(0, 1.6))  # Narrow streets without markings.
        left, oncoming = left + extra, ()
    strips = []
    for _ in range(2):
        if rng.random() > kind.parking:
            strips.append(ParkingStrip())
        elif rng.random() < (spec.across if kind.across is None else kind.across):
            strips.append(ParkingStrip(float(rng.uniform(4.6, 5.4)), across=True))
        else:
            strips.append(ParkingStrip(float(rng.uniform(1.9, 2.4))))
    curve = float(rng.uniform(*spec.curve)) * float(rng.choice([-1, 1])) * (rng.random() < 0.6)
    askew = float(rng.normal(0, np.radians(1.6)))
    if rng.random() < 0.08:  # Turning: the camera looks across the street.
        askew = float(rng.uniform(-0.45, 0.45))
    length = float(rng.uniform(*spec.length))
    count = rng.poisson(rng.uniform(*spec.junctions) * length / 100)
    spots = sorted(float(v) for v in rng.uniform(9, length * 0.8, count))
    junctions = tuple((s, float(rng.uniform(3.2, 6.5))) for i, s in enumerate(spots) if not i or s - spots[i - 1] > 16)
    walk, walk_right = (float(rng.uniform(*spec.sidewalk_width)) for _ in range(2))
    back, back_right = (float(rng.uniform(*kind.setback)) for _ in range(2))
    road = Road(-askew, curve, float(rng.normal(0, 0.2)))
    return Section(
        kind, road, left, right, oncoming, ahead, (strips[0], strips[1]), (walk, walk_right), (back, back_right),
        junctions, length,
    )  # fmt: skip
