"""A grid over the ground, seen from above."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim2sg_core.adaptation.content.ground_groups import ground_groups
from sim2sg_core.scene import Layout

MARGIN = 0.05  # of the extent, on each side
TAIL = 1.0  # per cent of the places that may lie outside on each side


@dataclass(frozen=True, eq=False)
class GroundCells:
    """Cells of a rectangle in the world frame, numbered row by row: rows along x (forward), columns along y (left).

    Attributes:
        low: (2,) least x and y, metres.
        high: (2,) greatest.
        rows: Along x.
        columns: Along y.
    """

    low: np.ndarray
    high: np.ndarray
    rows: int
    columns: int

    @classmethod
    def over(cls, layouts: Sequence[Layout], rows: int, columns: int) -> GroundCells | None:
        """Covers the ground where scenes have things, without the farthest outliers; None where they have none."""
        places = [g.root.position[:2] for layout in layouts for g in ground_groups(layout.placements)]
        if not places:
            return None
        low, high = np.percentile(np.array(places), [TAIL, 100 - TAIL], axis=0)
        slack = np.maximum(MARGIN * (high - low), 0.25)
        return cls(low - slack, high + slack, rows, columns)

    @property
    def count(self) -> int:
        """How many cells there are."""
        return self.rows * self.columns

    def cell_of(self, place: np.ndarray) -> int:
        """Returns the cell of a (2,) place; what lies outside belongs to the nearest."""
        share = (np.asarray(place[:2]) - self.low) / (self.high - self.low)
        row, column = np.clip(np.floor(share * [self.rows, self.columns]), 0, [self.rows - 1, self.columns - 1])
        return int(row) * self.columns + int(column)

    def place_in(self, cell: int, rng: np.random.Generator) -> np.ndarray:
        """Draws a (2,) place in a cell."""
        corner = np.array(divmod(cell, self.columns)) + rng.random(2)
        return np.asarray(self.low + corner / [self.rows, self.columns] * (self.high - self.low))

    def to_json(self) -> dict[str, object]:
        """Returns plain data."""
        return {"low": self.low.tolist(), "high": self.high.tolist(), "rows": self.rows, "columns": self.columns}

    @classmethod
    def from_json(cls, data: dict[str, object]) -> GroundCells:
        """Reads what `to_json` wrote."""
        low, high = (np.array(data[key], float) for key in ("low", "high"))
        return cls(low, high, int(str(data["rows"])), int(str(data["columns"])))
