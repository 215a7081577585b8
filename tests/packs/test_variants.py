"""Sections of a table that are read by a function's arguments: what they give, and how mistakes in them are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.packs.dining.assets.furniture_parts import LodBuilder, rectangle, slab, steel, wooden
from sim2sg_core.packs.dining.assets.variants import Outline, build_variant, read_variants

LOOKS = {"wood": (wooden("top"),), "steel": (steel("top"),)}


def board(b: LodBuilder, top: Outline, thick: float = 0.02) -> None:
    b.put(slab(top, 0, thick), 0)


def read(folder: Path, row: str, slots=LOOKS):
    file = folder / "boards.yaml"
    file.write_text(f"board:\n  plank: {row}\n")
    return read_variants(file, board, slots)


def test_a_row_gives_the_arguments_and_names_the_slots(tmp_path: Path) -> None:
    made = read(tmp_path, "{slots: steel, top: {shape: rectangle, length: 2, width: 0.5}}")
    asset = build_variant("plank", made["plank"])
    assert asset.size == pytest.approx((2, 0.5, 0.02)) and asset.slots == LOOKS["steel"]


def test_slots_can_be_the_same_for_all_rows(tmp_path: Path) -> None:
    made = read(tmp_path, "{top: {shape: oval, length: 2, width: 0.5, sides: 9}, thick: 0.1}", LOOKS["wood"])
    asset = build_variant("plank", made["plank"])
    assert asset.size[2] == pytest.approx(0.1) and asset.slots == LOOKS["wood"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("{slots: wood, top: {shape: oval, length: 1, width: 1, sides: 9}, thik: 1}", "board.plank.thik: unknown key"),
        ("{slots: wood}", "board.plank.top: is missing"),
        ("{slots: gold, top: {shape: rectangle, length: 1, width: 1}}", "plank.slots: no row gold; known: wood, steel"),
        ("{slots: wood, top: {shape: star}}", "board.plank.top: {'shape': 'star'} is no outline; write"),
        ("{slots: wood, top: {shape: oval, length: 1}}", "board.plank.top: no outline: oval() missing"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, row: str, told: str) -> None:
    with pytest.raises(Sim2SGError) as error:
        read(tmp_path, row)
    assert told in str(error.value)


def test_the_outline_is_that_of_the_shape(tmp_path: Path) -> None:
    row = "{slots: wood, top: {shape: rectangle, length: 1.6, width: 0.9, corner: 0.1, steps: 2}}"
    make, _ = read(tmp_path, row)["plank"]
    assert make.keywords["top"] == pytest.approx(rectangle(1.6, 0.9, 0.1, 2))
