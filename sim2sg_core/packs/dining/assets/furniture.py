"""Tables, laptops and books: the rows of `furniture.yaml` but for the chairs, which `chairs.py` makes.

Fronts: a laptop's keyboard, where its user sits, is towards -x and the
screen stands at +x; a book's spine runs along x at -y. Tables are long along x. Sizes are typical ones, in metres.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from sim2sg_core.packs.dining.assets.furniture_parts import (
    CORNERS,
    LodBuilder,
    leg,
    oval,
    put_lathe,
    rectangle,
    rod,
    sheet,
    slab,
    steel,
    table_top,
    tilt,
    wooden,
)
from sim2sg_core.packs.dining.assets.variants import Outline, build_variant, read_variants
from sim2sg_core.render.meshes import Asset, Slot
from sim2sg_core.synthesis.assets import shapes

FURNITURE = Path(__file__).with_name("furniture.yaml")

# ---- tables ------------------------------------------------------------------------------------------------------

TOP, FRAME = range(2)
TABLE_LOOKS = {
    "all_wood": (wooden("top", 1.0), wooden("frame")),
    "two_tone": (table_top(), wooden("frame")),
    "steel": (table_top(), steel("frame")),
    "cafe": (table_top(scale=0.5), steel("frame")),
}


def four_legs(
    b: LodBuilder,
    top: Outline,
    height: float,
    thick: float,
    post: float = 0.06,
    apron: float = 0.08,
    splay: float = 0.0,
    taper: float = 1.0,
    inset: float = 0.05,
) -> None:
    """A top on four legs.

    Args:
        b: Where to.
        top: Of the board.
        height: Of the table.
        thick: Thickness of the top.
        post: Side of a leg below the top.
        apron: Height of the boards between the legs; 0 leaves them out.
        splay: How far the feet stand outside the legs' upper ends.
        taper: Side of a foot, share of `post`.
        inset: How far the legs stand inside the top's edge.
    """
    under = height - thick
    b.put(slab(top, under, height, min(0.006, thick / 4)), TOP)
    x, y = np.abs(top).max(0) - inset - post / 2
    if len(top) > 12:  # Round corners: the legs move inwards along the diagonal.
        x, y = 0.78 * x, 0.78 * y
    for sx, sy in CORNERS:
        foot = (sx * (x + splay), sy * (y + splay), 0.0)
        b.put(leg(foot, (sx * x, sy * y, under), post * taper, post), FRAME)
    if apron:
        for side in (-1, 1):
            b.put(shapes.box(2 * x, 0.022, apron, (0, side * y, under - apron)), FRAME)
            b.put(shapes.box(0.022, 2 * y, apron, (side * x, 0, under - apron)), FRAME)


def pedestal(b: LodBuilder, top: Outline, height: float, thick: float, feet: int, columns: int = 1) -> None:
    """A top on one or two turned columns; `feet` is the number of feet of each, 0 for a round plate."""
    under = height - thick
    b.put(slab(top, under, height, min(0.008, thick / 4)), TOP)
    reach = min(0.38 * np.ptp(top[:, 1]), 0.36)
    for x in np.linspace(-0.28, 0.28, columns) * np.ptp(top[:, 0]) if columns > 1 else [0.0]:
        if feet:
            column = [
                (0.05, 0.06),
                (0.06, 0.16),
                (0.045, 0.22),
                (0.065, 0.42),
                (0.04, 0.6),
                (0.07, under - 0.03),
                (0.16, under),
            ]
            put_lathe(b, column, 12, (x, 0, 0), FRAME)
            for angle in np.arange(feet) * 2 * np.pi / feet + np.pi / 4 * (feet == 4):
                way = np.array([np.cos(angle), np.sin(angle), 0.0])
                b.put(shapes.move(leg(reach * way, 0.03 * way + [0, 0, 0.2], 0.05, 0.06), (x, 0, 0)), FRAME)
        else:
            plate = [(reach, 0.0), (reach, 0.012), (0.06, 0.03), (0.035, 0.06), (0.035, under - 0.02), (0.14, under)]
            put_lathe(b, plate, 20, (x, 0, 0), FRAME)


def trestle(b: LodBuilder, length: float, width: float, height: float, thick: float, crossed: bool) -> None:
    """A board on two trestles: A-frames, or crossed timbers with a beam between them."""
    under = height - thick
    b.put(slab(rectangle(length, width), under, height, min(0.006, thick / 4)), TOP)
    y = 0.38 * width
    for x in (-0.34 * length, 0.34 * length):
        if crossed:
            b.put(shapes.box(0.08, 2 * y, 0.05, (x, 0, under - 0.05)), FRAME)
            for sign in (-1, 1):
                at = x + 0.011 * sign
                b.put(leg((at, -sign * y, 0), (at, sign * y, under - 0.045), 0.05, depth=1.8), FRAME)
            continue
        b.put(shapes.box(0.05, 2 * y, 0.05, (x, 0, under - 0.05)), FRAME)
        for sx, sy in CORNERS:
            b.put(leg((x + 0.12 * sx, sy * y, 0), (x, sy * y * 0.9, under - 0.005), 0.035), FRAME)
        for sx in (-1, 1):
            b.put(shapes.box(0.02, 1.9 * y, 0.04, (x + 0.075 * sx, 0, 0.26)), FRAME)
    if crossed:
        b.put(shapes.box(0.68 * length, 0.05, 0.08, (0, 0, 0.32)), FRAME)


def steel_frame(b: LodBuilder, length: float, width: float, height: float, thick: float, hairpin: bool) -> None:
    """A board on two steel loops, or on hairpin legs."""
    under = height - thick
    b.put(slab(rectangle(length, width, 0.01), under, height, 0.004), TOP)
    x, y = 0.42 * length, 0.42 * width
    if hairpin:
        for sx, sy in CORNERS:
            for dx, dy in ((0.12, 0.0), (0.0, 0.12)):
                start = (sx * (x - dx), sy * (y - dy), under)
                b.put(rod([start, (sx * (x + 0.02), sy * (y + 0.02), 0.0)], 0.007, b.sides(6)), FRAME)
            b.put(shapes.box(0.14, 0.14, 0.005, (sx * (x - 0.05), sy * (y - 0.05), under - 0.005)), FRAME)
        return
    for at in (-x, x):
        for side in (-y, y):
            b.put(shapes.box(0.07, 0.035, under, (at, side, 0)), FRAME)
        for z in (0.0, under - 0.035):
            b.put(shapes.box(0.07, 2 * y, 0.034, (at, 0, z)), FRAME)


TABLES = {
    name: variant
    for make in (four_legs, pedestal, trestle, steel_frame)
    for name, variant in read_variants(FURNITURE, make, TABLE_LOOKS).items()
}

# ---- laptops -----------------------------------------------------------------------------------------------------

CASE, DECK, KEYS, SCREEN, BEZEL, MARK = range(6)


def laptop_slots(glow: float) -> tuple[Slot, ...]:
    """Slots of a laptop; `glow` is the share of the screen's colour that shines."""
    picture = ("print", "tiles", "mottle", "stripes") if glow else ()
    screen = Slot("screen", "screen", (0.6, 0.6, 0.6), 0.2, 0.5, textures=picture, texture_scale=0.4, emissive=glow)
    return (
        Slot("case", "electronics", (0.4, 0.4, 0.42), 0.4, 0.5),
        Slot("deck", "electronics", (0.4, 0.4, 0.42), 0.4, 0.5),
        Slot("keys", "keys", (0.01, 0.01, 0.012), 0.6, 0.3, textures=("tiles",), texture_scale=0.076),
        screen if glow else Slot("screen", "fixed", (0.006, 0.007, 0.009), 0.08, 0.8),
        Slot("bezel", "fixed", (0.008, 0.008, 0.009), 0.3, 0.5),
        Slot("mark", "fixed", (0.45, 0.46, 0.48), 0.3, 0.6),
    )


def laptop(b: LodBuilder, depth: float, width: float, body: float, opening: float) -> None:
    """A laptop: `body` is the thickness of its lower half, `opening` the angle of its lid in degrees (0 closed)."""
    b.put(slab(rectangle(depth, width, 0.012, 2), 0.003, body, 0.003), CASE)
    for sx, sy in CORNERS:
        b.put(shapes.box(0.012, 0.02, 0.004, (sx * (depth / 2 - 0.025), sy * (width / 2 - 0.03), 0)), BEZEL)
    lid = 0.007
    if not opening:
        b.put(slab(rectangle(depth, width, 0.012, 2), body + 0.001, body + lid, 0.002), CASE)
        b.put(slab(oval(0.035, 0.035, b.sides(12)), body + lid - 0.002, body + lid + 0.0006), MARK)
        b.put(shapes.box(0.012, 0.8 * width, body, (depth / 2, 0, 0.003)), BEZEL)
        return
    b.put(shapes.box(0.48 * depth, 0.88 * width, 0.001, (0.12 * depth, 0, body - 0.0002)), DECK)
    for k in range(5):  # Rows of keys, nearest to the screen first.
        row = 0.46 * depth / 5
        at = 0.35 * depth - (k + 0.5) * row - 0.004
        b.put(shapes.box(row * 0.88, 0.86 * width, 0.0016, (at, 0, body + 0.0004)), KEYS)
    b.put(shapes.box(0.25 * depth, 0.33 * width, 0.0008, (-0.31 * depth, 0, body - 0.0002)), KEYS)
    # The lid is made upright, its inner side towards -x, and then leans back about the hinge.
    hinge = (depth / 2 - 0.004, body - 0.004)
    upright = []
    for size, thick, x, slot in ((1.0, lid, 0.0, CASE), (0.975, 0.001, -0.001, BEZEL), (0.92, 0.001, -0.0018, SCREEN)):
        outline = rectangle(depth * size, width * (size + 1) / 2, 0.012 * (size > 0.95), 2)
        v, f = slab(outline, 0.0, thick, 0.002 * (slot == CASE))
        rise = depth / 2 + 0.004 + 0.008 * (slot != CASE)
        upright.append((np.stack([v[:, 2] + x, v[:, 1], -v[:, 0] + rise], 1), f, slot))
    disc, f = slab(oval(0.035, 0.035, b.sides(12)), lid - 0.001, lid + 0.0006)
    upright.append((np.stack([disc[:, 2], disc[:, 1], -disc[:, 0] + depth / 2], 1), f, MARK))
    for v, f, slot in upright:
        lean = -np.radians(opening - 90)
        b.put(tilt((v + [hinge[0], 0, hinge[1]], f), lean, hinge), slot)
    b.put(rod([(hinge[0], -0.4 * width, hinge[1]), (hinge[0], 0.4 * width, hinge[1])], 0.006, b.sides(8)), BEZEL)


LAPTOP_LOOKS = {"blank": laptop_slots(0.0), "dim": laptop_slots(0.7), "lit": laptop_slots(0.9)}
LAPTOPS = read_variants(FURNITURE, laptop, LAPTOP_LOOKS)

# ---- books -------------------------------------------------------------------------------------------------------

COVER, PAGES, LABEL, COVER_2, LABEL_2, PRINT = range(6)
_PRINTED = ("print", "mottle", "stripes", "weave")
_BOOK_SLOTS = (
    Slot("cover", "book_cover", (0.3, 0.1, 0.1), 0.5, 0.3, textures=_PRINTED, texture_scale=0.25),
    Slot("pages", "pages", (0.8, 0.78, 0.7), 0.95, 0.05, textures=("ripples",), texture_scale=0.05),
    Slot("label", "book_cover", (0.7, 0.65, 0.5), 0.5, 0.3, textures=_PRINTED, texture_scale=0.12),
    Slot("cover_2", "book_cover", (0.1, 0.2, 0.35), 0.5, 0.3, textures=_PRINTED, texture_scale=0.25),
    Slot("label_2", "book_cover", (0.7, 0.65, 0.5), 0.5, 0.3, textures=_PRINTED, texture_scale=0.12),
    Slot("print", "fixed", (0.40, 0.39, 0.37), 0.9, 0.05, textures=("stripes",), texture_scale=0.03),
)
_PLAIN_COVER = Slot("cover", "book_cover", (0.3, 0.1, 0.1), 0.5, 0.3)
BOOK_LOOKS = {"printed": _BOOK_SLOTS, "plain": (_PLAIN_COVER, *_BOOK_SLOTS[1:])}


def closed_book(
    b: LodBuilder,
    length: float,
    width: float,
    thick: float,
    board: float,
    z: float = 0.0,
    yaw: float = 0.0,
    second: bool = False,
    titled: bool = True,
) -> None:
    """A book that lies flat.

    Args:
        b: Where to.
        length: Along the spine.
        width: Across it.
        thick: Of the whole book.
        board: Thickness of a cover; hard ones stand out over the pages.
        z: What it lies on.
        yaw: Turn about the vertical, radians.
        second: Whether it has the colours of a stack's second book.
        titled: Whether something is printed on cover and spine.
    """
    cover, label = (COVER_2, LABEL_2) if second else (COVER, LABEL)
    edge = 0.004 if board > 0.0015 else 0.0008
    inner = thick - 2 * board
    arc = np.linspace(-np.pi / 2, np.pi / 2, 5)
    spine = np.column_stack([-width / 2 + 0.004 - 0.008 * np.cos(arc), thick / 2 * (1 + np.sin(arc))])
    outline = np.vstack([spine[::-1], [[-width / 2 + 0.004 + board, 0.0], [-width / 2 + 0.004 + board, thick]]])
    v, f = shapes.prism(outline, -length / 2, length / 2)  # Drawn in (y, z), and extruded along x.
    parts = [
        ((np.stack([v[:, 2], v[:, 0], v[:, 1]], 1), f), cover),
        (shapes.box(length, width - 0.004, board, (0, 0.002, 0)), cover),
        (shapes.box(length, width - 0.004, board, (0, 0.002, thick - board)), cover),
        (
            shapes.box(length - 2 * edge, width - 0.004 - edge, inner + 0.0004, (0, 0.002 - edge / 2, board - 0.0002)),
            PAGES,
        ),
        (shapes.box(0.34 * length, 0.66 * width, 0.0006, (0.14 * length, 0.02 * width, thick - 0.0002)), label),
        (shapes.box(0.40 * length, 0.0008, 0.55 * thick, (0.1 * length, -width / 2 - 0.0042, 0.22 * thick)), label),
    ]
    for shape, slot in parts if titled else parts[:-2]:
        b.put(shapes.move(shape, (0, 0, z), yaw), slot)


def stack(b: LodBuilder) -> None:
    """Two books, the smaller one askew on the larger."""
    closed_book(b, 0.26, 0.19, 0.032, 0.0025)
    closed_book(b, 0.21, 0.14, 0.026, 0.001, 0.0322, 0.3, second=True)


def open_book(b: LodBuilder, length: float, width: float, thick: float) -> None:
    """A book that lies open: two arched blocks of pages on its cover; `width` is that of one page."""
    b.put(shapes.box(length + 0.008, 2 * width + 0.012, 0.003), COVER)
    across = np.linspace(0.0, 1.0, 9 if b.fine else 5)
    arch = thick * (1 - across) ** 0.5 * (1 - np.exp(-across * 9)) * 1.25 + 0.25 * thick + 0.003
    for side in (-1, 1):
        y = side * (0.001 + width * across)
        rows = [np.stack([np.full(len(y), x), y, arch], 1) for x in (-length / 2, length / 2)]
        floor = [np.stack([np.full(len(y), x), y, np.full(len(y), 0.0028)], 1) for x in (-length / 2, length / 2)]
        shape = between(np.array(rows), np.array(floor))
        b.put(shape if side > 0 else (shape[0], shape[1][:, ::-1]), PAGES)
        for k, x in enumerate(np.linspace(-0.36, 0.36, 4) * length):  # Blocks of print, laid on the paper.
            part = slice(2, -2) if b.fine else slice(1, -1)
            line = np.array(
                [np.stack([np.full(len(y), x + d), y, arch + 0.0005], 1)[part] for d in (-0.02, 0.018 + 0.004 * k)]
            )
            shape = sheet(line if side > 0 else line[::-1], 0.001)
            b.put(shape, PRINT)


def between(upper: np.ndarray, lower: np.ndarray) -> shapes.Shape:
    """The solid between two (R, C, 3) grids; the upper one looks along (next row) × (next column)."""
    v, f = sheet(upper, 0.001)
    return np.concatenate([v[: len(v) // 2], lower.reshape(-1, 3)]), f


BOOKS = {
    name: variant
    for make in (closed_book, stack, open_book)
    for name, variant in read_variants(FURNITURE, make, BOOK_LOOKS).items()
}

# ------------------------------------------------------------------------------------------------------------------

PIECES = {**TABLES, **LAPTOPS, **BOOKS}
BUILDERS: dict[str, Callable[[], Asset]] = {name: partial(build_variant, name, made) for name, made in PIECES.items()}
