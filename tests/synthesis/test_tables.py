"""Tables: rows become what they say, bases are taken over, and a mistake is named with its file and place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest

from sim2sg_core.errors import Sim2SGError
from sim2sg_core.synthesis.tables import names_row_of, read_table


@dataclass(frozen=True)
class Handle:
    height: float
    reach: float = 0.03


@dataclass(frozen=True)
class Cup:
    radius: float
    slots: tuple[str, ...] = ("glaze",)
    handle: Handle | None = None


HANDLES = {"short": Handle(1.0), "long": Handle(2.0)}


@dataclass(frozen=True)
class Pan:
    handle: Annotated[Handle, names_row_of(HANDLES)]


@pytest.fixture
def table(tmp_path: Path):
    def write(text: str) -> Path:
        file = tmp_path / "cups.yaml"
        file.write_text(text)
        return file

    return write


def test_rows_fill_the_dataclass_in_the_order_of_the_file(table) -> None:
    file = table("cups:\n  mug: {radius: 4, slots: [a, b]}\n  egg: {radius: 0.5, handle: {height: 0.1}}\nplates: {}\n")
    cups = read_table(file, Cup, "cups")
    assert list(cups) == ["mug", "egg"]
    assert cups["mug"] == Cup(4.0, ("a", "b")) and cups["egg"] == Cup(0.5, handle=Handle(0.1))
    assert read_table(file, Cup, "plates") == {}


def test_a_row_takes_over_its_base_but_for_what_it_says(table) -> None:
    file = table("mug: {radius: 4, slots: [a]}\ntall: {base: mug, handle: {height: 1}}\nbig: {base: tall, radius: 9}\n")
    cups = read_table(file, Cup)
    assert cups["tall"] == Cup(4.0, ("a",), Handle(1.0)) and cups["big"] == Cup(9.0, ("a",), Handle(1.0))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("mug: {radius: 4, radios: 3}", "mug.radios: unknown key; did you mean radius? known: radius, slots, handle"),
        ("mug: {radius: 4, handle: {height: 1, width: 2}}", "mug.handle.width: unknown key; delete it"),
        ("mug: {slots: [a]}", "mug.radius: is missing; add it"),
        ("mug: {radius: wide}", "mug.radius: Input should be a valid number"),
        ("mug: {base: cup, radius: 1}", "mug.base: no row cup above it"),
        ("mug: {radius: 4}\nmug: {radius: 5}", ":2: not YAML: mug is given twice; delete one"),
        ("mug: {radius: 4", "not YAML"),
        ("[1, 2]", "holds no rows"),
        ("", "holds no rows"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_place(table, text: str, told: str) -> None:
    file = table(text)
    with pytest.raises(Sim2SGError) as error:
        read_table(file, Cup)
    assert str(error.value).startswith(str(file)) and told in str(error.value) and "\n" not in str(error.value)


def test_a_column_can_name_a_row_of_another_table(table) -> None:
    assert read_table(table("wok: {handle: long}"), Pan) == {"wok": Pan(HANDLES["long"])}


def test_a_row_that_is_named_must_be_there(table) -> None:
    with pytest.raises(Sim2SGError, match=r"wok.handle: no row longer; did you mean long\?"):
        read_table(table("wok: {handle: longer}"), Pan)


def test_a_missing_file_or_section_is_told(table, tmp_path: Path) -> None:
    with pytest.raises(Sim2SGError, match=r"none\.yaml: cannot be read"):
        read_table(tmp_path / "none.yaml", Cup)
    with pytest.raises(Sim2SGError, match="cups: holds no rows"):
        read_table(table("mugs: {}"), Cup, "cups")
