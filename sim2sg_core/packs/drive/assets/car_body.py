"""A car's body as lofted cross-sections: side profile times half-width curve, with wheel arches and windows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sim2sg_core.synthesis.assets.shapes import Shape, grid_faces, weld

BODY, GLASS, TRIM, RUBBER, RIM, SPOKE, HEADLIGHT, TAILLIGHT, PLATE, GRILLE, CHROME, CABIN = range(12)

# Rows of a half cross-section, from the middle of the floor up and over to the middle of the roof.
FLOOR, INNER, SILL, CREASE, SHOULDER, BELT, PANE, EAVE, RAIL, CROWN, TOP = range(11)
ROWS = TOP + 1

VEHICLE_TABLE = Path(__file__).with_name("vehicles.yaml")


@dataclass(frozen=True)
class CarProfile:
    """Proportions of a car, metres; `s` runs from the front bumper (0) backwards.

    Attributes:
        length: Overall.
        width: Without mirrors.
        height: Overall.
        front_axle: s of the front axle.
        rear_axle: s of the rear axle.
        wheel: Radius of the wheels.
        hood: Height of the hood's front edge.
        cowl: (s, z) where hood and windscreen meet.
        header: s of the windscreen's upper edge.
        rear_header: s where the roof ends.
        rear_base: (s, z) of the rear window's lower edge.
        tail: Height of the deck at the very rear.
        belt: Height of the window line at the front; it rises by `wedge` to the rear.
        wedge: Rise of the window line, metres.
        tumblehome: How much narrower the roof is, per side, metres.
        clearance: Height of the sills.
        pillars: s of the pillars between side windows (their middles).
        side_glass: s range of the side windows.
        tip: Width of the nose relative to the body.
        black_bumpers: Bumpers of bare plastic.
        arch_trim: Sills and arches of bare plastic (off-road looks).
        roof_drop: How far the roof falls from its peak to its rear end.
        tall_lamps: Rear lamps are upright at the corners instead of wide.
    """

    length: float
    width: float
    height: float
    front_axle: float
    rear_axle: float
    wheel: float
    hood: float
    cowl: tuple[float, float]
    header: float
    rear_header: float
    rear_base: tuple[float, float]
    tail: float
    belt: float
    wedge: float
    tumblehome: float
    clearance: float
    pillars: tuple[float, ...]
    side_glass: tuple[float, float]
    tip: float = 0.8
    black_bumpers: bool = False
    arch_trim: bool = False
    roof_drop: float = 0.05
    tall_lamps: bool = False


@dataclass(frozen=True)
class CarKind(CarProfile):
    """A row of the cars or vans in `vehicles.yaml`: base proportions.

    Attributes:
        variants: How many meshes are made of it.
    """

    variants: int = 1


def stations(p: CarProfile, detail: bool) -> np.ndarray:
    """Positions s of the cross-sections, ascending."""
    s = [0.0, 0.06, 0.25, p.cowl[0], (p.cowl[0] + p.header) / 2, p.header, p.rear_header, p.rear_base[0]]
    s += [p.length - 0.25, p.length - 0.06, p.length]
    arch = p.wheel + 0.05
    steps = (-1.02, -1.0, -0.8, -0.45, 0.0, 0.45, 0.8, 1.0, 1.02) if detail else (-1.0, -0.6, 0.6, 1.0)
    s += [axle + k * arch for axle in (p.front_axle, p.rear_axle) for k in steps]
    if detail:
        s += [0.02, 0.14, p.length - 0.02, p.length - 0.14, (p.header + p.rear_header) / 2]
    half = 0.045
    s += [c + k for c in p.pillars for k in (-half, half)] + list(p.side_glass)
    if detail:
        s += [c + k for c in seams(p) for k in (-0.007, 0.007)]
    spots = np.array(sorted(x for x in s if 0 <= x <= p.length))
    keep = np.append(True, np.diff(spots) > 0.011)
    keep[-1] = True
    spots = spots[keep]
    return spots if spots[-1] - spots[-2] > 0.011 else np.delete(spots, -2)


def seams(p: CarProfile) -> list[float]:
    """S of the door gaps: before the front door and after each pillar's door."""
    first = p.front_axle + p.wheel + 0.18
    return [first, *(c + 0.012 for c in p.pillars[:2])]


def profile_curves(p: CarProfile, s: np.ndarray) -> tuple[np.ndarray, ...]:
    """Half-width, window line, deck (hood, windscreen, roof, rear window, tail), cabin share (0 hood, 1 roof)."""
    half = p.width / 2
    end = np.minimum(s, p.length - s)
    ease = np.clip(end / 0.62, 0, 1)
    w = half * (p.tip + (1 - p.tip) * (1 - (1 - ease) ** 3.2))
    belt = p.belt + p.wedge * np.clip((s - p.cowl[0]) / (p.rear_base[0] - p.cowl[0]), 0, 1)
    knots = [0.0, 0.10, 0.45, p.cowl[0]]
    rise = p.cowl[1] - p.hood
    deck = np.interp(s, knots, [p.hood - 0.07, p.hood, p.hood + 0.55 * rise, p.cowl[1]])
    rear = np.interp(s, [p.rear_base[0], p.length - 0.12, p.length], [p.rear_base[1], p.tail + 0.01, p.tail - 0.09])
    deck = np.where(s > p.rear_base[0], rear, deck)
    cabin = np.interp(s, [p.cowl[0], p.header, p.rear_header, p.rear_base[0]], [0, 1, 1, 0])
    peak = p.header + 0.35 * (p.rear_header - p.header)
    span = np.where(s < peak, peak - p.header + 0.3, p.rear_header - peak + 1e-3)
    drop = np.where(s < peak, 0.055, p.roof_drop) * np.clip(np.abs(s - peak) / span, 0, 1.3) ** 2
    roof = p.height - drop
    base = np.where(s < p.header, p.cowl[1], p.rear_base[1])
    bow = 0.05 * np.sin(np.pi * cabin) * (s < p.header)
    slope = base + (roof - base) * np.clip(cabin + bow, 0, 1)
    deck = np.where((s >= p.cowl[0]) & (s <= p.rear_base[0]), slope, deck)
    return w, np.minimum(belt, deck - 0.02), deck, cabin


def half_sections(p: CarProfile, s: np.ndarray) -> np.ndarray:
    """(S, ROWS, 3) points of the left half; x forward from the middle of the car."""
    w, belt, deck, cabin = profile_curves(p, s)
    x = np.repeat(p.length / 2 - s[:, None], ROWS, 1)
    y, z = np.zeros_like(x), np.zeros_like(x)
    end = np.minimum(s, p.length - s)
    lift = 0.10 * np.clip(1 - end / 0.35, 0, 1) ** 2
    low = p.clearance + lift
    arch = np.zeros_like(s)
    radius = p.wheel + 0.05
    for axle in (p.front_axle, p.rear_axle):
        inside = np.abs(s - axle) < radius + 1e-6
        arch = np.where(inside, p.wheel + np.sqrt(np.maximum(radius**2 - (s - axle) ** 2, 0)), arch)
    bottom = np.maximum(low, arch)
    y[:, INNER], z[:, INNER] = 0.80 * w, bottom
    z[:, FLOOR] = bottom
    waist = belt - 0.02
    y[:, SILL], z[:, SILL] = 0.975 * w, np.maximum(low + 0.03, arch)
    crease = p.clearance + 0.42 * (waist - p.clearance)
    y[:, CREASE], z[:, CREASE] = w, np.maximum(crease, arch + 0.03)
    y[:, SHOULDER] = 0.992 * w
    z[:, SHOULDER] = np.maximum(waist - 0.15, arch + 0.055)
    z[:, SHOULDER] = np.minimum(z[:, SHOULDER], waist - 0.015)
    flat = 1 - np.clip(cabin * 4, 0, 1)  # 1 on the hood and the tail
    y[:, BELT], z[:, BELT] = (0.965 - 0.035 * flat) * w, np.where(flat > 0.5, deck - 0.045, belt)
    z[:, BELT] = np.maximum(z[:, BELT], z[:, SHOULDER] + 0.01)
    roof_half = p.width / 2 - p.tumblehome
    eave = 0.965 * w + (roof_half - 0.965 * w) * cabin
    height = deck - z[:, BELT]
    eave_z = z[:, BELT] + np.maximum(height - (0.075 * cabin + 0.02), 0.012)
    y[:, PANE] = 0.955 * w + (eave - 0.955 * w) * 0.42
    z[:, PANE] = z[:, BELT] + 0.42 * (eave_z - z[:, BELT])
    y[:, EAVE], z[:, EAVE] = eave - 0.05 * flat * w, eave_z
    y[:, RAIL], z[:, RAIL] = eave - 0.075 - 0.02 * flat, eave_z + 0.6 * (deck - eave_z)
    y[:, CROWN], z[:, CROWN] = 0.5 * eave, deck - 0.008
    z[:, TOP] = deck + 0.004
    # Plan curvature: the middle of nose, windscreen and tail bulges outwards.
    row = np.array([0, 0, 0, 0, 0, 0, 0, 0.02, 0.05, 0.13, 0.16])
    screen = np.clip(1 - np.abs(s - p.cowl[0]) / 0.35, 0, 1)[:, None] * row
    back = np.clip(1 - np.abs(s - p.rear_base[0]) / 0.3, 0, 1)[:, None] * row * 0.5 * (p.rear_base[0] < p.length - 0.1)
    return np.stack([x + screen - back, y, z], -1)


def body(p: CarProfile, detail: bool = True) -> tuple[Shape, np.ndarray]:
    """Builds the closed body.

    Returns:
        The welded shape and (F,) slots.
    """
    s = stations(p, detail)
    half = half_sections(p, s)
    mirror = half[:, ROWS - 2 : 0 : -1] * [1, -1, 1]
    loop = np.concatenate([half, mirror], 1)  # Up the left side, down the right.
    n = loop.shape[1]
    faces = grid_faces(len(s), n, wrap=True)[:, ::-1]
    column = np.tile(np.arange(n), len(s) - 1)
    row = np.where(column < ROWS - 1, column, 2 * ROWS - 3 - column)
    cell = np.repeat(np.arange(len(s) - 1), n)
    slots = np.repeat(_side_slots(p, s, cell, row), 2)
    parts, count = [loop.reshape(-1, 3)], loop.size // 3
    all_faces, all_slots = [faces], [slots]
    for index, front in ((0, True), (len(s) - 1, False)):
        vertices, cap, cap_slots = _cap(p, half[index], front, detail)
        parts.append(vertices)
        all_faces.append(cap + count)
        all_slots.append(cap_slots)
        count += len(vertices)
    vertices, welded, kept = weld(np.concatenate(parts), np.concatenate(all_faces))
    return (vertices, welded), np.concatenate(all_slots)[kept]


def _side_slots(p: CarProfile, s: np.ndarray, cell: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Slot of each loft cell, by the middle of its stations and its row."""
    middle = ((s[:-1] + s[1:]) / 2)[cell]
    slot = np.full(len(cell), BODY)
    slot[row <= INNER] = TRIM
    if p.arch_trim:
        slot[row == SILL] = TRIM
    ends = (middle < 0.24) | (middle > p.length - 0.24)
    if p.black_bumpers:
        slot[ends & (row <= SILL)] = TRIM
    for seam in seams(p):
        slot[(np.abs(middle - seam) < 0.0072) & (row >= SILL) & (row <= SHOULDER)] = TRIM
    side = (row == BELT) | (row == PANE)
    window = (middle > p.side_glass[0]) & (middle < p.side_glass[1])
    slot[side & window] = GLASS
    slot[side & window & (row == BELT)] = CABIN
    for pillar in p.pillars:
        slot[side & (np.abs(middle - pillar) < 0.046)] = TRIM
    front = (middle > p.cowl[0] - 0.01) & (middle < p.header)
    slot[front & (row >= RAIL)] = GLASS
    rear = (middle > p.rear_header) & (middle < p.rear_base[0])
    slot[rear & (row >= RAIL)] = GLASS
    lamp = (row == SHOULDER) | (row == BELT)
    slot[(row == SHOULDER) & (middle < 0.3) & (middle > 0.02)] = HEADLIGHT
    slot[lamp & (middle > p.length - 0.2) & (middle < p.length - 0.02)] = TAILLIGHT
    return slot


_FRACTIONS = np.array([-1.0, -0.8, -0.52, -0.27, 0.0, 0.27, 0.52, 0.8, 1.0])


def _cap(p: CarProfile, rows: np.ndarray, front: bool, detail: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The nose or the tail: a bulged grid across the last section, with lamps, grille and plate areas."""
    fraction = _FRACTIONS if detail else _FRACTIONS[::2]
    sign = 1.0 if front else -1.0
    ends = np.ones(ROWS)
    ends[[FLOOR, TOP]] = 0
    bulge = np.array([0, 0.02, 0.09, 0.13, 0.11, 0.07, 0.05, 0.03, 0.02, 0.01, 0])
    grid = np.repeat(rows[:, None], len(fraction), 1)
    grid[:, :, 1] = rows[:, None, 1] * fraction
    grid[:, :, 0] += sign * (bulge * ends)[:, None] * (1 - fraction**2)
    faces = grid_faces(ROWS, len(fraction))
    if not front:
        faces = faces[:, ::-1]
    row = np.repeat(np.arange(ROWS - 1), len(fraction) - 1)
    middle = np.abs(np.tile((fraction[:-1] + fraction[1:]) / 2, ROWS - 1))
    slot = np.full(len(row), BODY)
    slot[row == FLOOR] = TRIM
    slot[row == INNER] = TRIM
    if p.black_bumpers:
        slot[row == SILL] = TRIM
    outer = middle > (0.5 if detail else 0.6)
    if front:
        slot[(row == SHOULDER) & outer] = HEADLIGHT
        slot[(row == SHOULDER) & ~outer] = GRILLE
        slot[(row == INNER)] = GRILLE
    else:
        lamp = (row == SHOULDER) | (row == BELT)
        slot[lamp & (middle > (0.78 if p.tall_lamps and detail else 0.5))] = TAILLIGHT
        if p.tall_lamps and detail:
            slot[(row == CREASE) & (middle > 0.78)] = TAILLIGHT
    return grid.reshape(-1, 3), faces, np.repeat(slot, 2)
