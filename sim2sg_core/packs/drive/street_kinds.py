"""Kinds of streets: how common each is, how it is laid out, and how much of everything stands along it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class StreetKind:
    """One kind of street.

    Attributes:
        name: Of the kind.
        frequency: Share of all streets.
        narrow: Whether it has no more than two lanes, unless the layout asks for more at least.
        parking: Probability of a parking strip, each side.
        across: Share of the strips where vehicles stand across the street; None takes the layout's.
        setback: Range of the distance from the pavement to the houses, metres.
        closed: Whether houses stand wall to wall.
        tree_rows: Probability of a row of trees at the kerb, each side.
        row_trees: Kinds of plants in such a row, as parts of the names of meshes.
        plants: Kinds of plants elsewhere, likewise; one that is there twice is twice as common.
        houses: Kinds of houses, likewise.
        parked_share: Of the layout's density of parked vehicles.
        moving_share: Of that of moving ones.
        walker_share: Of the densities of walkers.
        rider_share: Of the densities of riders.
        plant_share: Of the densities of plants.
        house_share: Of the densities of houses.
    """

    name: str
    frequency: float
    plants: tuple[str, ...]
    houses: tuple[str, ...]
    parked_share: float
    moving_share: float
    walker_share: float
    rider_share: float
    plant_share: float
    house_share: float
    narrow: bool = False
    parking: float = 0.85
    across: float | None = None
    setback: tuple[float, float] = (2.0, 12.0)
    closed: bool = False
    tree_rows: float = 0.0
    row_trees: tuple[str, ...] = ("street",)


STREET_KINDS = (
    StreetKind(
        "city", 0.27,
        closed=True, setback=(0.0, 0.8), houses=("row", "row", "row", "block"),
        tree_rows=0.3, row_trees=("street", "young"), plants=("street", "young", "round", "hedge"),
        parked_share=1.0, moving_share=0.8, walker_share=1.0, rider_share=1.0, plant_share=0.35, house_share=1.0,
    ),
    StreetKind(
        "residential", 0.24,
        narrow=True, setback=(0.5, 5.0), houses=("house", "row", "block"),
        plants=("round", "young", "bush", "hedge", "sparse", "conifer"),
        parked_share=1.0, moving_share=0.35, walker_share=0.6, rider_share=0.7, plant_share=0.7, house_share=0.8,
    ),
    StreetKind(
        "suburb", 0.17,
        narrow=True, parking=0.5, setback=(3.0, 9.0), houses=("house",),
        plants=("round", "conifer", "bush", "hedge", "hedge", "column"),
        parked_share=0.55, moving_share=0.4, walker_share=0.4, rider_share=0.5, plant_share=1.0, house_share=0.6,
    ),
    StreetKind(
        "avenue", 0.13,
        parking=0.65, houses=("block", "row", "hall"),
        tree_rows=0.85, plants=("street", "street", "street", "bush"),
        parked_share=0.7, moving_share=1.0, walker_share=0.6, rider_share=0.9, plant_share=0.9, house_share=0.5,
    ),
    StreetKind(
        "rural", 0.10,
        narrow=True, parking=0.08, houses=("house", "hall"),
        plants=("round", "sparse", "bush", "bush", "conifer", "street"),
        parked_share=0.05, moving_share=0.7, walker_share=0.12, rider_share=0.4, plant_share=1.0, house_share=0.15,
    ),
    StreetKind(
        "car park", 0.09,
        parking=0.95, across=0.8, houses=("hall", "block"),
        plants=("young", "bush", "hedge", "street"),
        parked_share=1.0, moving_share=0.5, walker_share=0.6, rider_share=0.5, plant_share=0.5, house_share=0.4,
    ),
)  # fmt: skip


def sample_kind(rng: np.random.Generator) -> StreetKind:
    """Draws a kind of street."""
    return STREET_KINDS[int(rng.choice(len(STREET_KINDS), p=[kind.frequency for kind in STREET_KINDS]))]
