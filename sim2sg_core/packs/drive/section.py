"""A street's cross-section: lanes, parking strips, pavements, setbacks and junctions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim2sg_core.packs.drive.road import Road
from sim2sg_core.packs.drive.street_layout import StreetLayout

KINDS = ("city", "residential", "suburb", "avenue", "rural", "lot")
KIND_SHARES = (0.27, 0.24, 0.17, 0.13, 0.10, 0.09)


@dataclass(frozen=True)
class Section:
    """The street's cross-section: t of its edges, metres, left positive; camera at t = 0.

    Attributes:
        kind: One of `KINDS`.
        road: The line.
        left: t of the left edge of the driving lanes.
        right: t of their right edge (negative).
        oncoming: t of the middle of the lanes of oncoming traffic; empty for a one-way street.
        ahead: t of the middle of the lanes that go with the camera.
        parking: Width and style of the parking strips, left and right: (metres, "parallel" | "across" | "").
        walk: Width of the pavements, left and right.
        setback: From the pavement to the houses, left and right.
        junctions: (s, half-width) of the streets that cross.
        length: How far the street is laid out.
    """

    kind: str
    road: Road
    left: float
    right: float
    oncoming: tuple[float, ...]
    ahead: tuple[float, ...]
    parking: tuple[tuple[float, str], tuple[float, str]]
    walk: tuple[float, float]
    setback: tuple[float, float]
    junctions: tuple[tuple[float, float], ...]
    length: float

    def edge(self, side: int, out: float = 0.0) -> float:
        """T at `out` metres beyond the parking strip; side 0 left, 1 right."""
        sign = (1, -1)[side]
        return (self.left, self.right)[side] + sign * (self.parking[side][0] + out)

    def crossing(self, s: float, margin: float = 0.0) -> bool:
        """Whether s lies within a junction."""
        return any(abs(s - at) < half + margin for at, half in self.junctions)


def sample_section(spec: StreetLayout, rng: np.random.Generator) -> Section:
    """Draws a street."""
    kind = str(rng.choice(KINDS, p=KIND_SHARES))
    lane = float(rng.uniform(*spec.lane_width))
    lanes = int(rng.integers(spec.lanes[0], spec.lanes[1] + 1))
    if kind in ("residential", "rural", "suburb"):
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
    strips: list[tuple[float, str]] = []
    for _ in range(2):
        chance = {"rural": 0.08, "suburb": 0.5, "avenue": 0.65, "lot": 0.95}.get(kind, 0.85)
        if rng.random() > chance:
            strips.append((0.0, ""))
        elif rng.random() < (0.8 if kind == "lot" else spec.across):
            strips.append((float(rng.uniform(4.6, 5.4)), "across"))
        else:
            strips.append((float(rng.uniform(1.9, 2.4)), "parallel"))
    curve = float(rng.uniform(*spec.curve)) * float(rng.choice([-1, 1])) * (rng.random() < 0.6)
    askew = float(rng.normal(0, np.radians(1.6)))
    if rng.random() < 0.08:  # Turning: the camera looks across the street.
        askew = float(rng.uniform(-0.45, 0.45))
    length = float(rng.uniform(*spec.length))
    setback = {"city": (0.0, 0.8), "residential": (0.5, 5.0), "suburb": (3.0, 9.0)}.get(kind, (2.0, 12.0))
    count = rng.poisson(rng.uniform(*spec.junctions) * length / 100)
    spots = sorted(float(v) for v in rng.uniform(9, length * 0.8, count))
    junctions = tuple((s, float(rng.uniform(3.2, 6.5))) for i, s in enumerate(spots) if not i or s - spots[i - 1] > 16)
    walk, walk_right = (float(rng.uniform(*spec.sidewalk_width)) for _ in range(2))
    back, back_right = (float(rng.uniform(*setback)) for _ in range(2))
    road = Road(-askew, curve, float(rng.normal(0, 0.2)))
    return Section(
        kind, road, left, right, oncoming, ahead, (strips[0], strips[1]), (walk, walk_right), (back, back_right),
        junctions, length,
    )  # fmt: skip
