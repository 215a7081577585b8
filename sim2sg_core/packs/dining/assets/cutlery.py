"""Forks, knives and spoons that lie flat: length along x, the handle towards -x. Sections are in `tableware.yaml`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from sim2sg_core.packs.dining.assets.tableware import TABLEWARE, TABLEWARE_SLOTS, NamedSlot
from sim2sg_core.render.meshes import Asset, MeshBuilder
from sim2sg_core.synthesis.assets import shapes
from sim2sg_core.synthesis.assets.outlines import rounded
from sim2sg_core.synthesis.tables import read_table

CutlerySection = tuple[float, float, float, float, float]
"""x, half the width, height of the middle, thickness, by how much the edges are turned up; metres."""


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

    handle: tuple[CutlerySection, ...]
    slots: tuple[NamedSlot, ...] = (TABLEWARE_SLOTS["steel"],)
    scale: float = 1.0
    tines: int = 4
    neck: float = 0.0034


CUTLERY_SETS = read_table(TABLEWARE, CutlerySet, "cutlery")
_HEADS = read_table(TABLEWARE, tuple[CutlerySection, ...], "cutlery_heads")


def add_sections(
    b: MeshBuilder, sections: np.ndarray, made: CutlerySet, slot: int, sides: int, y: np.ndarray | float = 0.0
) -> None:
    """Adds a slender part along x through (N, 5) sections, `sides` points round each, their middles at `y`."""
    x, half, z, thick, dish = (sections * [made.scale, made.scale, 1, 1, 1]).T[:, :, None]
    middle = np.broadcast_to(np.reshape(y, (-1, 1)) * made.scale, x.shape)
    turn = np.arange(sides) * 2 * np.pi / sides
    across, up = np.cos(turn), np.sin(turn)
    rings = [np.broadcast_to(x, (len(x), sides)), middle + half * across, z + thick / 2 * up + dish * across**2]
    start, *_, end = np.column_stack([x, middle, z])
    b.add(*shapes.loft(np.stack(rings, axis=-1), start, end), slot, 55)


def add_handle(b: MeshBuilder, made: CutlerySet, fine: bool, flat: bool = False) -> None:
    """Adds the handle; `flat` for a knife's, which lies level and is thicker."""
    sections = rounded(made.handle, 1 if fine else 0)
    if flat:
        sections[:, 2] = 0.004
        sections[:, 3] = np.maximum(sections[:, 3], 0.0055)
    add_sections(b, sections, made, len(made.slots) - 1, 10 if fine else 6)


def spoon(b: MeshBuilder, made: CutlerySet, fine: bool) -> None:
    """A spoon with a hollowed bowl."""
    add_handle(b, made, fine)
    neck = (-0.010, made.neck * 0.8, 0.0146, 0.0022, 0), (0.010, made.neck, 0.0165, 0.0032, 0)
    add_sections(b, rounded((*neck, *_HEADS["spoon"]), 1 if fine else 0), made, 0, 12 if fine else 8)


def fork(b: MeshBuilder, made: CutlerySet, fine: bool) -> None:
    """A fork whose tines are parts of their own with gaps between them."""
    add_handle(b, made, fine)
    neck = (-0.010, made.neck * 0.8, 0.0146, 0.0022, 0), (0.012, made.neck, 0.0165, 0.0030, 0)
    add_sections(b, rounded((*neck, *_HEADS["fork"]), 1 if fine else 0), made, 0, 10 if fine else 6)
    pitch = 2 * 0.0126 / made.tines
    half = 0.29 * pitch
    for k in range(made.tines):
        y = (k - (made.tines - 1) / 2) * pitch * 1.08
        up = 0.0008 * (y / 0.0126) ** 2  # The outer tines leave from the turned-up edge of the head.
        tine = (
            (0.0375, half * 0.9, 0.0070 + up, 0.0018, 0), (0.050, half, 0.0034 + up, 0.0019, 0),
            (0.066, half * 0.85, 0.0028 + up, 0.0018, 0), (0.083, half * 0.35, 0.0066 + up, 0.0011, 0),
        )  # fmt: skip
        across = rounded([(y * 0.96,), (y,), (y,), (y,)], 1 if fine else 0)
        add_sections(b, rounded(tine, 1 if fine else 0), made, 0, 6 if fine else 4, across)


def knife(b: MeshBuilder, made: CutlerySet, fine: bool) -> None:
    """A table knife on its side: a straight back, an edge that curves up to the tip."""
    add_handle(b, made, fine, flat=True)
    back = 0.0085
    middle = [((back - half) * (1.0 if x > 0.005 else 0.3),) for x, half, *_ in _HEADS["knife"]]
    times = 1 if fine else 0
    add_sections(b, rounded(_HEADS["knife"], times), made, 0, 8 if fine else 4, rounded(middle, times))


def _build_cutlery(name: str, make: Callable[[MeshBuilder, CutlerySet, bool], None], kind: str, fine: bool) -> Asset:
    builder = MeshBuilder()
    make(builder, CUTLERY_SETS[kind], fine)
    return builder.build(name, CUTLERY_SETS[kind].slots)


BUILDERS: dict[str, Callable[[], Asset]] = {
    (name := f"{prefix}{make.__name__}_{kind}"): partial(_build_cutlery, name, make, kind, not prefix)
    for make in (fork, knife, spoon)
    for kind in CUTLERY_SETS
    for prefix in ("", "lod_")
}
