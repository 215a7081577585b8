"""Plates, bowls, cups, bottles and wine glasses: solids of revolution, hollow where the real ones are.

A profile is a line of (radius, height) points, metres, that runs from the middle of the underside outwards, up, over
the rim and down inside to the middle of the inner bottom. Handles point along +x. Cutlery is in `cutlery.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from sim2sg_core.packs.dining.assets.cutlery import CUTLERY_BUILDERS
from sim2sg_core.render.meshes import Asset, MeshBuilder, Slot
from sim2sg_core.synthesis.assets import shapes
from sim2sg_core.synthesis.assets.outlines import ellipse, fill, hollow, insert, rounded

Points = Sequence[tuple[float, float]]

CERAMIC = Slot("glaze", "ceramic", (0.85, 0.85, 0.83), roughness=0.25, specular=0.6)
INSIDE = Slot("inside", "glaze", (0.88, 0.88, 0.86), roughness=0.2, specular=0.6)
ACCENT = Slot("rim", "ceramic_accent", (0.02, 0.05, 0.2), roughness=0.25, specular=0.6)
WOODEN = Slot("wood", "table_wood", (0.3, 0.16, 0.07), roughness=0.6, textures=("wood",), texture_scale=0.25)
PLASTIC = Slot("plastic", "table_plastic", (0.5, 0.1, 0.1), roughness=0.35, specular=0.5)
PAPER = Slot("paper", "paper_cup", (0.8, 0.8, 0.78), roughness=0.8, specular=0.1)
SLEEVE = Slot("sleeve", "paper_cup", (0.45, 0.3, 0.18), roughness=0.9, specular=0.05)
GLASS = Slot("glass", "table_glass", (0.3, 0.32, 0.33), roughness=0.05, specular=0.9, opacity=0.03)
DARK_GLASS = Slot("glass", "dark_glass", (0.02, 0.02, 0.02), roughness=0.05, specular=0.9, opacity=0.15)
STEM = Slot("stem", "stem_glass", (0.9, 0.92, 0.92), roughness=0.05, specular=0.9, opacity=0.02, bends=True)
FOOT = Slot("foot", "foot_glass", (0.9, 0.92, 0.92), roughness=0.05, specular=0.9, opacity=0.02, bends=True)
DRINK = Slot("drink", "drink", (0.03, 0.015, 0.008), roughness=0.06, specular=0.7)
SOFT_DRINK = Slot("drink", "soft_drink", (0.7, 0.4, 0.05), roughness=0.06, specular=0.7)
RED_WINE = Slot("wine", "red_wine", (0.08, 0.004, 0.01), roughness=0.05, specular=0.8, opacity=0.5, bends=True)
WHITE_WINE = Slot("wine", "white_wine", (0.7, 0.6, 0.25), roughness=0.05, specular=0.8, opacity=0.15, bends=True)
MILK = Slot("milk", "fixed", (0.86, 0.85, 0.8), roughness=0.12, specular=0.7)
BOTTLE_GLASS = Slot("glass", "bottle_glass", (0.02, 0.04, 0.015), roughness=0.06, specular=0.9, opacity=0.45)
CLEAR_PLASTIC = Slot("glass", "clear_plastic", (0.6, 0.68, 0.72), roughness=0.12, specular=0.7, opacity=0.3)
SAUCE = Slot("body", "sauce", (0.45, 0.01, 0.01), roughness=0.25, specular=0.6)
LABEL = Slot("label", "label", (0.8, 0.78, 0.7), roughness=0.6, specular=0.2, textures=("print",), texture_scale=0.12)
CAP = Slot("cap", "cap", (0.4, 0.02, 0.02), roughness=0.35, specular=0.5)


def _add(b: MeshBuilder, profile: np.ndarray, outline: np.ndarray, slots: np.ndarray | int, smooth: float = 50) -> None:
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
        line: Radius and height from the foot out to the edge, and back in over the top.
        rim: Bands (between points of the profile, which starts on the axis) in the accent colour.
        power: Of the superellipse: 2 is round, more is squarer.
        aspect: Width over length.
    """

    line: Points
    rim: tuple[int, ...] = ()
    power: float = 2.0
    aspect: float = 1.0


PLATES = {
    "flat": Plate(((0.085, 0), (0.132, 0.008), (0.135, 0.014), (0.132, 0.017), (0.126, 0.012), (0.118, 0.006))),
    "rimmed": Plate(((0.080, 0), (0.092, 0.006), (0.136, 0.019), (0.138, 0.021), (0.135, 0.0225), (0.125, 0.021),
                     (0.098, 0.014), (0.086, 0.006)), rim=(3, 4, 5)),
    "coupe": Plate(((0.060, 0), (0.095, 0.007), (0.120, 0.019), (0.130, 0.031), (0.128, 0.033), (0.116, 0.022),
                    (0.092, 0.011), (0.058, 0.006))),
    "square": Plate(((0.075, 0), (0.120, 0.013), (0.122, 0.018), (0.118, 0.0195), (0.090, 0.010), (0.078, 0.006)),
                    power=6.0),
    "oval": Plate(((0.105, 0), (0.158, 0.017), (0.161, 0.020), (0.158, 0.022), (0.120, 0.013), (0.108, 0.006)),
                  aspect=0.70),
    "dessert": Plate(((0.060, 0), (0.100, 0.013), (0.102, 0.0155), (0.099, 0.017), (0.093, 0.0155), (0.074, 0.010),
                      (0.064, 0.005)), rim=(2, 3, 4)),
    "banded": Plate(((0.078, 0), (0.126, 0.016), (0.128, 0.019), (0.125, 0.0205), (0.098, 0.013), (0.086, 0.006)),
                    rim=(4,)),
}  # fmt: skip


def plate(b: MeshBuilder, fine: bool, spec: Plate) -> tuple[Slot, ...]:
    """A plate with a thickness, on a foot."""
    profile = np.array([(0.0, 0.0), *spec.line, (0.0, spec.line[-1][1] - 0.0005)])
    slots = np.zeros(len(profile) - 1, int)
    slots[list(spec.rim)] = 1
    _add(b, profile, ellipse(32 if fine else 16, spec.power, spec.aspect), slots)
    return (CERAMIC, ACCENT) if spec.rim else (CERAMIC,)


# ---- bowls and cups --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Vessel:
    """An open vessel.

    Attributes:
        outer: Radius and height of the outside, from the foot up to the rim; rounded when built.
        wall: Thickness, metres.
        floor: Height of the inner bottom, metres.
        slots: Outside, inside and rim (those given), then the drink if there is one.
        level: Height of the drink's surface, metres; None when empty.
        handle: Height of its middle, half its height, reach and thickness (radius), metres; None without.
        sleeve: Heights between which another slot (the last but the drink's) goes round the outside.
        power: Of the outline's superellipse.
    """

    outer: Points
    wall: float = 0.004
    floor: float = 0.006
    slots: tuple[Slot, ...] = (CERAMIC,)
    level: float | None = None
    handle: tuple[float, float, float, float] | None = None
    sleeve: tuple[float, float] | None = None
    power: float = 2.0


BOWLS = {
    "cereal": Vessel(((0.034, 0), (0.040, 0.003), (0.068, 0.024), (0.078, 0.064)), 0.0045),
    "rice": Vessel(((0.027, 0), (0.027, 0.007), (0.047, 0.018), (0.057, 0.058)), 0.0035, 0.010,
                   (CERAMIC, INSIDE, ACCENT)),
    "soup": Vessel(((0.045, 0), (0.052, 0.004), (0.084, 0.024), (0.089, 0.036), (0.116, 0.041)), 0.004, 0.006),
    "salad": Vessel(((0.055, 0), (0.070, 0.004), (0.122, 0.042), (0.132, 0.098)), 0.006, 0.009, (WOODEN,)),
    "pasta": Vessel(((0.060, 0), (0.072, 0.003), (0.108, 0.018), (0.118, 0.046)), 0.0045, 0.006, (CERAMIC, INSIDE)),
    "dip": Vessel(((0.030, 0), (0.034, 0.002), (0.041, 0.016), (0.043, 0.034)), 0.003, 0.005, (CERAMIC, ACCENT)),
    "square": Vessel(((0.045, 0), (0.052, 0.003), (0.072, 0.020), (0.078, 0.058)), 0.0045, power=4.5),
    "mixing": Vessel(((0.042, 0), (0.052, 0.003), (0.090, 0.034), (0.102, 0.088)), 0.003, 0.004, (PLASTIC,)),
}  # fmt: skip

CUPS = {
    "mug": Vessel(((0.037, 0), (0.041, 0.004), (0.041, 0.095)), handle=(0.049, 0.028, 0.032, 0.0055)),
    "mug_coffee": Vessel(((0.038, 0), (0.042, 0.004), (0.042, 0.088)), slots=(CERAMIC, INSIDE, DRINK), level=0.074,
                         handle=(0.045, 0.027, 0.030, 0.0055)),
    "mug_round": Vessel(((0.028, 0), (0.040, 0.006), (0.050, 0.045), (0.041, 0.088)), slots=(CERAMIC, INSIDE),
                        handle=(0.046, 0.024, 0.026, 0.0055)),
    "mug_tall": Vessel(((0.028, 0), (0.031, 0.004), (0.043, 0.118)), slots=(CERAMIC, DRINK), level=0.096,
                       handle=(0.064, 0.032, 0.034, 0.005)),
    "tea": Vessel(((0.022, 0), (0.024, 0.004), (0.042, 0.024), (0.049, 0.060)), 0.0025, 0.006,
                  (CERAMIC, INSIDE, ACCENT, DRINK), 0.046, handle=(0.036, 0.016, 0.024, 0.0032)),
    "espresso": Vessel(((0.020, 0), (0.024, 0.004), (0.031, 0.056)), 0.004, 0.007, (CERAMIC, DRINK), 0.040,
                       handle=(0.032, 0.015, 0.020, 0.004)),
    "tumbler": Vessel(((0.029, 0), (0.031, 0.003), (0.038, 0.110)), 0.002, 0.009, (GLASS,)),
    "tumbler_juice": Vessel(((0.033, 0), (0.035, 0.003), (0.041, 0.092)), 0.002, 0.008, (GLASS, SOFT_DRINK), 0.066),
    "beaker": Vessel(((0.029, 0), (0.031, 0.003), (0.037, 0.098)), 0.002, 0.004, (PLASTIC,)),
    "handleless": Vessel(((0.028, 0), (0.036, 0.004), (0.040, 0.075)), 0.0035, 0.006, (CERAMIC, ACCENT, DRINK), 0.060),
    "paper": Vessel(((0.0275, 0), (0.0275, 0.004), (0.040, 0.098)), 0.0012, 0.006, (PAPER, SLEEVE, DRINK), 0.084,
                    sleeve=(0.030, 0.075)),
}  # fmt: skip


def vessel(b: MeshBuilder, fine: bool, spec: Vessel, segments: tuple[int, int] = (24, 12)) -> tuple[Slot, ...]:
    """An open vessel, with a drink in it or not; `segments` of the fine and of the coarse mesh."""
    outline = ellipse(segments[0] if fine else segments[1], spec.power)
    outer = rounded(spec.outer, 1)
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
    _add(b, profile, outline, slots)
    if spec.level is not None:
        # Behind glass the drink follows the wall; elsewhere only its surface shows, its edge sunk into the wall.
        clear = spec.slots[0].name == "glass"
        inner = profile[rim + 2 :]
        _add(b, fill(inner, spec.level, 0.0004 if clear else -0.4 * spec.wall, deep=clear), outline, len(coats))
    if spec.handle:
        _add_handle(b, outer, spec.wall, spec.handle, fine)
    return spec.slots


def _add_handle(
    b: MeshBuilder, outer: np.ndarray, wall: float, handle: tuple[float, float, float, float], fine: bool
) -> None:
    """Adds a bent handle along +x whose ends lie within the wall."""
    middle, half, reach, thickness = handle
    turn = np.linspace(np.pi / 2, -np.pi / 2, 10 if fine else 6)
    z = middle + half * np.sin(turn)
    body = np.interp(z, outer[:, 1], outer[:, 0]) - 0.55 * wall
    out = reach * np.abs(np.cos(turn)) ** 0.75
    b.add(*shapes.tube(np.column_stack([body + out, np.zeros_like(z), z]), thickness, 6 if fine else 4), 0, 70)


# ---- bottles ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bottle:
    """A closed bottle.

    Attributes:
        line: Radius and height of the outside, from the edge of the bottom to the mouth; rounded when built.
        slots: Body, label, cap, and what else there is.
        label: Heights of the label's edges.
        around: Share of the circumference that the label covers.
        neck: Height above which the surface has the cap's slot (a wine bottle's foil); None for none.
        cap: Profile of a separate cap over the mouth; empty for none.
        fill: Height below which the surface has the slot after the cap's (milk); None for none.
        aspect: Width over length.
    """

    line: Points
    slots: tuple[Slot, ...]
    label: tuple[float, float]
    around: float = 1.0
    neck: float | None = None
    cap: Points = ()
    fill: float | None = None
    aspect: float = 1.0


BOTTLES = {
    "wine": Bottle(((0.036, 0), (0.0375, 0.002), (0.0375, 0.190), (0.034, 0.212), (0.0145, 0.238), (0.0140, 0.300)),
                   (BOTTLE_GLASS, LABEL, CAP), (0.060, 0.150), 0.6, neck=0.248),
    "burgundy": Bottle(((0.039, 0), (0.041, 0.002), (0.041, 0.140), (0.036, 0.180), (0.0155, 0.235), (0.0145, 0.296)),
                       (BOTTLE_GLASS, LABEL, CAP), (0.045, 0.120), 0.55, neck=0.252),
    "beer": Bottle(((0.0285, 0), (0.0305, 0.002), (0.0305, 0.125), (0.028, 0.148), (0.0135, 0.180), (0.0125, 0.222)),
                   (BOTTLE_GLASS, LABEL, CAP), (0.045, 0.105),
                   cap=((0.0145, 0.219), (0.0140, 0.2255), (0.0125, 0.227))),
    "water": Bottle(((0.028, 0), (0.032, 0.006), (0.032, 0.150), (0.026, 0.172), (0.0125, 0.196), (0.0125, 0.205)),
                    (CLEAR_PLASTIC, LABEL, CAP), (0.082, 0.128),
                    cap=((0.0150, 0.200), (0.0150, 0.215), (0.0140, 0.2165))),
    "ketchup": Bottle(((0.028, 0), (0.033, 0.004), (0.034, 0.080), (0.028, 0.125), (0.019, 0.152), (0.017, 0.158)),
                      (SAUCE, LABEL, CAP), (0.030, 0.098), 0.5, aspect=0.66,
                      cap=((0.0205, 0.151), (0.0200, 0.170), (0.0075, 0.182), (0.0050, 0.192))),
    "sauce": Bottle(((0.025, 0), (0.0275, 0.003), (0.0275, 0.090), (0.024, 0.106), (0.0115, 0.135), (0.0105, 0.170)),
                    (SAUCE, LABEL, CAP), (0.024, 0.080), cap=((0.0125, 0.158), (0.0120, 0.178), (0.0110, 0.180))),
    "milk": Bottle(((0.037, 0), (0.041, 0.004), (0.041, 0.120), (0.037, 0.145), (0.0215, 0.185), (0.0205, 0.212)),
                   (GLASS, LABEL, CAP, MILK), (0.060, 0.095), 0.45, fill=0.178,
                   cap=((0.0225, 0.203), (0.0225, 0.217), (0.0205, 0.2185))),
    "oil": Bottle(((0.029, 0), (0.030, 0.002), (0.030, 0.180), (0.027, 0.195), (0.0135, 0.215), (0.0130, 0.250)),
                  (BOTTLE_GLASS, LABEL, CAP), (0.050, 0.140), 0.75,
                  cap=((0.0150, 0.232), (0.0150, 0.262), (0.0140, 0.264))),
}  # fmt: skip

_CARAFE = ((0.046, 0), (0.054, 0.005), (0.058, 0.050), (0.052, 0.090), (0.026, 0.155), (0.025, 0.185), (0.037, 0.225))
CARAFES = {
    "carafe": Vessel(_CARAFE, 0.0025, 0.008, (GLASS, SOFT_DRINK), 0.110),
    "carafe_wine": Vessel(_CARAFE, 0.0025, 0.008, (GLASS, RED_WINE), 0.075),
}


def bottle(b: MeshBuilder, fine: bool, spec: Bottle) -> tuple[Slot, ...]:
    """A bottle, its label and cap."""
    outline = ellipse(24 if fine else 12, 2.0, spec.aspect)
    cuts = [*spec.label, *(z for z in (spec.neck, spec.fill) if z is not None)]
    line = insert(rounded(spec.line, 1), cuts)
    profile = np.concatenate([[[0, 0]], line, [[0, line[-1, 1]]]])
    middle = 0.5 * (profile[1:, 1] + profile[:-1, 1])
    slots = np.zeros((len(middle), len(outline)), int)
    if spec.fill is not None:
        slots[middle < spec.fill] = 3
    if spec.neck is not None:
        slots[middle > spec.neck] = 2
    covered = np.arange(len(outline)) < round(spec.around * len(outline))
    slots[np.ix_((middle > spec.label[0]) & (middle < spec.label[1]), covered)] = 1
    _add(b, profile, outline, slots)
    if spec.cap:
        cap = np.array([(0, spec.cap[0][1]), *spec.cap, (0, spec.cap[-1][1])])
        _add(b, cap, ellipse(16 if fine else 8), 2, 40)
    return spec.slots


# ---- wine glasses ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WineGlass:
    """A glass on a stem.

    Attributes:
        foot: Radius of the foot, metres.
        stem: Height at which the stem meets the bowl, metres.
        bowl: Radius and height above the stem of the bowl's outside; rounded when built.
        wine: Slot of the wine in it, or None.
        level: Height of the wine above the stem, metres.
        thickness: Radius of the stem, metres.
        glass: Slot of the bowl.
    """

    foot: float
    stem: float
    bowl: Points
    wine: Slot | None = None
    level: float = 0.0
    thickness: float = 0.0035
    glass: Slot = GLASS


_TULIP = ((0.012, 0.002), (0.038, 0.022), (0.043, 0.055), (0.031, 0.112))
_SMALL = ((0.010, 0.002), (0.033, 0.018), (0.037, 0.048), (0.029, 0.094))
_BALLOON = ((0.014, 0.002), (0.050, 0.026), (0.054, 0.060), (0.037, 0.112))
_FLUTE = ((0.007, 0.006), (0.020, 0.040), (0.027, 0.100), (0.023, 0.150))
_COUPE = ((0.018, 0.002), (0.040, 0.014), (0.049, 0.034), (0.050, 0.052))
_GOBLET = ((0.018, 0.001), (0.034, 0.010), (0.037, 0.045), (0.040, 0.092))
_CLEAR = {
    "tulip": WineGlass(0.036, 0.100, _TULIP),
    "tulip_red": WineGlass(0.036, 0.100, _TULIP, RED_WINE, 0.045),
    "small_white": WineGlass(0.034, 0.092, _SMALL, WHITE_WINE, 0.042),
    "balloon_red": WineGlass(0.040, 0.096, _BALLOON, RED_WINE, 0.048),
    "flute": WineGlass(0.031, 0.085, _FLUTE, WHITE_WINE, 0.125),
    "coupe": WineGlass(0.036, 0.090, _COUPE, WHITE_WINE, 0.036),
    "goblet": WineGlass(0.036, 0.052, _GOBLET, None, 0.0, 0.006),
    "goblet_red": WineGlass(0.036, 0.052, _GOBLET, RED_WINE, 0.055, 0.006),
}
_DARK = {f"{name}_dark": replace(spec, glass=DARK_GLASS) for name, spec in _CLEAR.items()}
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
    _add(b, profile, outline, np.where(band < len(foot) - 1, 2, np.where(band < len(foot), 1, 0)), 60)
    glass = (spec.glass, STEM, FOOT)
    if spec.wine is None:
        return glass
    _add(b, fill(bowl[rim + 2 :], base + spec.level, 0.0004, deep=True), outline, 3)
    return (*glass, spec.wine)


# ---- all -------------------------------------------------------------------------------------------------------


def _build(name: str, make: Callable[[MeshBuilder, bool], tuple[Slot, ...]], fine: bool) -> Asset:
    builder = MeshBuilder()
    slots = make(builder, fine)
    return builder.build(name, slots)


_MAKERS: dict[str, Callable[[MeshBuilder, bool], tuple[Slot, ...]]] = {
    **{f"plate_{kind}": partial(plate, spec=made) for kind, made in PLATES.items()},
    # Bowls are wide: with fewer sides the coarse wall, which casts the shadow, would lie before the fine one.
    **{f"bowl_{kind}": partial(vessel, spec=open_, segments=(24, 16)) for kind, open_ in BOWLS.items()},
    **{f"cup_{kind}": partial(vessel, spec=open_) for kind, open_ in CUPS.items()},
    **{f"bottle_{kind}": partial(vessel, spec=open_, segments=(20, 12)) for kind, open_ in CARAFES.items()},
    **{f"bottle_{kind}": partial(bottle, spec=closed) for kind, closed in BOTTLES.items()},
    **{f"wine_glass_{kind}": partial(wine_glass, spec=stemmed) for kind, stemmed in WINE_GLASSES.items()},
}
BUILDERS: dict[str, Callable[[], Asset]] = {
    f"{prefix}{name}": partial(_build, f"{prefix}{name}", make, not prefix)
    for name, make in _MAKERS.items()
    for prefix in ("", "lod_")
}
BUILDERS.update(CUTLERY_BUILDERS)
