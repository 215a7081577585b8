"""Forks, knives and spoons that lie flat: length along x, the handle towards -x.

Sections are (x, y of the middle, half the width, z of the middle, thickness, turned-up edge), metres.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from sim2sg_core.render.meshes import Asset, MeshBuilder, Slot
from sim2sg_core.synthesis.assets import shapes
from sim2sg_core.synthesis.assets.outlines import rounded

CUTLERY_STEEL = Slot("steel", "steel", (0.6, 0.6, 0.61), roughness=0.2, metallic=1.0)
PLASTIC_HANDLE = Slot("handle", "table_plastic", (0.02, 0.02, 0.02), roughness=0.4, specular=0.5)
WOODEN_HANDLE = Slot("handle", "table_wood", (0.3, 0.16, 0.07), roughness=0.6, textures=("wood",), texture_scale=0.2)
Rows = tuple[tuple[float, float, float, float, float, float], ...]


@dataclass(frozen=True)
class CutlerySet:
    """What the pieces of one set share.

    Attributes:
        handle: Sections for a piece whose handle ends at x = 0.
        slots: Steel, then the handle's if it is of something else.
        scale: On all lengths along x and y.
        tines: Of the fork.
        neck: Half the width of the neck, metres.
    """

    handle: Rows
    slots: tuple[Slot, ...] = (CUTLERY_STEEL,)
    scale: float = 1.0
    tines: int = 4
    neck: float = 0.0034


_SLIM: Rows = (
    (-0.122, 0, 0.0040, 0.0030, 0.0024, 0), (-0.119, 0, 0.0088, 0.0030, 0.0026, 0),
    (-0.100, 0, 0.0092, 0.0042, 0.0028, 0),
    (-0.050, 0, 0.0052, 0.0100, 0.0030, 0), (0.000, 0, 0.0036, 0.0150, 0.0034, 0),
)  # fmt: skip
_WIDE: Rows = (
    (-0.128, 0, 0.0060, 0.0030, 0.0026, 0), (-0.125, 0, 0.0112, 0.0030, 0.0030, 0),
    (-0.112, 0, 0.0122, 0.0036, 0.0034, 0),
    (-0.090, 0, 0.0078, 0.0060, 0.0032, 0), (-0.045, 0, 0.0056, 0.0110, 0.0034, 0),
    (0.000, 0, 0.0044, 0.0150, 0.0038, 0),
)  # fmt: skip
_GRIP: Rows = (
    (-0.105, 0, 0.0050, 0.0060, 0.0070, 0), (-0.102, 0, 0.0092, 0.0060, 0.0100, 0),
    (-0.080, 0, 0.0102, 0.0072, 0.0110, 0),
    (-0.040, 0, 0.0080, 0.0105, 0.0100, 0), (-0.006, 0, 0.0062, 0.0140, 0.0085, 0),
    (0.000, 0, 0.0040, 0.0148, 0.0050, 0),
)  # fmt: skip
CUTLERY_SETS = {
    "slim": CutlerySet(_SLIM),
    "wide": CutlerySet(_WIDE, scale=1.04, tines=4, neck=0.0042),
    "small": CutlerySet(_SLIM, scale=0.78, tines=3),
    "plastic": CutlerySet(_GRIP, (CUTLERY_STEEL, PLASTIC_HANDLE), tines=4),
    "wooden": CutlerySet(_GRIP, (CUTLERY_STEEL, WOODEN_HANDLE), scale=1.02, tines=3),
}


def _handle(b: MeshBuilder, style: CutlerySet, fine: bool, flat: bool = False) -> None:
    """Adds the handle; `flat` for a knife's, which lies level and is thicker."""
    rows = rounded(style.handle, 1 if fine else 0)
    if flat:
        rows[:, 3] = 0.004
        rows[:, 4] = np.maximum(rows[:, 4], 0.0055)
    _add(b, rows, style, len(style.slots) - 1, 10 if fine else 6)


def _add(b: MeshBuilder, rows: np.ndarray, style: CutlerySet, slot: int, sides: int) -> None:
    """Adds a slender part along x through (N, 6) sections, `sides` points round each."""
    x, y, half, z, thick, dish = (rows * [style.scale, style.scale, style.scale, 1, 1, 1]).T[:, :, None]
    turn = np.arange(sides) * 2 * np.pi / sides
    across, up = np.cos(turn), np.sin(turn)
    rings = [np.broadcast_to(x, (len(x), sides)), y + half * across, z + thick / 2 * up + dish * across**2]
    start, *_, end = np.column_stack([x, y, z])
    b.add(*shapes.loft(np.stack(rings, axis=-1), start, end), slot, 55)


def spoon(b: MeshBuilder, style: CutlerySet, fine: bool) -> None:
    """A spoon with a hollowed bowl."""
    _handle(b, style, fine)
    n = style.neck
    rows = (
        (-0.010, 0, n * 0.8, 0.0146, 0.0022, 0), (0.010, 0, n, 0.0165, 0.0032, 0),
        (0.021, 0, 0.0050, 0.0150, 0.0026, 0.0005),
        (0.031, 0, 0.0145, 0.0085, 0.0018, 0.0050), (0.046, 0, 0.0215, 0.0030, 0.0018, 0.0090),
        (0.062, 0, 0.0190, 0.0036, 0.0018, 0.0075), (0.073, 0, 0.0110, 0.0080, 0.0018, 0.0030),
        (0.0765, 0, 0.0035, 0.0108, 0.0018, 0.0004),
    )  # fmt: skip
    _add(b, rounded(rows, 1 if fine else 0), style, 0, 12 if fine else 8)


def fork(b: MeshBuilder, style: CutlerySet, fine: bool) -> None:
    """A fork whose tines are parts of their own with gaps between them."""
    _handle(b, style, fine)
    n = style.neck
    head = (
        (-0.010, 0, n * 0.8, 0.0146, 0.0022, 0), (0.012, 0, n, 0.0165, 0.0030, 0),
        (0.024, 0, 0.0080, 0.0140, 0.0024, 0),
        (0.032, 0, 0.0126, 0.0095, 0.0022, 0.0008), (0.041, 0, 0.0126, 0.0060, 0.0020, 0.0008),
    )  # fmt: skip
    _add(b, rounded(head, 1 if fine else 0), style, 0, 10 if fine else 6)
    pitch = 2 * 0.0126 / style.tines
    half = 0.29 * pitch
    for k in range(style.tines):
        y = (k - (style.tines - 1) / 2) * pitch * 1.08
        up = 0.0008 * (y / 0.0126) ** 2  # The outer tines leave from the turned-up edge of the head.
        rows = (
            (0.0375, y * 0.96, half * 0.9, 0.0070 + up, 0.0018, 0), (0.050, y, half, 0.0034 + up, 0.0019, 0),
            (0.066, y, half * 0.85, 0.0028 + up, 0.0018, 0), (0.083, y, half * 0.35, 0.0066 + up, 0.0011, 0),
        )  # fmt: skip
        _add(b, rounded(rows, 1 if fine else 0), style, 0, 6 if fine else 4)


def knife(b: MeshBuilder, style: CutlerySet, fine: bool) -> None:
    """A table knife on its side: a straight back, an edge that curves up to the tip."""
    _handle(b, style, fine, flat=True)
    back = 0.0085
    widths = ((-0.008, 0.0030), (0.002, 0.0050), (0.010, 0.0080), (0.040, 0.0088), (0.080, 0.0092), (0.100, 0.0078),
              (0.112, 0.0045), (0.116, 0.0012))  # fmt: skip
    rows = [(x, back - w if x > 0.005 else 0.3 * (back - w), w, 0.004, 0.0018, 0.0) for x, w in widths]
    _add(b, rounded(rows, 1 if fine else 0), style, 0, 8 if fine else 4)


def _build(name: str, make: Callable[[MeshBuilder, CutlerySet, bool], None], style: CutlerySet, fine: bool) -> Asset:
    builder = MeshBuilder()
    make(builder, style, fine)
    return builder.build(name, style.slots)


CUTLERY_BUILDERS: dict[str, Callable[[], Asset]] = {
    f"{prefix}{make.__name__}_{kind}": partial(_build, f"{prefix}{make.__name__}_{kind}", make, style, not prefix)
    for make in (fork, knife, spoon)
    for kind, style in CUTLERY_SETS.items()
    for prefix in ("", "lod_")
}
