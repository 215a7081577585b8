"""One shape in several sizes and looks: sections of a table whose columns are the arguments of a function."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import PlainValidator

from sim2sg_core.packs.dining.assets.furniture_parts import LodBuilder, oval, rectangle
from sim2sg_core.render.meshes import Asset, Slot
from sim2sg_core.synthesis.tables import names_row_of, read_table

Slots = tuple[Slot, ...]
Variant = tuple[Callable[[LodBuilder], None], Slots]
"""What adds the parts, and their slots."""


def read_variants(path: Path, make: Callable[..., None], slots: Slots | Mapping[str, Slots]) -> dict[str, Variant]:
    """Reads the section of a table that has the name of a function.

    Args:
        path: The table.
        make: The function. It takes a builder, and what the columns say.
        slots: Of all rows, or by what the column `slots` says.

    Raises:
        Sim2SGError: The table has a mistake.
    """
    arguments = list(inspect.signature(make, eval_str=True).parameters.values())[1:]
    columns: list[Any] = [
        (a.name, a.annotation, dataclasses.field(default=dataclasses.MISSING if a.default is a.empty else a.default))
        for a in arguments
    ]
    if isinstance(slots, Mapping):
        columns.append(("slots", Annotated[Slots, names_row_of(slots)]))
    kind: Any = dataclasses.make_dataclass(make.__name__, columns, kw_only=True)
    rows: dict[str, Any] = read_table(path, kind, make.__name__)
    return {
        name: (
            partial(make, **{a.name: getattr(row, a.name) for a in arguments}),
            row.slots if isinstance(slots, Mapping) else slots,
        )
        for name, row in rows.items()
    }


def build_variant(name: str, variant: Variant, fine: bool = True) -> Asset:
    """Builds the asset of a row, or its coarse twin."""
    make, slots = variant
    builder = LodBuilder(fine=fine)
    make(builder)
    return builder.build(name, slots)


_OUTLINES: dict[str, Callable[..., np.ndarray]] = {"rectangle": rectangle, "oval": oval}


def _outline(column: Any) -> np.ndarray:
    if not isinstance(column, dict) or column.get("shape") not in _OUTLINES:
        raise ValueError(f"{column!r} is no outline; write {{shape: rectangle or oval, length: …, width: …}}")
    try:
        return _OUTLINES[column["shape"]](**{key: value for key, value in column.items() if key != "shape"})
    except TypeError as error:
        raise ValueError(f"no outline: {error}; correct its measures") from None


Outline = Annotated[np.ndarray, PlainValidator(_outline)]
"""(N, 2) convex and counter-clockwise, about the origin, metres; a column of its shape and measures."""
