"""Plates, bowls, cups, bottles and wine glasses: solids of revolution, hollow where the real ones are.

A profile is a line of (radius, height) points, metres, that runs from the middle of the underside outwards, up, over
the rim and down inside to the middle of the inner bottom. Handles point along +x. The shapes are rows of
`tableware.yaml`; cutlery is in `cutlery.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np

from sim2sg_core.render.meshes import Asset, MeshBuilder, Slot
from sim2sg_core.synthesis.assets import shapes
from sim2sg_core.synthesis.assets.outlines import ellipse, fill, hollow, insert, rounded
from sim2sg_core.synthesis.tables import names_row_of, read_table

TABLEWARE = Path(__file__).with_name("tableware.yaml")
TABLEWARE_SLOTS = read_table(TABLEWARE, Slot, "slots")
NamedSlot = Annotated[Slot, names_row_of(TABLEWARE_SLOTS)]
Line = tuple[tuple[float, float], ...]
"""Points of a profile: radius and height, metres."""


def _add_turned(
    b: MeshBuilder, profile: np.ndarray, outline: np.ndarray, slots: np.ndarray | int, smooth: float = 50
) -> None:
    """Adds a turned part; `slots` is one for all, or (bands,), or (bands, sectors)."""
    vertices, faces, bands, sectors = shapes.banded_lathe(profile, outline)
    table = np.asarray(slots)
    b.add(vertices, faces, 0, smooth)
    if table.ndim == 0:
        b.slots[-1][:] = table
    else:
        b.slots[-1] = table[bands] if table.ndim == 1 else table[bands, sectors]


# ---- plates ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Plate:
    """A plate: its profile, and what makes it more than round and plain.

    Attributes:
        profile: From the foot out to the edge, and back in over the top.
        rim: Bands (between points of the profile, which starts on the axis) in the accent colour.
        power: Of the superellipse: 2 is round, more is squarer.
        aspect: Width over length.
    """

    profile: Line
    rim: tuple[int, ...] = ()
    power: float = 2.0
    aspect: float = 1.0


PLATES = read_table(TABLEWARE, Plate, "plates")


def plate(b: MeshBuilder, fine: bool, spec: Plate) -> tuple[Slot, ...]:
    """A plate with a thickness, on a foot."""
    profile = np.array([(0.0, 0.0), *spec.profile, (0.0, spec.profile[-1][1] - 0.0005)])
    slots = np.zeros(len(profile) - 1, int)
    slots[list(spec.rim)] = 1
    _add_turned(b, profile, ellipse(32 if fine else 16, spec.power, spec.aspect), slots)
    return tuple(TABLEWARE_SLOTS[name] for name in (("ceramic", "accent") if spec.rim else ("ceramic",)))


# ---- bowls and cups --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Handle:
    """A bent handle, metres: height of its middle, half its height, reach, and radius."""

    middle: float
    half: float
    reach: float
    thickness: float


@dataclass(frozen=True)
class Vessel:
    """An open vessel.

    Attributes:
        outside: From the foot up to the rim; rounded when built.
        wall: Thickness, metres.
        floor: Height of the inner bottom, metres.
        slots: Outside, inside and rim (those given), then the drink if there is one.
        level: Height of the drink's surface, metres; None when empty.
        handle: On one side, towards +x; None without.
        sleeve: Heights between which another slot (the last but the drink's) goes round the outside.
        power: Of the outline's superellipse.
    """

    outside: Line
    wall: float = 0.004
    floor: float = 0.006
    slots: tuple[NamedSlot, ...] = (TABLEWARE_SLOTS["ceramic"],)
    level: float | None = None
    handle: Handle | None = None
    sleeve: tuple[float, float] | None = None
    power: float = 2.0


BOWLS = read_table(TABLEWARE, Vessel, "bowls")
CUPS = read_table(TABLEWARE, Vessel, "cups")
CARAFES = read_table(TABLEWARE, Vessel, "carafes")


def vessel(b: MeshBuilder, fine: bool, spec: Vessel, segments: tuple[int, int] = (24, 12)) -> tuple[Slot, ...]:
    """An open vessel, with a drink in it or not; `segments` of the fine and of the coarse mesh."""
    outline = ellipse(segments[0] if fine else segments[1], spec.power)
    outer = rounded(spec.outside, 1)
    if spec.sleeve:
        outer = insert(outer, spec.sleeve)
    profile, rim = hollow(outer, spec.wall, spec.floor)
    coats = spec.slots[: len(spec.slots) - (spec.level is not None)]
    middle = 0.5 * (profile[1:, 1] + profile[:-1, 1])
    index = np.arange(len(profile) - 1)
    slots = np.zeros(len(index), int)
    if spec.sleeve:
        slots[(index <= rim) & (middle > spec.sleeve[0]) & (middle < spec.sleeve[1])] = 1
    else:
        names = [slot.name for slot in coats]
        slots[index > rim + 1] = names.index("inside") if "inside" in names else 0
        slots[[rim, rim + 1]] = names.index("rim") if "rim" in names else slots[rim + 2]
    _add_turned(b, profile, outline, slots)
    if spec.level is not None:
        # Behind glass the drink follows the wall; elsewhere only its surface shows, its edge sunk into the wall.
        clear = spec.slots[0].name == "glass"
        inner = profile[rim + 2 :]
        _add_turned(b, fill(inner, spec.level, 0.0004 if clear else -0.4 * spec.wall, deep=clear), outline, len(coats))
    if spec.handle:
        _add_handle(b, outer, spec.wall, spec.handle, fine)
    return spec.slots


def _add_handle(b: MeshBuilder, outer: np.ndarray, wall: float, handle: Handle, fine: bool) -> None:
    """Adds a bent handle along +x whose ends lie within the wall."""
    turn = np.linspace(np.pi / 2, -np.pi / 2, 10 if fine else 6)
    z = handle.middle + handle.half * np.sin(turn)
    body = np.interp(z, outer[:, 1], outer[:, 0]) - 0.55 * wall
    out = handle.reach * np.abs(np.cos(turn)) ** 0.75
    b.add(*shapes.tube(np.column_stack([body + out, np.zeros_like(z), z]), handle.thickness, 6 if fine else 4), 0, 70)


# ---- bottles ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bottle:
    """A closed bottle.

    Attributes:
        outside: From the edge of the bottom to the mouth; rounded when built.
        slots: Body, label, cap, and what else there is.
        label: Heights of the label's edges.
        around: Share of the circumference that the label covers.
        neck: Height above which the surface has the cap's slot (a wine bottle's foil); None for none.
        cap: Profile of a separate cap over the mouth; empty for none.
        fill: Height below which the surface has the slot after the cap's (milk); None for none.
        aspect: Width over length.
    """

    outside: Line
    slots: tuple[NamedSlot, ...]
    label: tuple[float, float]
    around: float = 1.0
    neck: float | None = None
    cap: Line = ()
    fill: float | None = None
    aspect: float = 1.0


BOTTLES = read_table(TABLEWARE, Bottle, "bottles")


def bottle(b: MeshBuilder, fine: bool, spec: Bottle) -> tuple[Slot, ...]:
    """A bottle, its label and cap."""
    outline = ellipse(24 if fine else 12, 2.0, spec.aspect)
    cuts = [*spec.label, *(z for z in (spec.neck, spec.fill) if z is not None)]
    line = insert(rounded(spec.outside, 1), cuts)
    profile = np.concatenate([[[0, 0]], line, [[0, line[-1, 1]]]])
    middle = 0.5 * (profile[1:, 1] + profile[:-1, 1])
    slots = np.zeros((len(middle), len(outline)), int)
    if spec.fill is not None:
        slots[middle < spec.fill] = 3
    if spec.neck is not None:
        slots[middle > spec.neck] = 2
    covered = np.arange(len(outline)) < round(spec.around * len(outline))
    slots[np.ix_((middle > spec.label[0]) & (middle < spec.label[1]), covered)] = 1
    _add_turned(b, profile, outline, slots)
    if spec.cap:
        cap = np.array([(0, spec.cap[0][1]), *spec.cap, (0, spec.cap[-1][1])])
        _add_turned(b, cap, ellipse(16 if fine else 8), 2, 40)
    return spec.slots


# ---- wine glasses ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WineGlass:
    """A glass on a stem.

    Attributes:
        foot: Radius of the foot, metres.
        stem: Height at which the stem meets the bowl, metres.
        bowl: Outside of the bowl, heights above the stem; rounded when built.
        wine: Slot of the wine in it, or None.
        level: Height of the wine above the stem, metres.
        thickness: Radius of the stem, metres.
        glass: Slot of the bowl.
    """

    foot: float
    stem: float
    bowl: Line
    wine: NamedSlot | None = None
    level: float = 0.0
    thickness: float = 0.0035
    glass: NamedSlot = TABLEWARE_SLOTS["glass"]


_CLEAR = read_table(TABLEWARE, WineGlass, "wine_glasses")
_DARK = {f"{name}_dark": replace(spec, glass=TABLEWARE_SLOTS["dark_glass"]) for name, spec in _CLEAR.items()}
WINE_GLASSES = {**_CLEAR, **_DARK}


def wine_glass(b: MeshBuilder, fine: bool, spec: WineGlass) -> tuple[Slot, ...]:
    """A wine glass: foot, stem and thin bowl in one piece, each with a look of its own, and the wine."""
    outline = ellipse(24 if fine else 12)
    base, wall = spec.stem, 0.0016
    line = [(r, z + base) for r, z in spec.bowl]
    outer = rounded([(spec.thickness, base - 0.004), *line], 1)
    bowl, rim = hollow(outer, wall, base + 0.004)
    foot = [(0, 0), (spec.foot, 0), (spec.foot, 0.0015), (0.45 * spec.foot, 0.004), (spec.thickness * 1.25, 0.012)]
    profile = np.concatenate([foot, bowl[1:]])
    band = np.arange(len(profile) - 1)
    _add_turned(b, profile, outline, np.where(band < len(foot) - 1, 2, np.where(band < len(foot), 1, 0)), 60)
    glass = (spec.glass, TABLEWARE_SLOTS["stem"], TABLEWARE_SLOTS["foot"])
    if spec.wine is None:
        return glass
    _add_turned(b, fill(bowl[rim + 2 :], base + spec.level, 0.0004, deep=True), outline, 3)
    return (*glass, spec.wine)


# ---- all -------------------------------------------------------------------------------------------------------


def _build_tableware(name: str, make: Callable[[MeshBuilder, bool], tuple[Slot, ...]], fine: bool) -> Asset:
    builder = MeshBuilder()
    slots = make(builder, fine)
    return builder.build(name, slots)


_TABLEWARE: dict[str, Callable[[MeshBuilder, bool], tuple[Slot, ...]]] = {
    **{f"plate_{kind}": partial(plate, spec=made) for kind, made in PLATES.items()},
    # Bowls are wide: with fewer sides the coarse wall, which casts the shadow, would lie before the fine one.
    **{f"bowl_{kind}": partial(vessel, spec=open_, segments=(24, 16)) for kind, open_ in BOWLS.items()},
    **{f"cup_{kind}": partial(vessel, spec=open_) for kind, open_ in CUPS.items()},
    **{f"bottle_{kind}": partial(vessel, spec=open_, segments=(20, 12)) for kind, open_ in CARAFES.items()},
    **{f"bottle_{kind}": partial(bottle, spec=closed) for kind, closed in BOTTLES.items()},
    **{f"wine_glass_{kind}": partial(wine_glass, spec=stemmed) for kind, stemmed in WINE_GLASSES.items()},
}
BUILDERS: dict[str, Callable[[], Asset]] = {
    f"{prefix}{name}": partial(_build_tableware, f"{prefix}{name}", make, not prefix)
    for name, make in _TABLEWARE.items()
    for prefix in ("", "lod_")
}
